"""What of a request routing may go by."""

import hmac
from collections.abc import Mapping

from ..providers.fit import NEEDS
from ..request import Request, Text
from ..routing import bound
from ..routing.catalog import Snapshot
from ..routing.complexity import score
from ..routing.inputs import Features
from .asked import Asked
from .permits import Permits

CHARS_PER_TOKEN = 4
MOST_HEADER_CHARS = 200
SECRET = frozenset({"authorization", "x-api-key", "cookie", "proxy-authorization"})  # a condition that names one sees nothing of it


def to_features(asked: Asked, permits: Permits, snapshot: Snapshot, secret: bytes) -> Features:
    """`secret` is what user and conversation are named by."""
    request, caller = asked.request, asked.caller
    input_tokens = -(-bound.prompt_chars(request) // CHARS_PER_TOKEN)
    return Features(
        request=asked.id,
        tenant=caller.tenant,
        team=permits.team or caller.team,
        key=caller.key_id,
        agent=permits.agent,
        tags=permits.tags,
        headers=_headers(asked.headers, snapshot.policies.headers),
        model=request.model,
        dialect=request.dialect,
        stream=request.stream,
        n=request.n,
        input_tokens=input_tokens,
        input_bound=bound.input_tokens_bound(request, asked.body_bytes),
        max_tokens=request.max_tokens,
        complexity=score(request, input_tokens),
        uses=tuple(sorted(name for name, (needs, _) in NEEDS.items() if needs(request))),
        user=_named(secret, "user", caller.tenant, request.user or ""),
        conversation=_named(secret, "conversation", caller.tenant, _conversation(request)),
        fallbacks=permits.fallbacks,
    )


def _headers(headers: Mapping[str, str], named: frozenset[str]) -> dict[str, str]:
    return {name: headers[name][:MOST_HEADER_CHARS] for name in named - SECRET if name in headers}


def _conversation(request: Request) -> str:
    """What stays the same from turn to turn, and what providers' caches are found by: a name, else all up to what the user said first."""
    named = request.extra.get("prompt_cache_key")
    if isinstance(named, str) and named:
        return named
    first = next((at for at, message in enumerate(request.messages) if message.role == "user"), 0)
    texts = [part.text for message in request.messages[: first + 1] for part in message.parts if isinstance(part, Text)]
    return "\n".join(texts)


def _named(secret: bytes, what: str, tenant: str, text: str) -> str:
    """Short, by a secret, so that nobody who reads it can try what was said, and another for each tenant, whose names have no space."""
    return hmac.digest(secret, f"{what} {tenant} {text}".encode("utf-8", "surrogatepass"), "sha256").hex()[:16] if text else ""
