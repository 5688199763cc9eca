"""Anthropic's Messages API, as it answers. Its usage is cumulative: in message_start as far as it is known, the rest with the end.

https://platform.claude.com/docs/en/api/messages  https://platform.claude.com/docs/en/build-with-claude/streaming
https://platform.claude.com/docs/en/api/errors
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from ..exchange import Answer, Ask, Choice, Frame, Piece, Stamp, Tokens
from ..http import Request
from .anthropic_checks import MODELS, check_headers, checked, error_body, key_of, model_of, signature
from .provider import Operation, Provider
from .wire import JSON_TYPE, dumped, mark, named_event

Json = dict[str, Any]

FINISHES = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
MESSAGES = {
    400: "We could not process this request.",
    401: "invalid x-api-key",
    402: "Your credit balance is too low to access the Anthropic API.",
    403: "Your API key does not have permission to use the specified resource.",
    404: "The requested resource could not be found.",
    413: "Request exceeds the maximum size",
    429: "This request would exceed your organization's rate limit. Please try again later.",
    500: "Internal server error",
    504: "Request timed out.",
    529: "Overloaded",
}


def usage(tokens: Tokens, output: int) -> Json:
    """What was read from the cache or written to it is no part of `input_tokens` here."""
    return {
        "input_tokens": tokens.input - tokens.cached - tokens.cache_write - tokens.cache_write_1h,
        "cache_creation_input_tokens": tokens.cache_write + tokens.cache_write_1h,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": tokens.cache_write, "ephemeral_1h_input_tokens": tokens.cache_write_1h},
        "output_tokens": output,
        "service_tier": "standard",
        "inference_geo": "not_available",
    }


def _final_usage(tokens: Tokens) -> Json:
    """With the thinking where there was any."""
    return usage(tokens, tokens.output) | ({"output_tokens_details": {"thinking_tokens": tokens.reasoning}} if tokens.reasoning else {})


def _head(ask: Ask, stamp: Stamp) -> Json:
    model = model_of(ask.model.replace("@", "-"))
    snapshot = model.snapshot if model else ask.model
    return {"model": snapshot, "id": "msg_01" + mark(stamp.seed, "id", length=22), "type": "message", "role": "assistant"}


def _stop(choice: Choice) -> Json:
    if choice.refused:
        details: Json = {"type": "refusal", "category": None, "explanation": None}
        return {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details}
    if choice.stopped_by is not None and choice.finish == "stop":
        return {"stop_reason": "stop_sequence", "stop_sequence": choice.stopped_by, "stop_details": None}
    reason = "tool_use" if choice.calls and choice.finish == "stop" else FINISHES[choice.finish]
    return {"stop_reason": reason, "stop_sequence": None, "stop_details": None}


def thinking_of(choice: Choice) -> str:
    return "".join(piece.text for piece in choice.thought)


def _shows_thinking(ask: Ask) -> bool:
    return ask.body["thinking"].get("display") != "omitted"


def _call_id(stamp: Stamp, call: int) -> str:
    return "toolu_01" + mark(stamp.seed, call, length=22)


def arguments_of(text: str) -> Json:
    """Empty where the limit cut them off."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def in_blocks(choice: Choice) -> Iterator[tuple[int | None, list[Piece]]]:
    """The pieces of each block that follows the thinking: of the text (None), or of one call."""
    for call, pieces in groupby(choice.pieces, key=lambda piece: piece.call):
        yield call, list(pieces)


def whole(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    choice = answer.choices[0]
    content: list[Json] = []
    if choice.thought:
        thinking = thinking_of(choice)
        shown = thinking if _shows_thinking(ask) else ""
        content.append({"type": "thinking", "thinking": shown, "signature": signature(shown)})
    for call, pieces in in_blocks(choice):
        text = "".join(piece.text for piece in pieces)
        if call is None:
            content.append({"type": "text", "text": text})
        else:
            content.append({"type": "tool_use", "id": _call_id(stamp, call), "name": pieces[0].name, "input": arguments_of(text)})
    return dumped(_head(ask, stamp) | {"content": content} | _stop(choice) | {"usage": _final_usage(answer.tokens)})


def frames(ask: Ask, answer: Answer, stamp: Stamp) -> list[Frame]:
    choice = answer.choices[0]
    started = _head(ask, stamp) | {"content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    made = [_frame("message_start", {"message": started | {"usage": usage(answer.tokens, min(1, answer.tokens.output))}})]
    index = 0
    if choice.thought:
        made += _thinking_frames(ask, choice)
        index = 1
    for call, pieces in in_blocks(choice):
        made += _block_frames(index, call, pieces, stamp)
        index += 1
    made.insert(min(2, len(made)), Frame(named_event("ping", {"type": "ping"}), paced=False))
    made.append(_frame("message_delta", {"delta": _stop(choice), "usage": _final_usage(answer.tokens)}, usage=True))
    return [*made, Frame(named_event("message_stop", {"type": "message_stop"}), paced=False)]


def _frame(kind: str, more: Json, tokens: int = 0, reasoning: int = 0, usage: bool = False) -> Frame:
    return Frame(named_event(kind, {"type": kind} | more), tokens, reasoning, usage)


def _thinking_frames(ask: Ask, choice: Choice) -> list[Frame]:
    """Omitted, it comes as a signature alone, and has cost as much."""
    start = {"index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}
    made = [_frame("content_block_start", start)]
    shown, unseen = "", sum(piece.tokens for piece in choice.thought)
    if _shows_thinking(ask):
        shown, unseen = thinking_of(choice), 0
        for piece in choice.thought:
            delta = {"index": 0, "delta": {"type": "thinking_delta", "thinking": piece.text}}
            made.append(_frame("content_block_delta", delta, reasoning=piece.tokens))
    signed = {"index": 0, "delta": {"type": "signature_delta", "signature": signature(shown)}}
    made.append(_frame("content_block_delta", signed, reasoning=unseen))
    return [*made, _frame("content_block_stop", {"index": 0})]


def _block_frames(index: int, call: int | None, pieces: list[Piece], stamp: Stamp) -> list[Frame]:
    """A call's input begins with an empty piece of JSON."""
    if call is None:
        block: Json = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece.text} for piece in pieces]
    else:
        block = {"type": "tool_use", "id": _call_id(stamp, call), "name": pieces[0].name, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": piece.text} for piece in pieces]
    made = [_frame("content_block_start", {"index": index, "content_block": block})]
    for delta, piece in zip(deltas, pieces, strict=True):
        made.append(_frame("content_block_delta", {"index": index, "delta": delta}, piece.tokens))
    return [*made, _frame("content_block_stop", {"index": index})]


def models(request: Request) -> bytes:
    check_headers(request)
    rows: list[Json] = [
        {
            "type": "model",
            "id": name,
            "display_name": model.called,
            "created_at": "2025-09-29T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": model.context,
            "max_tokens": model.most_output,
        }
        for name, model in MODELS.items()
        if name == model.snapshot
    ]
    return dumped({"data": rows, "has_more": False, "first_id": rows[0]["id"], "last_id": rows[-1]["id"]})


def error(status: int) -> tuple[str, bytes]:
    return JSON_TYPE, error_body(status, MESSAGES.get(status, MESSAGES[500] if status >= 500 else MESSAGES[400]))


def error_event(status: int) -> bytes:
    """An overload is a 529 here, also where 503 was told."""
    return b"event: error\ndata: " + error(529 if status == 503 else status)[1] + b"\n\n"


def not_found(request: Request) -> bytes:
    return error_body(404, "Not Found")


def headers(stamp: Stamp) -> Mapping[str, str]:
    return {"request-id": "req_" + mark(stamp.seed, "request"), "anthropic-organization-id": "sim"}


MESSAGES_API = Operation("messages", re.compile(r"/v1/messages"), checked, whole, error, frames, error_event)

ANTHROPIC = Provider("anthropic", (MESSAGES_API,), not_found, {"/v1/models": models}, headers, key_of)
