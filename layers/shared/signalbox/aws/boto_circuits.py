"""Every circuit: read, folded into, written on the condition that nobody was faster. Uses boto3.

Two items, written together: `state`, which every request reads and which is kept small for that, and `memory`, the tracker's own: the
marks of outcomes already counted, and the transitions that the bus has not taken yet. A crash before it has tells them later, with the
same event id.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..circuits.machine import DEFAULTS, Outcome, Settings, Transition
from ..circuits.tracker import Tracked, track
from . import boto_bus, boto_tables

PK, STATE, MEMORY = "circuits", "state", "memory"
TRIES = 8
MOST_UNPUBLISHED = 200  # of a bus that is down for long the newest are told; an item holds 400 KB


class Contended(Exception):
    """Others wrote the circuits at every try. The outcomes are still in the queue."""


def read(control: Any) -> dict[str, Any]:
    """The state, as every request sees it."""
    return boto_tables.get(control, PK, STATE) or {"version": 0, "targets": {}}


def fold(control: Any, bus: str, outcomes: Sequence[Outcome], now_ms: int, settings: Settings = DEFAULTS) -> list[Transition]:
    """Folds the outcomes in and tells the bus what came of it, and what an earlier writer could not tell."""
    for attempt in range(TRIES):
        state = read(control)
        memory = boto_tables.get(control, PK, MEMORY) or {"marks": {}, "unpublished": []}  # after it: never older than the state
        tracked = track(state, memory["marks"], outcomes, now_ms, settings)
        unpublished = [*memory["unpublished"], *map(asdict, tracked.transitions)]
        version = state["version"]
        if (tracked.targets, tracked.marks) != (state["targets"], memory["marks"]):
            if not _written(control, version, tracked, unpublished):
                boto_tables.pause(attempt)
                continue
            version += 1
        if unpublished:
            boto_bus.publish(bus, [_to_event(Transition(**transition)) for transition in unpublished])
            _told(control, version, tracked.marks)
        return tracked.transitions
    raise Contended(f"the circuits were written by others {TRIES} times in a row")


def _written(control: Any, read: int, tracked: Tracked, unpublished: list[dict[str, Any]]) -> bool:
    state = {"pk": PK, "sk": STATE, "version": read + 1, "targets": tracked.targets}
    put = {"TableName": control.name, "Item": state, "ConditionExpression": "attribute_not_exists(pk) OR #version = :version"}
    memory = {"TableName": control.name, "Item": _memory(read + 1, tracked.marks, unpublished[-MOST_UNPUBLISHED:])}
    return boto_tables.transacted(control, [{"Put": put | _version(read)}, {"Put": memory}])


def _told(control: Any, version: int, marks: dict[str, str]) -> None:
    """Refused where somebody wrote since: they tell it once more."""
    item = _memory(version, marks, [])
    boto_tables.refused(control.put_item, Item=item, ConditionExpression="#version = :version", **_version(version))


def _memory(version: int, marks: dict[str, str], unpublished: list[dict[str, Any]]) -> dict[str, Any]:
    return {"pk": PK, "sk": MEMORY, "version": version, "marks": marks, "unpublished": unpublished}


def _version(version: int) -> dict[str, Any]:
    return {"ExpressionAttributeNames": {"#version": "version"}, "ExpressionAttributeValues": {":version": version}}


def _to_event(transition: Transition) -> tuple[str, dict[str, Any]]:
    name, target, generation = transition.name, transition.target, transition.generation
    id = f"{name}#{target}#{generation}#{transition.at_ms}"
    detail = {"version": 1, "id": id, "at_ms": transition.at_ms, "target": target, "generation": generation, "reason": transition.reason}
    return name, detail
