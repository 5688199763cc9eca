"""What a credential itself may say of its key, by the names of a key's record.

What is not understood may have been meant to forbid something: whoever reads it refuses.
"""

from collections.abc import Callable, Mapping
from typing import Any

Form = Callable[[Any], bool]

MOST_TAGS, MOST_TAG_CHARS = 16, 64  # as of a key: of more there would be usage events that nobody can take
LIMITS = ("requests_per_minute", "requests_per_hour", "tokens_per_minute", "concurrency")


def unfit(said: Mapping[str, Any], forms: Mapping[str, Form]) -> str | None:
    """The first name that there is not, or whose value is of another form."""
    return next((name for name, value in said.items() if name not in forms or not forms[name](value)), None)


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) and name for name in value)


def _tags(value: Any) -> bool:
    return _names(value) and len(value) <= MOST_TAGS and all(len(tag) <= MOST_TAG_CHARS and tag.isprintable() for tag in value)


def _limits(value: Any) -> bool:
    return isinstance(value, Mapping) and all(name in LIMITS and (limit is None or _count(limit)) for name, limit in value.items())


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _text(value: Any) -> bool:
    return isinstance(value, str)


GRANTS: Mapping[str, Form] = {
    **dict.fromkeys(("models", "routes", "agents", "teams"), _names),
    "tags": _tags,
    "fallbacks": lambda value: isinstance(value, bool),
    "limits": _limits,
}
STATIC: Mapping[str, Form] = {  # of a static key's row, which is all the record that it has
    **GRANTS,
    "expires_ms": _count,
    "status": lambda value: value in ("active", "disabled"),
    "name": _text,
}
