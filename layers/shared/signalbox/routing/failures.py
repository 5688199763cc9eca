"""What an upstream's failure means: one table of kinds, and one of how a status or a message shows its kind."""

import re
from typing import NamedTuple


class Kind(NamedTuple):
    """`elsewhere`: another target may succeed. `code`: what the caller is told if none did."""

    elsewhere: bool
    code: str


KINDS = {
    "bad_request": Kind(False, "invalid_request"),
    "context_too_long": Kind(True, "invalid_request"),
    "content_filtered": Kind(True, "invalid_request"),
    "auth": Kind(True, "upstream_failed"),
    "not_found": Kind(True, "upstream_failed"),
    "rate_limited": Kind(True, "upstream_failed"),
    "overloaded": Kind(True, "upstream_failed"),
    "server": Kind(True, "upstream_failed"),
    "unreachable": Kind(True, "upstream_failed"),
    "malformed": Kind(True, "upstream_failed"),
    "cut": Kind(True, "upstream_failed"),
    "timeout": Kind(True, "deadline_exceeded"),
    "unaffordable": Kind(False, "budget_exceeded"),  # what is left of the hold does not cover another attempt
}

BY_STATUS = {
    400: "bad_request",
    401: "auth",
    402: "auth",
    403: "auth",
    404: "not_found",
    408: "timeout",
    413: "context_too_long",
    422: "bad_request",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}

# A message says more than the status only where the status is a plain 400.
BY_MESSAGE = (
    ("context_too_long", re.compile(rb"context_length_exceeded|maximum context length|too many tokens|prompt is too long", re.I)),
    ("content_filtered", re.compile(rb"content_filter|content_policy|content management policy", re.I)),
)


def kind_of(status: int, body: bytes) -> str:
    """The kind of an answer that is not 2xx. `body` may be the beginning of it."""
    kind = BY_STATUS.get(status) or ("server" if status >= 500 else "bad_request")
    if kind == "bad_request":
        kind = next((name for name, pattern in BY_MESSAGE if pattern.search(body)), kind)
    return kind
