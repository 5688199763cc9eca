"""How one outcome changes one target's circuit: closed → open → half open → closed, or open again for twice as long.

Everything is reckoned from the outcomes' own times, so that the same outcomes always come to the same state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from .state import CLOSED, HALF_OPEN, MARK_CHARS, OPEN, Circuit, seen_at

IGNORED, GOOD, COUNTS, TRIPS = "ignored", "good", "counts", "trips"

# What each way an attempt can end says of the target. One that is not here counts as a failure.
EFFECTS = {
    "ok": GOOD,
    "bad_request": IGNORED,  # the caller's doing
    "unknown_model": IGNORED,
    "context_too_long": IGNORED,
    "unaffordable": IGNORED,  # never sent
    "no_key": IGNORED,
    "deadline": IGNORED,  # the caller's time was up
    "abandoned": IGNORED,
    "content_filtered": IGNORED,
    "key_refused": IGNORED,  # another key of the same provider took its place
    "key_limited": IGNORED,
    "at_capacity": IGNORED,  # never sent
    "spent": IGNORED,  # never sent
    "outrun": IGNORED,  # slower than another is not ill
    "auth": TRIPS,  # no later attempt fares better until an operator acts
    "not_found": TRIPS,
    "rate_limited": COUNTS,
    "overloaded": COUNTS,
    "server": COUNTS,
    "unreachable": COUNTS,
    "malformed": COUNTS,
    "cut": COUNTS,
    "timeout": COUNTS,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """When a circuit opens, for how long, and what closes it. What routing.yaml may change of it is in `config.document`."""

    consecutive: int = 5
    ratio_percent: int = 50  # of the outcomes in the window, once there are `minimum` of them
    minimum: int = 10
    slot_ms: int = 10_000
    slots: int = 6  # the window: the last 60 s
    open_ms: int = 30_000  # doubled by each opening that follows without a calm spell
    open_max_ms: int = 600_000
    calm_ms: int = 600_000  # closed for so long: the next opening is a first one again
    successes: int = 2  # probes that close it
    remembered: int = 256  # newest outcomes known by their mark, so that one delivered twice counts once
    stale_ms: int = 300_000  # an outcome older than this, from a backlog or a replay, no longer says how a target is
    ahead_ms: int = 60_000  # no clock is that fast: an outcome from further ahead would hold a circuit open for as long


DEFAULTS = Settings()


def to_settings(compiled: Mapping[str, Any]) -> Settings:
    """From the stored form of a configuration; a version from before circuits had settings has the defaults."""
    return Settings(**compiled.get("circuits", {}))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended. `at_ms` is when it began, `generation` that of the circuit at that moment."""

    id: str
    target: str
    kind: str
    at_ms: int
    ended_ms: int
    generation: int
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """`name` is the event's."""

    name: str
    target: str
    generation: int
    reason: str
    at_ms: int


def fold(circuit: Circuit, outcome: Outcome, settings: Settings = DEFAULTS) -> tuple[Circuit, tuple[Transition, ...]]:
    """The circuit after this outcome, and what has happened to it."""
    effect = EFFECTS.get(outcome.kind, COUNTS)
    mark = blake2b(outcome.id.encode(), digest_size=MARK_CHARS // 2).hexdigest()
    if effect == IGNORED or outcome.generation < circuit.generation or mark in circuit.seen:
        return circuit, ()
    transitions: tuple[Transition, ...] = ()
    if circuit.state == OPEN:
        circuit = seen_at(circuit, outcome.at_ms)
        if circuit.state == OPEN:
            return circuit, ()  # begun before its time, for want of a better target: the wait stands
        transitions = (_transition("CircuitHalfOpened", circuit, outcome, "the wait is over"),)
    circuit = circuit._replace(seen=(*circuit.seen, mark)[-settings.remembered :])
    circuit, more = _STEPS[circuit.state, effect == GOOD](circuit, outcome, effect, settings)
    return circuit, transitions + more


def settle(circuit: Circuit, now_ms: int, settings: Settings = DEFAULTS) -> Circuit:
    """Forgets what is too old to come again, so that nothing is written while nothing fails."""
    if circuit.state == CLOSED and now_ms - circuit.failed_ms > settings.stale_ms:
        return circuit._replace(window=(), seen=())
    return circuit


def _closed_good(circuit: Circuit, outcome: Outcome, effect: str, settings: Settings) -> tuple[Circuit, tuple[Transition, ...]]:
    return circuit._replace(consecutive=0, window=_counted(circuit, outcome, 1, 0, settings)), ()


def _closed_bad(circuit: Circuit, outcome: Outcome, effect: str, settings: Settings) -> tuple[Circuit, tuple[Transition, ...]]:
    window = _counted(circuit, outcome, 0, 1, settings)
    failed_ms = max(circuit.failed_ms, outcome.ended_ms)
    circuit = circuit._replace(consecutive=circuit.consecutive + 1, window=window, failed_ms=failed_ms)
    bad = sum(slot[2] for slot in window)
    total = bad + sum(slot[1] for slot in window)
    if effect == TRIPS:
        return _opened(circuit, outcome, outcome.kind, settings)
    if circuit.consecutive >= settings.consecutive:
        return _opened(circuit, outcome, f"{circuit.consecutive} failures in a row, the last: {outcome.kind}", settings)
    if total >= settings.minimum and bad * 100 >= total * settings.ratio_percent:
        return _opened(circuit, outcome, f"{bad} of {total} failed within {settings.slots * settings.slot_ms // 1000} s", settings)
    return circuit, ()


def _half_open_good(circuit: Circuit, outcome: Outcome, effect: str, settings: Settings) -> tuple[Circuit, tuple[Transition, ...]]:
    circuit = circuit._replace(successes=circuit.successes + 1)
    if circuit.successes < settings.successes:
        return circuit, ()
    closed = circuit._replace(state=CLOSED, until_ms=0, successes=0, closed_ms=outcome.ended_ms)
    return closed, (_transition("CircuitClosed", closed, outcome, f"{settings.successes} probes succeeded"),)


def _half_open_bad(circuit: Circuit, outcome: Outcome, effect: str, settings: Settings) -> tuple[Circuit, tuple[Transition, ...]]:
    return _opened(circuit, outcome, f"a probe failed: {outcome.kind}", settings)


_STEPS = {
    (CLOSED, True): _closed_good,
    (CLOSED, False): _closed_bad,
    (HALF_OPEN, True): _half_open_good,
    (HALF_OPEN, False): _half_open_bad,
}


def _opened(circuit: Circuit, outcome: Outcome, reason: str, settings: Settings) -> tuple[Circuit, tuple[Transition, ...]]:
    calm = circuit.state == CLOSED and outcome.ended_ms - circuit.closed_ms >= settings.calm_ms
    openings = 1 if calm else circuit.openings + 1
    wait_ms = max(settings.open_ms << min(openings - 1, 32), int((outcome.retry_after_s or 0) * 1000))
    opened = Circuit(
        OPEN,
        max(circuit.generation, outcome.generation) + 1,
        until_ms=outcome.ended_ms + min(wait_ms, settings.open_max_ms),
        openings=openings,
        failed_ms=max(circuit.failed_ms, outcome.ended_ms),
    )
    return opened, (_transition("CircuitOpened", opened, outcome, reason),)


def _counted(circuit: Circuit, outcome: Outcome, good: int, bad: int, settings: Settings) -> tuple[tuple[int, int, int], ...]:
    """The window with this outcome in its slot, without the slots that are too old; an outcome may be late itself."""
    slots = {slot: (g, b) for slot, g, b in circuit.window}
    began_ms = outcome.ended_ms - outcome.ended_ms % settings.slot_ms
    so_far = slots.get(began_ms, (0, 0))
    slots[began_ms] = (so_far[0] + good, so_far[1] + bad)
    newest = max(slots)
    return tuple((slot, *slots[slot]) for slot in sorted(slots) if slot > newest - settings.slots * settings.slot_ms)


def _transition(name: str, circuit: Circuit, outcome: Outcome, reason: str) -> Transition:
    return Transition(name, outcome.target, circuit.generation, reason, outcome.ended_ms)
