"""YAML to plain data that still knows its lines, so that whatever is wrong with it can be pointed at.

Anchors and repeated keys are refused: what a reader sees is what is meant. Floats become Decimals, so that prices stay exact.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

MAX_CHARS = 1_048_576
MOST_DIGITS = 400  # before the point or behind it
MOST_DEEP = 40  # nothing that a document says needs half of it
MOST_COMPOSED = 200  # levels that are read at all

Path = tuple[str | int, ...]
Finding = tuple[Path, str]  # where, and what is wrong with it and what to do
Check = Callable[[Any], Iterator[Finding]]  # of a Document


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml: ten thousand policies in a tenth of the time
    """It goes down in C, where no limit of Python's holds: a million of `[` would end the process. It says so at each level it enters."""

    deep = 0

    def descend_resolver(self, node: yaml.Node | None, index: Any) -> None:
        self.deep += 1
        if self.deep > MOST_COMPOSED:
            raise RecursionError(f"nested more than {MOST_COMPOSED} deep")

    def ascend_resolver(self) -> None:
        self.deep -= 1


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` counts from 1. The message says what is wrong and what to do."""

    line: int
    path: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.path}: {self.message}" if self.path else f"line {self.line}: {self.message}"


class InvalidDocument(Exception):
    """A document that cannot become live. The running version stays."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Source:
    """`said_by` is the override that says what is at a path, where it is not the document."""

    data: Any
    lines: Mapping[Path, int]
    said_by: Mapping[Path, str] = field(default_factory=dict)

    def problem(self, path: Path, message: str) -> Problem:
        override = next((key for at, key in self.said_by.items() if path[: len(at)] == at), None)
        return Problem(self.line(path), ".".join(map(str, path)), f"{message} (the override {override} says so)" if override else message)

    def line(self, path: Path) -> int:
        """Of the path, or of the nearest thing around it where the path itself is missing."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str) -> Source:
    """Raises InvalidDocument where the text is no YAML, or YAML that could be misread."""
    if len(text) > MAX_CHARS:
        raise InvalidDocument([Problem(1, "", f"the document has {len(text)} characters; {MAX_CHARS} is the most")])
    try:
        root = _composed(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line + 1, len(text.splitlines())) if mark else 1  # the end of a text is said to be on a line of its own
        raise InvalidDocument([Problem(line, "", f"not YAML: {error.problem or error.context}")]) from error
    except yaml.reader.ReaderError as error:
        line = 1 + text.encode()[: error.position].count(b"\n")
        raise InvalidDocument([Problem(line, "", f"not YAML: {error.reason}; take the sign {error.character:#04x} out")]) from error
    except UnicodeEncodeError as error:
        line = 1 + text.count("\n", 0, error.start)
        raise InvalidDocument([Problem(line, "", "half a sign of two; take it out, or write all of it")]) from error
    except RecursionError as error:
        raise InvalidDocument([Problem(1, "", "the document is nested too deeply")]) from error
    return to_source(root) if root else Source(None, {})


def _composed(text: str) -> yaml.Node | None:
    if "*" in text:  # there is no alias without
        for event in yaml.parse(text, Loader=Loader):
            if isinstance(event, yaml.AliasEvent):
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise InvalidDocument([Problem(line, "", "not YAML: anchors are not read here; write the value out")])
    root: yaml.Node | None = yaml.compose(text, Loader=Loader)
    return root


def to_source(root: yaml.Node) -> Source:
    """Raises InvalidDocument."""
    reading = _Reading()
    data = reading.plain(root, ())
    if reading.problems:
        raise InvalidDocument(reading.problems)
    return Source(data, reading.lines)


@dataclass(slots=True)
class _Reading:
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def plain(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if len(path) > MOST_DEEP:
            self.problems.append(Problem(node.start_mark.line + 1, ".".join(map(str, path)), f"nested more than {MOST_DEEP} deep"))
            return None
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path)
            case yaml.SequenceNode():
                return [self.plain(item, (*path, position)) for position, item in enumerate(node.value)]
            case yaml.ScalarNode():
                return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            where = ".".join(map(str, path))
            if not isinstance(key_node, yaml.ScalarNode) or key_node.value == "<<":
                self.problems.append(Problem(line, where, "a key must be plain text"))
                continue
            key = key_node.value
            if key in data:
                first = self.lines[(*path, key)]
                self.problems.append(Problem(line, where, f"{key!r} is already there on line {first}; keep one of them"))
                continue
            self.lines[(*path, key)] = line
            data[key] = self.plain(value_node, (*path, key))
        return data


def _scalar(node: yaml.ScalarNode) -> Any:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    try:
        match kind:
            case "float":
                number = Decimal(node.value.replace("_", ""))
                return number if abs(number.adjusted()) < MOST_DIGITS else node.value  # of which to make an int would take minutes
            case "int":
                return int(node.value.replace("_", ""))
            case "timestamp":
                return date.fromisoformat(node.value)
            case "bool":
                return node.value.lower() in ("true", "yes", "on")
            case "null":
                return None
    except (ValueError, InvalidOperation):
        pass  # 0x1f, 12:30, .inf: YAML has more numbers than we have a use for; as text, each is refused where a number is needed
    return node.value
