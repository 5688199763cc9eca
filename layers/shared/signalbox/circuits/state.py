"""What is known of one target's health, as `circuits/state` in the control table holds it and as routing sees it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
MARK_CHARS = 6  # hex: with 256 of them one outcome in 65,000 is taken for another, and not counted


class Circuit(NamedTuple):
    """Times are epoch milliseconds. `generation` counts the openings: an outcome of an older one says nothing about this one.

    Everything below `until_ms` is the tracker's own; all of it is empty while the target is well.
    """

    state: str = CLOSED
    generation: int = 0
    until_ms: int = 0  # an open circuit asks for no traffic before this
    openings: int = 0  # in a row, without a calm spell between them: each doubles the wait
    closed_ms: int = 0
    failed_ms: int = 0  # when the newest failure ended
    consecutive: int = 0  # failures
    successes: int = 0  # of probes, while half open
    window: tuple[tuple[int, int, int], ...] = ()  # (when the slot began, good, bad), oldest first
    seen: tuple[str, ...] = ()  # the marks of outcomes already counted, newest last


def to_plain(circuit: Circuit) -> dict[str, Any]:
    """Without `seen`, which is stored apart, and without what is at its default: every request reads this."""
    plain = circuit._asdict() | {"window": [list(slot) for slot in circuit.window]}
    return {name: value for name, value in plain.items() if value and value != CLOSED and name != "seen"}


def to_circuit(plain: Mapping[str, Any], marks: str = "") -> Circuit:
    """From what DynamoDB gives back, whose numbers may be Decimals; a missing field is its default."""
    return Circuit(
        state=plain.get("state", CLOSED),
        generation=int(plain.get("generation", 0)),
        until_ms=int(plain.get("until_ms", 0)),
        openings=int(plain.get("openings", 0)),
        closed_ms=int(plain.get("closed_ms", 0)),
        failed_ms=int(plain.get("failed_ms", 0)),
        consecutive=int(plain.get("consecutive", 0)),
        successes=int(plain.get("successes", 0)),
        window=tuple((int(slot), int(good), int(bad)) for slot, good, bad in plain.get("window", ())),
        seen=tuple(marks[at : at + MARK_CHARS] for at in range(0, len(marks), MARK_CHARS)),
    )


def to_circuits(item: Mapping[str, Any] | None, marks: Mapping[str, str] = MappingProxyType({})) -> dict[str, Circuit]:
    """Every target that ever failed. One that is not in it has a closed circuit of generation 0."""
    return {target: to_circuit(plain, marks.get(target, "")) for target, plain in (item or {}).get("targets", {}).items()}


def view(item: Mapping[str, Any] | None, now_ms: int) -> dict[str, Circuit]:
    """What routing sees: an open circuit whose time has passed is half open, although nobody has written that down yet."""
    return {target: seen_at(circuit, now_ms) for target, circuit in to_circuits(item).items()}


def seen_at(circuit: Circuit, now_ms: int) -> Circuit:
    if circuit.state == OPEN and now_ms >= circuit.until_ms:
        return circuit._replace(state=HALF_OPEN, successes=0)
    return circuit
