"""A document as plain data again: what it says, in the order in which it may say it."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel

from .fields import PLAIN, Capability

SAID_AS_NULL = {"secret"}  # whose null is no silence: it says that there is none


def to_data(row: BaseModel, *, whole: bool = False) -> dict[str, Any]:
    """Of the whole or of one row, without what is at its default; `whole`: with it. Decimals stay, so that prices are exact."""
    return _row(row, whole)


def to_json(value: Any) -> Any:
    """Of such data; nine decimals, as a document may have, are the same as a float."""
    match value:
        case dict():
            return {name: to_json(item) for name, item in value.items()}
        case list():
            return [to_json(item) for item in value]
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case date():
            return value.isoformat()
    return value


def _row(row: BaseModel, whole: bool) -> dict[str, Any]:
    data = {}
    for name, field in type(row).model_fields.items():
        value = getattr(row, name)
        if name in SAID_AS_NULL and value is None:
            said = name in row.model_fields_set
        else:
            said = whole or field.is_required() or value != field.get_default(call_default_factory=True)
        if said:
            data[field.alias or name] = value if PLAIN in field.metadata else _value(value, whole)
    return data


def _value(value: Any, whole: bool) -> Any:
    match value:
        case BaseModel():
            return _row(value, whole)
        case Mapping():
            return {name: _value(item, whole) for name, item in value.items()}
        case tuple():
            return [_value(item, whole) for item in value]
        case frozenset():
            return sorted(value, key=get_args(Capability).index)
        case float() if value.is_integer():
            return int(value)
    return value
