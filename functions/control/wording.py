"""What pydantic finds wrong with what was sent, in the words of people: the one place where its errors become ours."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from forms import IN_WORDS

NUMBER, WHOLE = "it must be a number, as 12.50", "it must be a whole number, as 12"
MOMENT = "it must be a date and a time with its offset, as 2027-01-31T00:00:00Z"
OBJECT = 'it must be an object, as {"name": …}'

# By pydantic's names, with what it knows of the limit.
OF_TYPE: dict[str, str | Callable[[Mapping[str, Any]], str]] = {
    "missing": "it is missing; send it too",
    "extra_forbidden": "there is no such field here; take it out",
    **dict.fromkeys(("bool_type", "bool_parsing"), "it must be true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), WHOLE),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing", "finite_number"), NUMBER),
    **dict.fromkeys(("string_type", "string_unicode"), "it must be a text, in quotes"),
    **dict.fromkeys(("list_type", "tuple_type"), "it must be a list, as […]"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), OBJECT),
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid"), MOMENT),
    "timezone_aware": MOMENT,
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), "it must be a day, as 2026-11-20"),
    "literal_error": lambda of: f"it must be {of['expected']}",
    "greater_than": lambda of: f"it must be more than {_said(of['gt'])}",
    "greater_than_equal": lambda of: f"it must be {_said(of['ge'])} or more",
    "less_than": lambda of: f"it must be less than {_said(of['lt'])}",
    "less_than_equal": lambda of: f"it must be {_said(of['le'])} at the most",
    "decimal_max_places": lambda of: f"it must have {of['decimal_places']} digits behind the point at the most",
    "string_too_short": lambda of: f"it must have {_signs(of['min_length'])} at least",
    "string_too_long": lambda of: f"it must have {_signs(of['max_length'])} at the most",
    "too_short": lambda of: f"it must hold {_said(of['min_length'])} at least",
    "too_long": lambda of: f"it must hold {_said(of['max_length'])} at the most, and holds {_said(of['actual_length'])}",
    "value_error": lambda of: str(of["error"]),
}


def told(error: Mapping[str, Any]) -> str:
    """What of a type that has no words here is told as pydantic has it."""
    kind, of = error["type"], error.get("ctx", {})
    if kind in ("too_short", "too_long") and isinstance(error.get("input"), str):  # whose signs were looked at before they were counted
        kind = f"string_{kind}"
    words = IN_WORDS.get(of.get("pattern")) or OF_TYPE.get(kind) or f"{error['msg'][0].lower()}{error['msg'][1:]}"
    return words if isinstance(words, str) else words(of)


def _said(limit: Any) -> str:
    return f"{limit:,}" if isinstance(limit, int | Decimal) else f"{limit:,g}" if isinstance(limit, float) else str(limit)


def _signs(count: int) -> str:
    return f"{count:,} character{'' if count == 1 else 's'}"
