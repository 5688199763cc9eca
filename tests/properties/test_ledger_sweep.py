"""A pending item that nobody here wrote holds up no other, and no lease goes back that it may name."""

import json

import pytest

from signalbox.aws import outbox
from signalbox.aws import sweep as sweep_module
from signalbox.aws.reconcile import Reconciler
from signalbox.aws.sweep import PAGE, Sweep

from .fake_aws import Failure, FakeCloud, Pool, client
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
    return Sweep(client(Pool(world.cloud)), TABLES, lambda: world.now_ms).run(world.now_ms + 60_000)


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


START_MS = 1_000_000_000


class Bus(FakeCloud):
    """Whose bus refuses whole calls for the sake of one event, and takes others only in part. `lasts_ms` is what each call takes."""

    def __init__(self, poison=(), busy=(), lasts_ms=0):
        super().__init__()
        self.now_ms, self.poison, self.busy, self.lasts_ms, self.most = START_MS, set(poison), set(busy), lasts_ms, 0

    def answer(self, action, payload):
        self.now_ms += self.lasts_ms
        status, answered = super().answer(action, payload)
        self.most = max(self.most, len(answered.get("Items", ())))
        return status, answered

    def _PutEvents(self, payload):
        ids = [json.loads(entry["Detail"])["id"] for entry in payload["Entries"]]
        assert len(ids) <= 10
        assert sum(len(entry["Detail"]) for entry in payload["Entries"]) <= 256_000
        if self.poison.intersection(ids):
            raise Failure("ValidationException")
        taken = [entry for id, entry in zip(ids, payload["Entries"], strict=True) if id not in self.busy]
        super()._PutEvents({"Entries": taken})
        entries = [{"ErrorCode": "InternalFailure"} if id in self.busy else {"EventId": id} for id in ids]
        return {"FailedEntryCount": len(ids) - len(taken), "Entries": entries}

    def published(self):
        return sorted(event["id"] for event in self.events)

    def left(self):
        return sorted(item["request"] for item in self.items("ledger").values())


def outage(cloud, many, padding=0, charged=True):
    """What the bus did not take while it was away: as many items, spread over all partitions."""
    for number in range(many):
        container, id = f"{number % 16:x}a", f"r{number:05}"
        detail = {"id": id, "padding": "x" * padding}
        item = outbox.to_item(
            container, number, request=id, target="t", bound=9, deadline_ms=1, parts=(), detail=detail, settled=(9, 1), charged=charged
        )
        cloud.items("ledger")[item["pk"], item["sk"]] = item
    return sorted(item["request"] for item in cloud.items("ledger").values())


def bring_home(cloud, for_ms=60_000, meddle=lambda action, payload: None):
    return Sweep(client(Pool(cloud, meddle)), TABLES, lambda: cloud.now_ms).run(cloud.now_ms + for_ms)


def test_what_an_outage_left_comes_home_in_few_calls_and_a_page_at_a_time():
    cloud = Bus()
    ids = outage(cloud, 3_000)
    swept = bring_home(cloud)
    assert (swept.published, swept.failed, cloud.published(), cloud.left()) == (3_000, 0, ids, [])
    assert cloud.most == PAGE
    assert cloud.calls.count("PutEvents") == 300 + 2  # a last batch of each of the three rounds may not be full
    assert cloud.calls.count("Query") == 48


def test_large_events_share_no_call_that_the_bus_would_not_take():
    cloud = Bus()
    ids = outage(cloud, 40, padding=90_000)
    swept = bring_home(cloud)
    assert (swept.published, cloud.published(), cloud.calls.count("PutEvents")) == (40, ids, 20)


def test_a_page_that_does_not_come_costs_its_partition_this_run_and_no_other(capsys):
    cloud = Bus()
    ids = outage(cloud, 160)
    swept = bring_home(cloud, meddle=lambda action, payload: "lost" if "pending#3" in json.dumps(payload) and action == "Query" else None)
    assert (swept.published, swept.failed, len(cloud.left())) == (150, 1, 10)
    assert "pending#3" in capsys.readouterr().err
    assert bring_home(cloud).published == 10
    assert (cloud.published(), cloud.left()) == (ids, [])


def test_an_event_that_the_bus_will_never_take_stops_none_beside_it():
    cloud = Bus(poison={"r00007"})
    ids = outage(cloud, 200)
    for _ in range(2):
        assert bring_home(cloud).failed == 1
        assert (cloud.published(), cloud.left()) == ([id for id in ids if id != "r00007"], ["r00007"])


def test_of_a_call_that_the_bus_takes_in_part_the_rest_waits():
    cloud = Bus(busy={"r00003", "r00019"})
    ids = outage(cloud, 64)
    swept = bring_home(cloud)
    assert (swept.published, swept.failed, cloud.left()) == (62, 2, ["r00003", "r00019"])
    cloud.busy.clear()
    assert bring_home(cloud).published == 2
    assert (cloud.published(), cloud.left()) == (ids, [])


@pytest.mark.parametrize("charged", [True, False])
def test_each_run_brings_home_what_it_has_time_for(charged):
    cloud = Bus(lasts_ms=10)
    ids = outage(cloud, 600, charged=charged)
    while before := len(cloud.left()):
        swept = bring_home(cloud, for_ms=1_000)
        assert (swept.failed, before - len(cloud.left())) == (0, swept.published)
        assert 0 < swept.published < 400
    assert cloud.published() == ids


def test_more_that_has_to_be_charged_than_one_run_keeps_in_memory_is_the_next_runs(monkeypatch):
    monkeypatch.setattr(sweep_module, "MOST_WAITING", 40)
    cloud = Bus()
    outage(cloud, 100, charged=False)
    assert [bring_home(cloud).published for _ in range(3)] == [40, 40, 20]
