"""Two bodies or two replies, brought to one spelling, and where they still differ."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

NOTHING = "—"
REFUSED = "(refused)"
LONGEST = 60
ASIDE = {"stream", "stream_options", "model", "usage"}  # how it is asked rather than for what
SCHEMAS = {"parameters", "input_schema", "inputSchema", "schema", "parametersJsonSchema", "responseJsonSchema"}
OPAQUE = {"args", "input"}
COUNTS = {"cached", "cache_write", "reasoning"}  # none of these and nothing said of them is the same


class Difference(NamedTuple):
    """`path` leaves out which element of a list it is; the values are JSON, cut short."""

    path: str
    ours: str
    theirs: str


def normal(value: Any, key: str = "", *, camel: bool = False) -> Any:
    """Spellings that mean the same become one: a text alone and a list of it, what is null and what is not there, and, for Google, its
    two cases."""
    if key in SCHEMAS or key in OPAQUE:
        return value
    if isinstance(value, list):
        return [normal(each, key if key == "calls" else f"{key}[]", camel=camel) for each in value]
    if isinstance(value, str):
        return _text(value, key)
    if not isinstance(value, dict):
        return value
    named = {_camel(name) if camel else name: each for name, each in value.items() if name not in ASIDE or key}
    kept = {name: each for name, each in named.items() if each is not None and not (name in COUNTS and each == 0)}
    return {name: normal(each, name, camel=camel) for name, each in kept.items()}


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[Difference]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if (REFUSED in ours) != (REFUSED in theirs):
            yield Difference(REFUSED, *(str(side.get(REFUSED, "is sent")) for side in (ours, theirs)))
        elif REFUSED not in ours:
            for name in sorted({*ours, *theirs}):
                yield from differences(ours.get(name, NOTHING), theirs.get(name, NOTHING), f"{path}.{name}".lstrip("."))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs, strict=True):
            yield from differences(one, other, f"{path}[]")
    elif ours != theirs:
        yield Difference(path, _short(ours), _short(theirs))


def _text(text: str, key: str) -> Any:
    if key in ("content", "system"):
        return [{"type": "text", "text": text}]
    if key == "stop":
        return [text]
    return _parsed(text) if key in ("arguments", "calls") else text


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _short(value: Any) -> str:
    if value == NOTHING:
        return NOTHING
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
