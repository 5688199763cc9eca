"""Who asked for what, as far as it is known before it is routed."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from ..admission.keys import Caller
from ..errors import Refusal
from ..request import Request
from .flight import Clock

AFTER_ANSWER_S = 5.0  # kept free before Lambda's deadline, for settling
MOST_TAGS = 16
# What a caller relies on, and would pay for if it were passed over in silence.
NOT_SERVED_YET = ("x-signalbox-explain", "idempotency-key")


class Asked(NamedTuple):
    """`at_ms` is epoch, `began_s` and `deadline_s` are monotonic. `agent` is what a header says: the key must permit it yet."""

    id: str
    at_ms: int
    began_s: float
    deadline_s: float
    caller: Caller
    request: Request
    body_bytes: int
    agent: str = ""
    tags: tuple[str, ...] = ()


def to_asked(caller: Caller, request: Request, headers: Mapping[str, str], body_bytes: int, remaining_s: float, clock: Clock) -> Asked:
    """Raises Refusal for a header that means nothing. `remaining_s` is what Lambda allows."""
    for name in NOT_SERVED_YET:
        if headers.get(name, "false").lower() != "false":
            raise Refusal("unsupported_parameter", f"{name} is not served yet. Leave it out; no call was made.", param=name)
    at_ms, began_s = int(clock.wall() * 1000), clock.monotonic()
    tags = (tag.strip() for tag in headers.get("x-signalbox-tags", "").split(","))
    return Asked(
        id=f"req_{at_ms:011x}{os.urandom(8).hex()}",
        at_ms=at_ms,
        began_s=began_s,
        deadline_s=began_s + min(remaining_s - AFTER_ANSWER_S, _wanted_s(headers.get("x-signalbox-timeout-ms"))),
        caller=caller,
        request=request,
        body_bytes=body_bytes,
        agent=headers.get("x-signalbox-agent", ""),
        tags=tuple(tag[:64] for tag in tags if tag)[:MOST_TAGS],
    )


def _wanted_s(header: str | None) -> float:
    if header is None:
        return float("inf")
    if not (header.isascii() and header.isdecimal() and len(header) < 10) or int(header) == 0:
        raise Refusal("invalid_request", "x-signalbox-timeout-ms must be a whole number of milliseconds above 0.")
    return int(header) / 1000
