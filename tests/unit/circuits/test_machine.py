import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.circuits.machine import DEFAULTS, EFFECTS, GOOD, IGNORED, Outcome, fold
from signalbox.circuits.state import CLOSED, HALF_OPEN, OPEN, Circuit, to_circuit, to_plain, view
from signalbox.circuits.tracker import outcomes_of, track
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


def test_view_shows_an_open_circuit_half_open_once_its_time_has_passed():
    item = {"targets": {TARGET: to_plain(opened())}}
    assert view(item, NOW)[TARGET].state == OPEN
    assert view(item, NOW + 30_000)[TARGET].state == HALF_OPEN
    assert view(None, NOW) == {}


def test_nothing_is_stored_for_a_target_that_never_failed():
    assert track(None, [outcome(n, "ok") for n in range(20)], NOW) == ({}, [])


def test_a_target_that_is_well_again_is_not_written_anew():
    plain, _ = track(None, [outcome(1), outcome(2, "ok", at_ms=NOW + 1)], NOW)
    later = NOW + DEFAULTS.stale_ms + 1_000
    quiet, _ = track({"targets": plain}, [outcome(3, "ok", at_ms=later)], later)
    assert quiet[TARGET]["seen"] == []
    assert track({"targets": quiet}, [outcome(4, "ok", at_ms=later)], later)[0] == quiet


def test_yesterdays_failures_change_nothing_today():
    assert track(None, [outcome(n) for n in range(9)], NOW + 86_400_000) == ({}, [])


def test_a_batch_is_taken_in_the_order_the_attempts_began():
    mixed = [outcome(9, "ok", at_ms=NOW + 9)] + [outcome(n, at_ms=NOW + n) for n in (3, 1, 4, 2)]
    plain, transitions = track(None, mixed, NOW + 1_000)
    assert (plain[TARGET]["consecutive"], transitions) == (0, [])


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
    once, _ = track(None, batch, now_ms)
    twice, transitions = track({"targets": once}, batch, now_ms)
    assert (twice, transitions) == (once, [])


@given(BATCH, st.randoms())
def test_the_order_within_a_batch_is_of_no_consequence(batch, random):
    shuffled = random.sample(batch, len(batch))
    assert track(None, batch, NOW) == track(None, shuffled, NOW)


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
        assert to_circuit(to_plain(circuit)) == circuit
