"""Whether a body has the shape that a provider documents. A table says the shape; the provider says in its own words what is wrong.

Made for the formats whose bodies nest: Anthropic's messages, Bedrock's Converse, Gemini's generateContent.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Where = tuple[str | int, ...]
Why = Literal["missing", "unknown", "type", "choice", "least", "most", "pattern", "one_of", "tag"]


class Wrong(NamedTuple):
    """`shape` is what was expected there; of a missing or unknown field, what it is, or would be, a field of."""

    where: Where
    why: Why
    value: Any
    shape: "Shape"


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """`called` is how the provider names the type. Bounds are of a number, or of the length of what is none.

    `fields` None takes any object; `one_of` names the fields of which exactly one must be there;
    `tagged` holds the shapes by the value of the field `tag`, which is then a step of the way to what is wrong in it.
    """

    types: tuple[type, ...] = (dict,)
    called: str = ""
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    items: "Shape | None" = None
    fields: "Mapping[str, Shape] | None" = None
    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    tag: str = ""
    tagged: "Mapping[str, Shape]" = field(default_factory=dict)
    nullable: bool = False


ANYTHING = Shape((str, int, float, bool, list, dict, type(None)))
OBJECT = Shape()


def wrong(value: Any, shape: Shape, where: Where = (), nulls: bool = False) -> Wrong | None:
    """The first thing that is wrong, in the order of the body. With `nulls`, a field that is null counts as left out."""
    return next(_wrongs(value, shape, where, nulls), None)


def _wrongs(value: Any, shape: Shape, where: Where, nulls: bool) -> Iterator[Wrong]:
    if type(value) not in shape.types:
        if not (value is None and shape.nullable):
            yield Wrong(where, "type", value, shape)
        return
    size = value if isinstance(value, int | float) else len(value) if isinstance(value, str | list | dict) else 0
    if shape.least is not None and size < shape.least:
        yield Wrong(where, "least", value, shape)
    if shape.most is not None and size > shape.most:
        yield Wrong(where, "most", value, shape)
    if isinstance(value, str):
        if shape.choices and value not in shape.choices:
            yield Wrong(where, "choice", value, shape)
        if shape.pattern and not shape.pattern.fullmatch(value):
            yield Wrong(where, "pattern", value, shape)
    if isinstance(value, list) and shape.items:
        for place, item in enumerate(value):
            yield from _wrongs(item, shape.items, (*where, place), nulls)
    if isinstance(value, dict):
        yield from _wrong_fields(value, shape, where, nulls)


def _wrong_fields(value: dict[str, Any], shape: Shape, where: Where, nulls: bool) -> Iterator[Wrong]:
    if shape.tag:
        tag = value.get(shape.tag)
        if not isinstance(tag, str) or tag not in shape.tagged:
            yield Wrong(where, "tag", tag, shape)
            return
        shape, where = shape.tagged[tag], (*where, tag)
    if shape.fields is None:
        return
    given = {name for name, inner in value.items() if not (nulls and inner is None)}
    for name in shape.required:
        if name not in given:
            yield Wrong((*where, name), "missing", None, shape)
    if shape.one_of and len(given.intersection(shape.one_of)) != 1:
        yield Wrong(where, "one_of", value, shape)
    for name, inner in value.items():
        if name not in shape.fields:
            yield Wrong((*where, name), "unknown", inner, shape)
        elif name in given:
            yield from _wrongs(inner, shape.fields[name], (*where, name), nulls)
