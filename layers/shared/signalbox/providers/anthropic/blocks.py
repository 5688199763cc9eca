"""Messages as turns of content blocks, as Anthropic has them and Bedrock after it: the user has a turn, then the assistant, and so on."""

import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Any

from ...request import Image, Json, Message, Part, Raw, Reasoning, Request, Text, ToolCall, ToolResult
from ..contract import Lack
from ..formats import data_url
from ..formats.arguments import to_object
from .thinking import own

ABOVE = ("system", "developer")  # have a field of their own
IMAGES = {"image/jpeg": "jpeg", "image/jpg": "jpeg", "image/png": "png", "image/gif": "gif", "image/webp": "webp"}
ANY_OBJECT = {"type": "object", "properties": {}}
# Neither format knows JSON without a schema, so the model is told what the client wants.
JSON_ONLY = "Answer with one JSON object and nothing else: no words around it, no code fence."
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def to_turns(messages: Iterable[Message], write: Callable[[Part], Iterable[Json]]) -> list[dict[str, Json]]:
    """Neighbours of one role are one turn. What has nothing to be written is left out: a turn must not be empty."""
    turns: list[dict[str, Json]] = []
    for message in messages:
        if message.role in ABOVE:
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = [block for part in message.parts for block in write(part)]
        if blocks and turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return turns


def above(messages: Iterable[Message]) -> Iterator[Text]:
    for message in messages:
        if message.role in ABOVE:
            for part in message.parts:
                if isinstance(part, Text) and said(part.text):
                    yield part


def said(text: str) -> bool:
    """Blocks without a word are refused."""
    return bool(text) and not text.isspace()


def id_of(id: str) -> str:
    """The same id where it fits, else one that is made of it: a call and its result still agree."""
    return id if ID.fullmatch(id) else f"call_{sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def parameters_of(schema: Json) -> Json:
    return {**ANY_OBJECT, **schema} if isinstance(schema, dict) else ANY_OBJECT


def images(request: Request) -> Iterator[Image]:
    for message in request.messages:
        for part in message.parts:
            for inner in part.parts if isinstance(part, ToolResult) else (part,):
                if isinstance(inner, Image):
                    yield inner


def lack(request: Request, urls: bool) -> Lack | None:
    """`urls`: whether the provider fetches images by itself."""
    if all(message.role in ABOVE for message in request.messages):
        return "messages", "it needs a message that is not the system's"
    if any(stop and not said(stop) for stop in request.stop):
        return "stop", "it stops at words, not at spaces or the end of a line"
    for image in images(request):
        source = data_url.of(image.url)
        if source is None and not (urls and image.url.startswith("http")):
            return "messages", "it fetches no images: send them inline, as data: URLs in base64"
        if source is not None and source[0] not in IMAGES:
            return "messages", "it reads images as JPEG, PNG, GIF and WebP alone"
    return None


def to_blocks(part: Part, reasons: bool) -> list[Json]:
    """As Anthropic writes them. Reasoning goes to a model that `reasons`, with Claude's own signature. https://platform.claude.com/docs/en/api/messages"""
    return WRITTEN[type(part)](part, reasons)


def _text(part: Text, _: bool) -> list[Json]:
    return [_marked({"type": "text", "text": part.text}, part.cache)] if said(part.text) else []


def _call(part: ToolCall, _: bool) -> list[Json]:
    block = {"type": "tool_use", "id": id_of(part.id), "name": part.name, "input": to_object(part.arguments)}
    return [_marked(block, part.cache)]


def _result(part: ToolResult, reasons: bool) -> list[Json]:
    block: dict[str, Json] = {"type": "tool_result", "tool_use_id": id_of(part.call_id)}
    if content := [block for inner in part.parts for block in to_blocks(inner, reasons)]:
        block["content"] = content
    if part.failed:
        block["is_error"] = True
    return [_marked(block, part.cache)]


def _image(part: Image, _: bool) -> list[Json]:
    return [_marked({"type": "image", "source": _source(part.url)}, part.cache)]


def _reasoning(part: Reasoning, reasons: bool) -> list[Json]:
    text, signature, redacted = part
    if not (reasons and signature and own(signature)):
        return []
    if redacted:
        return [{"type": "redacted_thinking", "data": signature.text}]
    return [{"type": "thinking", "thinking": text, "signature": signature.text}]


def _raw(part: Raw, _: bool) -> list[Json]:
    return [part.json]


WRITTEN: dict[type[Part], Callable[[Any, bool], list[Json]]] = {
    Text: _text,
    ToolCall: _call,
    ToolResult: _result,
    Image: _image,
    Reasoning: _reasoning,
    Raw: _raw,
}


def _source(url: str) -> Json:
    source = data_url.of(url)
    if source is None:
        return {"type": "url", "url": url}
    kind, data = source
    return {"type": "base64", "media_type": f"image/{IMAGES.get(kind, 'jpeg')}", "data": data}


def _marked(block: dict[str, Json], cache: Json) -> Json:
    if cache is not None:
        block["cache_control"] = cache
    return block
