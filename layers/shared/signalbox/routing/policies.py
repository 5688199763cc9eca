"""The policies of a snapshot, in the order they are looked at. What a condition says is for `conditions`."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})


class Mirror(NamedTuple):
    """The share of requests, in percent, that is also sent to `target`, whose answer nobody waits for."""

    target: str
    percent: float


class Actions(NamedTuple):
    """What a policy does; None and empty: leaves it as it is. `timeouts` are those of `catalog.Timeouts`, by name; cost is nano-dollars."""

    route: str | None = None
    strategy: str | None = None
    add_targets: tuple[str, ...] = ()
    remove_targets: tuple[str, ...] = ()
    weights: Mapping[str, float] = NO_WEIGHTS
    max_tokens: int | None = None
    max_cost_nanousd: int | None = None
    timeouts: Mapping[str, float | None] = NO_WEIGHTS
    cache: Any = None  # as the document has it; what answers are cached by
    deny: str | None = None
    mirror: Mirror | None = None


class Policy(NamedTuple):
    """Active ones only. `conditions` are in the compiled form of `conditions`. `goes_on`: the next that matches counts as well."""

    id: str
    name: str
    priority: int
    conditions: Any
    actions: Actions
    flag: str | None = None
    goes_on: bool = False


class Policies:
    """In order: the smallest priority first, then by id."""

    def __init__(self, rows: Iterable[Policy]) -> None:
        self.rows = tuple(rows)


def to_policies(compiled: Iterable[Mapping[str, Any]]) -> Policies:
    """From the stored form, in its order."""
    return Policies(_policy(row) for row in compiled)


def _policy(row: Mapping[str, Any]) -> Policy:
    actions = dict(row["actions"])
    for name in ("add_targets", "remove_targets"):
        actions[name] = tuple(actions.get(name, ()))
    if actions.get("mirror"):
        actions["mirror"] = Mirror(**actions["mirror"])
    return Policy(**{**row, "actions": Actions(**actions)})
