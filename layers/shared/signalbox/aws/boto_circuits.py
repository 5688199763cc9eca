"""The one item that holds every circuit: read, folded into, written on the condition that nobody was faster.

Transitions wait in the item until the bus has taken them: a crash between the two tells them later, with the same event id.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from ..circuits.machine import Outcome, Transition
from ..circuits.tracker import track
from . import boto_bus, boto_tables

PK, SK = "circuits", "state"
TRIES = 8


class Contended(Exception):
    """Others wrote the circuits at every try. The outcomes are still in the queue."""


def read(control: Any) -> dict[str, Any]:
    return boto_tables.get(control, PK, SK) or {"pk": PK, "sk": SK, "version": 0, "targets": {}}


def fold(control: Any, bus: str, outcomes: Sequence[Outcome], now_ms: int) -> list[Transition]:
    """Folds the outcomes in and tells the bus what came of it, and what an earlier writer could not tell."""
    for attempt in range(TRIES):
        item = read(control)
        targets, transitions = track(item, outcomes, now_ms)
        unpublished = item.get("unpublished", []) + [_to_event(transition) for transition in transitions]
        if targets != item["targets"]:
            if not _written(control, item, targets, unpublished):
                boto_tables.pause(attempt)
                continue
            item = item | {"version": item["version"] + 1, "targets": targets}
        if unpublished:
            boto_bus.publish(bus, [(event["name"], event["detail"]) for event in unpublished])
            _written(control, item, item["targets"], [])  # refused: somebody wrote since, and will tell them once more
        return transitions
    raise Contended(f"the circuits were written by others {TRIES} times in a row")


def _written(control: Any, item: dict[str, Any], targets: dict[str, Any], unpublished: Iterable[dict[str, Any]]) -> bool:
    new = item | {"version": item["version"] + 1, "targets": targets, "unpublished": list(unpublished)}
    return not boto_tables.refused(
        control.put_item,
        Item=new,
        ConditionExpression="attribute_not_exists(pk) OR #version = :read",
        ExpressionAttributeNames={"#version": "version"},
        ExpressionAttributeValues={":read": item["version"]},
    )


def _to_event(transition: Transition) -> dict[str, Any]:
    name, target, generation = transition.name, transition.target, transition.generation
    detail = {
        "version": 1,
        "id": f"{name}#{target}#{generation}#{transition.at_ms}",
        "at_ms": transition.at_ms,
        "target": target,
        "generation": generation,
        "reason": transition.reason,
    }
    return {"name": name, "detail": detail}
