"""The items of a Responses request, as messages. https://platform.openai.com/docs/api-reference/responses/create#responses-create-input

What the model wrote comes as several items (reasoning, a message, calls); here they are one message, as other providers know it.
"""

from typing import Any, NamedTuple

from ..errors import Refusal
from ..request import NOTHING, Image, Json, Message, Part, Raw, Reasoning, Signature, Text, ToolCall, ToolResult
from .checks import OBJECT, OBJECTS, STRING, STRING_OR_OBJECTS, expect, string
from .signatures import unpack

FAMILY = "openai"
REDACTED = "redacted"  # stands for the id of a signature that holds all of its reasoning, where its family has no ids

ROLES = frozenset({"system", "developer", "user", "assistant"})
TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
RAW_PARTS = frozenset({"input_file", "input_audio", "computer_screenshot"})
PARTS = frozenset({"input_image", *TEXTS, *RAW_PARTS})
OF_A_MESSAGE = frozenset({"id", "type", "role", "content", "status"})
# A call that has more than these is of a tool that only OpenAI knows.
OF_A_CALL = frozenset({"id", "type", "call_id", "name", "arguments", "status", "extra_content"})

# https://platform.openai.com/docs/guides/prompt-caching, and as Anthropic writes them
LIFETIMES = {"30m": "5m", "12h": "1h"}


class _Answer(NamedTuple):
    """What the model wrote before, as far as it has been read."""

    parts: list[Part]
    extra: dict[str, Json]

    def takes(self, item: dict[str, Any]) -> bool:
        """A second text belongs to a message of its own, but where calls came before it, whose results must follow at once."""
        if item.get("role") is None or Text not in map(type, self.parts):
            return True
        return ToolCall in map(type, self.parts)

    def message(self) -> Message:
        return Message("assistant", tuple(self.parts), None, self.extra)


def to_messages(input: Json, instructions: str | None) -> tuple[Message, ...]:
    messages = [Message("system", (Text(instructions),))] if instructions else []
    if isinstance(input, str):
        return (*messages, Message("user", (Text(input),)))
    if not input:
        raise Refusal("invalid_request", "`input` is missing or empty. Send a string or an array of items.", param="input")
    expect(input, STRING_OR_OBJECTS, "input")
    answer: _Answer | None = None
    for place, item in enumerate(input):
        path = f"input[{place}]"
        kind = item.get("type") or "message"
        if kind == "function_call_output" or (kind == "message" and item.get("role") != "assistant"):
            if answer:
                messages.append(answer.message())
                answer = None
            messages.append(to_result(item, path) if kind == "function_call_output" else to_message(item, path))
            continue
        if answer and not answer.takes(item):
            messages.append(answer.message())
            answer = None
        answer = answer or _Answer([], {})
        if kind == "message":
            message = to_message(item, path)
            answer.parts.extend(message.parts)
            answer.extra.update(message.extra)
        else:
            answer.parts.append(to_item(item, path))
    return (*messages, answer.message()) if answer else tuple(messages)


def to_message(item: dict[str, Any], path: str) -> Message:
    role = item.get("role")
    if not (isinstance(role, str) and role in ROLES):
        raise Refusal("invalid_request", f"`{path}.role` must be one of {', '.join(sorted(ROLES))}.", param=f"{path}.role")
    parts = to_parts(item.get("content"), f"{path}.content")
    extra = {name: item[name] for name in item.keys() - OF_A_MESSAGE if item[name] is not None}
    return Message(role, parts, None, extra or NOTHING)


def to_result(item: dict[str, Any], path: str) -> Message:
    call_id, parts = string(item, "call_id", path), to_parts(item.get("output"), f"{path}.output")
    return Message("tool", (ToolResult(call_id, parts),))  # type: ignore[arg-type]


def to_parts(content: Json, path: str) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),)
    if content is None:
        raise Refusal("invalid_request", f"`{path}` is missing. Send a string or an array of parts.", param=path)
    expect(content, STRING_OR_OBJECTS, path)
    return tuple(to_part(part, f"{path}[{place}]") for place, part in enumerate(content))


def to_part(part: dict[str, Any], path: str) -> Part:
    kind = part.get("type")
    if not (isinstance(kind, str) and kind in PARTS):
        raise Refusal("invalid_request", f"`{path}.type` must be one of {', '.join(sorted(PARTS))}.", param=f"{path}.type")
    if kind in TEXTS:
        return Text(string(part, TEXTS[kind], path), to_cache(part.get("prompt_cache_breakpoint"), path))
    if kind == "input_image" and part.get("image_url") is not None:
        for name in ("image_url", "detail"):
            if part.get(name) is not None:
                expect(part[name], STRING, f"{path}.{name}")
        return Image(part["image_url"], part.get("detail"), to_cache(part.get("prompt_cache_breakpoint"), path))
    return Raw(part)  # a file, audio, or an image by the id that OpenAI gave it


def to_cache(mark: Json, path: str) -> Json:
    if mark is None:
        return None
    expect(mark, OBJECT, f"{path}.prompt_cache_breakpoint")
    ttl = LIFETIMES.get(str(mark.get("ttl")))
    return {"type": "ephemeral"} | ({"ttl": ttl} if ttl else {})


def to_item(item: dict[str, Any], path: str) -> Part:
    match item.get("type"):
        case "reasoning":
            return to_reasoning(item, path)
        case "function_call" if item.keys() <= OF_A_CALL or all(item[name] is None for name in item.keys() - OF_A_CALL):
            call_id, name, arguments = string(item, "call_id", path), string(item, "name", path), string(item, "arguments", path)
            return ToolCall(call_id, name, arguments, _signature_of_a_call(item.get("extra_content"), path))
        case "item_reference":
            raise Refusal(
                "unsupported_parameter", f"`{path}` refers to a stored item, and nothing is stored here. Send the item itself.", param=path
            )
    string(item, "type", path)
    return Raw(item)


def to_reasoning(item: dict[str, Any], path: str) -> Reasoning:
    """Its summary, or the thoughts themselves where a model shows them, and what its provider wants to see again."""
    texts = []
    for name in ("summary", "content"):
        parts = item.get(name) or []
        expect(parts, OBJECTS, f"{path}.{name}")
        for place, part in enumerate(parts):
            expect(part.get("text"), STRING, f"{path}.{name}[{place}].text")
            texts.append(part["text"])
    text, sealed = "\n\n".join(texts), item.get("encrypted_content")
    if sealed is None:
        return Reasoning(text)
    expect(sealed, STRING, f"{path}.encrypted_content")
    signature = unpack(sealed, FAMILY)
    if signature.family != FAMILY:
        redacted = signature.id == REDACTED
        return Reasoning(text, signature._replace(id=None) if redacted else signature, redacted)
    id = signature.id or item.get("id")
    return Reasoning(text, signature._replace(id=id if isinstance(id, str) else None), redacted=not text)


def _signature_of_a_call(extra: Json, path: str) -> Signature | None:
    """As chat completions carry Google's: https://ai.google.dev/gemini-api/docs/thought-signatures"""
    if extra is None:
        return None
    expect(extra, OBJECT, f"{path}.extra_content")
    google = extra.get("google")
    text = google.get("thought_signature") if isinstance(google, dict) else None
    return unpack(text, "google") if isinstance(text, str) else None
