"""The same decision again, from what was written down of the first time: bit for bit, or said where it is not."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from .catalog import Snapshot, Target
from .decide import Decision, decide
from .inputs import Inputs, Lack, digest_of, from_json
from .worst import reachable

Row = Mapping[str, Any]  # the detail of a `UsageRecorded`, as the traffic log has it
LackOf = Callable[[Target], Lack | None]


class Recorded(NamedTuple):
    """What the text of a row's inputs says; `snapshot` is the digest of the one that decided."""

    inputs: Inputs
    lacks: Mapping[str, Lack]
    snapshot: str

    def decide(self, snapshot: Snapshot, lack_of: LackOf | None = None) -> Decision | None:
        """None where the snapshot knows no such model. Who lacks what is as it was, unless `lack_of` says it."""
        route = snapshot.route(self.inputs.features.model)
        return route and decide(self.inputs, snapshot, route, lack_of or (lambda target: self.lacks.get(target.id)))


def recorded(row: Row) -> Recorded:
    return Recorded(*from_json(row["inputs"]))


def replayed(inputs: str, snapshot: Snapshot) -> Decision | None:
    """By the text that a record holds."""
    return Recorded(*from_json(inputs)).decide(snapshot)


def holds(row: Row, snapshot: Snapshot) -> bool:
    return next(differences(row, snapshot), None) is None


def differences(row: Row, snapshot: Snapshot) -> Iterator[str]:
    """What is not as the row says, when `snapshot`, which decided then, decides again. Nothing: it holds, bit for bit."""
    if digest_of(row["inputs"]) != row["decision"]:
        yield "inputs: the text is not the one that the digest was taken of"
    decision = replayed(row["inputs"], snapshot)
    if decision is None:
        yield f"route: the snapshot knows no model {row['model']!r}"
    elif digest(decision) != row["decided"]:
        said = [f"{name}: was {was!r}, is {now!r}" for name, was, now in _told(row, decision) if was != now]
        said += _tried(row, decision)
        yield from said or ["decision: another digest, in something that the record does not name"]


def _told(row: Row, decision: Decision) -> Iterator[tuple[str, Any, Any]]:
    """(name, as recorded, as decided now) of what a record says in words."""
    for name, now in (
        ("route", decision.route),
        ("policy", decision.policy),
        ("policies", list(decision.policies)),
        ("flags", list(decision.flags)),
        ("strategy", decision.strategy),
        ("default_target", decision.default),
    ):
        yield name, row.get(name, type(now)()), now


def _tried(row: Row, decision: Decision) -> Iterator[str]:
    """Who was tried first need not be who was to be: one at its capacity, or without a key, is passed over and is no attempt."""
    tried = next((attempt["target"] for attempt in row.get("attempts", ()) if not attempt.get("purpose")), None)
    if tried and tried not in reachable(decision):
        yield f"target: {tried!r} was tried first, and is not among those to try: {list(decision.targets)}"
    elif tried and tried != decision.targets[0]:
        before = list(decision.targets[: decision.targets.index(tried)]) if tried in decision.targets else list(decision.targets)
        yield f"target: {tried!r} was tried first, and stands behind {before}, which may have been passed over then"


def digest(decision: Decision) -> str:
    """Of what was decided, not of the words it was explained in.

    A field at its default is left out, so that one which is new in `Decision` leaves the digests of older traffic as they are.
    """
    defaults = Decision._field_defaults
    said = {name: value for name, value in decision._asdict().items() if name not in defaults or value != defaults[name]}
    said.pop("reasons", None)
    if "passed" in said:
        said["passed"] = [id for id, _ in decision.passed]
    if "warning" in said:
        said["warning"] = True
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    """Of what JSON has no words for: a read-only mapping, a set."""
    return dict(value) if hasattr(value, "keys") else sorted(value)
