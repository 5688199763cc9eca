"""What a policy may ask of a request. The stored form becomes a plain function once; asking it never raises, whatever the request holds.

The stored form, which `config.conditions` writes: ["all", [node, …]], ["any", [node, …]], ["not", node], or ["is", field, item, operator,
operand], whose item is a header's name or a target's id, empty for all other fields.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from ..circuits.state import CLOSED
from . import hours
from .inputs import Inputs

TEXT, TEXTS, NUMBER, TRUTH, TIME = "text", "texts", "number", "truth", "time"


class Facts(NamedTuple):
    """What conditions are asked of; `segments` are those of the request's tenant."""

    inputs: Inputs
    segments: frozenset[str] = frozenset()


class Field(NamedTuple):
    """`of` is what each of its items is called, where it has some: each header has a match of its own."""

    kind: str
    get: Callable[[Facts], Any]
    of: str = ""


def _feature(kind: str, name: str, **more: Any) -> Field:
    return Field(kind, attrgetter(f"inputs.features.{name}"), **more)


FIELDS: Mapping[str, Field] = {
    "tenant": _feature(TEXT, "tenant"),
    "team": _feature(TEXT, "team"),
    "key": _feature(TEXT, "key"),
    "agent": _feature(TEXT, "agent"),
    "model": _feature(TEXT, "model"),
    "dialect": _feature(TEXT, "dialect"),
    "segment": Field(TEXTS, attrgetter("segments")),
    "tags": _feature(TEXTS, "tags"),
    "uses": _feature(TEXTS, "uses"),
    "headers": _feature(TEXT, "headers", of="header"),
    "stream": _feature(TRUTH, "stream"),
    "tokens": _feature(NUMBER, "input_tokens"),
    "max_tokens": _feature(NUMBER, "max_tokens"),
    "complexity": _feature(NUMBER, "complexity"),
    "budget_used": Field(NUMBER, attrgetter("inputs.budget_used")),
    "circuits": Field(TEXT, attrgetter("inputs.circuits"), of="target"),
    "time": Field(TIME, attrgetter("inputs.now_ms")),
}
POSITIONS = {name: position for position, name in enumerate(FIELDS)}

Values = tuple[Any, ...]  # of all fields, in their order: read once a request
Read = Callable[[Values], Any]
Test = Callable[[Values], bool]


def to_values(facts: Facts) -> Values:
    return tuple([field.get(facts) for field in FIELDS.values()])


def to_test(node: Sequence[Any]) -> Test:
    match node[0]:
        case "all":
            return _all([to_test(inner) for inner in sorted(node[1], key=_cost)])
        case "any":
            return _any([to_test(inner) for inner in node[1]])
        case "not":
            inner = to_test(node[1])
            return lambda values: not inner(values)
    _, field, item, operator, operand = node
    return OPERATORS[FIELDS[field].kind][operator](reader(field, item), operand)


def read_by(node: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Every field that a node reads, with its item."""
    match node[0]:
        case "all" | "any":
            for inner in node[1]:
                yield from read_by(inner)
        case "not":
            yield from read_by(node[1])
        case _:
            yield node[1], node[2]


def reader(field: str, item: str) -> Read:
    position = POSITIONS[field]
    if field == "headers":
        return lambda values: values[position].get(item, "")
    if field == "circuits":
        return lambda values: values[position][item].state if item in values[position] else CLOSED
    return itemgetter(position)


def _cost(node: Sequence[Any]) -> int:
    """What is asked first may save the rest; all of it is pure, so that the order means nothing."""
    if node[0] != "is":
        return 1
    return 2 if node[1] == "time" else 0


def _all(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:  # the most common, and faster without a loop
        one, other = tests
        return lambda values: one(values) and other(values)

    def test(values: Values) -> bool:
        for inner in tests:  # noqa: SIM110  # a generator costs more than most tests
            if not inner(values):
                return False
        return True

    return test


def _any(tests: list[Test]) -> Test:
    def test(values: Values) -> bool:
        for inner in tests:  # noqa: SIM110
            if inner(values):
                return True
        return False

    return test


def _in(read: Read, operand: Any) -> Test:
    chosen = frozenset(operand)
    return lambda values: read(values) in chosen


def _not_in(read: Read, operand: Any) -> Test:
    chosen = frozenset(operand)
    return lambda values: read(values) not in chosen


def _one_in(read: Read, operand: Any) -> Test:
    chosen = frozenset(operand)
    return lambda values: not chosen.isdisjoint(read(values))


def _none_in(read: Read, operand: Any) -> Test:
    chosen = frozenset(operand)
    return lambda values: chosen.isdisjoint(read(values))


def _all_in(read: Read, operand: Any) -> Test:
    wanted = frozenset([operand] if isinstance(operand, str) else operand)
    return lambda values: wanted.issubset(read(values))


def _lt(read: Read, operand: Any) -> Test:
    return lambda values: (seen := read(values)) is not None and seen < operand


def _lte(read: Read, operand: Any) -> Test:
    return lambda values: (seen := read(values)) is not None and seen <= operand


def _gt(read: Read, operand: Any) -> Test:
    return lambda values: (seen := read(values)) is not None and seen > operand


def _gte(read: Read, operand: Any) -> Test:
    return lambda values: (seen := read(values)) is not None and seen >= operand


def _eq(read: Read, operand: Any) -> Test:
    return lambda values: read(values) == operand


def _ne(read: Read, operand: Any) -> Test:
    return lambda values: read(values) != operand


def _within(read: Read, operand: Any) -> Test:
    window = hours.to_window(operand)
    return lambda values: hours.holds(window, read(values))


SAME = {"eq": _eq, "ne": _ne, "in": _in, "not_in": _not_in}
OPERATORS: Mapping[str, Mapping[str, Callable[[Read, Any], Test]]] = {
    TEXT: SAME
    | {
        "contains": lambda read, operand: lambda values: operand in read(values),
        "prefix": lambda read, operand: lambda values: read(values).startswith(operand),
        "exists": lambda read, operand: lambda values: (read(values) != "") is operand,
    },
    TEXTS: {
        "eq": lambda read, operand: _one_in(read, [operand]),
        "ne": lambda read, operand: _none_in(read, [operand]),
        "in": _one_in,
        "not_in": _none_in,
        "contains": _all_in,
        "prefix": lambda read, operand: lambda values: any(text.startswith(operand) for text in read(values)),
        "exists": lambda read, operand: lambda values: bool(read(values)) is operand,
    },
    NUMBER: SAME
    | {"lt": _lt, "lte": _lte, "gt": _gt, "gte": _gte}
    | {"exists": lambda read, operand: lambda values: (read(values) is not None) is operand},
    TRUTH: {"eq": _eq, "ne": _ne},
    TIME: {"within": _within},
}
