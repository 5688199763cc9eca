"""A pending item that nobody here wrote holds up no other, and no lease goes back that it may name."""

import pytest

from signalbox.aws import outbox
from signalbox.aws.reconcile import Reconciler

from .fake_aws import Pool, client
from .ledger_world import TABLES, Act, World

TEN_MINUTES = 5
HARD = {"key#k": ("total", True, 900)}


def crashed():
    """A container has died with an intent, and holds 45."""
    world = World((), HARD)
    world.act(Act(0, "step", 9))
    world.act(Act(0, "step", 9))
    world.act(Act(0, "crash"))
    world.act(Act(0, "advance", TEN_MINUTES))
    return world


def sweep(world):
    return Reconciler(client(Pool(world.cloud)), TABLES, lambda: world.now_ms).sweep(world.now_ms + 60_000)


def intent(world):
    [found] = [item for (pk, _), item in world.cloud.items("ledger").items() if pk.startswith("pending")]
    return found


@pytest.mark.parametrize(
    "spoilt",
    [
        {"holds": None},
        {"holds": {"0": "k"}},
        {"holds": {"0": {"scope": "key#k"}}},
        {"bound": "9"},
        {"deadline_ms": "5"},
        {"state": "open"},
        {"detail": 5},
        {"detail": "{"},
        {"detail": "[]"},
        {"request": None},
    ],
)
def test_a_malformed_item_is_told_of_and_left_and_the_rest_is_finished(spoilt, capsys):
    world = crashed()
    found = intent(world)
    before = outbox.partition("0")
    bad = {**found, "pk": before, "sk": "0bad#00000001", "holds": {}, **spoilt}
    world.cloud.items("ledger")[before, "0bad#00000001"] = bad
    swept = sweep(world)
    assert (swept.estimated, swept.published, swept.failed) == (1 + (spoilt in ({"detail": "{"}, {"detail": "[]"})), 1, 1)
    assert (before, "0bad#00000001") in world.cloud.items("ledger")
    [item] = [item for (pk, _), item in world.cloud.items("ledger").items() if pk == "key#k"]
    assert item["settled"] == item["limit"] - item["remaining"] > 0
    assert item["leases"] == {}
    log = capsys.readouterr()
    assert "malformed" in log.out + log.err or "could not be finished" in log.out + log.err


def test_no_lease_goes_back_of_whose_container_an_item_cannot_be_read():
    world = crashed()
    found = intent(world)
    found["holds"] = "?"
    for _ in range(2):
        Reconciler(client(Pool(world.cloud)), TABLES, lambda: world.now_ms).reclaim(("key#k", "total"))
    [item] = [item for (pk, _), item in world.cloud.items("ledger").items() if pk == "key#k"]
    assert item["leases"]
