"""Conditions filed by what each demands for certain, so that of many only those are asked that may hold."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .conditions import FIELDS, TEXTS, Read, Values, reader

# What of a condition it is filed by: the first of these that it demands, which is the one that leaves the fewest.
WHOSE = ("key", "agent", "team", "tenant", "tags", "headers", "segment", "model", "circuits", "uses")
FILED_BY = (*WHOSE, "budget_used", "tokens", "max_tokens", "complexity", "dialect", "stream")
SAME = ("eq", "in")

Positions = list[int]
Those = Callable[[list[Any], Positions, Any], Positions]
# Of the positions in the order of their operands, those for which what is seen compares so.
COMPARED: Mapping[str, Those] = {
    "gt": lambda operands, positions, seen: positions[: bisect_left(operands, seen)],
    "gte": lambda operands, positions, seen: positions[: bisect_right(operands, seen)],
    "lt": lambda operands, positions, seen: positions[bisect_right(operands, seen) :],
    "lte": lambda operands, positions, seen: positions[bisect_left(operands, seen) :],
}


class Demand(NamedTuple):
    """One that has to hold: what is seen of a field's item is one of several, or compares so with one."""

    field: str
    item: str
    operator: str
    operands: Sequence[Any]


class Index:
    def __init__(self, conditions: Iterable[Sequence[Any]], by: Sequence[str] = FILED_BY) -> None:
        """In the stored form. Each is known by its position. `by` are fields."""
        same: dict[tuple[str, str], dict[Any, Positions]] = {}
        compared: dict[tuple[str, str], list[tuple[Any, int]]] = {}
        self._rest: Positions = []  # to be asked of every request
        for position, node in enumerate(conditions):
            demands = _demands(node, by)
            if not demands:
                self._rest.append(position)
            for field, item, operator, operands in demands:
                if operator in COMPARED:
                    compared.setdefault((field, operator), []).append((operands[0], position))
                    continue
                by_value = same.setdefault((field, item), {})
                for value in operands:
                    by_value.setdefault(value, []).append(position)
        self._of_one: list[tuple[Read, dict[Any, Positions]]] = []
        self._of_several: list[tuple[Read, dict[Any, Positions]]] = []
        for (field, item), by_value in same.items():
            (self._of_several if FIELDS[field].kind == TEXTS else self._of_one).append((reader(field, item), by_value))
        self._compared: list[tuple[Read, Those, list[Any], Positions]] = []
        for (field, operator), rows in compared.items():
            rows.sort()
            those = COMPARED[operator]
            self._compared.append((reader(field, ""), those, [operand for operand, _ in rows], [position for _, position in rows]))

    def positions(self, values: Values) -> Sequence[int]:
        """Of those that may hold, in order: every one that does is among them."""
        found = [rows for read, by_value in self._of_one if (rows := by_value.get(read(values)))]
        found += [rows for read, by_value in self._of_several for value in read(values) if (rows := by_value.get(value))]
        for read, those, operands, positions in self._compared:
            if (seen := read(values)) is not None:
                found.append(those(operands, positions, seen))
        return sorted({*self._rest}.union(*found)) if found else self._rest


def _demands(node: Sequence[Any], by: Sequence[str]) -> list[Demand]:
    """One of these at the least holds where the node does; none: nothing is certain of it."""
    match node[0]:
        case "all":
            return min(filter(None, (_demands(inner, by) for inner in node[1])), key=lambda found: _rank(found, by), default=[])
        case "any":
            each = [_demands(inner, by) for inner in node[1]]
            return [demand for found in each for demand in found] if all(each) else []
        case "is":
            _, field, item, operator, operand = node
            if field in by and operator in (*SAME, *COMPARED):
                return [Demand(field, item, operator, tuple({*operand}) if operator == "in" else (operand,))]
    return []


def _rank(demands: Sequence[Demand], by: Sequence[str]) -> int:
    return max(by.index(demand.field) for demand in demands)
