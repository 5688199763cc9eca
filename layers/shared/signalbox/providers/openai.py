"""OpenAI's chat completions, and whatever speaks the same. https://platform.openai.com/docs/api-reference/chat"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import Refusal, UpstreamFailure
from ..money import Tokens
from ..reply import Chunk, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, Usage
from ..request import Image, Message, Part, Raw, Request, Text, ToolCall, ToolResult
from ..routing.catalog import Provider, Target
from ..wire import HttpRequest
from .checks import JSON, array, count, index, text
from .errors import failure_of
from .sse import data_lines

# Where a provider that speaks this format departs from it: its name for a parameter (None where it refuses it), and for a role.
# https://docs.mistral.ai/api/#tag/chat
PARAMETERS: dict[str, dict[str, str | None]] = {
    "mistral": {"max_completion_tokens": "max_tokens", "seed": "random_seed", "stream_options": None, "user": None},
}
ROLES = {"mistral": {"developer": "system"}}
# What answers bring and Mistral refuses to be sent again, since all it does not know is an error there.
LEFT_OUT = {"mistral": frozenset({"annotations", "reasoning_content"})}

# Why an answer ended, in our words. What is not here is a `stop`: the provider calls the answer whole, and clients know these words alone.
FINISHES = {
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
# Why one broke. https://docs.mistral.ai/api/#tag/chat https://api-docs.deepseek.com/api/create-chat-completion
BREAKS = {"error": "server", "insufficient_system_resource": "overloaded"}


def to_http(request: Request, target: Target, provider: Provider, key: str | None, max_tokens: int | None) -> HttpRequest:
    """Always streamed: so a limit on the first byte holds, and what was used is known when a client leaves."""
    body: dict[str, Any] = {
        "model": target.model,
        "messages": [to_message(message, provider.name) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
        "seed": request.seed,
        "n": request.n if request.n > 1 else None,
        "tools": list(request.tools) or None,
        "tool_choice": request.tool_choice,
        "response_format": request.response_format,
        "user": request.user,
    }
    names = PARAMETERS.get(provider.name, {})
    body = {theirs: value for name, value in body.items() if value is not None and (theirs := names.get(name, name))} | dict(request.extra)
    headers = {"content-type": "application/json", "accept": "text/event-stream", "accept-encoding": "identity"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    try:
        written = json.dumps(body, separators=(",", ":")).encode()
    except RecursionError:  # reading it, with a little more of the stack left, just went well
        raise Refusal("invalid_request", "The body is nested too deeply. Send a flatter JSON object.") from None
    return HttpRequest("POST", f"{provider.base_url}/chat/completions", headers, written)


def to_message(message: Message, provider: str) -> dict[str, Any]:
    written: dict[str, Any] = {"role": ROLES.get(provider, {}).get(message.role, message.role)}
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    content = [part for part in message.parts if not isinstance(part, ToolCall | ToolResult)]
    if results:
        written |= {"tool_call_id": results[0].call_id, "content": results[0].text}
    elif len(content) == 1 and isinstance(content[0], Text):
        written["content"] = content[0].text
    else:
        written["content"] = [to_part(part) for part in content] or None
    if calls:
        written["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in calls
        ]
    if message.name is not None:
        written["name"] = message.name
    if message.extra:
        left_out = LEFT_OUT.get(provider, ())
        written |= {name: value for name, value in message.extra.items() if name not in left_out}
    return written


def to_part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image(url, detail):
            return {"type": "image_url", "image_url": {"url": url} | ({"detail": detail} if detail else {})}
        case Raw(json):
            return json
    raise TypeError(f"{type(part).__name__} is no content part")


def to_chunks(pieces: Iterable[bytes]) -> Iterator[Chunk]:
    """Ends at [DONE], which comes after the usage. A stream that ends without it, or without a finish, was cut."""
    finished = False
    for data in data_lines(pieces):
        if data == b"[DONE]":
            break
        try:
            event = JSON.decode(data.decode())
            if broken := event.get("error") or (event if event.get("object") in ("error", "Error") else None):
                raise failure_of(broken)
            for choice in array(event.get("choices")):
                yield from _from_choice(choice)
                finished = finished or bool(choice.get("finish_reason"))
            tokens = to_tokens(event["usage"]) if event.get("usage") else None
            if tokens is not None:
                yield Usage(tokens)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UpstreamFailure("malformed", f"not a chat.completion.chunk: {type(error).__name__}") from error
    if not finished:
        raise UpstreamFailure("cut", "the stream ended without a finish_reason")


def _from_choice(choice: dict[str, Any]) -> Iterator[Chunk]:
    number, delta = index(choice.get("index")), choice.get("delta") or {}
    if content := text(delta.get("content")):
        yield TextDelta(content, number, tuple(array((choice.get("logprobs") or {}).get("content"))))
    if refusal := text(delta.get("refusal")):
        yield RefusalDelta(refusal, number)
    if reasoning := text(delta.get("reasoning_content")):
        yield ReasoningDelta(reasoning, number)
    for place, call in enumerate(array(delta.get("tool_calls"))):
        function = call.get("function") or {}
        id, name = text(call.get("id")) or None, text(function.get("name")) or None
        yield ToolCallDelta(index(call.get("index"), place), text(function.get("arguments")), id, name, number)
    if reason := text(choice.get("finish_reason")):
        if reason in BREAKS:
            raise UpstreamFailure(BREAKS[reason], f"finish_reason={reason}")
        yield Finish(FINISHES.get(reason, "stop"), number)


def to_tokens(usage: Any) -> Tokens | None:
    """The one reading of usage. None where it is not plausible, which is as good as none: no finished answer fails by its count.

    https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage
    """
    try:
        input, output = count(usage["prompt_tokens"]), count(usage.get("completion_tokens"))
        return Tokens(
            input=input,
            cached=min(count((usage.get("prompt_tokens_details") or {}).get("cached_tokens")), input),
            output=output,
            reasoning=min(count((usage.get("completion_tokens_details") or {}).get("reasoning_tokens")), output),
        )
    except (TypeError, KeyError, AttributeError):
        return None
