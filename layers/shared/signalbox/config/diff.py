"""What two documents say differently, whatever their comments, their order and what they leave at its default."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..providers.errors import KEY
from .document import Document
from .plain import to_data, to_json
from .source import Path

MOST_CHARS = 120  # of a value, as a line shows it
IN_ORDER = (("guardrails",),)  # mappings whose order says something
SIGNS = {"added": "+", "removed": "-", "changed": "~"}
# What a path's first word speaks of; prices are told apart from the rest of their model.
KINDS = {
    "providers": ("provider", "providers"),
    "models": ("model", "models"),
    "prices": ("price", "prices"),
    "routes": ("route", "routes"),
    "aliases": ("alias", "aliases"),
    "chains": ("chain", "chains"),
    "policies": ("policy", "policies"),
    "flags": ("flag", "flags"),
    "segments": ("segment", "segments"),
    "guardrails": ("guardrail", "guardrails"),
    "timeouts": ("timeout", "timeouts"),
    "circuits": ("circuit setting", "circuit settings"),
}
_UNSAID: Any = object()
NOTHING: tuple[Any, ...] = (_UNSAID, None, {}, [])


class Change(NamedTuple):
    """`what` is added, removed or changed. Values are plain data, None where there is none."""

    path: Path
    what: str
    old: Any
    new: Any

    @property
    def name(self) -> str:
        return ".".join(map(str, self.path))

    def __str__(self) -> str:
        values = {"added": (self.new,), "removed": (self.old,), "changed": (self.old, self.new)}[self.what]
        return f"{SIGNS[self.what]} {self.name}: {' → '.join(map(to_text, values))}"


def compare(old: Document | None, new: Document) -> tuple[Change, ...]:
    """In the order of the document's sections; what is gone from one after what is there. `old` is None before the first publication."""
    wholes = to_data(old, whole=True) if old else {}, to_data(new, whole=True)
    return tuple(_differences((), *wholes, to_data(old) if old else {}, to_data(new)))


def summary(changes: Sequence[Change]) -> str:
    """`2 routes, 1 price`: how much of what is touched."""
    touched = {(_kind(change.path), change.path[:2]) for change in changes}
    counted = Counter(kind for kind, _ in touched)
    rows = [(*KINDS[kind], counted[kind]) for kind in KINDS if kind in counted]
    return ", ".join(f"{many} {one if many == 1 else several}" for one, several, many in rows) or "nothing"


def to_text(value: Any) -> str:
    """On one line, and cut. What looks like a key is not shown."""
    text = _in_line(to_json(_without_keys(value)))
    return text if len(text) <= MOST_CHARS else f"{text[: MOST_CHARS - 3]}..."


def _in_line(data: Any) -> str:
    """As YAML has it between braces, and without quotes: a pattern is to be found again in the document."""
    match data:
        case dict():
            return "{" + ", ".join(f"{_in_line(name)}: {_in_line(item)}" for name, item in data.items()) + "}"
        case list():
            return "[" + ", ".join(map(_in_line, data)) + "]"
        case str():
            return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in data)
    return json.dumps(data)


def _differences(path: Path, old: Mapping, new: Mapping, old_brief: Any, new_brief: Any) -> Iterator[Change]:
    """The whole data is compared, so that a default that is written out is no difference; what came or went is shown by the brief one."""
    for key in [*new, *(key for key in old if key not in new)]:
        where = (*path, key)
        was, now = old.get(key, _UNSAID if path else {}), new.get(key, _UNSAID if path else {})
        briefs = _below(old_brief, key), _below(new_brief, key)
        if where in IN_ORDER and [name for name in was if name in now] != [name for name in now if name in was]:
            yield Change(where, "changed", list(was), list(now))
        if was == now:
            continue
        if isinstance(was, Mapping) and isinstance(now, Mapping) and (not path or (was and now)):
            yield from _differences(where, was, now, *briefs)
        elif was in NOTHING:
            yield Change(where, "added", None, None if now is None else briefs[1])
        elif now in NOTHING:
            yield Change(where, "removed", briefs[0], None)
        else:
            yield Change(where, "changed", was, now)


def _below(data: Any, key: str | int) -> Any:
    return data.get(key) if isinstance(data, Mapping) else None


def _kind(path: Path) -> str:
    return "prices" if path[0] == "models" and path[2:3] == ("prices",) else str(path[0])


def _without_keys(value: Any) -> Any:
    match value:
        case dict():
            return {name: _without_keys(item) for name, item in value.items()}
        case list():
            return [_without_keys(item) for item in value]
        case str() if KEY.search(value):
            return "(what looks like a key)"
    return value
