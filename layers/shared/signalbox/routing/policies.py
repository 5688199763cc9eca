"""The policies of a snapshot, in the order they are looked at. What a condition says is for `conditions`."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from .conditions import Facts, Test, read_by, to_test, to_values
from .index import WHOSE, Index

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


On = Callable[[str], bool]


class Policies:
    """In order: the smallest priority first, then by id.

    One that demands a tenant, a tag, so many tokens, … is looked at for those alone, so that the policies of others cost a request nothing.
    """

    def __init__(self, rows: Iterable[Policy]) -> None:
        self.rows = tuple(rows)

    def applied(self, facts: Facts, on: On) -> list[Policy]:
        """Those that match, up to the first that does not go on. `on` says whether a flag is on for this request."""
        return [policy for policy, matches in self._looked_at(self._index, facts, on) if matches]

    def tried(self, facts: Facts, on: On) -> list[tuple[str, bool]]:
        """The id of each policy that was looked at, and whether it matched. Of those that are for others nothing is told."""
        told = Index((row.conditions for row in self.rows), WHOSE)
        return [(policy.id, matches) for policy, matches in self._looked_at(told, facts, on)]

    @cached_property
    def headers(self) -> frozenset[str]:
        """The names, in lower case, of those that any condition reads."""
        return frozenset(item for row in self.rows for field, item in read_by(row.conditions) if field == "headers")

    def _looked_at(self, index: Index, facts: Facts, on: On) -> list[tuple[Policy, bool]]:
        if not self.rows:
            return []
        values, rows, tests = to_values(facts), self.rows, self._tests
        found = []
        for position in index.positions(values):
            matches = (tests[position] or self._test(position))(values) and ((flag := rows[position].flag) is None or on(flag))
            found.append((rows[position], matches))
            if matches and not rows[position].goes_on:
                break
        return found

    def _test(self, position: int) -> Test:
        test = self._tests[position] = to_test(self.rows[position].conditions)
        return test

    @cached_property
    def _tests(self) -> list[Test | None]:
        """Made when first needed: of ten thousand policies a container may never look at most."""
        return [None] * len(self.rows)

    @cached_property
    def _index(self) -> Index:
        return Index(row.conditions for row in self.rows)


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
