"""Perplexity: chat completions with what was found on the web, and a usage, with its cost, that counts up in every chunk.

https://docs.perplexity.ai/api-reference/chat-completions-post  https://docs.perplexity.ai/docs/getting-started/pricing
"""

import re
from dataclasses import replace
from functools import partial
from typing import Any

from ..bill import cost_nanousd, prices_of
from ..exchange import Answer, Ask, Choice, Frame, Rejected, Stamp, Tokens
from ..http import Request
from ..prices import SIM, USD
from . import compatible
from .compatible import Json, Row, plain_usage
from .openai_chat import Chunk, in_turn, to_frames
from .provider import Operation
from .wire import dumped, mark

NOT_AUTHORIZED = (
    b"<html>\r\n<head><title>401 Authorization Required</title></head>\r\n<body>\r\n"
    b"<center><h1>401 Authorization Required</h1></center>\r\n<hr><center>openresty/1.25.3.1</center>\r\n</body>\r\n</html>\r\n"
)
KINDS = {400: "bad_request", 429: "rate_limit_exceeded", 500: "internal_server_error", 503: "service_unavailable"}
SEARCHED = (("A signal box", "https://example.com/signal-box"), ("Block working", "https://example.com/block-working"))


def perplexity_error(status: int, kind: str | None, code: Any, message: str, param: str | None) -> Json:
    kind = "invalid_model" if code == "model_not_found" else KINDS.get(status, KINDS[500] if status >= 500 else KINDS[400])
    return {"error": {"message": message, "type": kind, "code": status}}


ROW = Row(
    "perplexity",
    docs="https://docs.perplexity.ai/api-reference/chat-completions-post",
    refuses=frozenset({"tools", "tool_choice", "n", "logprobs", "seed"}),
    error=perplexity_error,
    usage=plain_usage,
    usage_in="always",
    id_prefix="",
    caches=False,
)


def error(status: int) -> tuple[str, bytes]:
    return ("text/html", NOT_AUTHORIZED) if status == 401 else compatible.error(ROW, status)


def read(request: Request) -> Ask:
    """After the instructions user and assistant take turns, and the user is last. A model that is not there is a bad request."""
    try:
        ask = compatible.read(ROW, request)
    except Rejected as rejected:
        status = 400 if rejected.status == 404 else rejected.status
        if status == 401:
            raise Rejected(status, NOT_AUTHORIZED, "text/html") from None
        raise Rejected(status, rejected.body.replace(b'"code":404', b'"code":400')) from None
    roles = [message["role"] for message in ask.body["messages"]]
    spoken = roles[next((place for place, role in enumerate(roles) if role != "system"), len(roles)) :]
    turns = ["user", "assistant"] * len(spoken)
    if not spoken or spoken != turns[: len(spoken)] or spoken[-1] != "user":
        told = "After the (optional) system message(s), user and assistant roles should be alternating, and the last message from the user."
        raise Rejected(400, dumped({"error": {"message": told, "type": "invalid_message", "code": 400}}))
    return ask


def usage(ask: Ask, tokens: Tokens) -> Json:
    prices = prices_of("perplexity", ask.model) or SIM
    paid = {
        "input_tokens_cost": tokens.input * prices.input / 1_000_000 / USD,
        "output_tokens_cost": tokens.output * prices.output / 1_000_000 / USD,
        "request_cost": prices.request / USD,
        "total_cost": cost_nanousd(tokens, prices) / USD,
    }
    return plain_usage(ask, tokens) | {"search_context_size": "low", "cost": paid}


def _found(ask: Ask, stamp: Stamp, kind: str, tokens: Tokens) -> Json:
    results = [
        {"title": title, "url": url, "date": "2026-01-02", "last_updated": "2026-03-04", "snippet": title, "source": "web"}
        for title, url in SEARCHED
    ]
    return {
        "id": mark(stamp.seed, "id", length=32),
        "model": ask.model,
        "created": stamp.created,
        "usage": usage(ask, tokens),
        "citations": [url for _, url in SEARCHED],
        "search_results": results,
        "object": kind,
    }


def _said(choice: Choice, text: str, delta: str, finish: str | None) -> Json:
    message = {"role": "assistant", "content": text}
    return {"index": 0, "finish_reason": finish, "message": message, "delta": {"role": "assistant", "content": delta}}


def whole(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    choice = answer.choices[0]
    told = _found(ask, stamp, "chat.completion", answer.tokens)
    return dumped(told | {"choices": [_said(choice, choice.text or "", "", choice.finish)]})


def frames(ask: Ask, answer: Answer, stamp: Stamp) -> list[Frame]:
    """Each chunk has all that was written by then, and the usage up to there; `late_usage` keeps that for the last one."""
    text, written = "", answer.tokens.reasoning
    made: list[Chunk] = []
    for _, choice, piece in in_turn(answer):
        delta, tokens = (piece.text, piece.tokens) if piece else ("", 0)
        text, written = text + delta, written + tokens
        told = _found(ask, stamp, "chat.completion.chunk", answer.tokens._replace(output=written))
        value = told | {"choices": [_said(choice, text, delta, None if piece else choice.finish)]}
        if ask.late_usage:
            del value["usage"]
        made.append(Chunk(value, tokens, 0 if made else answer.tokens.reasoning, piece is None and not ask.late_usage))
    if ask.late_usage:
        made.append(Chunk(_found(ask, stamp, "chat.completion.chunk", answer.tokens) | {"choices": []}, usage=True))
    return to_frames(made)


PERPLEXITY = replace(
    compatible.provider(ROW),
    operations=(
        Operation("chat", re.compile(r"(/v1)?/chat/completions"), read, whole, error, frames, partial(compatible.error_event, ROW)),
    ),
    pages={},
)
