"""A batch of outcomes folded into what is stored of every circuit. Outcomes come more than once, late and out of order."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from .machine import DEFAULTS, Outcome, Settings, Transition, fold, settle
from .state import Circuit, to_circuits, to_plain

MOST_MARKS = 16_384  # of all targets together: an item of DynamoDB holds 400 KB


class Tracked(NamedTuple):
    """The `targets` and `marks` to store, and the transitions in the order they happened. What is unchanged is equal to what was stored."""

    targets: dict[str, dict[str, Any]]
    marks: dict[str, str]
    transitions: list[Transition]


def outcomes_of(detail: Mapping[str, Any]) -> list[Outcome]:
    """From the detail of `UsageRecorded`: one outcome for each attempt."""
    return [
        Outcome(
            id=f"{detail['id']}#{number}",
            target=attempt["target"],
            kind=attempt["outcome"],
            at_ms=attempt["at_ms"],
            ended_ms=attempt["at_ms"] + attempt["duration_ms"],
            generation=attempt["generation"],
            retry_after_s=attempt.get("retry_after_s"),
        )
        for number, attempt in enumerate(detail["attempts"])
    ]


def track(
    item: Mapping[str, Any] | None, marks: Mapping[str, str], outcomes: Iterable[Outcome], now_ms: int, settings: Settings = DEFAULTS
) -> Tracked:
    circuits = to_circuits(item, marks)
    fresh = [outcome for outcome in outcomes if -settings.ahead_ms <= now_ms - outcome.ended_ms <= settings.stale_ms]
    transitions: list[Transition] = []
    for target, mine in groupby(sorted(fresh, key=lambda outcome: (outcome.target, outcome.at_ms, outcome.id)), lambda o: o.target):
        circuit = circuits.get(target, Circuit())
        for outcome in mine:
            circuit, happened = fold(circuit, outcome, settings)
            transitions += happened
        circuit = settle(circuit, now_ms, settings)
        if target in circuits or circuit != Circuit():
            circuits[target] = circuit
    targets = {target: to_plain(circuit) for target, circuit in circuits.items()}
    return Tracked(targets, _marks(circuits), sorted(transitions, key=lambda t: t.at_ms))


def _marks(circuits: Mapping[str, Circuit]) -> dict[str, str]:
    """Each target's newest, fewer the more targets have any."""
    seen = {target: circuit.seen for target, circuit in circuits.items() if circuit.seen}
    return {target: "".join(marks[-(MOST_MARKS // len(seen)) :]) for target, marks in seen.items()}
