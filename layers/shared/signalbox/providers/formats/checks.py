"""Reading JSON that an upstream wrote: what passes is what our chunks promise, and a TypeError is an answer that cannot be read."""

import json
from typing import Any

MOST_INDEX = 1_023  # of a choice, or of a tool call in one
MOST_TOKENS = 1_000_000_000  # in one answer
BLANKS = " \t\n\r"

JSON = json.JSONDecoder(parse_constant=lambda _: None)  # NaN and the infinities are no JSON, but log probabilities hold some


def parsed(written: bytes | str) -> Any:
    """ValueError where it is not one value, in UTF-8. (`JSON.decode` looks for blanks on either side by a regular expression each.)"""
    text = (written if isinstance(written, str) else written.decode()).strip(BLANKS)
    value, end = JSON.raw_decode(text)
    if end != len(text):
        raise ValueError("more than one value")
    return value


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
    return value if type(value) is int and 0 <= value <= MOST_INDEX else _absent(value, MOST_INDEX, absent)


def count(value: Any) -> int:
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else _absent(value, MOST_TOKENS, 0)


def _absent(value: Any, most: int, absent: int) -> int:
    """What else it may be: nothing. A bool would be an int as well, and is none."""
    if value is None:
        return absent
    raise TypeError(f"a whole number from 0 to {most} was expected")
