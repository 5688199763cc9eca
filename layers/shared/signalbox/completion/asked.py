"""Who asked for what, as far as it is known before it is routed."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ..admission.keys import Caller
from ..data_api import IDEMPOTENCY_KEY
from ..errors import Refusal
from ..request import Request
from .clock import Clock

AFTER_ANSWER_S = 5.0  # kept free before Lambda's deadline, for settling
MOST_TAGS = 16
MOST_FALLBACKS = 8
MOST_AGENT_CHARS = 200  # it stands in keys and events
FALLBACKS = "fallbacks"  # of the body: ours, and no provider's
EXPLAIN = "x-signalbox-explain"
MOST_KEY_CHARS = 255
MOST_DIGITS = 10  # of milliseconds: weeks, and whatever more is said comes to what Lambda allows too


class Asked(NamedTuple):
    """`at_ms` is epoch, `began_s` and `deadline_s` are monotonic. What headers say of `agent` and `team` and the body of `fallbacks`, which
    are names of models, the key must permit yet. `headers` are all of them, in lower case. `explain`: it is to be told, and not done.
    """

    id: str
    at_ms: int
    began_s: float
    deadline_s: float
    caller: Caller
    request: Request
    body_bytes: int
    agent: str = ""
    tags: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    headers: Mapping[str, str] = MappingProxyType({})
    explain: bool = False
    idempotency_key: str = ""
    team: str = ""


def to_asked(caller: Caller, request: Request, headers: Mapping[str, str], body_bytes: int, remaining_s: float, clock: Clock) -> Asked:
    """Raises Refusal for a header or a field that means nothing. `remaining_s` is what Lambda allows."""
    if len(headers.get("x-signalbox-agent", "")) > MOST_AGENT_CHARS:
        raise Refusal("invalid_request", f"x-signalbox-agent must be a name of up to {MOST_AGENT_CHARS} characters.")
    at_ms, began_s = int(clock.wall() * 1000), clock.monotonic()
    tags = (tag.strip() for tag in headers.get("x-signalbox-tags", "").split(","))
    return Asked(
        id=f"req_{at_ms:011x}{os.urandom(8).hex()}",
        at_ms=at_ms,
        began_s=began_s,
        deadline_s=began_s + min(remaining_s - AFTER_ANSWER_S, _wanted_s(headers.get("x-signalbox-timeout-ms"))),
        caller=caller,
        request=request._replace(extra={name: value for name, value in request.extra.items() if name != FALLBACKS}),
        body_bytes=body_bytes,
        agent=headers.get("x-signalbox-agent", ""),
        tags=tuple(tag[:64] for tag in tags if tag)[:MOST_TAGS],
        fallbacks=_fallbacks(request),
        headers=headers,
        explain=_said(headers, EXPLAIN),
        idempotency_key=_idempotency_key(headers),
        team=headers.get("x-signalbox-team", ""),
    )


def _said(headers: Mapping[str, str], name: str) -> bool:
    return headers.get(name, "false").lower() != "false"


def _idempotency_key(headers: Mapping[str, str]) -> str:
    key = headers.get(IDEMPOTENCY_KEY)
    if key is None:
        return ""
    if not (0 < len(key) <= MOST_KEY_CHARS and key.isascii() and key.isprintable()):
        message = f"{IDEMPOTENCY_KEY} must be 1 to {MOST_KEY_CHARS} printable ASCII characters, like a UUID."
        raise Refusal("invalid_request", message, param=IDEMPOTENCY_KEY)
    return key


def _fallbacks(request: Request) -> tuple[str, ...]:
    names = request.extra.get(FALLBACKS, ())
    if not (isinstance(names, list | tuple) and len(names) <= MOST_FALLBACKS and all(isinstance(name, str) and name for name in names)):
        message = f"`{FALLBACKS}` must be a list of up to {MOST_FALLBACKS} names of models, routes or aliases."
        raise Refusal("invalid_request", message, param=FALLBACKS)
    return tuple(names)


def _wanted_s(header: str | None) -> float:
    if header is None:
        return float("inf")
    digits = header.lstrip("0")
    if not (digits and header.isascii() and header.isdecimal()):
        raise Refusal("invalid_request", "x-signalbox-timeout-ms must be a whole number of milliseconds above 0.")
    return int(digits[:MOST_DIGITS]) / 1000
