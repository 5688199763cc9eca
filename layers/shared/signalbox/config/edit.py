"""Sets, replaces and removes whole rows of a document's text, which otherwise stays as people wrote it."""

import re
from typing import Any

import yaml

from .edit_values import Edit, as_written, edited
from .source import InvalidDocument, Loader, to_source
from .written import as_read, to_flow, to_key, to_lines


class NotParted(ValueError):
    """A text in which a row cannot be told from what is around it."""


UP_TO_COMMA = re.compile(r"(?:\s|#.*)*,")


def with_row(text: str, path: tuple[str, str], data: Any) -> str:
    """With this row of a section instead of what is there by its name; None: without it.

    Comments inside a row that is replaced go with it, but for the one on its first line. ValueError where the data are nothing that a
    document can hold; NotParted where the text is written so that only a person can change it.
    """
    return as_written(text, lambda plain: _with_row(plain, *path, data))


def _with_row(text: str, section: str, name: str, data: Any) -> str:
    root = _composed(text)
    before = to_source(root).data
    rows = before.get(section) or {}
    if data is None and name not in rows:
        return text
    if data is None:
        after = {key: row for key, row in rows.items() if key != name}
        text = edited(text, _without(text, root, section, name))
    else:
        after = rows | {name: as_read(data)}
        text = edited(text, _with(text, root, section, name, data))
    try:
        found = to_source(_composed(text)).data
    except (yaml.YAMLError, InvalidDocument):
        found = None
    if found != before | {section: after}:
        raise NotParted(f"{section}.{name} cannot be parted from what is around it in the document; change the document itself")
    return text


def _composed(text: str) -> yaml.MappingNode:
    root = yaml.compose(text, Loader=Loader)
    assert isinstance(root, yaml.MappingNode)
    return root


def _with(text: str, root: yaml.MappingNode, section: str, name: str, data: Any) -> list[Edit]:
    head, rows = _entry(root, section)
    if root.flow_style or _in_braces(text, rows):
        return [_with_in_braces(root, rows, section, name, data)]
    margin = " " * root.value[0][0].start_mark.column
    if head is None or rows is None:
        return [_added(text, len(text), ["", f"{margin}{section}:", *to_lines(to_key(name), data, f"{margin}  ")])]
    if not isinstance(rows, yaml.MappingNode) or not rows.value:  # nothing, null or {}
        blank = len(text[: rows.start_mark.index].rstrip(" "))
        line_end = _line_end(text, rows.end_mark.index)
        return [Edit(blank, rows.end_mark.index, ""), _added(text, line_end, to_lines(to_key(name), data, f"{margin}  "))]
    indent = " " * rows.value[0][0].start_mark.column
    key, value = _entry(rows, name)
    if key is None or value is None:
        return [_added(text, _row_end(text, rows), to_lines(to_key(name), data, indent))]
    start, end = _line_start(key), _row_end(text, value)
    lines = to_lines(text[key.start_mark.index : key.end_mark.index], data, indent, _remark(text, key, value))
    return [Edit(start, end, "\n".join(lines) + ("\n" if text[start:end].endswith("\n") else ""))]


def _with_in_braces(root: yaml.MappingNode, rows: yaml.Node | None, section: str, name: str, data: Any) -> Edit:
    row = f"{to_key(name)}: {to_flow(data)}"
    if rows is None:
        return _added_in_braces(root, f"{section}: {{{row}}}")
    if not isinstance(rows, yaml.MappingNode):  # null, or nothing
        return Edit(rows.start_mark.index, rows.end_mark.index, f" {{{row}}}")
    key, value = _entry(rows, name)
    if key is None or value is None:
        return _added_in_braces(rows, row)
    return Edit(key.end_mark.index, value.end_mark.index, f": {to_flow(data)}")


def _added_in_braces(mapping: yaml.MappingNode, row: str) -> Edit:
    if not mapping.value:
        return Edit(mapping.start_mark.index + 1, mapping.start_mark.index + 1, row)
    end = mapping.value[-1][1].end_mark.index
    return Edit(end, end, f", {row}")


def _added(text: str, at: int, lines: list[str]) -> Edit:
    """Lines of their own, at the beginning of a line or the end of the text."""
    whole = "\n".join(lines)
    return Edit(at, at, f"{whole}\n" if text[:at].endswith("\n") else f"\n{whole}")


def _without(text: str, root: yaml.MappingNode, section: str, name: str) -> list[Edit]:
    head, rows = _entry(root, section)
    assert head
    assert isinstance(rows, yaml.MappingNode)
    key, value = _entry(rows, name)
    assert key
    assert value
    if rows.flow_style:
        return _without_in_braces(text, rows, key, value)
    gone = Edit(_line_start(key), _row_end(text, value), "")
    colon = text.index(":", head.end_mark.index) + 1
    return [gone] if len(rows.value) > 1 else [Edit(colon, colon, " {}"), gone]


def _without_in_braces(text: str, rows: yaml.MappingNode, key: yaml.Node, value: yaml.Node) -> list[Edit]:
    """With the comma behind it; the last one with the comma before it."""
    start, end = key.start_mark.index, value.end_mark.index
    behind = UP_TO_COMMA.match(text, end)
    if behind:
        at = behind.end()
        return [Edit(start, end, ""), Edit(at - 1, at + (text[at : at + 1] == " "), "")]
    position = next(position for position, (node, _) in enumerate(rows.value) if node is key)
    before = UP_TO_COMMA.match(text, rows.value[position - 1][1].end_mark.index) if position else None
    return [
        Edit(start, end, ""),
        *([Edit(before.end() - 1, before.end() + (before.end() < start and text[before.end()] == " "), "")] if before else []),
    ]


def _entry(mapping: yaml.MappingNode, name: str) -> tuple[yaml.Node | None, yaml.Node | None]:
    return next(((key, value) for key, value in mapping.value if key.value == name), (None, None))


def _in_braces(text: str, rows: yaml.Node | None) -> bool:
    """And to stay so: with rows or comments in them."""
    if not isinstance(rows, yaml.MappingNode) or not rows.flow_style:
        return False
    return bool(rows.value) or "#" in text[rows.start_mark.index : rows.end_mark.index]


def _end(node: yaml.Node) -> int:
    """A block's own end mark is where the next thing begins, behind comments and blank lines."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return node.end_mark.index


def _row_end(text: str, node: yaml.Node) -> int:
    """The beginning of the line behind its last one."""
    end = _end(node)
    if not text[:end].endswith("\n"):
        return _line_end(text, end)
    while text[:end].endswith("\n\n"):  # a text in lines, whose end is behind the blank ones that follow
        end -= 1
    return end


def _line_start(node: yaml.Node) -> int:
    return node.start_mark.index - node.start_mark.column


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _remark(text: str, key: yaml.Node, value: yaml.Node) -> str:
    """What is noted on its first line, where the value ends on it or has not begun."""
    line_end = _line_end(text, key.end_mark.index)
    if value.start_mark.index >= line_end:
        note = text[text.index(":", key.end_mark.index) + 1 : line_end].strip()
    else:
        note = text[_end(value) : line_end].strip()
    return f" {note}" if note.startswith("#") else ""
