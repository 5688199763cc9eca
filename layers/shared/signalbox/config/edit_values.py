"""Sets single values in a YAML text, which keeps its comments, its order and its blank lines."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import yaml

from .source import Loader

Path = tuple[str, ...]
BYTE_ORDER = "\ufeff"  # which marks of places in the text do not count


class Edit(NamedTuple):
    """What replaces the text between two offsets."""

    start: int
    end: int
    text: str


def with_values(text: str, values: Mapping[Path, str], order: Sequence[str]) -> str:
    """`values` are scalars as YAML writes them. A key that is not there goes where `order` has it; a mapping that is not there, in braces.

    The text is a mapping of mappings, without anchors.
    """
    return as_written(text, lambda plain: _with_values(plain, values, order))


def as_written(text: str, edit: Callable[[str], str]) -> str:
    """What `edit` makes of the text without its editor's ways: a mark of the byte order, and lines that end as those of DOS. Both stay."""
    mark = BYTE_ORDER if text.startswith(BYTE_ORDER) else ""
    plain = text.removeprefix(mark)
    if "\r\n" not in plain or "\n" in plain.replace("\r\n", ""):
        return mark + edit(plain)
    return mark + edit(plain.replace("\r\n", "\n")).replace("\n", "\r\n")


def edited(text: str, edits: Iterable[Edit]) -> str:
    for start, end, instead in sorted(edits, reverse=True):
        text = text[:start] + instead + text[end:]
    return text


def _with_values(text: str, values: Mapping[Path, str], order: Sequence[str]) -> str:
    root = yaml.compose(text, Loader=Loader)
    assert isinstance(root, yaml.MappingNode)
    edits = []
    for path, rows in _grouped(root, values).items():
        mapping = _find(root, path)
        assert mapping
        edits += _edits(text, mapping, rows, order)
    return edited(text, edits)


def _grouped(root: yaml.MappingNode, values: Mapping[Path, str]) -> dict[Path, dict[str, str]]:
    """By the innermost mapping that is there."""
    groups: dict[Path, dict[str, str]] = {}
    nested: dict[Path, dict[Path, str]] = {}
    for path, value in values.items():
        depth = len(path) - 1
        while _find(root, path[:depth]) is None:
            depth -= 1
        if depth == len(path) - 1:
            groups.setdefault(path[:depth], {})[path[-1]] = value
        else:
            nested.setdefault(path[: depth + 1], {})[path[depth + 1 :]] = value
    for path, rows in nested.items():
        groups.setdefault(path[:-1], {})[path[-1]] = _in_braces(rows)
    return groups


def _in_braces(rows: Mapping[Path, str]) -> str:
    parts: dict[str, dict[Path, str] | str] = {}
    for path, value in rows.items():
        if len(path) == 1:
            parts[path[0]] = value
        else:
            inner = parts.setdefault(path[0], {})
            assert isinstance(inner, dict)
            inner[path[1:]] = value
    return "{" + ", ".join(f"{key}: {part if isinstance(part, str) else _in_braces(part)}" for key, part in parts.items()) + "}"


def _edits(text: str, mapping: yaml.MappingNode, rows: Mapping[str, str], order: Sequence[str]) -> list[Edit]:
    there = {key.value: (key, value) for key, value in mapping.value}
    edits = []
    new: dict[int, str] = {}
    for key in sorted(rows, key=lambda key: _rank(key, order)):
        if key in there:
            start, end = there[key][1].start_mark.index, there[key][1].end_mark.index
            edits.append(Edit(start, end, rows[key] if start < end else f" {rows[key]}"))
            continue
        later = next((node for name, (node, _) in there.items() if _rank(name, order) > _rank(key, order)), None)
        at, line = _place(text, mapping, later, f"{key}: {rows[key]}")
        new[at] = new.get(at, "") + line
    return edits + [Edit(at, at, lines) for at, lines in new.items()]


def _place(text: str, mapping: yaml.MappingNode, later: yaml.Node | None, row: str) -> tuple[int, str]:
    if mapping.flow_style:
        return (later.start_mark.index, f"{row}, ") if later else (_end(mapping), f", {row}")
    indent = " " * mapping.value[0][0].start_mark.column
    if later:
        return later.start_mark.index - later.start_mark.column, f"{indent}{row}\n"
    end = text.find("\n", _end(mapping))
    return (len(text), f"\n{indent}{row}") if end < 0 else (end + 1, f"{indent}{row}\n")


def _end(node: yaml.Node) -> int:
    """Of what is written last in it. A block's own end mark is where the next one begins, behind comments and blank lines."""
    if isinstance(node, yaml.MappingNode) and node.value:
        last = node.value[-1][1]
        return _end(last) if not getattr(last, "flow_style", False) else last.end_mark.index
    if isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
        return _end(node.value[-1])
    return node.end_mark.index


def _rank(key: str, order: Sequence[str]) -> int:
    return order.index(key) if key in order else -1


def _find(node: yaml.MappingNode, path: Path) -> yaml.MappingNode | None:
    for part in path:
        found = next((value for key, value in node.value if key.value == part), None)
        if not isinstance(found, yaml.MappingNode):
            return None
        node = found
    return node
