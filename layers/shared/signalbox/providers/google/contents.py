"""A conversation as Gemini's `contents`. https://ai.google.dev/api/caching#Content"""

from collections.abc import Callable
from typing import Any

from ...request import Image, Part, Reasoning, Request, Signature, Text, ToolCall, ToolResult
from ..formats import data_url
from ..formats.arguments import to_object

SYSTEM = frozenset({"system", "developer"})
ROLES = {"user": "user", "tool": "user", "model": "model"}
# Of pictures at an address, told by its end. https://ai.google.dev/gemini-api/docs/image-understanding#supported-formats
MEDIA_TYPES = {"png": "image/png", "webp": "image/webp", "heic": "image/heic", "heif": "image/heif", "gif": "image/gif"}
USUAL_MEDIA_TYPE = "image/jpeg"

# What Google takes for the signature of a call that its model did not make. https://ai.google.dev/gemini-api/docs/thought-signatures#faqs
UNSIGNED = "skip_thought_signature_validator"
# Models that never ask for a signature, nor read pictures in a tool's result.
BEFORE_3 = ("gemini-1", "gemini-2")


def to_contents(request: Request, model: str, identified: bool = True) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The parts of the system's text, and the turns. What tools answered is a turn of its own, for all calls of the one before.

    `identified`: calls and their results bear ids. Vertex refuses these, and goes by names and the order:
    https://docs.cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/Content#FunctionCall
    """
    system: list[dict[str, Any]] = []
    contents: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    pictured, last = not model.startswith(BEFORE_3), ""
    for message in request.messages:
        if message.role in SYSTEM:
            system += [{"text": part.text} for part in message.parts if isinstance(part, Text)]
            continue
        speaker = "model" if message.role == "assistant" else "user"
        for part in message.parts:
            if isinstance(part, ToolCall):
                names[part.id] = part.name
            turn = "tool" if isinstance(part, ToolResult) else speaker
            written = _to_results(part, names, pictured) if isinstance(part, ToolResult) else to_parts(part)
            if not written:
                continue
            if not identified:
                _unidentify(written)
            if turn != last:
                contents.append({"role": ROLES[turn], "parts": []})
                last = turn
            contents[-1]["parts"] += written
    if model.startswith("gemini-") and pictured:
        for content in contents:
            _sign(content)
    return system, contents


def to_parts(part: Part) -> list[dict[str, Any]]:
    """Nothing of what has no words and no signature of Google's, which it refuses or does not understand."""
    write = WRITTEN.get(type(part))
    return write(part) if write else []


def _text(part: Text) -> list[dict[str, Any]]:
    return [{"text": part.text}] if part.text else []


def _image(part: Image) -> list[dict[str, Any]]:
    return [to_image(part.url)]


def _call(part: ToolCall) -> list[dict[str, Any]]:
    call = {"name": part.name, "args": to_object(part.arguments)}
    return [{"functionCall": {"id": part.id, **call} if part.id else call, **_signed(part.signature)}]


def _reasoning(part: Reasoning) -> list[dict[str, Any]]:
    """It stands for the thoughts, whose summary is nothing that it needs again."""
    signed = _signed(part.signature)
    return [{"text": "", **signed}] if signed else []


WRITTEN: dict[type[Part], Callable[[Any], list[dict[str, Any]]]] = {
    Text: _text,
    Image: _image,
    ToolCall: _call,
    Reasoning: _reasoning,
}


def to_image(url: str) -> dict[str, Any]:
    if inline := data_url.of(url):
        return {"inlineData": {"mimeType": inline[0], "data": inline[1]}}
    end = url.partition("?")[0].rpartition(".")[2].lower()
    return {"fileData": {"mimeType": MEDIA_TYPES.get(end, USUAL_MEDIA_TYPE), "fileUri": url}}


def _to_results(result: ToolResult, names: dict[str, str], pictured: bool) -> list[dict[str, Any]]:
    """A result goes by its function's name, which is told with the call alone. https://ai.google.dev/api/caching#FunctionResponse"""
    images = [to_image(part.url) for part in result.parts if isinstance(part, Image)]
    told = {"error" if result.failed else "output": result.text}
    response: dict[str, Any] = {"name": names.get(result.call_id) or result.call_id, "response": told}
    if result.call_id:
        response["id"] = result.call_id
    if images and pictured:
        response["parts"] = images
        images = []
    return [{"functionResponse": response}, *images]


def _unidentify(parts: list[dict[str, Any]]) -> None:
    for part in parts:
        for name in ("functionCall", "functionResponse"):
            if name in part:
                part[name].pop("id", None)


def _signed(signature: Signature | None) -> dict[str, str]:
    return {"thoughtSignature": signature.text} if signature and signature.family == "google" else {}


def _sign(content: dict[str, Any]) -> None:
    """The first call of a turn must be signed, or the whole request is refused."""
    first = next((part for part in content["parts"] if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", UNSIGNED)
