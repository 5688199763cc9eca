"""Conditions from the way a document writes them to the stored form of `routing.conditions`, each fault in them named by its place."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..circuits.state import CLOSED, HALF_OPEN, OPEN
from ..providers.fit import NEEDS
from ..routing.conditions import FIELDS, NUMBER, OPERATORS, TEXTS, TIME, TRUTH
from .fields import SECRET_OPTION, names, shown
from .source import Finding, Path
from .windows import InvalidWindow, to_plain

MAX_DEPTH = 10
GROUPS = ("all", "any", "not")
# All that a field can be, where that is known; for such a field, and for truths, only what asks whether it is the same has a sense.
CHOICES = {
    "circuits": (CLOSED, OPEN, HALF_OPEN),
    "dialect": ("anthropic_messages", "openai_chat", "openai_completions", "openai_embeddings", "openai_responses"),
    "uses": tuple(NEEDS),
}
SAME = ("eq", "ne", "in", "not_in")
LISTS = ("in", "not_in")
HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")
OPENS_DOORS = re.compile(r"authorization|cookie|signature|credential")

Node = list[Any]


class Leaf(NamedTuple):
    """One thing that is asked, and where it stands in the conditions. `item` is a header's name or a target's id."""

    path: Path
    field: str
    item: str
    operator: str
    operand: Any


class InvalidConditions(ValueError):
    """`faults` are all of them, each with its path inside the conditions."""

    def __init__(self, faults: list[Finding]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, path))}: {message}" for path, message in faults))
        self.faults = faults


def to_compiled(conditions: Mapping[str, Any]) -> Node:
    """Raises InvalidConditions."""
    return read(conditions)[0]


def read(conditions: Mapping[str, Any]) -> tuple[Node, list[Leaf]]:
    """The stored form, and all that is asked in it. Raises InvalidConditions."""
    reading = _Reading()
    node = reading.mapping(conditions, ())
    if reading.faults:
        raise InvalidConditions(reading.faults)
    return node, reading.leaves


class _Reading:
    def __init__(self) -> None:
        self.faults: list[Finding] = []
        self.leaves: list[Leaf] = []

    def mapping(self, plain: Any, path: Path) -> Node:
        """All of its entries have to hold."""
        if not isinstance(plain, Mapping):
            return self._fault(path, f"not a mapping; write `field: value` lines below it, not {shown(plain)}")
        if sum(1 for part in path if part in GROUPS) > MAX_DEPTH:
            return self._fault(path, f"nested more than {MAX_DEPTH} deep; write it as several policies")
        if path and not plain:
            return self._fault(path, "empty; name a field, or take it out")
        nodes = [self._entry(key, value, (*path, key)) for key, value in plain.items()]
        return ["all", [inner for node in nodes for inner in (node[1] if node and node[0] == "all" else [node])]]

    def _entry(self, key: str, value: Any, path: Path) -> Node:
        if key == "not":
            return ["not", self.mapping(value, path)]
        if key in GROUPS:
            if not isinstance(value, list) or not value:
                return self._fault(path, f"a list of conditions, one at least, not {shown(value)}")
            return [key, [self.mapping(row, (*path, position)) for position, row in enumerate(value)]]
        if key not in FIELDS:
            return self._fault(path, f"there is no such field; the fields are: {names([*FIELDS, *GROUPS])}")
        if not FIELDS[key].of:
            return ["all", [*self._matches(key, "", value, path)]]
        if not isinstance(value, Mapping) or not value:
            return self._fault(path, f"write `{FIELDS[key].of}: value` lines below it, not {shown(value)}")
        rows = [(self._item(key, item, (*path, item)), match, (*path, item)) for item, match in value.items()]
        return ["all", [node for item, match, where in rows for node in self._matches(key, item, match, where)]]

    def _item(self, field: str, item: str, path: Path) -> str:
        if field != "headers":
            return item
        name = item.lower()
        if not HEADER.fullmatch(name):
            self._fault(path, f"{shown(item)} is no name of a header")
        if OPENS_DOORS.search(name) or SECRET_OPTION.search(name.replace("-", "_")):
            self._fault(path, "a header that holds a secret; what conditions read is kept with the request, so name another")
        return name

    def _matches(self, field: str, item: str, match: Any, path: Path) -> Iterator[Node]:
        """One node for each operator: `tokens: {gt: 1, lt: 9}` is two."""
        if FIELDS[field].kind == TIME:
            try:
                yield ["is", field, item, "within", to_plain(match)]
            except InvalidWindow as error:
                self._fault((*path, *error.path), str(error))
            return
        if not isinstance(match, Mapping):
            match = {"in" if isinstance(match, list) else "eq": match}
            wheres = [path]
        else:
            wheres = [(*path, operator) for operator in match]
        if not match:
            self._fault(path, f"empty; write a value, or one of: {names(_operators(field))}")
        for (operator, operand), where in zip(match.items(), wheres, strict=True):
            if operator not in _operators(field):
                self._fault(where, f"{field} knows no {shown(operator)}; it knows: {names(_operators(field))}")
            elif message := _unfit(field, operator, operand):
                self._fault(where, message)
            else:
                self.leaves.append(Leaf(where, field, item, operator, operand))
                yield ["is", field, item, operator, operand]

    def _fault(self, path: Path, message: str) -> Node:
        self.faults.append((path, message))
        return ["all", []]


def _operators(field: str) -> tuple[str, ...]:
    known = OPERATORS[FIELDS[field].kind]
    return tuple(name for name in known if name in (*SAME, "contains", "exists") or field not in CHOICES)


def _unfit(field: str, operator: str, operand: Any) -> str | None:
    if operator == "exists":
        return None if isinstance(operand, bool) else f"true or false, not {shown(operand)}"
    several = operator in LISTS or (operator == "contains" and FIELDS[field].kind == TEXTS and isinstance(operand, list))
    if not several:
        return _wrong(field, operand)
    if not isinstance(operand, list) or not operand:
        return f"a list of values, one at least, not {shown(operand)}"
    return next((message for value in operand if (message := _wrong(field, value))), None)


def _wrong(field: str, value: Any) -> str | None:
    kind = FIELDS[field].kind
    if kind == TRUTH:
        return None if isinstance(value, bool) else f"true or false, not {shown(value)}"
    if kind == NUMBER:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return None if fits else f"a number, not {shown(value)}"
    if not isinstance(value, str):
        return f"a text, not {shown(value)}; write it in quotes"
    if not value:
        return "an empty text, which nothing is; ask by `exists: false` for what is not there"
    if field in CHOICES and value not in CHOICES[field]:
        return f"{shown(value)} is none of: {names(CHOICES[field])}"
    return None
