import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.circuits.machine import DEFAULTS, EFFECTS, GOOD, IGNORED, Outcome, Settings, fold, to_settings
from signalbox.circuits.state import CLOSED, HALF_OPEN, MARK_CHARS, OPEN, Circuit, to_circuit, to_plain, view
from signalbox.circuits.tracker import MOST_MARKS, Tracked, outcomes_of, track
from signalbox.routing.failures import KINDS

NOW = 1_800_000_000_000
TARGET = "openai/gpt-4o-mini"


def outcome(number: int, kind: str = "server", at_ms: int = NOW, generation: int = 0, **rest) -> Outcome:
    return Outcome(f"r{number}#0", TARGET, kind, at_ms, at_ms + 100, generation, **rest)


def folded(circuit: Circuit, *outcomes: Outcome) -> tuple[Circuit, list[str]]:
    names: list[str] = []
    for one in outcomes:
        circuit, transitions = fold(circuit, one)
        names += [transition.name for transition in transitions]
    return circuit, names


def opened(generation: int = 1, until_ms: int = NOW + 30_000, **rest) -> Circuit:
    return Circuit(OPEN, generation, until_ms, openings=1, **rest)


def test_every_failure_kind_has_its_effect():
    assert set(EFFECTS) == set(KINDS) | {"ok"}


def test_five_failures_in_a_row_open_and_four_do_not():
    four, none = folded(Circuit(), *(outcome(n) for n in range(4)))
    five, opens = folded(four, outcome(4))
    assert (four.state, none) == (CLOSED, [])
    assert (five.state, five.generation, opens) == (OPEN, 1, ["CircuitOpened"])
    assert five.until_ms == NOW + 100 + DEFAULTS.open_ms


def test_a_success_between_failures_begins_the_row_anew():
    circuit, names = folded(Circuit(), *(outcome(n) for n in range(4)), outcome(4, "ok"), *(outcome(n) for n in range(5, 9)))
    assert (circuit.state, names) == (CLOSED, [])


def test_half_of_ten_open_and_half_of_eight_do_not():
    eight, _ = folded(Circuit(), *(outcome(n, "ok" if n % 2 else "server") for n in range(8)))
    ten, names = folded(eight, outcome(8, "ok"), outcome(9))
    assert eight.state == CLOSED
    assert (ten.state, names) == (OPEN, ["CircuitOpened"])


def test_failures_further_apart_than_the_window_do_not_make_a_ratio():
    apart = [outcome(n, "ok" if n % 2 else "server", at_ms=NOW + n * 20_000) for n in range(40)]
    assert folded(Circuit(), *apart)[0].state == CLOSED


@pytest.mark.parametrize("kind", [kind for kind, effect in EFFECTS.items() if effect == IGNORED])
def test_the_callers_own_mistakes_never_count(kind):
    assert folded(Circuit(), *(outcome(n, kind) for n in range(50))) == (Circuit(), [])


@pytest.mark.parametrize("kind", ["auth", "not_found"])
def test_what_only_an_operator_can_mend_opens_at_once(kind):
    assert folded(Circuit(), outcome(1, kind))[1] == ["CircuitOpened"]


def test_an_unknown_kind_is_a_failure():
    assert folded(Circuit(), outcome(1, "gremlins"))[0].consecutive == 1


def test_the_providers_own_wait_is_kept_where_it_is_the_longer():
    limited = [outcome(n, "rate_limited", retry_after_s=90.0) for n in range(5)]
    assert folded(Circuit(), *limited)[0].until_ms == NOW + 100 + 90_000


def test_an_older_generation_says_nothing():
    circuit = opened(generation=3)
    assert folded(circuit, outcome(1, "ok", at_ms=NOW + 60_000, generation=2)) == (circuit, [])


def test_an_attempt_made_before_its_time_leaves_the_wait_as_it_is():
    circuit = opened()
    assert folded(circuit, outcome(1, "ok", generation=1), outcome(2, generation=1)) == (circuit, [])


def test_two_successes_after_the_wait_close():
    after = NOW + 30_000
    circuit, names = folded(opened(), *(outcome(n, "ok", at_ms=after, generation=1) for n in range(2)))
    assert (circuit.state, names) == (CLOSED, ["CircuitHalfOpened", "CircuitClosed"])


def test_each_failed_probe_opens_again_for_twice_as_long_up_to_the_cap():
    circuit, waits = opened(), []
    for number in range(8):
        at_ms = circuit.until_ms
        circuit, names = folded(circuit, outcome(number, at_ms=at_ms, generation=circuit.generation))
        assert names == ["CircuitHalfOpened", "CircuitOpened"]
        waits.append((circuit.until_ms - at_ms - 100) // 1000)
    assert waits == [60, 120, 240, 480, 600, 600, 600, 600]
    assert circuit.generation == 9


def test_a_target_that_was_calm_waits_the_short_time_again():
    flapping = Circuit(openings=4, closed_ms=NOW - 1_000)
    calm = flapping._replace(closed_ms=NOW - DEFAULTS.calm_ms)
    assert folded(flapping, outcome(1, "auth"))[0].openings == 5
    assert folded(calm, outcome(1, "auth"))[0].openings == 1


def test_settings_come_with_the_configuration_and_are_the_defaults_in_one_that_has_none():
    assert to_settings({}) == DEFAULTS
    nervous = to_settings({"circuits": {"consecutive": 2, "open_ms": 1_000}})
    circuit, _ = fold(fold(Circuit(), outcome(1), nervous)[0], outcome(2), nervous)
    assert (circuit.state, circuit.until_ms) == (OPEN, NOW + 100 + 1_000)


@pytest.mark.parametrize(("before_ms", "after_ms"), [(10_000, 50_000), (50_000, 10_000)])
def test_a_window_that_is_given_another_length_goes_on_counting(before_ms, after_ms):
    before, after = Settings(slot_ms=before_ms, consecutive=99), Settings(slot_ms=after_ms, consecutive=99)
    circuit = Circuit()
    for number in range(5):
        circuit, _ = fold(circuit, outcome(number), before)
    for number in range(5, 9):
        circuit, _ = fold(circuit, outcome(number), after)
    assert circuit.state == CLOSED
    assert fold(circuit, outcome(9), after)[0].state == OPEN


def test_view_shows_an_open_circuit_half_open_once_its_time_has_passed():
    item = {"targets": {TARGET: to_plain(opened())}}
    assert view(item, NOW)[TARGET].state == OPEN
    assert view(item, NOW + 30_000)[TARGET].state == HALF_OPEN
    assert view(None, NOW) == {}


NOTHING = Tracked({}, {}, [])


def tracked(outcomes, now_ms, before: Tracked = NOTHING, **rest) -> Tracked:
    return track({"targets": before.targets}, before.marks, outcomes, now_ms, **rest)


def test_nothing_is_stored_for_a_target_that_never_failed():
    assert tracked([outcome(n, "ok") for n in range(20)], NOW) == NOTHING


def test_a_target_that_is_well_again_is_not_written_anew():
    once = tracked([outcome(1), outcome(2, "ok", at_ms=NOW + 1)], NOW)
    later = NOW + DEFAULTS.stale_ms + 1_000
    quiet = tracked([outcome(3, "ok", at_ms=later)], later, once)
    assert (len(once.marks[TARGET]), quiet.marks, "window" in quiet.targets[TARGET]) == (2 * MARK_CHARS, {}, False)
    assert tracked([outcome(4, "ok", at_ms=later)], later, quiet) == quiet


def test_yesterdays_failures_change_nothing_today():
    assert tracked([outcome(n) for n in range(9)], NOW + 86_400_000) == NOTHING


def test_tomorrows_failures_change_nothing_today():
    """A circuit that a fast clock opened would stay open until that clock is right."""
    tomorrow = [outcome(n, at_ms=NOW + 86_400_000) for n in range(9)]
    assert tracked(tomorrow, NOW) == NOTHING
    a_minute_ahead = [outcome(n, at_ms=NOW + DEFAULTS.ahead_ms - 100) for n in range(9)]
    assert tracked(a_minute_ahead, NOW).transitions
    assert not tracked(a_minute_ahead, NOW - 1).transitions


def test_a_batch_is_taken_in_the_order_the_attempts_began():
    mixed = [outcome(9, "ok", at_ms=NOW + 9)] + [outcome(n, at_ms=NOW + n) for n in (3, 1, 4, 2)]
    batch = tracked(mixed, NOW + 1_000)
    assert (to_circuit(batch.targets[TARGET]).consecutive, batch.transitions) == (0, [])


def many_targets(count: int) -> Tracked:
    """Each with the longest name, a whole window and all the marks it may have, and then one more failure."""
    names = [f"{'p' * 64}/{number:0128}" for number in range(count)]
    window = tuple((NOW - n * DEFAULTS.slot_ms, 10**6, 10**6) for n in reversed(range(DEFAULTS.slots)))
    full = Circuit(generation=10**6, openings=9, closed_ms=NOW, failed_ms=NOW, consecutive=1, window=window)
    before = Tracked({name: to_plain(full) for name in names}, dict.fromkeys(names, f"{0:0{256 * MARK_CHARS}}"), [])
    easily = Settings(ratio_percent=100)
    return tracked([Outcome("r1#0", name, "server", NOW, NOW + 100, 10**6) for name in names], NOW, before, settings=easily)


@pytest.mark.parametrize("count", [1, 64, 65, 500])
def test_however_many_targets_fail_each_item_stays_far_below_what_dynamodb_holds(count):
    """400 KB, of names and values; JSON is longer than that."""
    all_failing = many_targets(count)
    assert len(all_failing.targets) == len(all_failing.marks) == count
    assert len(json.dumps(all_failing.targets)) < 280_000
    assert len(json.dumps(all_failing.marks)) < 210_000
    each = {len(marks) // MARK_CHARS for marks in all_failing.marks.values()}
    assert each == {min(DEFAULTS.remembered, MOST_MARKS // count)}


def test_the_newest_marks_are_those_that_are_kept():
    last = many_targets(500)
    again = tracked([Outcome("r1#0", name, "server", NOW, NOW + 100, 10**6) for name in last.targets], NOW, last)
    assert (again.targets, again.marks) == (last.targets, last.marks)


def test_outcomes_come_from_each_attempt_of_a_usage_event():
    attempts = [{"target": t, "outcome": k, "at_ms": 5, "duration_ms": 7, "generation": 2} for t, k in (("a/x", "server"), ("b/y", "ok"))]
    assert outcomes_of({"id": "r1", "attempts": attempts}) == [
        Outcome("r1#0", "a/x", "server", 5, 12, 2),
        Outcome("r1#1", "b/y", "ok", 5, 12, 2),
    ]


KIND = st.sampled_from(sorted(EFFECTS))
BATCH = st.lists(st.builds(outcome, st.integers(0, 40), KIND, st.integers(NOW, NOW + 120_000)), max_size=40, unique_by=lambda o: o.id)


@given(BATCH, st.integers(0, 120_000))
def test_a_batch_delivered_twice_counts_once(batch, later_ms):
    now_ms = NOW + 120_100 + later_ms
    once = tracked(batch, now_ms)
    assert tracked(batch, now_ms, once) == once._replace(transitions=[])


@given(BATCH, st.randoms())
def test_the_order_within_a_batch_is_of_no_consequence(batch, random):
    shuffled = random.sample(batch, len(batch))
    assert tracked(batch, NOW + 120_100) == tracked(shuffled, NOW + 120_100)


@given(st.lists(st.tuples(KIND, st.integers(0, 60_000)), max_size=80))
def test_generations_only_grow_and_every_change_of_state_is_told(steps):
    circuit, at_ms = Circuit(), NOW
    for number, (kind, wait_ms) in enumerate(steps):
        at_ms += wait_ms
        before = circuit
        circuit, transitions = fold(circuit, outcome(number, kind, at_ms, generation=circuit.generation))
        assert circuit.generation - before.generation == [t.name for t in transitions].count("CircuitOpened")
        assert bool(transitions) == ((before.state, before.generation) != (circuit.state, circuit.generation))
        assert EFFECTS[kind] != GOOD or circuit.state != OPEN or before.state == OPEN
        assert to_circuit(to_plain(circuit), "".join(circuit.seen)) == circuit
