"""OpenAI chat completions, as it answers.

https://platform.openai.com/docs/api-reference/chat/object  https://platform.openai.com/docs/api-reference/chat-streaming
https://platform.openai.com/docs/guides/error-codes
"""

from collections.abc import Mapping
from typing import Any

from ..exchange import Answer, Ask, Choice, Frame, Piece, Stamp, Tokens
from ..http import Request
from .openai_chat import COMPLETIONS, DONE, in_turn
from .openai_checks import MODELS, checked, checked_key
from .openai_parameters import error_body
from .provider import Operation, Provider
from .wire import dumped, event, mark

CLOUDFLARE = {
    502: b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>",
    504: b"<html><head><title>504 Gateway Time-out</title></head><body><center><h1>504 Gateway Time-out</h1></center></body></html>",
}
ERRORS = {
    400: ("invalid_request_error", None, "We could not process this request."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-sim***."),
    403: ("request_forbidden", "unsupported_country_region_territory", "Country, region, or territory not supported"),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    408: ("invalid_request_error", "request_timeout", "Request timed out."),
    429: (
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached in organization org-sim on requests per min (RPM). Please try again later.",
    ),
    503: ("service_unavailable_error", "server_is_overloaded", "Our servers are currently overloaded. Please try again later."),
}
SERVER_ERROR = ("server_error", None, "The server had an error while processing your request. Sorry about that!")


def usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _head(ask: Ask, stamp: Stamp, kind: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-" + mark(stamp.seed, "id", length=29),
        "object": kind,
        "created": stamp.created,
        "model": MODELS[ask.model].snapshot if ask.model in MODELS else ask.model,
        "service_tier": "default",
        "system_fingerprint": "fp_" + mark(ask.model, length=10),
    }


def _call_id(stamp: Stamp, index: int, position: int) -> str:
    return "call_" + mark(stamp.seed, index, position)


def whole(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    choices = [
        {"index": index, "message": _message(choice, stamp, index), "logprobs": None, "finish_reason": choice.finish}
        for index, choice in enumerate(answer.choices)
    ]
    return dumped(_head(ask, stamp, "chat.completion") | {"choices": choices, "usage": usage(answer.tokens)})


def _message(choice: Choice, stamp: Stamp, index: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": choice.text, "refusal": None, "annotations": []}
    calls = [
        {"id": _call_id(stamp, index, position), "type": "function", "function": {"name": name, "arguments": arguments}}
        for position, (name, arguments) in enumerate(choice.calls)
    ]
    return message | ({"tool_calls": calls} if calls else {})


def frames(ask: Ask, answer: Answer, stamp: Stamp) -> list[Frame]:
    """The role, the pieces, each choice's finish, the usage if it was asked for, and the end."""
    head = _head(ask, stamp, "chat.completion.chunk")
    rest: dict[str, Any] = {"usage": None} if ask.include_usage else {}
    made: list[Frame] = []

    def frame(delta: dict[str, Any], index: int, tokens: int = 0, finish: str | None = None) -> None:
        choices = [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}]
        reasoning = 0 if made else answer.tokens.reasoning
        made.append(Frame(event(head | {"choices": choices} | rest | _obfuscation(ask, stamp, len(made))), tokens, reasoning))

    for index, choice in enumerate(answer.choices):
        frame({"role": "assistant", "content": None if choice.text is None else "", "refusal": None}, index)
    for index, choice, piece in in_turn(answer):
        if piece is None:
            frame({}, index, finish=choice.finish)
        else:
            frame(_delta(piece, stamp, index), index, piece.tokens)
    if ask.include_usage:
        last = head | {"choices": [], "usage": usage(answer.tokens)} | _obfuscation(ask, stamp, len(made))
        made.append(Frame(event(last), usage=True))
    return [*made, Frame(DONE, paced=False)]


def _obfuscation(ask: Ask, stamp: Stamp, place: int) -> dict[str, str]:
    return {"obfuscation": mark(stamp.seed, place, length=2 + place % 9)} if ask.include_obfuscation else {}


def _delta(piece: Piece, stamp: Stamp, index: int) -> dict[str, Any]:
    if piece.call is None:
        return {"content": piece.text}
    call: dict[str, Any] = {"index": piece.call}
    if piece.name is not None:
        call |= {"id": _call_id(stamp, index, piece.call), "type": "function"}
    call["function"] = ({"name": piece.name} if piece.name is not None else {}) | {"arguments": piece.text}
    return {"tool_calls": [call]}


def models(request: Request) -> bytes:
    checked_key(request)
    rows = [{"id": name, "object": "model", "created": 1_750_000_000, "owned_by": "system"} for name in MODELS]
    return dumped({"object": "list", "data": rows})


def error(status: int) -> tuple[str, bytes]:
    if status in CLOUDFLARE:
        return "text/html", CLOUDFLARE[status]
    kind, code, message = ERRORS.get(status, SERVER_ERROR if status >= 500 else ERRORS[400])
    return "application/json", error_body(message, kind=kind, code=code)


def error_event(status: int) -> bytes:
    """The error object, and no [DONE] after it."""
    kind, code, message = ERRORS.get(status, SERVER_ERROR)
    return b"data: " + error_body(message, kind=kind, code=code) + b"\n\n"


def not_found(request: Request) -> bytes:
    return error_body(f"Invalid URL ({request.method} {request.path.removeprefix('/openai')})")


def headers(stamp: Stamp) -> Mapping[str, str]:
    request_id = "req_" + mark(stamp.seed, "request", length=32)
    return {"openai-version": "2020-10-01", "openai-organization": "sim", "x-request-id": request_id}


CHAT = Operation("chat", COMPLETIONS, checked, whole, error, frames, error_event)

OPENAI = Provider("openai", (CHAT,), not_found, {"/v1/models": models}, headers)
