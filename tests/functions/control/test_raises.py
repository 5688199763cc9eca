"""A budget that is higher for a while: from its first moment in the ledger, and by the sweeper no longer than a minute after its end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from signalbox.admission.budgets import CONFIG
from signalbox.aws import boto_budgets, boto_raises, boto_tables

from .client import MODULES, Api, refused
from .test_budgets import spend

DAY = {"scope": "tenant", "id": "acme", "period": "day", "limit_usd": 1}
WHERE = {"scope": "tenant", "id": "acme", "period": "day"}
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ACCOUNT = ("tenant#acme", "day#2026-11-21")


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def on(self, **more: float) -> None:
        self.now += timedelta(**more)

    @property
    def ms(self) -> int:
        return int(self.now.timestamp() * 1000)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(MODULES["stage"], "now", lambda: clock.now)
    return clock


@pytest.fixture
def raised(api: Api, clock: Clock, stage: Any) -> Any:
    """The budget of a dollar, of which 0.90 are spent and 0.05 held, raised by half a dollar for two hours."""
    api("POST", "/admin/budgets", DAY)
    spend(stage, *ACCOUNT, 10**9, settled=900_000_000, held=50_000_000)
    return raise_it(api, 0.5)


def raise_it(api: Api, usd: float, hours: float = 2, **more: Any) -> Any:
    until = (MODULES["stage"].now() + timedelta(hours=hours)).isoformat()
    status, budget = api("POST", "/admin/budgets/raises", WHERE | {"by_usd": usd, "until": until} | more)
    assert status == 200, budget
    return budget


def limit_of(stage: Any) -> int:
    """As the ledger has it; the invariant is looked at on the way."""
    item = boto_tables.get(stage.ledger, ACCOUNT[0], f"{ACCOUNT[1]}#00")
    assert item
    assert item["settled"] + item["remaining"] + sum(lease["held"] for lease in item["leases"].values()) == item["limit"]
    return item["limit"]


def listed(stage: Any) -> list[str]:
    return [row["sk"] for row in boto_tables.query(stage.control, "raises", "0")]


def sweep(stage: Any, clock: Clock) -> tuple[int, int]:
    """How many budgets came down, and how many could not."""
    done = boto_raises.end_due(stage.control, stage.ledger, clock.ms)
    return done.lowered, len(done.failures)


def test_a_raise_is_in_the_ledger_at_once_and_in_the_answer(raised: Any, stage: Any) -> None:
    assert (raised["limit_usd"], raised["current"]["limit_usd"], raised["current"]["remaining_usd"]) == ("1.00", "1.50", "0.55")
    assert raised["raises"] == [{"id": "2", "by_usd": "0.50", "by_nanousd": 500_000_000, "until": "2026-11-21T14:00:00Z"}]
    assert limit_of(stage) == 1_500_000_000


def test_it_ends_by_itself(raised: Any, api: Api, stage: Any, clock: Clock) -> None:
    clock.on(hours=2, milliseconds=-1)
    assert sweep(stage, clock) == (0, 0)
    assert limit_of(stage) == 1_500_000_000
    clock.on(milliseconds=1)
    assert sweep(stage, clock) == (1, 0)
    assert limit_of(stage) == 10**9
    assert listed(stage) == []
    assert sweep(stage, clock) == (0, 0)
    [budget] = api("GET", "/admin/budgets")[1]["budgets"]
    assert (budget["raises"], budget["current"]["remaining_usd"]) == ([], "0.05")


def test_what_was_spent_of_it_stays_spent(raised: Any, stage: Any, clock: Clock) -> None:
    spend(stage, *ACCOUNT, 1_500_000_000, settled=1_300_000_000, held=0, version=2)
    clock.on(hours=2)
    sweep(stage, clock)
    item = boto_tables.get(stage.ledger, ACCOUNT[0], f"{ACCOUNT[1]}#00")
    assert item
    assert item["remaining"] == -300_000_000


def test_several_raises_add_up_and_end_one_by_one(raised: Any, api: Api, stage: Any, clock: Clock) -> None:
    assert raise_it(api, 0.25, hours=1)["current"]["limit_usd"] == "1.75"
    clock.on(hours=1)
    assert sweep(stage, clock) == (1, 0)
    assert limit_of(stage) == 1_500_000_000
    clock.on(hours=1)
    sweep(stage, clock)
    assert limit_of(stage) == 10**9


def test_a_budget_changed_meanwhile_is_raised_all_the_same(raised: Any, api: Api, stage: Any, clock: Clock) -> None:
    assert api("POST", "/admin/budgets", DAY | {"limit_usd": 3})[1]["current"]["limit_usd"] == "3.50"
    clock.on(hours=2)
    sweep(stage, clock)
    assert limit_of(stage) == 3 * 10**9


def test_whoever_changes_the_budget_after_the_end_takes_it_back_too(raised: Any, api: Api, stage: Any, clock: Clock) -> None:
    clock.on(hours=3)
    assert api("POST", "/admin/budgets", DAY | {"limit_usd": 2})[1]["raises"] == []
    assert (limit_of(stage), listed(stage)) == (2 * 10**9, [])


def test_a_period_that_begins_meanwhile_begins_with_it_and_one_after_it_without(api: Api, stage: Any, clock: Clock) -> None:
    """Its item is made by whoever spends first, with the limit of that moment."""
    api("POST", "/admin/budgets", DAY)
    raise_it(api, 0.5, hours=18)
    [budget] = boto_budgets.of_scope(stage.control, "tenant#acme")
    clock.on(hours=13)
    assert budget.limit_at(clock.ms) == 1_500_000_000
    spend(stage, "tenant#acme", "day#2026-11-22", budget.limit_at(clock.ms), settled=0, held=0, version=budget.version)
    clock.on(hours=6)
    assert sweep(stage, clock) == (1, 0)
    items = {item["sk"]: int(item["limit"]) for item in stage.ledger.scan()["Items"]}
    assert items == {"day#2026-11-22#00": 10**9}
    clock.on(hours=24)
    assert boto_budgets.of_scope(stage.control, "tenant#acme")[0].limit_at(clock.ms) == 10**9


def test_a_raise_ends_early(raised: Any, api: Api, stage: Any) -> None:
    raise_it(api, 0.25)
    assert api("DELETE", "/admin/budgets/raises", query=WHERE | {"raise": "2"})[1]["current"]["limit_usd"] == "1.25"
    refused(api("DELETE", "/admin/budgets/raises", query=WHERE | {"raise": "2"}), "not_found")
    raise_it(api, 0.1)
    assert api("DELETE", "/admin/budgets/raises", query=WHERE)[1]["current"]["limit_usd"] == "1.00"
    assert (limit_of(stage), listed(stage)) == (10**9, [])
    refused(api("DELETE", "/admin/budgets/raises", query=WHERE), "not_found")


def test_a_raise_goes_with_its_budget(raised: Any, api: Api, stage: Any, clock: Clock) -> None:
    api("DELETE", "/admin/budgets", query=WHERE)
    assert listed(stage) == []
    assert api("POST", "/admin/budgets", DAY)[1]["raises"] == []
    clock.on(hours=2)
    assert sweep(stage, clock) == (0, 0)
    assert limit_of(stage) == 10**9


def test_a_raise_of_a_key_that_is_deleted_leaves_nothing(api: Api, stage: Any, clock: Clock) -> None:
    id = api("POST", "/admin/keys", {"name": "robot", "tenant": "acme"})[1]["id"]
    api("POST", "/admin/budgets", DAY | {"scope": "key", "id": id})
    raise_it(api, 1, scope="key", id=id)
    api("DELETE", f"/admin/keys/{id}")
    clock.on(hours=2)
    assert sweep(stage, clock) == (0, 0)
    assert listed(stage) == []
    assert "Item" not in stage.control.get_item(Key={"pk": f"key#{id}", "sk": "scope"})


def test_one_that_cannot_be_taken_back_holds_up_no_other(raised: Any, api: Api, stage: Any, clock: Clock, monkeypatch: Any) -> None:
    api("POST", "/admin/budgets", DAY | {"id": "other"})
    raise_it(api, 1, id="other")
    clock.on(hours=2)
    real = boto_tables.transacted

    def contended(control: Any, parts: Any) -> bool:
        return parts[0]["Update"]["Key"]["pk"] != "tenant#acme" and real(control, parts)

    with monkeypatch.context() as patch:
        patch.setattr(boto_tables, "transacted", contended)
        assert sweep(stage, clock) == (1, 1)
    assert sweep(stage, clock) == (1, 0)
    assert limit_of(stage) == 10**9


def test_a_budget_that_cannot_be_read_holds_up_no_other_and_is_named(raised: Any, api: Api, stage: Any, clock: Clock) -> None:
    api("POST", "/admin/budgets", DAY | {"id": "ill"})
    raise_it(api, 1, hours=1, id="ill")
    ill = {"Key": {"pk": "tenant#ill", "sk": "scope"}, "UpdateExpression": "SET budgets.#kind.#zone = :gone"}
    names = {"#kind": "day", "#zone": "zone"}  # as a runtime does whose zones are other ones
    stage.control.update_item(**ill, ExpressionAttributeNames=names, ExpressionAttributeValues={":gone": "Mars/Phobos"})
    clock.on(hours=2)
    done = boto_raises.end_due(stage.control, stage.ledger, clock.ms)
    assert done.lowered == 1
    assert {whose: "Mars/Phobos" in str(error) for whose, error in done.failures.items()} == {"the day budget of tenant ill": True}
    assert limit_of(stage) == 10**9


def test_a_row_of_the_list_that_says_nothing_holds_up_no_other_and_is_named(raised: Any, stage: Any, clock: Clock) -> None:
    for sk, said in (("0#1", {}), ("0#2", {"scope": "tenant#acme"})):
        stage.control.put_item(Item={"pk": "raises", "sk": sk} | said)
    clock.on(hours=2)
    done = boto_raises.end_due(stage.control, stage.ledger, clock.ms)
    assert list(done.failures) == [f"the raise that the control table lists as {sk}" for sk in ("0#1", "0#2")]
    assert done.lowered == 1


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        ({"until": "2026-11-21T12:00:00+00:00"}, "invalid_request", "is over"),
        ({"until": "2026-11-21T13:00:00"}, "invalid_request", "until"),
        ({"until": "9999-01-01T00:00:00Z"}, "invalid_request", "until: 9999-01-01T00:00:00+00:00 is too far off: 2200-01-01 is the last"),
        ({"by_usd": 0}, "invalid_request", "by_usd"),
        ({"by_usd": -1}, "invalid_request", "by_usd"),
        ({"period": "week"}, "not_found", "tenant acme has no budget per week to raise"),
        ({"id": "nobody"}, "not_found", "tenant nobody has no budget"),
    ],
)
def test_what_cannot_be_raised_is_said(raised: Any, api: Api, stage: Any, wrong: dict[str, Any], code: str, said: str) -> None:
    new = WHERE | {"by_usd": 1, "until": "2026-11-21T14:00:00Z"} | wrong
    assert said in refused(api("POST", "/admin/budgets/raises", new), code)
    assert limit_of(stage) == 1_500_000_000


def test_there_are_ten_at_once_at_the_most(raised: Any, api: Api, clock: Clock) -> None:
    for _ in range(9):
        raise_it(api, 0.01, hours=1)
    body = WHERE | {"by_usd": 1, "until": "2026-11-21T14:00:00Z"}
    assert "10 times already" in refused(api("POST", "/admin/budgets/raises", body), "invalid_request")
    clock.on(hours=1)
    assert len(raise_it(api, 1)["raises"]) == 2  # those that are over do not count


def test_the_documents_ceiling_is_raised_in_the_document(api: Api, stage: Any, clock: Clock) -> None:
    boto_budgets.change(stage.control, stage.ledger, "route#chat", "day", 10**9, True, clock.ms, by=CONFIG)
    body = {"scope": "route", "id": "chat", "period": "day", "by_usd": 1, "until": "2026-11-21T14:00:00Z"}
    assert "max_cost_a_day_usd" in refused(api("POST", "/admin/budgets/raises", body), "invalid_request")
