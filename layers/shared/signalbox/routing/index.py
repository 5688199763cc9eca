"""Conditions filed by one thing that each demands, so that of many only those are asked that may hold."""

from collections.abc import Iterable, Sequence
from typing import Any

from .conditions import FIELDS, TEXTS, Read, Values, reader

# What of a condition it is filed by: the first of these that it demands, which is the one that leaves the fewest.
FILED_BY = ("key", "agent", "team", "tenant", "tags", "headers", "segment", "model", "circuits", "uses", "dialect", "stream")
DEMANDS = ("eq", "in")

Place = tuple[str, str]  # a field and its item


class Index:
    def __init__(self, conditions: Iterable[Sequence[Any]]) -> None:
        """In the stored form. Each is known by its position."""
        filed: dict[Place, dict[Any, list[int]]] = {}
        self._rest: list[int] = []  # to be asked of every request
        for position, node in enumerate(conditions):
            demands = _demands(node)
            if not demands:
                self._rest.append(position)
                continue
            place = min(demands, key=_rank)
            for value in demands[place]:
                filed.setdefault(place, {}).setdefault(value, []).append(position)
        self._of_one: list[tuple[Read, dict[Any, list[int]]]] = []
        self._of_several: list[tuple[Read, dict[Any, list[int]]]] = []
        for place, rows in filed.items():
            several = FIELDS[place[0]].kind == TEXTS
            (self._of_several if several else self._of_one).append((reader(*place), rows))

    def positions(self, values: Values) -> Sequence[int]:
        """Of those that may hold, in order: every one that does is among them."""
        found = [rows for read, by_value in self._of_one if (rows := by_value.get(read(values)))]
        found += [rows for read, by_value in self._of_several for value in read(values) if (rows := by_value.get(value))]
        return sorted({*self._rest}.union(*found)) if found else self._rest


def _demands(node: Sequence[Any]) -> dict[Place, set[Any]]:
    """What has to be one of which values for the node to hold."""
    return {
        (leaf[1], leaf[2]): {leaf[4]} if leaf[3] == "eq" else {*leaf[4]}
        for leaf in (node[1] if node[0] == "all" else [node])
        if leaf[0] == "is" and leaf[3] in DEMANDS and leaf[1] in FILED_BY
    }


def _rank(place: Place) -> int:
    return FILED_BY.index(place[0])
