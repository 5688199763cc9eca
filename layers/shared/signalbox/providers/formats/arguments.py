"""A tool call's arguments for those who take them as an object, not as the text that a model wrote."""

from typing import Any

from .checks import parsed


def to_object(arguments: str) -> dict[str, Any]:
    """An empty one of a call that was cut, or that has none."""
    try:
        read = parsed(arguments) if arguments else {}
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
