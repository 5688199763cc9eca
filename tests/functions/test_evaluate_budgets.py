"""Each threshold is told once, to the bus and to people, and never less than once."""

from datetime import UTC, datetime
from threading import Event

import pytest

from functions.evaluate_budgets import handler as module
from functions.evaluate_budgets.handler import handler
from signalbox.aws import boto_alerts, boto_bus, boto_spenders, boto_sums, boto_usage
from signalbox.aws.boto_spenders import days_of
from signalbox.usage.events import EVENTS, UsageRecorded

from .messages import batch, details, failed

SCOPE, PERIOD, LIMIT = "key#local", "month#2026-11", 50_000_000


@pytest.fixture
def event(sample, monkeypatch):
    monkeypatch.setattr(boto_spenders, "WAIT_S", 60)  # a busy machine is no table that hangs
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
    subjects = [f"Signalbox: {percent}% of budget used: key local, month 2026-11" for percent in (50, 80, 100)]
    assert [subject for subject, _ in stage.mailed()] == subjects


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


def test_people_are_told_how_long_it_lasts(stage, context, event, monkeypatch):
    at_ms, day = details(event)[0]["at_ms"], TODAY
    monkeypatch.setattr(module.time, "time", lambda: at_ms / 1000)
    define(stage, kind="day")
    settle(stage, LIMIT, period=day)
    handler(batch(event, details(event)[0] | {"period_by_scope": {SCOPE: [day]}}), context)
    assert ["Forecast nothing is left before" in body for _, body in stage.mailed()] == [True] * 3


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
    assert subject.startswith("Signalbox: 50% of budget used: team ?mlaut/xxx")
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
    assert subject == "Signalbox: budget exhausted: key local, month 2026-11"
    assert "$0.049" in body


def test_a_request_whose_provider_is_passed_over_tells_that_its_budget_is_spent_once(stage, context, event):
    scope, period = "provider#openai", "day#2026-11-22"
    settle(stage, 49_000_000, scope=scope, period=period)
    served = batch(event, details(event)[0] | {"passed_over": [[scope, period]]})
    for _ in range(2):
        module.told.clear()
        handler(served, context)
    assert [(name, detail["scope"]) for name, detail in stage.heard()] == [("BudgetExhausted", scope)]


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


def test_who_hammers_a_spent_budget_has_it_read_once_for_a_batch_and_what_it_is_only_to_be_told(stage, context, event, monkeypatch):
    settle(stage, 49_000_000)
    read = []
    for name in ("budget", "definition"):
        ours = getattr(boto_alerts, name)
        monkeypatch.setattr(boto_alerts, name, lambda table, *of, name=name, ours=ours: read.append(name) or ours(table, *of))
    refusals = batch(event, *[details(event)[1] | {"id": f"r{n}"} for n in range(10)])
    handler(refusals, context)
    assert read == ["budget", "definition"]
    handler(refusals, context)
    assert read == ["budget", "definition", "budget"]
    assert [name for name, _ in stage.heard()] == ["BudgetExhausted"]


def test_a_spent_budget_that_could_not_be_told_is_told_by_the_next_of_the_batch(stage, context, event, monkeypatch):
    settle(stage, 49_000_000)
    announce, tries = boto_alerts.announce, []

    def fails_once(*of):
        tries.append(of)
        return _down() if len(tries) == 1 else announce(*of)

    monkeypatch.setattr(boto_alerts, "announce", fails_once)
    assert failed(handler(batch(event, *[details(event)[1] | {"id": f"r{n}"} for n in range(3)]), context)) == ["m0"]
    assert len(tries) == 2
    assert [name for name, _ in stage.heard()] == ["BudgetExhausted"]


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


ACME, TODAY = "tenant#acme", "day#2026-11-21"


@pytest.fixture
def spends(stage, event):
    """Records requests as `record_usage` does; `folded` into the totals, or still in the log."""
    first = details(event)[0]
    ids = iter(range(100))

    def spend(team, key, cost_nanousd, *, tenant="acme", at_ms=first["at_ms"], folded=True):
        detail = first | {"id": f"s{next(ids)}", "tenant": tenant, "team": team, "key": key, "at_ms": at_ms, "cost_nanousd": cost_nanousd}
        boto_usage.record(stage.usage, [UsageRecorded.model_validate(detail)], 0)
        if folded:
            boto_sums.fold_all(stage.usage, 0)

    return spend


def crosses(stage, event, scope=ACME, period=TODAY):
    settle(stage, LIMIT, scope=scope, period=period)
    return batch(event, details(event)[0] | {"period_by_scope": {scope: [period]}})


def test_an_alert_names_who_spent_the_most(stage, context, event, spends):
    spends("red", "k1", 3_000_000)
    for folded in (True, False):
        spends("red", "k9", 9_000_000, tenant="acmes", folded=folded)
    spends("red", "k2", 1_000_000, folded=False)
    spends("", "k3", 2_000_000, folded=False)
    handler(crosses(stage, event), context)
    told = [detail["spenders"] for _, detail in stage.heard()]
    assert (
        told
        == [
            [
                {"scope": "team#acme/red", "cost_nanousd": 4_000_000},
                {"scope": "key#k1", "cost_nanousd": 3_000_000},
                {"scope": "key#k3", "cost_nanousd": 2_000_000},
                {"scope": "key#k2", "cost_nanousd": 1_000_000},
            ]
        ]
        * 3
    )
    [body, *_] = [body for _, body in stage.mailed()]
    assert "(2026-11-21, by UTC):\n  team acme/red  $0.004\n" in body


def test_a_period_of_several_days_is_all_of_them_and_none_besides(stage, context, event, spends, monkeypatch):
    day_ms, at_ms = 86_400_000, details(event)[0]["at_ms"]
    monkeypatch.setattr(module.time, "time", lambda: at_ms / 1000)
    for days, folded in ((-30, True), (0, True), (-1, False), (-31, False)):
        spends("red", "k1", 1_000_000, at_ms=at_ms + days * day_ms, folded=folded)
    handler(crosses(stage, event, "global#*", "week#2026-W47"), context)
    [(_, detail), *_] = stage.heard()
    assert detail["spenders"] == [{"scope": ACME, "cost_nanousd": 2_000_000}]
    assert (detail["spenders_from"], detail["spenders_to"]) == ("2026-11-16", "2026-11-21")


def test_what_is_being_added_to_the_totals_counts_once(stage, spends, monkeypatch):
    """Whoever did so died before the log knew."""
    spends("red", "k1", 3_000_000, folded=False)
    monkeypatch.setattr(boto_sums, "_finish", _killed)
    with pytest.raises(KeyboardInterrupt):
        boto_sums.fold(stage.usage, 0)
    spent = boto_spenders.Spenders(stage.usage).of("team#acme/red", TODAY, 0)
    assert [tuple(row) for row in spent.spenders] == [("key#k1", 3_000_000)]


def test_nobody_is_named_below_a_key_or_where_nothing_is_counted(stage):
    spenders = boto_spenders.Spenders(stage.usage)
    assert [spenders.of(scope, TODAY, 0) for scope in (SCOPE, "agent#acme/crawler", ACME, ACME)] == [None] * 4


def test_a_batch_waits_for_them_once_and_tells_without_them(stage, context, event, spends, monkeypatch):
    spends("red", "k1", 3_000_000)
    tries, release = [], Event()

    def hangs(table):
        tries.append(table)
        release.wait(10)
        return []

    monkeypatch.setattr(boto_sums, "unfolded", hangs)
    monkeypatch.setattr(boto_spenders, "WAIT_S", 0.05)
    settle(stage, LIMIT, scope="tenant#beta", period=TODAY)
    other = details(event)[0] | {"id": "r2", "period_by_scope": {"tenant#beta": [TODAY]}}
    assert failed(handler(batch(event, details(crosses(stage, event))[0], other), context)) == []
    release.set()
    assert [(detail["scope"], "spenders" in detail) for _, detail in stage.heard()] == [(ACME, False)] * 3 + [("tenant#beta", False)] * 3
    assert len(tries) == 1


def test_sums_that_cannot_be_read_hold_up_no_alert(stage, context, event, monkeypatch):
    monkeypatch.setattr(boto_sums, "unfolded", _down)
    assert failed(handler(crosses(stage, event), context)) == []
    assert len(stage.mailed()) == 3


def test_more_than_there_is_time_for_is_left_before_it_is_read(stage, context, event, spends, monkeypatch):
    spends("red", "k1", 3_000_000)
    monkeypatch.setattr(boto_spenders.time, "monotonic", iter(range(0, 10_000, 100)).__next__)
    with pytest.raises(TimeoutError, match="too many"):
        boto_spenders.Spenders(stage.usage).of(ACME, TODAY, 0)


@pytest.mark.parametrize(
    ("period", "now", "days"),
    [
        ("day#2026-11-21", "2026-11-21T12:00", ["2026-11-21"]),
        ("day#2026-11-21", "2026-11-22T00:01", ["2026-11-21"]),
        ("day#2026-11-21", "2026-11-20T23:59", ["2026-11-21"]),
        ("day#2026-10-25@Europe/Berlin", "2026-10-25T22:59", ["2026-10-24", "2026-10-25"]),
        ("day#2026-11-21@Asia/Tokyo", "2026-11-20T15:30", ["2026-11-20"]),
        ("day#2026-11-21@America/New_York", "2026-11-22T04:59", ["2026-11-21", "2026-11-22"]),
        ("week#2026-W01", "2025-12-30T12:00", ["2025-12-29", "2025-12-30"]),
        ("month#2026-02", "2026-03-01T00:00", [f"2026-02-{day:02}" for day in range(1, 29)]),
        ("total", "2026-11-21T12:00", [f"2026-11-{day}" for day in range(15, 22)]),
    ],
)
def test_the_days_that_a_period_lies_in_up_to_now(period, now, days):
    now_ms = int(datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp() * 1000)
    assert [str(day) for day in days_of(period, now_ms)] == days


def _down(*args, **rest):
    raise ConnectionError("down")


def _killed(*args, **rest):
    raise KeyboardInterrupt
