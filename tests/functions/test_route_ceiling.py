"""What a route may cost a day: the document says it, the ledger holds it, and it follows the document from version to version."""

import json
import time
from datetime import UTC, datetime

import pytest
from boto3.dynamodb.conditions import Key

from signalbox.admission.shards import to_sight
from signalbox.aws.boto_fields import Plain
from signalbox.aws.boto_versions import Versions

from .routes import MINI, SMALL, Routed, code, routed

__all__ = ["routed"]

DAY_S = 86_400


@pytest.fixture
def kept(routed: Routed) -> Routed:
    """With versions that keep ceilings, as those of the control API do."""
    world = routed.world
    ledger = world.table("ledger")
    now = lambda: datetime.fromtimestamp(world.now_s, UTC)  # noqa: E731
    world.versions = Versions(world.table("control"), world.client("s3"), "config", lambda *_: None, now=now, ledger=ledger, fields=Plain())
    return routed


def capped(kept: Routed, usd: float | None, name: str = "capped") -> None:
    ceiling = {} if usd is None else {"max_cost_a_day_usd": usd}
    kept.publish(routes=kept.document()["routes"] | {name: {"targets": [MINI]} | ceiling})


def spent(kept: Routed, model: str = "capped") -> int:
    """Asks until it is refused; what was billed for it, in nano-dollars."""
    total = 0
    for _ in range(200):
        response = kept.ask(model, max_tokens=20)
        if response.status != 200:
            assert (response.status, code(response)) == (429, "budget_exceeded")
            assert kept.usage[0]["refused_by"] == [f"route#{model}", f"day#{time.strftime('%Y-%m-%d', time.gmtime(kept.world.now_s))}"]
            assert kept.calls == []
            return total
        total += kept.billed
    raise AssertionError(f"{total} nano-dollars were spent, and nobody was refused")


def test_a_route_that_has_spent_its_day_is_refused_and_others_are_not(kept: Routed) -> None:
    capped(kept, 0.001)
    assert 0 < spent(kept) <= 1_000_000
    refused = kept.ask("capped", max_tokens=20)
    told = json.loads(refused.body)["error"]
    assert "route" in told["message"]
    assert int(refused.headers["retry-after"]) <= DAY_S
    assert kept.ask("chat", max_tokens=20).status == 200


def test_a_policy_that_leads_to_it_spends_of_it_as_well(kept: Routed) -> None:
    document = kept.document()
    routes = document["routes"] | {"cheap": {"targets": [SMALL], "max_cost_a_day_usd": 0}}
    kept.publish(routes=routes)
    assert kept.ask("chat", max_tokens=20).status == 200
    refused = kept.ask("chat", tags="batch", max_tokens=20)
    assert (refused.status, code(refused)) == (429, "budget_exceeded")


def test_the_next_day_begins_at_nothing(kept: Routed) -> None:
    capped(kept, 0.001)
    spent(kept)
    kept.world.now_s += DAY_S
    assert kept.ask("capped", max_tokens=20).status == 200


def test_a_ceiling_that_is_changed_counts_what_is_spent_and_held(kept: Routed) -> None:
    """A container holds a lease of the day's money while the document changes."""
    capped(kept, 0.01)
    assert kept.ask("capped", max_tokens=20).status == 200
    before = kept.billed
    capped(kept, 0.001)
    more = spent(kept)
    assert before + more <= 1_000_000
    kept.world.module.shutdown()
    [item] = kept.world.table("ledger").query(KeyConditionExpression=Key("pk").eq("route#capped"))["Items"]
    sight = to_sight(item)
    held = sum(lease.held for lease in sight.leases.values())
    assert (sight.limit, sight.settled) == (1_000_000, before + more)
    assert sight.settled + held + sight.remaining == sight.limit
    capped(kept, 0.01)
    assert kept.ask("capped", max_tokens=20).status == 200


def test_a_ceiling_goes_with_the_document_that_says_it(kept: Routed) -> None:
    capped(kept, 0.001)
    spent(kept)
    capped(kept, None)
    assert kept.ask("capped", max_tokens=20).status == 200
    kept.world.versions.roll_back(2, author="test", message="the ceiling again")
    assert kept.ask("capped", max_tokens=20).status == 429


def test_a_route_by_another_name_has_a_day_of_its_own(kept: Routed) -> None:
    capped(kept, 0.001)
    spent(kept)
    capped(kept, 0.001, name="renamed")
    assert kept.ask("renamed", max_tokens=20).status == 200
    assert kept.ask("capped", max_tokens=20).status == 404
    records = {
        scope: kept.world.table("control").get_item(Key={"pk": scope, "sk": "scope"})["Item"] for scope in ("route#capped", "route#renamed")
    }
    assert [record["budgets"].keys() == {"day"} for record in records.values()] == [False, True]
