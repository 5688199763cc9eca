"""Reading JSON that a client wrote: each check says which parameter was wrong and what it should have been."""

import json
from collections.abc import Callable
from typing import Any

from ..errors import Refusal

Check = tuple[Callable[[Any], bool], str]

STRING: Check = (lambda value: isinstance(value, str), "a string")
BOOLEAN: Check = (lambda value: isinstance(value, bool), "true or false")
OBJECT: Check = (lambda value: isinstance(value, dict), "an object")
OBJECTS: Check = (lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value), "an array of objects")
STRING_OR_OBJECT: Check = (lambda value: isinstance(value, str | dict), "a string or an object")


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


def _limits(low: float | None, high: float | None) -> str:
    if high is None:
        return "" if low is None else f" of at least {low}"
    return f" from {low} to {high}"


def to_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except RecursionError:
        raise Refusal("invalid_request", "The body is nested too deeply. Send a flatter JSON object.") from None
    except ValueError as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Refusal("invalid_request", f"The body is not JSON{where}. Send a JSON object in UTF-8.") from None
    if not isinstance(value, dict):
        raise Refusal("invalid_request", "The body is not a JSON object. Send one with `model` and `messages`.")
    return value


def taken(body: dict[str, Any], name: str, check: Check, path: str = "") -> Any:
    """Takes the parameter out of the body; None where it is absent or null."""
    value = body.pop(name, None)
    if value is not None:
        expect(value, check, f"{path}{name}")
    return value


def expect(value: Any, check: Check, path: str) -> None:
    passes, description = check
    if not passes(value):
        raise Refusal("invalid_request", f"`{path}` must be {description}.", param=path)
