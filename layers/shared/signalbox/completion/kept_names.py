"""The names that answers are kept by: no prompt can be read from them, and two tenants can never share one.

A name is an HMAC under the secret that keys are signed by, so that nobody who reads the table can try what a prompt may have been.
"""

import hmac
import json
from collections.abc import Mapping
from typing import Any

from ..admission.keys import Caller
from ..dialects.checks import to_object
from ..request import Raw, Request
from .trip import Trip

# Of a request what no answer depends on: who asks, and how it is to be told.
ASIDE = frozenset({"dialect", "model", "stream", "include_usage", "user", "given", "extra", "cache"})
ASIDE_EXTRA = frozenset({"metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "store", "service_tier"})


def once_name(secret: bytes, caller: Caller, key: str) -> str:
    """Of an `idempotency-key`: its caller's key alone shares it."""
    return _named(secret, "once", [caller.tenant, caller.key_id, key])


def body_mark(secret: bytes, dialect: str, body: bytes) -> str:
    """What tells one body from another, however its fields are ordered and spaced."""
    return _named(secret, "body", [dialect, _json(to_object(body))])


def answer_name(secret: bytes, trip: Trip) -> str:
    """Of all requests that this trip's answer is an answer to.

    The snapshot stands by its digest: what is rolled back to finds its answers again. What the client calls the model is of no consequence,
    but the route is, and which policies applied, since they decide who answers; so is the route asked for, since guardrails go by it.
    """
    decision = trip.decision
    return _named(
        secret, "cache", [trip.tenant, trip.route.name, decision.route, decision.policies, trip.snapshot.digest, canonical(trip.request)]
    )


def near_name(secret: bytes, trip: Trip, rest: Request) -> str:
    """Of all that an answer may be found for by meaning: the same but for the text that was asked last, which `rest` is without."""
    decision = trip.decision
    return _named(secret, "near", [trip.tenant, trip.route.name, decision.route, decision.policies, trip.snapshot.digest, canonical(rest)])


def canonical(request: Request) -> list[Any]:
    """Equal for requests that mean the same, in whichever dialect. Parameters and parts that only one understands stay that one's own."""
    extra = {name: value for name, value in request.extra.items() if name not in ASIDE_EXTRA}
    plain, raws = _plain(request)
    return [request.dialect if extra or raws else "", plain, _json(extra)]


def _named(secret: bytes, what: str, parts: list[Any]) -> str:
    return hmac.digest(secret, f"{what} {json.dumps(parts, sort_keys=True)}".encode(), "sha256").hex()


def _plain(value: Any) -> tuple[Any, int]:
    """As JSON that tells kinds apart, without what no answer depends on; and how much of it is raw."""
    if isinstance(value, Raw):
        return {"raw": _json(value.json)}, 1
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        read = {name: _plain(part) for name, part in zip(value._fields, value, strict=True) if name not in ASIDE}
        own = value.extra if hasattr(value, "extra") and not isinstance(value, Request) else None
        kind: dict[str, Any] = {"": type(value).__name__} | ({"extra": _json(own)} if own else {})
        return kind | {name: plain for name, (plain, _) in read.items()}, sum(raws for _, raws in read.values()) + bool(own)
    if isinstance(value, tuple):
        each = [_plain(part) for part in value]
        return [plain for plain, _ in each], sum(raws for _, raws in each)
    return _json(value), 0


def _json(value: Any) -> Any:
    """The same for numbers that are: 0 and 0.0."""
    match value:
        case float():
            return int(value) if value.is_integer() else value
        case Mapping():
            return {name: _json(part) for name, part in value.items()}
        case list() | tuple():
            return [_json(part) for part in value]
    return value
