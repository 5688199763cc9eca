"""The messages of a request to Anthropic's API, block by block. https://platform.claude.com/docs/en/api/messages"""

import json
from collections.abc import Callable
from typing import Any

from ..errors import Refusal
from ..request import Image, Message, Part, Raw, Reasoning, Signature, Text, ToolCall, ToolResult
from .checks import BOOLEAN, OBJECT, OBJECTS, STRING, STRING_OR_OBJECTS, expect, one_of, string
from .signatures import unpack

FAMILY = "anthropic"
MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
LIFETIMES = ("5m", "1h")
NO_TEXT = Text("")
ARGUMENTS = json.JSONEncoder(ensure_ascii=False)


def to_system(content: Any, path: str) -> tuple[Text, ...]:
    if isinstance(content, str):
        return (Text(content),)
    for place, block in enumerate(content):
        expect(block.get("type"), one_of("text"), f"{path}[{place}].type")
    return tuple(to_text(block, f"{path}[{place}]") for place, block in enumerate(content))


def to_messages(messages: list[dict[str, Any]]) -> tuple[Message, ...]:
    return tuple([read for place, message in enumerate(messages) for read in to_message(message, f"messages[{place}]")])


def to_message(message: dict[str, Any], path: str) -> list[Message]:
    """A user's turn may hold the results of tools, which are messages of their own here."""
    role: Any = message.get("role")
    content: Any = message.get("content")
    within = f"{path}.content"
    expect(role, ROLE, f"{path}.role")
    expect(content, STRING_OR_OBJECTS, within)
    if not content and role != "assistant":
        raise Refusal("invalid_request", f"`{path}.content` is empty. Send a string or an array of blocks.", param=f"{path}.content")
    if isinstance(content, str):
        return [Message(role, (Text(content),) if content else ())]
    parts = tuple([to_part(block, f"{within}[{place}]", role) for place, block in enumerate(content)])
    return [Message(role, to_signed(parts))] if role == "assistant" else _to_turns(role, parts)


def _to_turns(role: str, parts: tuple[Part, ...]) -> list[Message]:
    """Each run of the user's own words, and each result, in their order."""
    if len(parts) == 1:
        return [Message("tool" if isinstance(parts[0], ToolResult) else role, parts)]
    turns: list[Message] = []
    for part in parts:
        if isinstance(part, ToolResult):
            turns.append(Message("tool", (part,)))
        elif turns and turns[-1].role == role:
            turns[-1] = Message(role, (*turns[-1].parts, part))
        else:
            turns.append(Message(role, (part,)))
    return turns


def to_signed(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Gives each call the signature that an answer of ours put beside it, in a sealed block with the call's id; and drops empty texts."""
    if Reasoning not in map(type, parts):  # as in most turns, so that none of them is looked at twice
        return tuple([part for part in parts if part != NO_TEXT])
    calls = {part.id for part in parts if isinstance(part, ToolCall)}
    signatures = {part.signature.id: part.signature._replace(id=None) for part in parts if _is_of_call(part, calls)}  # type: ignore[union-attr]
    return tuple(
        part._replace(signature=signatures.get(part.id)) if isinstance(part, ToolCall) else part
        for part in parts
        if not _is_of_call(part, calls) and part != NO_TEXT
    )


def _is_of_call(part: Part, calls: set[str]) -> bool:
    return isinstance(part, Reasoning) and part.redacted and part.signature is not None and part.signature.id in calls


def to_part(block: dict[str, Any], path: str, role: str) -> Part:
    """What we do not know is kept as it is, for Anthropic to judge."""
    kind = string(block, "type", path)
    read = READ.get(kind)
    if role == "system" or (read and kind not in BLOCKS[role]):
        expect(kind, one_of(*BLOCKS[role]), f"{path}.type")
    return read(block, path) if read else Raw(block)


def to_text(block: dict[str, Any], path: str) -> Text:
    return Text(string(block, "text", path), to_cache(block, path))


def to_image(block: dict[str, Any], path: str) -> Image | Raw:
    """Files that Anthropic keeps, and orders to its own image processing, are for its models alone."""
    source: Any = block.get("source")
    expect(source, OBJECT, f"{path}.source")
    kind = source.get("type")
    expect(kind, one_of("base64", "url", "file"), f"{path}.source.type")
    if kind == "file" or block.get("transformations"):
        return Raw(block)
    cache = to_cache(block, path)
    if kind == "url":
        expect(source.get("url"), STRING, f"{path}.source.url")
        return Image(source["url"], cache=cache)
    expect(source.get("media_type"), one_of(*MEDIA_TYPES), f"{path}.source.media_type")
    expect(source.get("data"), STRING, f"{path}.source.data")
    return Image(f"data:{source['media_type']};base64,{source['data']}", cache=cache)


def to_tool_call(block: dict[str, Any], path: str) -> ToolCall:
    id, name = string(block, "id", path), string(block, "name", path)
    expect(block.get("input"), OBJECT, f"{path}.input")
    return ToolCall(id, name, ARGUMENTS.encode(block["input"]), None, to_cache(block, path))


def to_tool_result(block: dict[str, Any], path: str) -> ToolResult:
    call_id, content, failed = string(block, "tool_use_id", path), block.get("content"), block.get("is_error")
    if failed is not None:
        expect(failed, BOOLEAN, f"{path}.is_error")
    if content is None or isinstance(content, str):
        parts: tuple[Text | Image | Raw, ...] = (Text(content),) if content else ()
    else:
        expect(content, (OBJECTS[0], STRING_OR_OBJECTS[1]), f"{path}.content")
        parts = tuple(to_result_part(part, f"{path}.content[{place}]") for place, part in enumerate(content))
    return ToolResult(call_id, parts, bool(failed), to_cache(block, path))


def to_result_part(block: dict[str, Any], path: str) -> Text | Image | Raw:
    kind = string(block, "type", path)
    if kind == "text":
        return to_text(block, path)
    return to_image(block, path) if kind == "image" else Raw(block)


def to_reasoning(block: dict[str, Any], path: str) -> Reasoning:
    """Without a signature it is what a model of another provider thought."""
    return Reasoning(string(block, "thinking", path), _signature(string(block, "signature", path)))


def to_sealed(block: dict[str, Any], path: str) -> Reasoning:
    return Reasoning("", _signature(string(block, "data", path)), redacted=True)


def _signature(text: str) -> Signature | None:
    return unpack(text, FAMILY) if text else None


def to_cache(block: dict[str, Any], path: str) -> Any:
    """https://platform.claude.com/docs/en/build-with-claude/prompt-caching"""
    cache = block.get("cache_control")
    if cache is None:
        return None
    expect(cache, OBJECT, f"{path}.cache_control")
    expect(cache.get("type"), one_of("ephemeral"), f"{path}.cache_control.type")
    if cache.get("ttl") is not None:
        expect(cache["ttl"], one_of(*LIFETIMES), f"{path}.cache_control.ttl")
    return cache


READ: dict[str, Callable[[dict[str, Any], str], Part]] = {
    "text": to_text,
    "image": to_image,
    "tool_use": to_tool_call,
    "tool_result": to_tool_result,
    "thinking": to_reasoning,
    "redacted_thinking": to_sealed,
}
# Of those that we read, which ones each role may send. A system's turn in mid-conversation is text alone.
BLOCKS = {
    "user": ("text", "image", "tool_result"),
    "assistant": ("text", "thinking", "redacted_thinking", "tool_use"),
    "system": ("text",),
}
ROLE = one_of(*BLOCKS)
