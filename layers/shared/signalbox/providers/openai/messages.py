"""A conversation and its tools as chat completions write them. https://platform.openai.com/docs/api-reference/chat/create"""

from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise
from typing import Any

from ...request import NOTHING, Image, Message, Part, Raw, Reasoning, Request, Text, Tool, ToolCall, ToolChoice, ToolResult
from ..rows import PLAIN, Row
from .reasoning import SENT_AGAIN

READS = frozenset({"openai_chat", "openai_completions"})  # the dialects whose own fields are passed on
SHORT_ID = 9  # https://docs.mistral.ai/capabilities/function_calling: letters and digits


def to_messages(request: Request, row: Row) -> list[dict[str, Any]]:
    """A tool's result is text alone here: the images of consecutive results follow them, as the user's."""
    written: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    foreign = request.dialect not in READS
    for message in request.messages:
        if foreign and message.extra:
            message = message._replace(extra=NOTHING)
        results = [part for part in message.parts if isinstance(part, ToolResult)] if ToolResult in map(type, message.parts) else []
        if images and not results:
            written.append({"role": "user", "content": images})
            images = []
        for result in results:
            written.append(_head("tool", message, row) | {"tool_call_id": _id(result.call_id, row), "content": result.text})
            if shown := [to_part(part, row) for part in result.parts if isinstance(part, Image)]:
                images += [{"type": "text", "text": f"What {result.call_id} returned:"}, *shown]
        if not results:
            written.append(to_message(message, row))
        elif rest := tuple(part for part in message.parts if not isinstance(part, ToolResult)):
            said = to_message(Message("user" if message.role == "tool" else message.role, rest), row)
            written.append({**said, "content": [*images, *_listed(said["content"])]} if images else said)
            images = []
    if images:
        written.append({"role": "user", "content": images})
    return list(_bridged(written, row.between)) if row.between else written


def _bridged(messages: list[dict[str, Any]], words: str) -> Iterator[dict[str, Any]]:
    """A client may say more along with a tool's result: Anthropic's do so in one turn."""
    for before, message in pairwise(({}, *messages)):
        if before.get("role") == "tool" and message["role"] not in ("assistant", "tool"):
            yield {"role": "assistant", "content": words}
        yield message


def to_message(message: Message, row: Row = PLAIN) -> dict[str, Any]:
    """Of any message but a tool's."""
    written = _head(message.role, message, row)
    calls, content, reasoning = [], [], []
    for part in message.parts:
        if isinstance(part, ToolCall):
            calls.append(part)
        elif isinstance(part, Reasoning):
            reasoning.append(part)
        else:
            content.append(part)
    if len(content) == 1 and isinstance(content[0], Text) and not (row.cache and content[0].cache):
        written["content"] = content[0].text
    elif row.flat and content and len(texts := [part.text for part in content if isinstance(part, Text)]) == len(content):
        written["content"] = "\n".join(texts)
    else:
        written["content"] = [to_part(part, row) for part in content] or row.wordless
    if calls:
        written["tool_calls"] = [to_tool_call(call, row) for call in calls]
    if reasoning and row.reasoning == "thinking":
        thought = [{"type": "thinking", "thinking": [{"type": "text", "text": part.text}]} for part in reasoning if part.text]
        written["content"] = [*thought, *_listed(written["content"])] or None
    elif reasoning and row.reasoning and (again := SENT_AGAIN[row.reasoning](reasoning)):
        written[row.reasoning] = again
    elif row.asks_reasoning and row.reasoning and message.role == "assistant":  # another's answer, or one that its client has shortened
        written[row.reasoning] = ""
    return written


def _head(role: str, message: Message, row: Row) -> dict[str, Any]:
    head: dict[str, Any] = {"role": row.roles.get(role, role)}
    if message.name is not None and "name" not in row.left_out:
        head["name"] = message.name
    for name, value in message.extra.items():
        if name not in row.left_out:
            head[name] = value
    return head


def _listed(content: str | list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def to_part(part: Part, row: Row = PLAIN) -> dict[str, Any]:
    match part:
        case Text(text, cache):
            return {"type": "text", "text": text} | ({"cache_control": cache} if cache and row.cache else {})
        case Image(url, detail, cache):
            marked = {"cache_control": cache} if cache and row.cache else {}
            return {"type": "image_url", "image_url": {"url": url} | ({"detail": detail} if detail else {})} | marked
        case Raw(json):
            return json
    raise TypeError(f"{type(part).__name__} is no content part")


def to_tool_call(call: ToolCall, row: Row = PLAIN) -> dict[str, Any]:
    """https://ai.google.dev/gemini-api/docs/thought-signatures#openai: a signature of Google's, which other providers do not look at."""
    written = {"id": _id(call.id, row), "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
    if call.signature and call.signature.family == "google" and row.signed_calls:
        written["extra_content"] = {"google": {"thought_signature": call.signature.text}}
    return written


def _id(id: str, row: Row) -> str:
    """Of a call that another provider made the form may be wrong, and must be the same in the call and in its result."""
    if not row.short_ids or (len(id) == SHORT_ID and id.isascii() and id.isalnum()):
        return id
    return sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:SHORT_ID]


def to_tool(tool: Tool | Raw) -> dict[str, Any]:
    if isinstance(tool, Raw):
        return tool.json
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters, "strict": tool.strict}
    return {"type": "function", "function": {name: value for name, value in function.items() if value is not None}}


def to_tool_choice(choice: ToolChoice | Raw | None) -> Any:
    if isinstance(choice, Raw):
        return choice.json
    if choice is None or choice.mode != "tool":
        return choice and choice.mode
    return {"type": "function", "function": {"name": choice.name}}
