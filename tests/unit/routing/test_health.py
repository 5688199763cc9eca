"""Averages that the newest attempts weigh most in, whatever order they arrive in and however often."""

import random
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.circuits.machine import EFFECTS, IGNORED
from signalbox.routing.health import AHEAD_MS, HALF_LIFE_MS, KEPT_MS, MOST_TARGETS, Sample, folded, to_health
from signalbox.routing.inputs import Health
from signalbox.routing.samples import samples_of

NOW_MS = 1_795_230_000_000
AGAIN = 3 - 2 * sqrt(2)  # how far a batch that is delivered twice may move an average towards its own


def ok(ended_ms=NOW_MS, duration_ms=1_000, ttft_ms=200, target="a/m"):
    return Sample(target, ended_ms, True, duration_ms, ttft_ms)


def failed(ended_ms=NOW_MS, target="a/m"):
    return Sample(target, ended_ms, False)


def after(*batches, now_ms=NOW_MS, stored=None):
    """What is stored after these batches, each read back from what the one before has written."""
    for batch in batches:
        stored = folded(stored or {}, batch, now_ms) or stored
    return stored


def health(*batches, target="a/m", now_ms=NOW_MS):
    return to_health(after(*batches, now_ms=now_ms))[target]


def test_one_attempt_is_its_own_average():
    assert health([ok(duration_ms=900, ttft_ms=120)]) == Health(ttft_ms=120, duration_ms=900, success=1000, at_ms=NOW_MS)


def test_failures_lower_the_success_and_say_nothing_of_times():
    assert health([ok(), failed(), failed(), ok()]) == Health(200, 1_000, 500, NOW_MS)
    assert health([failed()]) == Health(0, 0, 0, NOW_MS)


def test_an_attempt_counts_half_after_a_minute():
    found = health([ok(NOW_MS - HALF_LIFE_MS, duration_ms=4_000)], [ok(duration_ms=1_000)])
    assert found.duration_ms == 2_000  # (4,000 / 2 + 1,000) / 1.5


def test_what_is_old_is_still_the_average_while_nothing_newer_came():
    stored = after([ok(NOW_MS - 50 * 60_000)])
    assert to_health(after([ok(target="b/m")], stored=stored))["a/m"] == Health(200, 1_000, 1000, NOW_MS - 50 * 60_000)


def test_a_time_that_was_not_seen_for_ten_minutes_of_failures_is_unknown():
    failures = [[failed(NOW_MS + minute * 60_000)] for minute in range(1, 12)]
    batches = [[ok()], *failures]
    assert health(*batches[:9], now_ms=NOW_MS + 660_000).ttft_ms == pytest.approx(200, rel=0.01)
    assert health(*batches, now_ms=NOW_MS + 660_000) == Health(0, 0, 0, NOW_MS + 660_000)


@pytest.mark.parametrize(("ended_ms", "counts"), [(-KEPT_MS, True), (-KEPT_MS - 1, False), (AHEAD_MS, True), (AHEAD_MS + 1, False)])
def test_a_backlog_and_a_clock_that_is_far_ahead_say_nothing(ended_ms, counts):
    assert (folded({}, [ok(NOW_MS + ended_ms)], NOW_MS) is not None) == counts


def test_a_batch_that_says_nothing_writes_nothing():
    assert folded(after([ok()]), [], NOW_MS) is None


def test_a_target_without_an_attempt_for_an_hour_is_forgotten():
    stored = after([ok(target="old/m"), ok(NOW_MS + 1, target="young/m")])
    assert sorted(folded(stored, [ok(NOW_MS + KEPT_MS)], NOW_MS + KEPT_MS + 1)) == ["a/m", "young/m"]


def test_made_up_targets_push_out_the_oldest_and_fill_no_item():
    made_up = [ok(NOW_MS + number, target=f"{'p' * 64}/{number:0135}") for number in range(2 * MOST_TARGETS)]
    stored = after([ok()], made_up)
    assert set(stored) == {sample.target for sample in made_up[-MOST_TARGETS:]}
    assert sum(len(target) + 10 * len(row) for target, row in stored.items()) < 200_000  # an item holds 400 KB


BUSY = 1_000  # attempts a second


def test_a_busy_target_is_followed_as_well_as_a_quiet_one():
    """Whole numbers must not swallow the small step that each batch of a long, even stream makes."""
    stored = None
    for second in range(300):
        slow = second >= 240
        now_ms = NOW_MS + second * 1_000
        batch = [Sample("a/m", now_ms, not slow, 1_000, 500 if slow else 100)] * BUSY
        stored = folded(stored or {}, batch, now_ms)
    assert to_health(stored)["a/m"].success == pytest.approx(500, abs=50)
    assert to_health(stored)["a/m"].ttft_ms == pytest.approx(300, abs=20)


attempts = st.builds(
    lambda age_ms, good, duration_ms, ttft_ms: Sample("a/m", NOW_MS - age_ms, good, duration_ms if good else None, ttft_ms),
    st.integers(-AHEAD_MS, 8 * HALF_LIFE_MS),  # nothing so old that it is unknown again
    st.booleans(),
    st.integers(0, 600_000),
    st.none() | st.integers(0, 60_000),
)
batches = st.lists(attempts, min_size=1, max_size=20)
NAMES = ("ttft_ms", "duration_ms", "success")


@given(batches, st.randoms(), st.integers(1, 10))
def test_the_order_in_which_attempts_arrive_makes_no_difference(samples, draw, pieces):
    shuffled = draw.sample(samples, len(samples))
    apart = [shuffled[at::pieces] for at in range(pieces)]
    once, otherwise = health(samples), health(*apart)
    assert otherwise.at_ms == once.at_ms
    for name in NAMES:
        assert getattr(otherwise, name) == pytest.approx(getattr(once, name), rel=0.02, abs=2)


@given(batches, batches)
def test_a_batch_that_is_delivered_twice_moves_no_average_by_more_than_the_bound(before, batch):
    """And a batch alone, twice: not at all."""
    old, own, once, twice = health(before), health(batch), health(before, batch), health(before, batch, batch)
    for name in NAMES:
        was, its, first, second = (getattr(each, name) for each in (old, own, once, twice))
        if name == "success" or (was and its):
            assert abs(second - first) <= AGAIN * abs(its - was) + 0.02 * max(was, its) + 2
    assert tuple(health(batch, batch)) == pytest.approx(tuple(own), abs=2)


def test_the_bound_is_reached():
    """The batch weighs 1/√2 of what was there."""
    before, batch = [failed()] * 141, [ok()] * 100
    moved = health(before, batch, batch).success - health(before, batch).success
    assert moved == pytest.approx(1000 * AGAIN, abs=1)


@given(batches)
def test_an_average_lies_among_its_attempts(samples):
    found = health(samples)
    for name, values in {
        "ttft_ms": [sample.ttft_ms for sample in samples if sample.ttft_ms is not None],
        "duration_ms": [sample.duration_ms for sample in samples if sample.duration_ms is not None],
        "success": [1000 * sample.is_good for sample in samples],
    }.items():
        average = getattr(found, name)
        assert not average or min(values) * 0.98 - 1 <= average <= max(values) * 1.02 + 1


def attempt(outcome="ok", purpose="", **changes):
    return {"target": "a/m", "outcome": outcome, "at_ms": NOW_MS, "duration_ms": 900, "ttft_ms": 80, "purpose": purpose} | changes


def said(*rows):
    return samples_of({"id": "r1", "attempts": list(rows)})


def test_each_attempt_is_a_sample_of_its_own_target():
    assert said(attempt("server", ttft_ms=None), attempt(target="b/m")) == [
        Sample("a/m", NOW_MS + 900, False, None, None),
        Sample("b/m", NOW_MS + 900, True, 900, 80),
    ]


def test_a_stream_that_broke_still_tells_when_it_began():
    assert said(attempt("cut")) == [Sample("a/m", NOW_MS + 900, False, None, 80)]


@pytest.mark.parametrize("kind", sorted(kind for kind, effect in EFFECTS.items() if effect == IGNORED))
def test_what_says_nothing_of_the_target_is_left_out(kind):
    assert said(attempt(kind)) == []


def test_a_mirrors_times_are_nobodys_wait():
    assert said(attempt(purpose="mirror"), attempt("timeout", purpose="mirror")) == [
        Sample("a/m", NOW_MS + 900, True),
        Sample("a/m", NOW_MS + 900, False),
    ]


def test_a_hedge_counts_like_any_other_attempt_and_its_loser_does_not():
    assert said(attempt(purpose="hedge"), attempt("outrun", purpose="hedge")) == [Sample("a/m", NOW_MS + 900, True, 900, 80)]


def test_a_random_stream_comes_to_its_mean():
    draw = random.Random(7)
    stream = [[ok(NOW_MS + tick * 100, duration_ms=draw.randint(500, 1_500))] for tick in range(3_000)]
    assert health(*stream, now_ms=NOW_MS + 300_000).duration_ms == pytest.approx(1_000, rel=0.05)
