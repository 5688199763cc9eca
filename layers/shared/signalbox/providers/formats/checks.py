"""Reading JSON that an upstream wrote: what passes is what our chunks promise, and a TypeError is an answer that cannot be read."""

import json
from typing import Any

MOST_INDEX = 1_023  # of a choice, or of a tool call in one
MOST_TOKENS = 1_000_000_000  # in one answer

JSON = json.JSONDecoder(parse_constant=lambda _: None)  # NaN and the infinities are no JSON, but log probabilities hold some


def text(value: Any) -> str:
    """Empty where there is none."""
    if value is None or isinstance(value, str):
        return value or ""
    raise TypeError("text was expected")


def array(value: Any) -> list[Any]:
    if value is None or isinstance(value, list):
        return value or []
    raise TypeError("an array was expected")


def index(value: Any, absent: int = 0) -> int:
    return _whole(value, MOST_INDEX, absent)


def count(value: Any) -> int:
    return _whole(value, MOST_TOKENS, 0)


def _whole(value: Any, most: int, absent: int) -> int:
    if value is None:
        return absent
    if type(value) is not int or not 0 <= value <= most:  # a bool is an int as well
        raise TypeError(f"a whole number from 0 to {most} was expected")
    return value
