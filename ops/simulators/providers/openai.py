"""OpenAI chat completions, as it answers.

https://platform.openai.com/docs/api-reference/chat/object  https://platform.openai.com/docs/api-reference/chat-streaming
https://platform.openai.com/docs/guides/error-codes
"""

import re
from collections.abc import Mapping
from typing import Any

from ..exchange import Answer, Ask, Choice, Frame, Piece, Stamp, Tokens
from ..http import Request
from . import openai_responses, openai_responses_checks
from .openai_chat import COMPLETIONS, Chunk, call_delta, calls, in_turn, logprobs, to_frames
from .openai_checks import MODELS, checked, checked_key
from .openai_embeddings import Embedder, embeddings
from .openai_parameters import error_body
from .provider import Operation, Provider
from .wire import dumped, mark, named_event

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


def whole(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    return dumped(completion(ask, answer, stamp))


def completion(ask: Ask, answer: Answer, stamp: Stamp) -> dict[str, Any]:
    choices = [
        {
            "index": index,
            "message": _message(choice, stamp, index),
            "logprobs": logprobs(ask, choice.pieces, _said_in(choice)),
            "finish_reason": choice.finish,
        }
        for index, choice in enumerate(answer.choices)
    ]
    return _head(ask, stamp, "chat.completion") | {"choices": choices, "usage": usage(answer.tokens)}


def _said_in(choice: Choice) -> str:
    return "refusal" if choice.refused else "content"


def _message(choice: Choice, stamp: Stamp, index: int) -> dict[str, Any]:
    said = {"content": None, "refusal": None} | {_said_in(choice): choice.text}
    called = calls(choice, stamp, index)
    return {"role": "assistant", **said, "annotations": []} | ({"tool_calls": called} if called else {})


def frames(ask: Ask, answer: Answer, stamp: Stamp) -> list[Frame]:
    return to_frames(chunks(ask, answer, stamp))


def chunks(ask: Ask, answer: Answer, stamp: Stamp) -> list[Chunk]:
    """The role, the pieces, each choice's finish, and the usage if it was asked for."""
    head = _head(ask, stamp, "chat.completion.chunk")
    rest: dict[str, Any] = {"usage": None} if ask.include_usage else {}
    made: list[Chunk] = []

    def add(delta: dict[str, Any], index: int, piece: Piece | None = None, finish: str | None = None) -> None:
        likely = logprobs(ask, [piece], "refusal" if "refusal" in delta else "content") if piece and piece.call is None else None
        choices = [{"index": index, "delta": delta, "logprobs": likely, "finish_reason": finish}]
        reasoning = 0 if made else answer.tokens.reasoning
        value = head | {"choices": choices} | rest | _obfuscation(ask, stamp, len(made))
        made.append(Chunk(value, piece.tokens if piece else 0, reasoning))

    for index, choice in enumerate(answer.choices):
        add({"role": "assistant", "content": None if choice.text is None else "", "refusal": None}, index)
    for index, choice, piece in in_turn(answer):
        if piece is None:
            add({}, index, finish=choice.finish)
        else:
            add({_said_in(choice): piece.text} if piece.call is None else call_delta(piece, stamp, index), index, piece)
    if ask.include_usage:
        last = head | {"choices": [], "usage": usage(answer.tokens)} | _obfuscation(ask, stamp, len(made))
        made.append(Chunk(last, usage=True))
    return made


def _obfuscation(ask: Ask, stamp: Stamp, place: int) -> dict[str, str]:
    return {"obfuscation": mark(stamp.seed, place, length=2 + place % 9)} if ask.include_obfuscation else {}


def models(request: Request) -> bytes:
    checked_key(request)
    rows = [{"id": name, "object": "model", "created": 1_750_000_000, "owned_by": "system"} for name in (*MODELS, *DIMENSIONS)]
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


def response_error_event(status: int) -> bytes:
    """https://platform.openai.com/docs/api-reference/responses-streaming/error"""
    _, code, message = ERRORS.get(status, SERVER_ERROR)
    said = {"type": "error", "sequence_number": 1, "code": code or "server_error", "message": message, "param": None}
    return named_event("error", said)


def not_found(request: Request) -> bytes:
    return error_body(f"Invalid URL ({request.method} {request.path.removeprefix('/openai')})")


def headers(stamp: Stamp) -> Mapping[str, str]:
    request_id = "req_" + mark(stamp.seed, "request", length=32)
    return {"openai-version": "2020-10-01", "openai-organization": "sim", "x-request-id": request_id}


DIMENSIONS = {"text-embedding-3-small": Embedder(1536, True), "text-embedding-3-large": Embedder(3072, True)}
OPENAI = Provider(
    "openai",
    (
        Operation("chat", COMPLETIONS, checked, whole, error, frames, error_event),
        Operation(
            "responses",
            re.compile(r"/v1/responses"),
            openai_responses_checks.checked,
            openai_responses.whole,
            error,
            openai_responses.frames,
            response_error_event,
        ),
        embeddings(re.compile(r"/v1/embeddings"), DIMENSIONS, checked_key, error, lax=False),
    ),
    not_found,
    {"/v1/models": models},
    headers,
)
