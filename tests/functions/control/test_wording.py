"""What pydantic finds wrong is told in words of ours, whatever the models may ever find."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from .client import MODULES, Api, refused

told, OF_TYPE = MODULES["wording"].told, MODULES["wording"].OF_TYPE

# What each kind of a schema's nodes finds, and each of its limits.
KINDS: dict[str, tuple[str, ...]] = {
    "str": ("string_type", "string_unicode"),
    "int": ("int_type", "int_parsing", "int_parsing_size", "int_from_float"),
    "float": ("float_type", "float_parsing", "finite_number"),
    "decimal": ("decimal_type", "decimal_parsing", "finite_number"),
    "bool": ("bool_type", "bool_parsing"),
    "list": ("list_type",),
    "tuple": ("tuple_type",),
    "dict": ("dict_type",),
    "model": ("model_type", "model_attributes_type"),
    "model-fields": ("missing", "extra_forbidden"),
    "date": ("date_type", "date_parsing", "date_from_datetime_parsing"),
    "datetime": ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid"),
    "literal": ("literal_error",),
    "function-before": ("value_error",),
    "function-after": ("value_error",),
}
LIMITS = {
    "ge": "greater_than_equal",
    "gt": "greater_than",
    "le": "less_than_equal",
    "lt": "less_than",
    "decimal_places": "decimal_max_places",
    "tz_constraint": "timezone_aware",
}
SILENT = {"default", "nullable", "definitions", "definition-ref", "model-field", "any", "function-plain", "union", "is-instance"}
SILENT |= {"tagged-union", "none", "json-or-python", "no-info", "with-info", "chain", "function-wrap"}  # any JSON


def models(of: Any = BaseModel) -> Iterator[Any]:
    for model in of.__subclasses__():
        if getattr(MODULES.get(model.__module__), model.__name__, None) is model:
            yield model
        yield from models(model)


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema
        for name, below in schema.items():
            if name not in ("metadata", "serialization", "default"):
                yield from nodes(below)
    elif isinstance(schema, list | tuple):
        for below in schema:
            yield from nodes(below)


def found_by(node: dict[str, Any]) -> Iterator[str]:
    kind = node["type"]
    if kind not in SILENT:
        yield from KINDS[kind]
    yield from (LIMITS[name] for name in LIMITS if name in node)
    for name in ("min_length", "max_length"):
        if name in node:
            yield from ("too_short", "too_long", "string_too_short", "string_too_long")


def test_there_are_words_for_all_that_our_models_find() -> None:
    sent = [*models()]
    assert len(sent) > 50
    kinds = {kind for model in sent for node in nodes(model.__pydantic_core_schema__) for kind in found_by(node)}
    assert len(kinds) > 20
    assert kinds - {*OF_TYPE} == set()


@pytest.mark.parametrize(
    ("kind", "of", "said"),
    [
        ("less_than_equal", {"le": 31_622_400}, "it must be 31,622,400 at the most"),
        ("less_than_equal", {"le": 100.0}, "it must be 100 at the most"),
        ("greater_than", {"gt": 0}, "it must be more than 0"),
        ("string_too_short", {"min_length": 1}, "it must have 1 character at least"),
        ("literal_error", {"expected": "'a' or 'b'"}, "it must be 'a' or 'b'"),
        ("value_error", {"error": ValueError("it must be so")}, "it must be so"),
    ],
)
def test_a_limit_is_in_the_words(kind: str, of: dict[str, Any], said: str) -> None:
    assert told({"type": kind, "ctx": of, "msg": "Internal words", "input": None}) == said


def test_all_words_can_be_said() -> None:
    limits = dict.fromkeys(("gt", "ge", "lt", "le", "decimal_places", "min_length", "max_length", "actual_length"), 9)
    for kind in OF_TYPE:
        words = told({"type": kind, "ctx": limits | {"expected": "'a'", "error": ValueError("it must be so")}, "msg": "?", "input": None})
        assert words.startswith(("it must ", "it is missing", "there is no such field")), kind


def test_a_type_without_words_is_told_as_it_is() -> None:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(set[int]).validate_python(1)
    assert told(raised.value.errors()[0]) == "input should be a valid set"


def test_signs_are_no_items(api: Api) -> None:
    message = refused(api("POST", "/admin/keys", {"name": "x" * 5_000, "tenant": "a"}), "invalid_request")
    assert message.startswith("name: it must have 200 characters at the most.")
    wrong = {"scope": "global", "period": "day", "by_usd": 1, "until": "tomorrow"}
    message = refused(api("POST", "/admin/budgets/raises", wrong), "invalid_request")
    assert message.startswith("until: it must be a date and a time with its offset, as 2027-01-31T00:00:00Z.")
    wrong = {"scope": "global", "period": "day", "limit_usd": 1, "thresholds": [*range(1, 12)]}
    message = refused(api("POST", "/admin/budgets", wrong), "invalid_request")
    assert message.startswith("thresholds: it must hold 10 at the most, and holds 11.")
