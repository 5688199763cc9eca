"""Messages as the items that OpenAI's Responses take. https://platform.openai.com/docs/api-reference/responses/create

Ids of messages and calls are left out: where nothing is stored they are of no use. Those of reasoning must come again with what they sign.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from ...request import Image, Message, Part, Raw, Reasoning, Request, Text, ToolCall, ToolResult

NAME = "openai_responses"
FAMILY = "openai"

# https://platform.openai.com/docs/guides/prompt-caching, by what Anthropic calls them
LIFETIMES = {"5m": "30m", "1h": "12h"}


def to_input(request: Request) -> tuple[str | None, list[Any]]:
    """The first words of the system are the instructions, which are put before all else."""
    messages, own, instructions = request.messages, request.dialect == NAME, None
    first = messages[0] if messages else None
    if first and first.role == "system" and not first.extra and len(first.parts) == 1 and len(messages) > 1:
        part = first.parts[0]
        if isinstance(part, Text) and part.cache is None:
            instructions, messages = part.text, messages[1:]
    return instructions, [item for message in messages for item in to_items(message, own)]


def to_items(message: Message, own: bool) -> Iterator[Any]:
    """Content in a row is one item, and so is each of the rest. `own`: the client speaks this format, and may use all of it."""
    answered = message.role == "assistant"
    for is_content, parts in groupby(
        message.parts, lambda part: isinstance(part, Text | Image) or (not answered and isinstance(part, Raw))
    ):
        if is_content:
            yield {"type": "message", "role": message.role, "content": to_content(tuple(parts), answered, own)} | (
                dict(message.extra) if own else {}
            )
            continue
        for part in parts:
            match part:
                case ToolCall(id, name, arguments):
                    yield {"type": "function_call", "call_id": id, "name": name, "arguments": arguments}
                case ToolResult(call_id, results):
                    yield {"type": "function_call_output", "call_id": call_id, "output": to_content(results, False, own)}
                case Reasoning() if part.signature and part.signature.family == FAMILY:
                    yield to_reasoning(part)
                case Raw(json):
                    yield json


def to_content(parts: tuple[Part, ...], answered: bool, own: bool) -> str | list[Any]:
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], Text) and not (own and parts[0].cache):
        return parts[0].text
    return [to_part(part, answered, own) for part in parts]


def to_part(part: Part, answered: bool, own: bool) -> Any:
    match part:
        case Text(text, cache):
            return {"type": "output_text" if answered else "input_text", "text": text} | _marked(cache, own)
        case Image(url, detail, cache):
            return {"type": "input_image", "image_url": url, "detail": detail or "auto"} | _marked(cache, own)
        case Raw(json):
            return json
    raise TypeError(f"{type(part).__name__} is no content part")


def to_reasoning(part: Reasoning) -> dict[str, Any]:
    signature = part.signature
    assert signature is not None
    id = {"id": signature.id} if signature.id else {}
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    return {"type": "reasoning", **id, "summary": summary, "encrypted_content": signature.text}


def _marked(cache: Any, own: bool) -> dict[str, Any]:
    """Only the newest models know the mark; a client of this dialect knows which."""
    if not (own and cache):
        return {}
    ttl = LIFETIMES.get(str(cache.get("ttl")))
    return {"prompt_cache_breakpoint": {"mode": "explicit"} | ({"ttl": ttl} if ttl else {})}
