"""Mistral chat completions: OpenAI's format with fewer parameters, none of them unknown, and errors of its own.

Its usage is in the last chunk, asked for or not; a tool call comes in one piece, together with the finish.
https://docs.mistral.ai/api/endpoint/chat  https://github.com/mistralai/client-python (docs/models/chatcompletionrequest.md)
"""

import re
from collections.abc import Mapping
from typing import Any

from ..embeddings import vector
from ..exchange import Answer, Ask, Choice, Frame, Stamp, Tokens
from ..http import Request
from .mistral_checks import EMBED_DIMENSIONS, EMBEDDERS, MODELS, checked, checked_embedding, checked_key, error_body
from .openai_chat import COMPLETIONS, DONE, in_turn
from .provider import Operation, Provider
from .wire import dumped, event, mark

ERRORS = {
    401: ("invalid_request_error", None, "Unauthorized"),
    429: ("rate_limited", "1300", "Rate limit exceeded"),
    503: ("service_unavailable", "1000", "Service unavailable."),
}
SERVER_ERROR = ("internal_server_error", "1000", "Internal server error")
REFUSED = ("invalid_request_error", None, "Bad request")


def usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "prompt_tokens": tokens.input,
        "total_tokens": tokens.input + tokens.output,
        "completion_tokens": tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached},
    }


def _head(ask: Ask, stamp: Stamp, kind: str) -> dict[str, Any]:
    return {"id": mark(stamp.seed, "id", length=32), "object": kind, "created": stamp.created, "model": ask.model}


def _calls(choice: Choice, stamp: Stamp, index: int) -> list[dict[str, Any]]:
    """The id is nine letters and digits, here and wherever it is sent back."""
    return [
        {"id": mark(stamp.seed, index, place, length=9), "function": {"name": name, "arguments": arguments}, "index": place}
        for place, (name, arguments) in enumerate(choice.calls)
    ]


def whole(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    choices = []
    for index, choice in enumerate(answer.choices):
        message = {"role": "assistant", "tool_calls": _calls(choice, stamp, index) or None, "content": choice.text or ""}
        choices.append({"index": index, "finish_reason": choice.finish, "message": message})
    return dumped(_head(ask, stamp, "chat.completion") | {"usage": usage(answer.tokens), "choices": choices})


def frames(ask: Ask, answer: Answer, stamp: Stamp) -> list[Frame]:
    head = _head(ask, stamp, "chat.completion.chunk")
    made: list[Frame] = []
    open_choices = len(answer.choices)
    for index in range(open_choices):
        reasoning = 0 if made else answer.tokens.reasoning
        made.append(_frame(head, index, {"role": "assistant", "content": ""}, reasoning=reasoning))
    for index, choice, piece in in_turn(answer):
        if piece is None:
            open_choices -= 1
            last = {"usage": usage(answer.tokens)} if not open_choices and not ask.late_usage else {}
            tokens = sum(piece.tokens for piece in choice.pieces if piece.call is not None)
            calls = _calls(choice, stamp, index)
            made.append(_frame(head | last, index, {"tool_calls": calls} if calls else {"content": ""}, tokens, choice.finish))
        elif piece.call is None:
            made.append(_frame(head, index, {"content": piece.text}, piece.tokens))
    if ask.late_usage:
        made.append(Frame(event(head | {"usage": usage(answer.tokens), "choices": []}), usage=True))
    return [*made, Frame(DONE, paced=False)]


def _frame(
    head: dict[str, Any], index: int, delta: dict[str, Any], tokens: int = 0, finish: str | None = None, reasoning: int = 0
) -> Frame:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return Frame(event(head | {"choices": [choice]}), tokens, reasoning, usage="usage" in head)


def models(request: Request) -> bytes:
    checked_key(request)
    rows = [{"id": name, "object": "model", "created": 1_750_000_000, "owned_by": "mistralai"} for name in (*MODELS, *EMBEDDERS)]
    return dumped({"object": "list", "data": rows})


def error(status: int) -> tuple[str, bytes]:
    kind, code, message = ERRORS.get(status, SERVER_ERROR if status >= 500 else REFUSED)
    return "application/json", error_body(status, message, kind, code)


def error_event(status: int) -> bytes:
    return b"data: " + error(status)[1] + b"\n\n"


def not_found(request: Request) -> bytes:
    return dumped({"detail": "Not Found"})


def headers(stamp: Stamp) -> Mapping[str, str]:
    return {"mistral-correlation-id": mark(stamp.seed, "correlation", length=32)}


def embedded(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    """https://docs.mistral.ai/api/endpoint/embeddings"""
    dimensions = ask.body.get("output_dimension") or EMBED_DIMENSIONS
    given = ask.body["input"]
    texts = [given] if isinstance(given, str) else given
    data = [{"object": "embedding", "index": index, "embedding": vector(ask.model, text, dimensions)} for index, text in enumerate(texts)]
    head = {"id": mark(stamp.seed, "id", length=32), "object": "list", "model": ask.model}
    return dumped(head | {"data": data, "usage": usage(answer.tokens)})


MISTRAL = Provider(
    "mistral",
    (
        Operation("chat", COMPLETIONS, checked, whole, error, frames, error_event),
        Operation("embeddings", re.compile(r"/v1/embeddings"), checked_embedding, embedded, error),
    ),
    not_found,
    {"/v1/models": models},
    headers,
)
