"""Reading JSON that a client wrote: each check says which parameter was wrong and what it should have been."""

import json
import re
from collections.abc import Callable
from functools import cache
from math import isfinite
from typing import Any

from ..errors import Refusal

Check = tuple[Callable[[Any], bool], str]

BOM = b"\xef\xbb\xbf"
HALF = re.compile(
    rb"\\u[dD][89a-fA-F]"
)  # of a surrogate pair, if it is not an escaped backslash's; whether the other is there is seen then

STRING: Check = (lambda value: isinstance(value, str), "a string")
BOOLEAN: Check = (lambda value: isinstance(value, bool), "true or false")
OBJECT: Check = (lambda value: isinstance(value, dict), "an object")
A_DICT = frozenset({dict})
OBJECTS: Check = (lambda value: isinstance(value, list) and A_DICT.issuperset(map(type, value)), "an array of objects")
STRING_OR_OBJECT: Check = (lambda value: isinstance(value, str | dict), "a string or an object")
STRINGS: Check = (lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value), "an array of strings")
STRING_OR_OBJECTS: Check = (lambda value: isinstance(value, str) or OBJECTS[0](value), "a string or an array of objects")


def whole_number(low: int | None = None, high: int | None = None) -> Check:
    return (
        lambda value: (
            isinstance(value, int) and not isinstance(value, bool) and (low is None or value >= low) and (high is None or value <= high)
        ),
        "a whole number" + _limits(low, high),
    )


def number(low: float, high: float) -> Check:
    return (
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high,
        "a number" + _limits(low, high),
    )


@cache
def one_of(*names: str) -> Check:
    return lambda value: isinstance(value, str) and value in names, f"one of {', '.join(names)}"


def _limits(low: float | None, high: float | None) -> str:
    if high is None:
        return "" if low is None else f" of at least {low}"
    return f" from {low} to {high}"


def to_object(body: bytes) -> dict[str, Any]:
    """What passes can be written as JSON and as UTF-8 again."""
    try:
        value = JSON.decode(body.removeprefix(BOM).decode())
        if HALF.search(body):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise Refusal("invalid_request", "The body is nested too deeply. Send a flatter JSON object.") from None
    except UnicodeEncodeError:
        raise Refusal(
            "invalid_request", "The body holds half of a surrogate pair, which no UTF-8 text can. Send whole characters."
        ) from None
    except UnicodeDecodeError:
        raise Refusal("invalid_request", "The body is not UTF-8. Send a JSON object in UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refusal("invalid_request", f"The body is not JSON ({where}). Send a JSON object in UTF-8.") from None
    except ValueError:  # so `int` says that it was given too many digits
        raise Refusal("invalid_request", "The body holds a number of thousands of digits. Send one that can be meant.") from None
    if not isinstance(value, dict):
        raise Refusal("invalid_request", "The body is not a JSON object. Send one with a `model`.")
    return value


def _no_number(literal: str) -> Any:
    raise Refusal("invalid_request", f"{literal[:40]} is no number that JSON can hold. Send a finite one.")


def _finite(literal: str) -> float:
    value = float(literal)
    return value if isfinite(value) else _no_number(literal)


JSON = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)


def taken(body: dict[str, Any], name: str, check: Check, path: str = "") -> Any:
    """Takes the parameter out of the body, which stands at `path`; None where it is absent or null."""
    value = body.pop(name, None)
    if value is not None:
        expect(value, check, f"{path}.{name}" if path else name)
    return value


def string(body: dict[str, Any], name: str, path: str) -> str:
    """What must be there. Each block of a conversation has some: on the way of what is right nothing is written of its place."""
    value = body.get(name)
    if isinstance(value, str):
        return value
    raise Refusal("invalid_request", f"`{path}.{name}` must be {STRING[1]}.", param=f"{path}.{name}")


def expect(value: Any, check: Check, path: str) -> None:
    passes, description = check
    if not passes(value):
        raise Refusal("invalid_request", f"`{path}` must be {description}.", param=path)
