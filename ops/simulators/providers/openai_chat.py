"""What OpenAI's chat format and those made after it have in common: reading a body, and server-sent events.

https://platform.openai.com/docs/api-reference/chat/create  https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from ..exchange import Answer, Ask, Choice, Piece
from ..http import Request
from ..tokens import prompt_tokens

COMPLETIONS = re.compile(r"/v1/chat/completions")
EVENT_STREAM = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"
ANY_OBJECT: dict[str, Any] = {}


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


def to_ask(body: dict[str, Any], **differences: Any) -> Ask:
    """Of a body that was checked."""
    tools = {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in body.get("tools") or ()}
    choice = body.get("tool_choice")
    named = choice["function"]["name"] if isinstance(choice, dict) else None
    stop = body.get("stop") or ()
    return Ask(
        **{
            "model": body["model"],
            "prompt": _prompt(body["messages"]),
            "prompt_tokens": tuple(prompt_tokens(body.get("tools") or [], body["messages"])),
            "stream": bool(body.get("stream")),
            "max_tokens": body.get("max_completion_tokens") or body.get("max_tokens"),
            "stop": (stop,) if isinstance(stop, str) else tuple(stop),
            "n": body.get("n") or 1,
            "tools": {} if choice == "none" else tools,
            "tools_must": (named,) if named else tuple(tools) if choice in ("required", "any") else (),
            "tool_was_named": named is not None,
            "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
            "schema": _schema(body.get("response_format") or {}),
            "reasoning_effort": body.get("reasoning_effort"),
        }
        | differences
    )


def _prompt(messages: list[dict[str, Any]]) -> str:
    """The last user message. After a tool's result it no longer dictates: the model would call the tool for ever."""
    if messages[-1]["role"] == "tool":
        return ""
    said = next((message.get("content") for message in reversed(messages) if message["role"] == "user"), "")
    if isinstance(said, str):
        return said
    return "\n".join(part.get("text", "") for part in said or () if part.get("type") == "text")


def _schema(response_format: dict[str, Any]) -> Any:
    match response_format.get("type"):
        case "json_object":
            return ANY_OBJECT
        case "json_schema":
            return response_format["json_schema"].get("schema") or ANY_OBJECT
    return None


def in_turn(answer: Answer) -> Iterator[tuple[int, Choice, Piece | None]]:
    """The choices' pieces as they are streamed: each choice's next one in turn, and None where a choice ends."""
    for place in range(1 + max(len(choice.pieces) for choice in answer.choices)):
        for index, choice in enumerate(answer.choices):
            if place <= len(choice.pieces):
                yield index, choice, choice.pieces[place] if place < len(choice.pieces) else None


def event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + dumped(chunk) + b"\n\n"


def dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def garbled(data: bytes) -> bytes:
    """Half of it; an event still ends as events do."""
    return data[: len(data) // 2].rstrip() + (b"\n\n" if data.startswith(b"data:") else b"")


def mark(seed: str, *of: Any, length: int = 24) -> str:
    """Letters and digits for an id, always the same ones for the same thing."""
    return sha256("\0".join((seed, *map(str, of))).encode()).hexdigest()[:length]
