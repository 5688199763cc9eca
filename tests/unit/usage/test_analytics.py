"""What counters come to: the figures of the analytics, savings and adoption."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.usage.analytics import adoption, saving, summary, summary_of_target
from signalbox.usage.events import UsageRecorded
from signalbox.usage.histogram import WORST_ERROR
from signalbox.usage.record import Attempt, UsageRecord
from signalbox.usage.totals import Total, increments

AT_MS = 1_795_230_000_000
MONTH = "month#2026-11"
KINDS = st.sampled_from(["server", "timeout", "outrun", "rate_limited"])


@st.composite
def requests(draw, id):
    """Refused, failed, or answered by the last of its attempts; with mirrors or without; monitored or not."""
    fate = draw(st.sampled_from(["refused", "failed", "ok", "ok", "ok"]))
    tried = [] if fate == "refused" else draw(st.lists(st.tuples(st.sampled_from("abc"), KINDS), max_size=3))
    times = st.integers(0, 100_000)
    attempts = [Attempt(f"{name}/m", kind, AT_MS, draw(times), cost_nanousd=3) for name, kind in tried]
    if fate == "failed":
        attempts += [Attempt("c/m", "server", AT_MS, 5)]
    if fate == "ok":
        attempts += [Attempt(f"{draw(st.sampled_from('abc'))}/m", "ok", AT_MS, draw(times), draw(st.none() | times), cost_nanousd=5)]
    target = attempts[-1].target if attempts else ""
    if fate == "ok" and draw(st.booleans()):
        attempts += [Attempt("d/m", "ok", AT_MS, draw(times), draw(times), cost_nanousd=7, purpose="mirror")]
    outcome = {"refused": "no_route", "failed": "upstream_failed", "ok": "ok"}[fate]
    record = UsageRecord(str(id), AT_MS, "t", "", "k", "m", outcome, 200, False, 1, draw(times), target=target, attempts=tuple(attempts))
    told = {"route": "chat", "policy": "p", "provider": target.partition("/")[0], "compared": fate == "ok" and draw(st.booleans())}
    told |= {"baseline_cost_nanousd": draw(st.integers(0, 50)) if told["compared"] else 0, "decided": draw(st.sampled_from(["", "d"]))}
    flags = draw(st.sampled_from([(), ("monitoring",), ("beta", "monitoring")])) if told["decided"] else ()
    cost = sum(attempt.cost_nanousd for attempt in attempts)
    return UsageRecorded.model_validate_json(json.dumps(record._replace(cost_nanousd=cost, flags=flags, **told).to_detail()))


REQUESTS = st.integers(0, 25).flatmap(lambda count: st.tuples(*(requests(id) for id in range(count))))


@given(REQUESTS)
def test_the_figures_are_those_of_the_events(events):
    found = summary(increments(events).get(Total("route", "chat", MONTH), Counter()))
    answered = [event for event in events if event.outcome == "ok"]
    failed = [event for event in events if event.outcome != "ok" and event.attempts]
    watched = [event for event in answered if not event.decided or "monitoring" in event.flags]
    fell = [event for event in watched if event.attempts[0].target != event.target]
    assert (found.requests, found.answered, found.failed) == (len(events), len(answered), len(failed))
    assert found.refused == len(events) - len(answered) - len(failed)
    assert found.success_rate == (len(answered) / len(answered + failed) if answered or failed else None)
    assert found.cost_nanousd == sum(event.cost_nanousd for event in events)
    assert (found.latency.measured, found.fallbacks) == (len(watched), len(fell))
    assert found.fallback_rate == (len(fell) / len(watched) if watched else None)
    assert found.triggers == Counter(event.attempts[0].outcome for event in fell)
    assert found.served == Counter(event.provider for event in watched)
    if watched:
        durations = sorted(event.duration_ms for event in watched)
        assert found.latency.mean_ms == sum(durations) / len(durations)
        assert found.latency.p95_ms == pytest.approx(durations[-(-len(durations) * 95 // 100) - 1], rel=WORST_ERROR)


def test_a_routes_hit_rate_is_of_the_requests_that_could_have_been_one():
    def told(number, cache):
        record = UsageRecord(str(number), AT_MS, "t", "", "k", "m", "ok", 200, False, 1, 5, route="chat", cache=cache)
        return UsageRecorded.model_validate_json(json.dumps(record.to_detail()))

    caches = ["hit", "hit", "hit", "miss", "none", "replay"]
    counters = increments([told(number, cache) for number, cache in enumerate(caches)])
    found = summary(counters[Total("route", "chat", MONTH)])
    assert (found.requests, found.cache_hits, found.cache_hit_rate) == (6, 3, 0.75)
    assert found.served == {}
    assert summary({}).cache_hit_rate is None


@given(REQUESTS)
def test_targets_add_up_to_what_was_attempted(events):
    sums = increments(events)
    targets = [summary_of_target(counters) for total, counters in sums.items() if (total.dimension, total.period) == ("model", MONTH)]
    attempts = [attempt for event in events for attempt in event.attempts]
    assert sum(row.attempts for row in targets) == len(attempts)
    assert sum(row.cost_nanousd for row in targets) == sum(attempt.cost_nanousd for attempt in attempts)
    assert sum(row.answered for row in targets) == sum(attempt.outcome == "ok" for attempt in attempts)
    assert sum(row.failed for row in targets) == sum(attempt.outcome not in ("ok", "outrun") for attempt in attempts)
    everyone = summary(sums.get(Total("all", "all", MONTH), Counter()))
    assert sum(row.fallbacks for row in targets) == everyone.fallbacks
    assert sum((Counter(row.triggers) for row in targets), Counter()) == everyone.triggers
    assert sum(row.mirror_cost_nanousd for row in targets) == everyone.mirror_cost_nanousd


@given(REQUESTS)
def test_what_is_used_costs_and_saves_is_the_same_without_monitoring(events):
    blind = [event.model_copy(update={"flags": [], "decided": "d"}) for event in events]
    for of in ("route", "tenant", "key", "model", "provider"):
        one, other = (
            {total: counters for total, counters in increments(some).items() if total.dimension == of} for some in (events, blind)
        )
        kept = ("requests", "refused", "failed", "attempts", "cost_nanousd", "duration_ms", "compared", "compared_cost_nanousd")
        assert {total: [counters[name] for name in kept] for total, counters in one.items()} == {
            total: [counters[name] for name in kept] for total, counters in other.items()
        }
        assert not any(name[:1] == "d" and name[1:].isdecimal() for counters in other.values() for name in +counters)


@given(REQUESTS)
def test_savings_are_of_what_is_compared(events):
    found = saving(increments(events).get(Total("all", "all", MONTH), Counter()))
    compared = [event for event in events if event.compared]
    assert (found.requests, found.compared) == (len(events), len(compared))
    assert found.saved_nanousd == sum(event.baseline_cost_nanousd - event.cost_nanousd for event in compared)
    assert (found.percent is None) == (found.baseline_cost_nanousd == 0)


def test_adoption_is_of_what_was_decided_and_who_made_it():
    everyone = {"decided": 10, "flag:beta": 4, "flag:gone": 1}
    keys = [{"decided": 6, "flag:beta": 4}, {"decided": 4, "flag:gone": 1}, {"requests": 9}, {}]
    found = adoption(everyone, keys, ["beta", "new"])
    assert {name: tuple(row) for name, row in found.items()} == {"beta": (4, 10, 1, 2), "gone": (1, 10, 1, 2), "new": (0, 10, 0, 2)}
