"""OpenAI's chat completions, as clients speak it. https://platform.openai.com/docs/api-reference/chat"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import Refusal
from ..money import Tokens
from ..reply import Choice, Chunk, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, Usage
from ..request import Image, Message, Part, Raw, Request, Text, ToolCall, ToolResult
from .checks import (
    BOOLEAN,
    OBJECT,
    OBJECTS,
    STRING,
    STRING_OR_OBJECT,
    expect,
    number,
    taken,
    to_object,
    whole_number,
)

NAME = "openai_chat"

ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
RAW_PARTS = frozenset({"input_audio", "file", "refusal"})
PARTS = frozenset({"text", "image_url"}) | RAW_PARTS
TOOL_PARTS = frozenset({"text"})  # all that the published API takes in a tool's result

ERROR_TYPES = {401: "authentication_error", 403: "permission_error", 404: "invalid_request_error", 429: "rate_limit_error"}


def to_request(body: bytes) -> Request:
    """Raises Refusal (invalid_request) naming the parameter. What we do not know is kept in `extra`."""
    given = to_object(body)
    model = taken(given, "model", STRING)
    if not model:
        raise Refusal("invalid_request", "`model` is missing. Name a route, an alias or provider/model.", param="model")
    messages = taken(given, "messages", OBJECTS)
    if not messages:
        raise Refusal("invalid_request", "`messages` is missing or empty. Send one message at the least.", param="messages")
    stream_options = taken(given, "stream_options", OBJECT) or {}
    stop = given.pop("stop", None)
    if isinstance(stop, str):
        stop = [stop]
    if stop is not None and not (isinstance(stop, list) and len(stop) <= 4 and all(isinstance(word, str) for word in stop)):
        raise Refusal("invalid_request", "`stop` must be a string or an array of up to four strings.", param="stop")
    max_tokens = taken(given, "max_tokens", whole_number(1))
    return Request(
        dialect=NAME,
        model=model,
        messages=tuple(to_message(message, f"messages[{position}]") for position, message in enumerate(messages)),
        stream=bool(taken(given, "stream", BOOLEAN)),
        include_usage=bool(taken(stream_options, "include_usage", BOOLEAN, "stream_options.")),
        max_tokens=taken(given, "max_completion_tokens", whole_number(1)) or max_tokens,
        temperature=taken(given, "temperature", number(0, 2)),
        top_p=taken(given, "top_p", number(0, 1)),
        stop=tuple(stop or ()),
        seed=taken(given, "seed", whole_number()),
        n=taken(given, "n", whole_number(1, 128)) or 1,
        tools=tuple(taken(given, "tools", OBJECTS) or ()),
        tool_choice=taken(given, "tool_choice", STRING_OR_OBJECT),
        response_format=taken(given, "response_format", OBJECT),
        user=taken(given, "user", STRING),
        extra=given,
    )


def to_message(message: dict[str, Any], path: str) -> Message:
    role = message.pop("role", None)
    if not (isinstance(role, str) and role in ROLES):
        raise Refusal("invalid_request", f"`{path}.role` must be one of {', '.join(sorted(ROLES))}.", param=f"{path}.role")
    parts = to_parts(message.pop("content", None), f"{path}.content", TOOL_PARTS if role == "tool" else PARTS)
    if role == "tool":
        call_id: Any = message.pop("tool_call_id", None)
        expect(call_id, STRING, f"{path}.tool_call_id")
        parts = (ToolResult(call_id, "".join(part.text for part in parts if isinstance(part, Text))),)
    else:
        calls = taken(message, "tool_calls", OBJECTS, f"{path}.") or ()
        parts += tuple(to_tool_call(call, f"{path}.tool_calls[{position}]") for position, call in enumerate(calls))
    if not parts and role != "assistant":
        raise Refusal("invalid_request", f"`{path}.content` is missing. Send a string or an array of parts.", param=f"{path}.content")
    name = taken(message, "name", STRING, f"{path}.")
    return Message(role, parts, name, {field: value for field, value in message.items() if value is not None})


def to_parts(content: Any, path: str, kinds: frozenset[str]) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    expect(content, OBJECTS, path)
    return tuple(to_part(part, f"{path}[{position}]", kinds) for position, part in enumerate(content))


def to_part(part: dict[str, Any], path: str, kinds: frozenset[str]) -> Part:
    kind = part.get("type")
    if not (isinstance(kind, str) and kind in kinds):
        raise Refusal("invalid_request", f"`{path}.type` must be one of {', '.join(sorted(kinds))}.", param=f"{path}.type")
    if kind == "text":
        expect(part.get("text"), STRING, f"{path}.text")
        return Text(part["text"])
    if kind == "image_url":
        image: Any = part.get("image_url")
        expect(image, OBJECT, f"{path}.image_url")
        expect(image.get("url"), STRING, f"{path}.image_url.url")
        return Image(image["url"], image.get("detail"))
    return Raw(part)


def to_tool_call(call: dict[str, Any], path: str) -> ToolCall:
    function: Any = call.get("function")
    expect(function, OBJECT, f"{path}.function")
    for value, name in ((call.get("id"), "id"), (function.get("name"), "function.name"), (function.get("arguments"), "function.arguments")):
        expect(value, STRING, f"{path}.{name}")
    return ToolCall(call["id"], function["name"], function["arguments"])


def to_body(id: str, created_s: int, model: str, choices: list[Choice], tokens: Tokens) -> bytes:
    return _json(
        {
            "id": id,
            "object": "chat.completion",
            "created": created_s,
            "model": model,
            "choices": [_to_choice(index, choice) for index, choice in enumerate(choices)],
            "usage": to_usage(tokens),
        }
    )


def _to_choice(index: int, choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": choice.text if choice.text or not (choice.tool_calls or choice.refusal) else None,
        "refusal": choice.refusal or None,
        "annotations": [],
    }
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    if choice.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in choice.tool_calls
        ]
    return {
        "index": index,
        "message": message,
        "logprobs": {"content": list(choice.logprobs), "refusal": None} if choice.logprobs else None,
        "finish_reason": choice.finish,
    }


def to_events(id: str, created_s: int, model: str, chunks: Iterable[Chunk], include_usage: bool) -> Iterator[bytes]:
    """One event a chunk, as it comes. Raises what `chunks` raises; the caller then sends `to_error_event`."""
    head = _json({"id": id, "object": "chat.completion.chunk", "created": created_s, "model": model})[:-1]
    usage = b',"usage":null' if include_usage else b""
    begun: set[int] = set()
    tokens = None

    def event(index: int, delta: dict[str, Any], logprobs: Any = None, finish: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return b'data: %b,"choices":[%b]%b}\n\n' % (head, _json(choice), usage)

    for chunk in chunks:
        if isinstance(chunk, Usage):
            tokens = chunk.tokens
            continue
        if chunk.choice not in begun:
            begun.add(chunk.choice)
            yield event(chunk.choice, {"role": "assistant", "content": "", "refusal": None})
        match chunk:
            case TextDelta(text, index, logprobs):
                yield event(index, {"content": text}, {"content": list(logprobs), "refusal": None} if logprobs else None)
            case RefusalDelta(text, index):
                yield event(index, {"refusal": text})
            case ReasoningDelta(text, index):
                yield event(index, {"reasoning_content": text})
            case ToolCallDelta():
                yield event(chunk.choice, {"tool_calls": [_to_tool_call_delta(chunk)]})
            case Finish(reason, index):
                yield event(index, {}, finish=reason)
    if include_usage and tokens is not None:
        yield b'data: %b,"choices":[],"usage":%b}\n\n' % (head, _json(to_usage(tokens)))
    yield b"data: [DONE]\n\n"


def _to_tool_call_delta(chunk: ToolCallDelta) -> dict[str, Any]:
    function = {"name": chunk.name} if chunk.name else {}
    opening = {"id": chunk.id, "type": "function"} if chunk.id else {}
    return {"index": chunk.position} | opening | {"function": function | {"arguments": chunk.arguments}}


def to_usage(tokens: Tokens) -> dict[str, Any]:
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


def to_error(refusal: Refusal) -> bytes:
    kind = ERROR_TYPES.get(refusal.status, "invalid_request_error" if refusal.status < 500 else "server_error")
    return _json({"error": {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code}})


def to_error_event(refusal: Refusal) -> bytes:
    """Ends a stream that broke after its first byte: the error, which clients raise, and the proper end."""
    return b"data: %b\n\ndata: [DONE]\n\n" % to_error(refusal)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
