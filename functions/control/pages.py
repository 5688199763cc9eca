"""Where a page of a list ends that goes from the newest back: a time and an id, as a query can hold them."""

from signalbox.errors import Refusal


def place(before: str, to_ms: int) -> tuple[int, str]:
    """What comes earlier than this is on the page: `before` as told below, and nothing from `to_ms` on."""
    if not before:
        return to_ms, ""
    at, _, id = before.partition("-")
    if not (at.isdecimal() and at.isascii() and len(at) <= 14):
        raise Refusal("invalid_request", "before is what a page's `next` says: a time in milliseconds, a dash and an id.", param="before")
    return min((int(at), id), (to_ms, ""))


def told(at_ms: int, id: str) -> str:
    return f"{at_ms}-{id}"
