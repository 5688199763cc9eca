"""What many wire formats have in common: JSON, server-sent events, bearer keys, ids.

https://html.spec.whatwg.org/multipage/server-sent-events.html  https://www.rfc-editor.org/rfc/rfc6750
"""

import json
from hashlib import sha256
from typing import Any

from ..http import Request

JSON_TYPE = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"


def bearer(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def parsed(body: bytes) -> dict[str, Any] | None:
    """None for what is no JSON object that can be written down again (a lone surrogate cannot)."""
    try:
        found = json.loads(body, parse_constant=_refuse)
        if b"\\ud" in body.lower():
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + dumped(chunk) + b"\n\n"


def named_event(name: str, chunk: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\n" + event(chunk)


def garbled(data: bytes) -> bytes:
    """Half of it; an event, and a line, still end as they do."""
    end = b"\n\n" if data.endswith(b"\n\n") else b"\n" if data.endswith(b"\n") else b""
    start = data.find(b"data: ") + 1
    return data[: (start + len(data)) // 2].rstrip() + end


def mark(seed: str, *of: Any, length: int = 24) -> str:
    """Letters and digits for an id, always the same ones for the same thing."""
    return sha256("\0".join((seed, *map(str, of))).encode()).hexdigest()[:length]
