"""Bedrock's Converse and ConverseStream, as they answer, and beside them the models for embeddings and OpenAI's format.

A stream is an event stream of AWS's own; text and reasoning begin without a start, and the usage comes after the stop.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

import re
from collections.abc import Mapping
from typing import Any

from ..exchange import Answer, Ask, Choice, Frame, Piece, Stamp, Tokens
from ..http import Request
from . import eventstream
from .anthropic import arguments_of, in_blocks, thinking_of
from .anthropic_checks import signature
from .bedrock_checks import ANY_SIM, MODELS, STATUSES, checked, checked_stream, error_body, key_of
from .bedrock_invoke import INVOKE
from .bedrock_openai import CHAT
from .provider import Operation, Provider
from .wire import JSON_TYPE, dumped, mark

Json = dict[str, Any]

FINISHES = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
KINDS = {status: kind for kind, status in reversed(STATUSES.items())}
MESSAGES = {
    400: "The request is not valid.",
    403: "You don't have access to the model with the specified model ID.",
    404: "Could not resolve the foundation model from the provided model identifier.",
    408: "The model took too long to respond.",
    424: "The model returned an error.",
    429: "Too many requests, please wait before trying again.",
    500: "The system encountered an unexpected error during processing. Try your request again.",
    503: "Bedrock is unable to process your request.",
}
EXCEPTIONS = {
    400: "validationException",
    424: "modelStreamErrorException",
    429: "throttlingException",
    503: "serviceUnavailableException",
}
PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def _model(ask: Ask) -> Any:
    return MODELS.get(ask.priced_as or "", ANY_SIM)


def usage(ask: Ask, tokens: Tokens) -> Json:
    """What was read from the cache or written to it is no part of `inputTokens`, but of the total."""
    written = tokens.cache_write + tokens.cache_write_1h
    found: Json = {
        "inputTokens": tokens.input - tokens.cached - written,
        "outputTokens": tokens.output,
        "totalTokens": tokens.input + tokens.output,
    }
    if _model(ask).caches:
        found |= {"cacheReadInputTokens": tokens.cached, "cacheWriteInputTokens": written}
        details = [("5m", tokens.cache_write), ("1h", tokens.cache_write_1h)]
        found["cacheDetails"] = [{"ttl": ttl, "inputTokens": count} for ttl, count in details if count]
    return found


def _stop(ask: Ask, choice: Choice) -> Json:
    reason = FINISHES[choice.finish]
    if choice.refused:
        reason = "content_filtered"
    elif choice.calls and choice.finish == "stop":
        reason = "tool_use"
    elif choice.stopped_by is not None and choice.finish == "stop":
        reason = "stop_sequence"
    wanted = "/stop_sequence" in (ask.body.get("additionalModelResponseFieldPaths") or ())
    told = choice.stopped_by if reason == "stop_sequence" else None
    return {"stopReason": reason} | ({"additionalModelResponseFields": {"stop_sequence": told}} if wanted else {})


def _metrics(ask: Ask) -> Json:
    return {"metrics": {"latencyMs": 100 + len(ask.prompt_tokens)}}


def _call_id(stamp: Stamp, call: int) -> str:
    return "tooluse_" + mark(stamp.seed, call, length=22)


def whole(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    choice = answer.choices[0]
    content: list[Json] = []
    if choice.thought:
        thinking = thinking_of(choice)
        signed = {"signature": signature(thinking)} if _model(ask).thinks == "asked" else {}
        content.append({"reasoningContent": {"reasoningText": {"text": thinking} | signed}})
    for call, pieces in in_blocks(choice):
        text = "".join(piece.text for piece in pieces)
        if call is None:
            content.append({"text": text})
        else:
            content.append({"toolUse": {"toolUseId": _call_id(stamp, call), "name": pieces[0].name, "input": arguments_of(text)}})
    message = {"output": {"message": {"role": "assistant", "content": content}}}
    return dumped(message | _stop(ask, choice) | {"usage": usage(ask, answer.tokens)} | _metrics(ask))


def frames(ask: Ask, answer: Answer, stamp: Stamp) -> list[Frame]:
    choice = answer.choices[0]
    made: list[Frame] = []

    def add(kind: str, payload: Json, tokens: int = 0, reasoning: int = 0, usage: bool = False) -> None:
        """Each is padded, so that its size tells nothing of what it says."""
        padding = PADDING[: 4 + int(mark(stamp.seed, len(made), length=2), 16) % 32]
        made.append(Frame(eventstream.event(kind, dumped(payload | {"p": padding})), tokens, reasoning, usage))

    def add_delta(index: int, delta: Json, tokens: int = 0, reasoning: int = 0) -> None:
        add("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}, tokens, reasoning)

    add("messageStart", {"role": "assistant"})
    index = 0
    if choice.thought:
        for piece in choice.thought:
            add_delta(0, {"reasoningContent": {"text": piece.text}}, reasoning=piece.tokens)
        if _model(ask).thinks == "asked":
            add_delta(0, {"reasoningContent": {"signature": signature(thinking_of(choice))}})
        add("contentBlockStop", {"contentBlockIndex": 0})
        index = 1
    for call, pieces in in_blocks(choice):
        if call is not None:
            start = {"toolUse": {"toolUseId": _call_id(stamp, call), "name": pieces[0].name}}
            add("contentBlockStart", {"contentBlockIndex": index, "start": start})
        for piece in pieces:
            add_delta(index, _delta(piece), piece.tokens)
        add("contentBlockStop", {"contentBlockIndex": index})
        index += 1
    add("messageStop", _stop(ask, choice))
    add("metadata", {"usage": usage(ask, answer.tokens)} | _metrics(ask), usage=True)
    return made


def _delta(piece: Piece) -> Json:
    return {"text": piece.text} if piece.call is None else {"toolUse": {"input": piece.text}}


def error(status: int) -> tuple[str, bytes]:
    nearest = status if status in KINDS else 500 if status >= 500 else 400
    return JSON_TYPE, error_body(KINDS[nearest], MESSAGES[nearest])


def error_event(status: int) -> bytes:
    """An exception in the stream is its last message."""
    nearest = status if status in EXCEPTIONS else 500 if status >= 500 else 400
    payload: Json = {"message": MESSAGES[nearest]}
    if nearest == 424:
        payload |= {"originalStatusCode": 500, "originalMessage": MESSAGES[500]}
    return eventstream.exception(EXCEPTIONS.get(nearest, "internalServerException"), dumped(payload))


def not_found(request: Request) -> bytes:
    return error_body("UnknownOperationException", "The requested operation is not recognized by the service.")


def headers(stamp: Stamp) -> Mapping[str, str]:
    seed = mark(stamp.seed, "request", length=32)
    return {"x-amzn-requestid": "-".join((seed[:8], seed[8:12], seed[12:16], seed[16:20], seed[20:]))}


WHOLE = Operation("converse", re.compile(r"/model/(?P<model>.+)/converse"), checked, whole, error)
STREAM = Operation(
    "converse-stream",
    re.compile(r"/model/(?P<model>.+)/converse-stream"),
    checked_stream,
    whole,
    error,
    frames,
    error_event,
    stream_type=eventstream.STREAM_TYPE,
    garbled=eventstream.garbled,
)

BEDROCK = Provider("bedrock", (WHOLE, STREAM, INVOKE, CHAT), not_found, headers=headers, key=key_of, bad_key_status=403)
