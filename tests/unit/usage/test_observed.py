"""What one request adds to the counters of how requests go."""

import json

import pytest

from signalbox.routing.flags import BUILT_IN, MOST_DECLARED
from signalbox.usage import observed
from signalbox.usage.events import UsageRecorded
from signalbox.usage.histogram import bucket
from signalbox.usage.record import Attempt, UsageRecord

AT_MS = 1_795_230_000_000


def attempt(target="a/m", outcome="ok", at_ms=AT_MS, duration_ms=400, ttft_ms=150, **over):
    return Attempt(target, outcome, at_ms, duration_ms, ttft_ms if outcome == "ok" else None, **over)


def event(*attempts, outcome="ok", target=None, **over):
    own = [attempt for attempt in attempts if attempt.purpose != "mirror"]
    target = own[-1].target if own and target is None else target or ""
    record = UsageRecord("r", AT_MS, "t", "", "k", "chat", outcome, 200, False, 3, 620, target=target, attempts=attempts)
    return UsageRecorded.model_validate_json(json.dumps(record._replace(provider=target.partition("/")[0], **over).to_detail()))


def of_target(id, event):
    return +observed.of_attempts([attempt for attempt in event.attempts if attempt.target == id], event)


def test_every_flag_that_a_document_can_declare_is_counted():
    assert MOST_DECLARED + len(BUILT_IN) <= observed.MOST_FLAGS


def test_a_clients_times_begin_with_its_request():
    late = event(attempt(outcome="server"), attempt("b/m", at_ms=AT_MS + 200))
    counted = +observed.of_request(late)
    assert counted == {
        f"d{bucket(620)}": 1,
        "answered_ms": 620,
        f"t{bucket(350)}": 1,
        "ttft_ms": 350,
        "served:b": 1,
        "fallbacks": 1,
        "trigger:server": 1,
    }


def test_a_targets_times_begin_with_its_attempt():
    late = event(attempt(outcome="server"), attempt("b/m", at_ms=AT_MS + 200))
    assert of_target("b/m", late) == {f"d{bucket(400)}": 1, "answered_ms": 400, f"t{bucket(150)}": 1, "ttft_ms": 150}
    assert of_target("a/m", late) == {"firsts": 1, "fallbacks": 1, "trigger:server": 1}


@pytest.mark.parametrize("attempts", [(), (attempt(outcome="server"),), (attempt(outcome="cut"), attempt("b/m", "server"))])
def test_what_was_not_answered_has_no_time_and_no_fallback(attempts):
    failed = event(*attempts, outcome="upstream_failed")
    assert +observed.of_request(failed) == {}
    assert of_target("a/m", failed) == {}


def test_another_try_at_the_same_target_is_no_fallback():
    again = event(attempt(outcome="rate_limited"), attempt())
    assert +observed.of_request(again) == {
        f"d{bucket(620)}": 1,
        "answered_ms": 620,
        f"t{bucket(150)}": 1,
        "ttft_ms": 150,
        "served:a": 1,
    }


def test_the_trigger_is_what_came_first():
    twice = event(attempt(outcome="rate_limited"), attempt(outcome="timeout"), attempt("b/m", "server"), attempt("c/m"))
    assert observed.of_request(twice)["trigger:rate_limited"] == 1
    assert {name for name in observed.of_request(twice) if name.startswith("trigger:")} == {"trigger:rate_limited"}


def test_a_hedge_that_won_was_triggered_by_who_was_outrun():
    raced = event(attempt(outcome="outrun"), attempt("b/m", purpose="hedge", at_ms=AT_MS + 50))
    counted = observed.of_request(raced)
    assert (counted["hedges"], counted["fallbacks"], counted["trigger:outrun"]) == (1, 1, 1)
    assert of_target("b/m", raced)["hedges"] == 1


def test_a_mirror_is_seen_in_its_targets_times_and_in_no_clients():
    watched = event(attempt(), attempt("b/m", purpose="mirror", at_ms=AT_MS + 700, cost_nanousd=8))
    counted = observed.of_request(watched)
    assert (counted["mirrors"], counted["mirror_cost_nanousd"], counted[f"d{bucket(620)}"]) == (1, 8, 1)
    assert "served:b" not in counted
    assert "fallbacks" not in counted
    assert of_target("b/m", watched)[f"d{bucket(400)}"] == 1


def test_a_clock_that_was_set_back_makes_no_time_negative():
    back = event(attempt(at_ms=AT_MS - 5_000))
    assert observed.of_request(back)["ttft_ms"] == 150


def test_an_answer_without_an_attempt_came_from_nowhere():
    assert +observed.of_request(event(cache="hit")) == {f"d{bucket(620)}": 1, "answered_ms": 620}


@pytest.mark.parametrize(
    ("decided", "flags", "watched"),
    [("", (), True), ("digest", (), False), ("digest", ("fallback",), False), ("digest", ("fallback", "monitoring"), True)],
)
def test_monitoring_is_a_flag_of_what_was_decided(decided, flags, watched):
    assert observed.is_watched(event(attempt(), decided=decided, flags=flags)) is watched


def test_flags_are_counted_beside_those_that_were_decided():
    assert observed.of_flags(event(attempt())) == {}
    assert observed.of_flags(event(attempt(), decided="digest")) == {"decided": 1}
    assert observed.of_flags(event(attempt(), decided="digest", flags=("beta", "fallback"))) == {
        "flag:beta": 1,
        "flag:fallback": 1,
        "decided": 1,
    }


@pytest.mark.parametrize(
    ("over", "compared"),
    [
        ({"compared": True, "baseline_cost_nanousd": 9, "cost_nanousd": 4}, (1, 4, 9)),
        ({"compared": True, "baseline_cost_nanousd": 0, "cost_nanousd": 4}, (1, 4, 0)),
        ({"compared": False, "baseline_cost_nanousd": 0, "cost_nanousd": 4}, (0, 0, 0)),
    ],
)
def test_what_is_compared_is_what_has_a_baseline(over, compared):
    counted = observed.of_comparison(event(attempt(), **over))
    assert tuple(counted[name] for name in ("compared", "compared_cost_nanousd", "compared_baseline_nanousd")) == compared
