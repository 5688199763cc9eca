"""Each threshold is told once, to the bus and to people, and never less than once."""

from datetime import UTC, datetime

import pytest

from functions.evaluate_budgets import handler as module
from functions.evaluate_budgets.handler import handler
from signalbox.aws import boto_alerts, boto_bus
from signalbox.usage.events import EVENTS

from .messages import batch, details, failed

SCOPE, PERIOD, LIMIT = "key#local", "month#2026-11", 50_000_000


@pytest.fixture
def event(sample):
    module.told.clear()
    return sample("evaluate_budgets_sqs")


@pytest.fixture
def usage(event):
    return batch(event, details(event)[0])


@pytest.fixture
def refusal(event):
    return batch(event, details(event)[1])


def settle(stage, settled, *, limit=LIMIT, version=1, shard="00", scope=SCOPE, period=PERIOD):
    item = {"limit": limit, "settled": settled, "remaining": limit - settled, "budget_version": version, "leases": {}}
    stage.ledger.put_item(Item={"pk": scope, "sk": f"{period}#{shard}"} | item)


def test_below_the_first_threshold_nothing_is_said(stage, context, usage):
    settle(stage, LIMIT // 2 - 1)
    assert handler(usage, context) == {"batchItemFailures": []}
    assert (stage.heard(), stage.mailed()) == ([], [])


def test_each_threshold_is_told_once_as_it_is_crossed(stage, context, usage):
    told = []
    for settled in (25_000_000, 26_000_000, 40_000_000, 41_000_000, 50_000_000, 60_000_000):
        settle(stage, settled)
        module.told.clear()  # as if each event met another container
        handler(usage, context)
        told.append([detail["percent"] for _, detail in stage.heard()])
    assert told == [[50], [], [80], [], [100], []]
    assert [subject for subject, _ in stage.mailed()] == [f"Signalbox: {p}% of budget used: {SCOPE} {PERIOD}" for p in (50, 80, 100)]


def test_what_is_told_is_an_event_of_the_contract(stage, context, usage):
    settle(stage, 30_000_000)
    handler(usage, context)
    [(name, detail)] = stage.heard()
    assert EVENTS[name].model_validate(detail).version == 1
    assert (detail["scope"], detail["period"], detail["limit_nanousd"], detail["settled_nanousd"]) == (SCOPE, PERIOD, LIMIT, 30_000_000)
    [(_, body)] = stage.mailed()
    assert "$0.03 (60%)" in body


def test_everybodys_budget_is_told_of_by_whoever_spends(stage, context, usage):
    """As the stack's daily alert is."""
    settle(stage, LIMIT, scope="global#*", period="day#2026-11-21")
    handler(usage, context)
    assert [(detail["scope"], detail["percent"]) for _, detail in stage.heard()] == [("global#*", percent) for percent in (50, 80, 100)]


def define(stage, kind="month", **budget):
    row = {"limit_nanousd": LIMIT, "version": 1, "hard": True} | budget
    stage.control.put_item(Item={"pk": SCOPE, "sk": "scope", "budgets": {kind: row}})


def test_a_budgets_own_thresholds_are_told_instead_of_the_usual_ones(stage, context, usage):
    define(stage, thresholds=[25, 90, 120])
    told = []
    for settled in (10_000_000, 13_000_000, 41_000_000, 46_000_000, 55_000_000, 60_000_000):
        settle(stage, settled)
        module.told.clear()
        handler(usage, context)
        told.append([detail["percent"] for _, detail in stage.heard()])
    assert told == [[], [25], [], [90], [], [120]]


def test_people_are_told_how_long_it_lasts(stage, context, event):
    """Of a total nothing is known but its sum; of the running day, its pace."""
    now = datetime.now(UTC)
    day = f"day#{now:%Y-%m-%d}"
    define(stage, kind="day")
    settle(stage, LIMIT, period=day)
    handler(batch(event, details(event)[0] | {"period_by_scope": {SCOPE: [day]}}), context)
    forecasts = ["Forecast nothing is left" in body for _, body in stage.mailed()]
    early = (now.hour, now.minute) < (0, 16)
    assert forecasts == [not early] * 3


def test_a_period_by_another_calendar_is_a_budget_like_any_other(stage, context, event):
    define(stage, zone="Asia/Tokyo")
    settle(stage, 30_000_000, period=f"{PERIOD}@Asia/Tokyo")
    settle(stage, LIMIT, period=PERIOD)
    handler(batch(event, details(event)[0] | {"period_by_scope": {SCOPE: [f"{PERIOD}@Asia/Tokyo"]}}), context)
    assert [(detail["period"], detail["percent"]) for _, detail in stage.heard()] == [(f"{PERIOD}@Asia/Tokyo", 50)]


@pytest.mark.parametrize(
    ("definition", "refuses"), [({"hard": True}, True), ({"hard": False}, False), ({"hard": True, "kind": "day"}, False)]
)
def test_people_are_told_whether_the_budget_refuses(stage, context, usage, definition, refuses):
    """Another period's definition says nothing of this one, which was removed meanwhile."""
    define(stage, **definition)
    settle(stage, LIMIT)
    handler(usage, context)
    assert [("429 budget_exceeded" in body, "No request is refused" in body) for _, body in stage.mailed()] == [(refuses, not refuses)] * 3


def test_a_subject_is_what_sns_takes(stage, context, event):
    scope = "team#ümlaut\n/" + "x" * 200
    settle(stage, 30_000_000, scope=scope)
    handler(batch(event, details(event)[0] | {"period_by_scope": {scope: [PERIOD]}}), context)
    [(subject, _)] = stage.mailed()
    assert subject.startswith("Signalbox: 50% of budget used: team#?mlaut/xxx")
    assert (len(subject), subject.isascii(), subject.isprintable()) == (100, True, True)


def test_a_jump_past_all_thresholds_tells_them_all(stage, context, usage):
    settle(stage, LIMIT)
    handler(usage, context)
    assert sorted(detail["percent"] for _, detail in stage.heard()) == [50, 80, 100]


def test_a_changed_budget_is_told_anew(stage, context, usage):
    settle(stage, 30_000_000)
    handler(usage, context)
    settle(stage, 60_000_000, limit=100_000_000, version=2)
    handler(usage, context)
    assert [detail["limit_nanousd"] for _, detail in stage.heard()] == [LIMIT, 100_000_000]


def test_shards_are_one_budget(stage, context, usage):
    settle(stage, 15_000_000, limit=25_000_000)
    settle(stage, 11_000_000, limit=25_000_000, shard="01")
    handler(usage, context)
    assert [detail["settled_nanousd"] for _, detail in stage.heard()] == [26_000_000]


def test_a_budget_that_is_gone_is_nothing_to_tell(stage, context, event):
    assert handler(event, context) == {"batchItemFailures": []}
    assert stage.heard() == []


def test_a_refused_request_tells_that_its_budget_is_spent_once(stage, context, refusal):
    settle(stage, 49_000_000)
    for _ in range(3):
        module.told.clear()
        handler(refusal, context)
    assert [name for name, _ in stage.heard()] == ["BudgetExhausted"]
    [(subject, body)] = stage.mailed()
    assert subject == f"Signalbox: budget exhausted: {SCOPE} {PERIOD}"
    assert "$0.049" in body


def test_a_request_that_was_refused_for_another_reason_exhausts_nothing(stage, context, event):
    settle(stage, 1)
    handler(batch(event, details(event)[1] | {"outcome": "rate_limited"}), context)
    assert stage.heard() == []


def test_one_budget_is_read_once_for_a_batch(stage, context, event, monkeypatch):
    settle(stage, 30_000_000)
    read = []
    budget = boto_alerts.budget

    def counted(ledger, scope, period):
        read.append((scope, period))
        return budget(ledger, scope, period)

    monkeypatch.setattr(boto_alerts, "budget", counted)
    handler(batch(event, *[details(event)[0] | {"id": f"r{n}"} for n in range(10)]), context)
    assert sorted(read) == [("global#*", "day#2026-11-21"), (SCOPE, PERIOD)]


@pytest.mark.parametrize("service", ["publish", "notify"])
def test_an_alert_that_could_not_be_told_is_told_at_the_next_delivery(stage, context, usage, monkeypatch, service):
    settle(stage, 30_000_000)
    with monkeypatch.context() as broken:
        broken.setattr(boto_bus, service, _down)
        assert failed(handler(usage, context)) == ["m0"]
        stage.heard()
    assert handler(usage, context) == {"batchItemFailures": []}
    assert [detail["percent"] for _, detail in stage.heard()] == [50]
    assert len(stage.mailed()) == 1


def test_an_alert_whose_teller_died_is_told_again_once_its_claim_has_lapsed(stage, context, usage, monkeypatch):
    """A crash leaves no chance to release the claim."""
    settle(stage, 30_000_000)
    with monkeypatch.context() as broken:
        broken.setattr(boto_bus, "publish", _killed)
        with pytest.raises(KeyboardInterrupt):
            handler(usage, context)
    handler(usage, context)
    assert stage.heard() == []  # the claim is fresh: its owner may still be at it
    monkeypatch.setattr(boto_alerts, "CLAIM_MS", 0)
    handler(usage, context)
    assert [detail["percent"] for _, detail in stage.heard()] == [50]


def test_a_bus_that_refuses_an_entry_is_a_failure(stage, context, usage, monkeypatch):
    settle(stage, 30_000_000)
    answer = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
    monkeypatch.setattr(boto_bus.client("events"), "put_events", lambda **arguments: answer)
    assert failed(handler(usage, context)) == ["m0"]


def test_one_scope_that_fails_fails_its_own_messages(stage, context, event, monkeypatch):
    settle(stage, 30_000_000)
    settle(stage, 30_000_000, scope="key#other")
    announce = boto_alerts.announce
    monkeypatch.setattr(boto_alerts, "announce", lambda *a: _down() if a[3].budget.scope == "key#other" else announce(*a))
    other = details(event)[0] | {"period_by_scope": {"key#other": [PERIOD]}}
    assert failed(handler(batch(event, other, details(event)[0]), context)) == ["m0"]
    assert [detail["scope"] for _, detail in stage.heard()] == [SCOPE]


def _down(*args, **rest):
    raise ConnectionError("down")


def _killed(*args, **rest):
    raise KeyboardInterrupt
