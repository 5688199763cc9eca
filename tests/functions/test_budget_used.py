"""evaluate_budgets writes how much of a budget is used, where requests read it: seldom, only upwards, and into no record of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.evaluate_budgets import handler as module
from functions.evaluate_budgets.handler import handler
from signalbox.admission.budgets import used_percent
from signalbox.admission.periods import period_id
from signalbox.aws import boto_keys, boto_tables, boto_used
from signalbox.usage.alerts import Budget

from .messages import batch, details

SCOPE, PERIOD, LIMIT = "key#local", "month#2026-11", 50_000_000
ROW = {"limit_nanousd": LIMIT, "hard": True, "version": 1}
IN_NOVEMBER_MS, IN_DECEMBER_MS = 1_795_230_000_000, 1_796_200_000_000


@pytest.fixture
def usage(sample):
    event = sample("evaluate_budgets_sqs")
    module.told.clear()
    module.noted.clear()
    return batch(event, details(event)[0])


@pytest.fixture
def defined(stage):
    define(stage)
    return stage


def define(stage, scope=SCOPE, **more):
    stage.control.put_item(Item={"pk": scope, "sk": "scope", "budgets": {"month": ROW}} | more)


def settle(stage, percent, *, version=1, limit=LIMIT, scope=SCOPE, period=PERIOD):
    settled = limit * percent // 100
    item = {"limit": limit, "settled": settled, "remaining": limit - settled, "budget_version": version, "leases": {}}
    stage.ledger.put_item(Item={"pk": scope, "sk": f"{period}#00"} | item)


def record(stage, scope=SCOPE):
    return boto_tables.get(stage.control, scope, "scope")


def budget(percent, period=PERIOD, version=1):
    return Budget(SCOPE, period, LIMIT, LIMIT * percent // 100, version)


@pytest.fixture
def writes(stage, monkeypatch):
    """Each write of a scope's record, as it happens."""
    made, write = [], stage.control.update_item

    def counted(**arguments):
        if arguments["Key"]["sk"] == "scope":
            made.append(arguments)
        return write(**arguments)

    monkeypatch.setattr(stage.control, "update_item", counted)
    return lambda: len(made)


@pytest.fixture
def evaluate(defined, usage, context, monkeypatch, writes):
    monkeypatch.setattr(module, "table", lambda name: {"ledger": defined.ledger}.get(name, defined.control))
    return lambda: handler(usage, context)


def test_what_is_settled_is_what_a_request_reads(defined, evaluate):
    settle(defined, 37)
    assert evaluate() == {"batchItemFailures": []}
    assert record(defined)["used"] == {"month": {"period": PERIOD, "version": 1, "percent": 37}}
    assert used_percent({SCOPE: record(defined)}, [SCOPE], IN_NOVEMBER_MS) == 37


def test_a_whole_period_of_requests_costs_a_hundred_writes(defined, evaluate, writes):
    for settled in range(0, 240):
        settle(defined, settled // 2)
        module.noted.clear()  # as if each event met another container
        evaluate()
    assert record(defined)["used"]["month"]["percent"] == 100
    assert writes() == 100


def test_a_container_that_knows_what_is_written_reads_no_record(defined, evaluate, monkeypatch):
    settle(defined, 12)
    evaluate()
    monkeypatch.setattr(boto_used, "write", lambda *_: pytest.fail("it was asked again"))
    evaluate()


@pytest.mark.parametrize("exists", [False, True], ids=["no record", "a record without budgets"])
def test_a_scope_without_a_budget_is_not_touched(stage, exists):
    """A key's record is what tells a minted key."""
    if exists:
        stage.control.put_item(Item={"pk": SCOPE, "sk": "scope", "own_keys": ["openai"]})
    before = record(stage)
    assert not boto_used.write(stage.control, budget(50))
    assert record(stage) == before


def test_a_key_that_is_deleted_meanwhile_does_not_come_back(stage, monkeypatch):
    define(stage, status="active")
    get = boto_tables.get

    def and_then_deleted(table, pk, sk):
        found = get(table, pk, sk)
        table.delete_item(Key={"pk": pk, "sk": sk})
        return found

    monkeypatch.setattr(boto_tables, "get", and_then_deleted)
    assert not boto_used.write(stage.control, budget(50))
    monkeypatch.undo()
    assert record(stage) is None
    assert boto_keys.find(stage.control, "local") is None


def test_the_rest_of_the_record_stays(stage):
    define(stage, status="active", tenant="t")
    boto_used.write(stage.control, budget(50))
    boto_used.write(stage.control, Budget(SCOPE, "month#2026-11", LIMIT, LIMIT, 1))
    found = record(stage)
    assert (found["status"], found["tenant"], found["budgets"]["month"]["version"]) == ("active", "t", 1)
    assert found["used"]["month"]["percent"] == 100


def test_within_a_period_it_only_grows(defined):
    for percent in (30, 10, 29, 31):
        boto_used.write(defined.control, budget(percent))
        assert record(defined)["used"]["month"]["percent"] == max(30, percent)


def test_an_event_of_the_last_period_comes_too_late(defined):
    boto_used.write(defined.control, budget(5, "month#2026-12"))
    assert not boto_used.write(defined.control, budget(90))
    assert record(defined)["used"]["month"]["period"] == "month#2026-12"


def test_a_period_by_another_calendar_is_newer_than_any_before_the_change(defined):
    """The names of the two do not tell which came first: the version does."""
    for version, period in ((1, "month#2026-11@Europe/Berlin"), (2, "month#2026-11@Asia/Tokyo"), (3, "month#2026-11"), (4, PERIOD)):
        assert boto_used.write(defined.control, budget(20, period, version))
        assert record(defined)["used"]["month"]["period"] == period
    assert not boto_used.write(defined.control, budget(90, "month#2026-11@Europe/Berlin", 1))


def test_what_an_older_version_says_of_a_later_period_is_not_news(defined):
    """A late event of the calendar that was left."""
    boto_used.write(defined.control, budget(20, "month#2026-11", 2))
    assert not boto_used.write(defined.control, budget(90, "month#2026-12@Pacific/Kiritimati", 1))


def test_a_budget_that_was_raised_is_used_less(defined):
    boto_used.write(defined.control, budget(90))
    assert boto_used.write(defined.control, budget(0, version=2))
    assert record(defined)["used"]["month"] == {"period": PERIOD, "version": 2, "percent": 0}


def test_two_that_write_at_once_leave_the_larger(defined, monkeypatch):
    get, others = boto_tables.get, [40]

    def overtaken(table, pk, sk):
        found = get(table, pk, sk)
        if others:
            boto_used.write(table, budget(others.pop()))
        return found

    monkeypatch.setattr(boto_tables, "get", overtaken)
    monkeypatch.setattr(boto_tables, "pause", lambda attempt: None)
    assert not boto_used.write(defined.control, budget(20))
    assert record(defined)["used"]["month"]["percent"] == 40


def test_a_record_that_cannot_be_written_holds_up_no_alert(defined, evaluate, monkeypatch, caplog, capsys):
    def down(*_):
        raise ConnectionError("down")

    settle(defined, 60)
    monkeypatch.setattr(boto_used, "write", down)
    assert evaluate() == {"batchItemFailures": []}
    assert [detail["percent"] for _, detail in defined.heard()] == [50]
    assert '"BudgetUseUnwritten":[1.0]' in capsys.readouterr().out
    monkeypatch.undo()
    assert "could not be written" in caplog.text


def used(percent, period=PERIOD, kind="month", **budgets):
    return {"budgets": budgets or {kind: ROW}, "used": {kind: {"period": period, "version": 1, "percent": percent}}}


@pytest.mark.parametrize(
    ("records", "percent"),
    [
        ({}, 0),
        ({"a": {}}, 0),
        ({"a": {"budgets": {"month": ROW}}}, 0),
        ({"a": used(70)}, 70),
        ({"a": used(70), "b": used(71)}, 71),
        ({"a": used(70), "c": used(99)}, 70),  # not one of the scopes
        ({"a": used(99, "month#2026-10")}, 0),
        ({"a": used(99, day=ROW)}, 0),  # the budget was removed
        ({"a": used(44, "total", "total")}, 44),
    ],
    ids=["unread", "no record", "nothing written", "one", "the most", "another scope", "a period that is over", "removed", "total"],
)
def test_the_highest_of_the_scopes_running_budgets_is_what_counts(records, percent):
    assert used_percent(records, ["a", "b"], IN_NOVEMBER_MS) == percent


def test_an_alert_that_nobody_set_is_no_reason_to_route_otherwise():
    assert used_percent({"a": used(99, month=ROW | {"by": "default"})}, ["a"], IN_NOVEMBER_MS) == 0
    assert used_percent({"a": used(99, month=ROW | {"by": "config"})}, ["a"], IN_NOVEMBER_MS) == 99


def test_a_new_period_begins_at_nothing():
    assert used_percent({"a": used(99)}, ["a"], IN_DECEMBER_MS) == 0


@given(st.integers(0, 4_000_000_000_000), st.integers(1, 400))
def test_a_later_period_is_a_greater_id(at_ms, days):
    """What `boto_used` compares periods by."""
    for kind in ("day", "week", "month"):
        assert period_id(kind, at_ms) <= period_id(kind, at_ms + days * 86_400_000)
