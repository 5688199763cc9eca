"""The policies of a snapshot, in the order they are looked at. What a condition says is for `conditions`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

from .conditions import POSITIONS, Facts, Test, Values, demanded, read_by, to_test, to_values

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


INDEXED = ("key", "agent", "team", "tenant", "model")  # the one that leaves the fewest first

On = Callable[[str], bool]


class Policies:
    """In order: the smallest priority first, then by id.

    One that demands one of a few tenants, keys, … is looked at for those alone, so that the policies of others cost a request nothing.
    """

    def __init__(self, rows: Iterable[Policy]) -> None:
        self.rows = tuple(rows)

    def applied(self, facts: Facts, on: On) -> list[Policy]:
        """Those that match, up to the first that does not go on. `on` says whether a flag is on for this request."""
        found = []
        for policy, matches in self._looked_at(facts, on):
            if matches:
                found.append(policy)
                if not policy.goes_on:
                    break
        return found

    def tried(self, facts: Facts, on: On) -> list[tuple[str, bool]]:
        """The id of each policy that was looked at, and whether it matched."""
        rows = []
        for policy, matches in self._looked_at(facts, on):
            rows.append((policy.id, matches))
            if matches and not policy.goes_on:
                break
        return rows

    @cached_property
    def headers(self) -> frozenset[str]:
        """The names, in lower case, of those that any condition reads."""
        return frozenset(item for row in self.rows for field, item in read_by(row.conditions) if field == "headers")

    def _looked_at(self, facts: Facts, on: On) -> Iterator[tuple[Policy, bool]]:
        if not self.rows:
            return
        values, tests = to_values(facts), self._tests
        for position in self._positions(values):
            policy = self.rows[position]
            if policy.flag is not None and not on(policy.flag):
                yield policy, False
                continue
            test = tests[position]
            if test is None:
                test = tests[position] = to_test(policy.conditions)
            yield policy, test(values)

    def _positions(self, values: Values) -> Sequence[int]:
        by_value, rest = self._index
        found = [rows for field, of in by_value if (rows := of.get(values[field]))]
        return sorted(chain(rest, *found)) if found else rest

    @cached_property
    def _tests(self) -> list[Test | None]:
        """Made when first needed: of ten thousand policies a container may never look at most."""
        return [None] * len(self.rows)

    @cached_property
    def _index(self) -> tuple[list[tuple[int, dict[str, list[int]]]], list[int]]:
        """By the position of each indexed field and its value; and those that have to be looked at for every request."""
        by_value: dict[str, dict[str, list[int]]] = {name: {} for name in INDEXED}
        rest = []
        for position, row in enumerate(self.rows):
            demand = demanded(row.conditions)
            field = next((name for name in INDEXED if name in demand), None)
            if field is None:
                rest.append(position)
                continue
            for value in dict.fromkeys(demand[field]):
                by_value[field].setdefault(value, []).append(position)
        return [(POSITIONS[name], rows) for name, rows in by_value.items() if rows], rest


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
