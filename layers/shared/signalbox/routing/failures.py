"""What an upstream's failure means: one table of kinds, and those of how a status, a name or a message shows its kind."""

import json
import re
from typing import NamedTuple


class Kind(NamedTuple):
    """`code` is what the caller is told if nothing helped. `elsewhere`: another target may succeed. `another_key`: another key of the same
    provider may. `again`: the same target may, once the wait is over that it asked for.
    """

    code: str
    elsewhere: bool = True
    another_key: bool = False
    again: bool = False


KINDS = {
    "bad_request": Kind("invalid_request", elsewhere=False),
    "context_too_long": Kind("invalid_request"),
    "content_filtered": Kind("invalid_request"),
    "auth": Kind("upstream_failed", another_key=True),
    "not_found": Kind("upstream_failed"),
    "rate_limited": Kind("upstream_failed", another_key=True, again=True),
    "overloaded": Kind("upstream_failed", again=True),
    "server": Kind("upstream_failed", again=True),
    "unreachable": Kind("upstream_failed"),
    "malformed": Kind("upstream_failed"),
    "cut": Kind("upstream_failed"),
    "timeout": Kind("deadline_exceeded"),
    "deadline": Kind("deadline_exceeded", elsewhere=False),  # the caller's or the route's time is up: it says nothing of the target
    "abandoned": Kind("ledger_unavailable", elsewhere=False),  # sent, but its intent could not be stored
    "unknown_model": Kind("model_not_found", elsewhere=False),  # a name that the client made up and a wildcard let through
    "no_key": Kind("upstream_failed"),
    "unaffordable": Kind("budget_exceeded", elsewhere=False),  # what is left of the hold does not cover another attempt
    # One of several keys was refused or used up, and another took its place: it says nothing of the target.
    "key_refused": Kind("upstream_failed"),
    "key_limited": Kind("upstream_failed"),
    "at_capacity": Kind("upstream_failed"),  # not sent: the target takes no more than it declares
    "spent": Kind("budget_exceeded"),  # not sent: its provider's budget holds too little for it
    "outrun": Kind("upstream_failed"),  # given up because its rival's answer came first
}
KEYS_OWN = {"auth": "key_refused", "rate_limited": "key_limited"}

BY_STATUS = {
    400: "bad_request",
    401: "auth",
    402: "auth",
    403: "auth",
    404: "not_found",
    408: "timeout",
    413: "context_too_long",
    422: "bad_request",
    424: "server",  # of the model's behind Bedrock
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}

# What an error calls itself, in `type` and `code`, says more inside a stream and behind a plain 400. The first row that fits.
# https://platform.openai.com/docs/guides/error-codes
BY_NAME = (
    ("context_too_long", re.compile(r"context_?length|context_?window|prompt_too_long", re.I)),
    ("content_filtered", re.compile(r"content_?filter|content_?policy|moderation", re.I)),
    ("rate_limited", re.compile(r"rate_?limit|too_?many_?requests|quota|throttl", re.I)),
    ("overloaded", re.compile(r"overloaded|unavailable|capacity", re.I)),
    ("auth", re.compile(r"invalid_api_key|authentication", re.I)),
    ("not_found", re.compile(r"model_not_found|invalid_model", re.I)),
)
# Some put a status into `code`: https://openrouter.ai/docs/api-reference/errors. A 400 says nothing more there than it does as a status.
BY_CODE = {str(status): kind for status, kind in BY_STATUS.items() if kind != "bad_request"}

# A message says more than the status only where the status is a plain 400, and no name does.
BY_MESSAGE = (
    (
        "context_too_long",
        re.compile(
            rb"context_length_exceeded|maximum context length|too many tokens|prompt is too long|input is too long|exceed context limit"
            rb"|exceeds the maximum number of tokens"  # Google's
            rb"|exceeds the (available )?context|longer than the context length",  # Ollama's and llama.cpp's
            re.I,
        ),
    ),
    ("content_filtered", re.compile(rb"content_filter|content_policy|content management policy|content filtering policy", re.I)),
    # Anthropic's words for a key whose money is up, and Google's for one that it does not know, or whose country or bill it minds.
    ("auth", re.compile(rb"credit balance is too low|API_KEY_INVALID|FAILED_PRECONDITION", re.I)),
)


def kind_of(status: int, body: bytes) -> str:
    """The kind of an answer that is not 2xx. `body` may be the beginning of it."""
    kind = BY_STATUS.get(status) or ("server" if status >= 500 else "bad_request" if status >= 400 else "malformed")
    if kind != "bad_request":
        return kind
    error = error_in(body)
    named = kind_of_error(error.get("type"), error.get("code")) if isinstance(error, dict) else None
    return named or next((name for name, pattern in BY_MESSAGE if pattern.search(body)), kind)


def kind_of_error(*names: object) -> str | None:
    """The kind that an error's own names show; None where they show none."""
    words = [str(name) for name in names if isinstance(name, str | int)]
    by_name = (kind for kind, pattern in BY_NAME if any(map(pattern.search, words)))
    return next(by_name, None) or next((BY_CODE[word] for word in words if word in BY_CODE), None)


def error_in(body: bytes) -> object:
    """The error of a JSON body, which some wrap in `error` and some do not; None where the body is no JSON object."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return (value.get("error") or value) if isinstance(value, dict) else None
