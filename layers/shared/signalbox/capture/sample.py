"""What is kept of a request and its answer: their texts, redacted and cut. Neither images, sounds and files, nor vectors, nor tools."""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..reply import Choice
from ..request import Image, Json, Message, Reasoning, Request, Text, ToolCall, ToolResult
from .redactors import MARGIN, Redaction

MOST_CHARS = (20_000, 10_000)  # of the prompt, and as many of the answer; the second where the first come to too many bytes
MOST_BYTES = 250_000  # a message of SQS has 256 KB, an item of DynamoDB 400 KB
LEAST_NUMBER = 10**5  # no shorter one says anything


class Cutting:
    """So many characters are left; what has been cut is said."""

    def __init__(self, redaction: Redaction, most: int) -> None:
        self._redaction = redaction
        self._left = most
        self.was_cut = False

    def text(self, text: str) -> str:
        """What there is no room for is not looked at either."""
        if not self._left:
            self.was_cut = self.was_cut or bool(text)
            return ""
        looked_at = plain(text[: self._left + MARGIN])
        self.was_cut = self.was_cut or max(len(text) - MARGIN, len(looked_at)) > self._left
        redacted = self._redaction.redacted(looked_at, min(len(looked_at), self._left))
        self._left = max(0, self._left - len(looked_at))
        return redacted

    def json(self, value: Json) -> Json:
        """Every text and every long number in it, names as well."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.json(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.json(inner) for inner in value]
        if isinstance(value, int | float) and abs(value) > LEAST_NUMBER:
            text = self.text(str(value))
            return value if text == str(value) else text
        return value

    def arguments(self, arguments: str) -> Json:
        """Where they are JSON, as what they mean: a text can be spelt in many ways."""
        try:
            value = json.loads(arguments, parse_constant=str)
        except (ValueError, RecursionError):
            value = None
        return self.json(value) if isinstance(value, dict | list) else self.text(arguments)


def plain(text: str) -> str:
    """Without what nobody sees (a soft hyphen in an address), in the usual width (Japanese keyboards have two), with one kind of dash."""
    if text.isascii():
        return text
    kinds = ((char, unicodedata.category(char)) for char in unicodedata.normalize("NFKC", text))
    return "".join("-" if kind == "Pd" else char for char, kind in kinds if kind != "Cf")


def to_sample(head: Mapping[str, Json], request: Request, choices: Sequence[Choice], redactions: Iterable[Redaction]) -> str:
    """As JSON, of ASCII alone. `redactions`: a new one for each try."""
    text = ""
    for most, redaction in zip(MOST_CHARS, redactions, strict=False):
        asked, answered = Cutting(redaction, most), Cutting(redaction, most)
        prompt, answer = _prompt(request, asked), [_choice(choice, answered) for choice in choices]
        said = _swept({"prompt": prompt, "answer": answer}, redaction)
        told = {"cut": asked.was_cut or answered.was_cut, "redacted": dict(redaction.counts)}
        text = json.dumps({**head, **said, **told}, separators=(",", ":"))
        if len(text) <= MOST_BYTES:
            return text
    raise ValueError(f"a sample of {len(text)} bytes is too large")


def _swept(value: Json, redaction: Redaction) -> Json:
    match value:
        case str():
            return redaction.swept(value)
        case dict():
            return {redaction.swept(name): _swept(inner, redaction) for name, inner in value.items()}
        case list():
            return [_swept(inner, redaction) for inner in value]
    return value


def _prompt(request: Request, cutting: Cutting) -> list[Json]:
    """The last first while there is room: it is what was asked."""
    if request.inputs:
        return [cutting.text(text) if isinstance(text, str) else "[tokens]" for text in request.inputs]
    return [_message(message, cutting) for message in reversed(request.messages)][::-1]


def _message(message: Message, cutting: Cutting) -> Json:
    texts = "\n".join(part.text for part in message.parts if isinstance(part, Text))
    others = [_part(part, cutting) for part in message.parts if not isinstance(part, Text | Reasoning)]
    return {"role": message.role, "text": cutting.text(texts)} | ({"parts": others} if others else {})


def _part(part: Any, cutting: Cutting) -> Json:
    match part:
        case ToolCall():
            return {"tool": cutting.text(part.name), "arguments": cutting.arguments(part.arguments)}
        case ToolResult():
            return {"result": cutting.arguments(part.text)}
        case Image():
            return "[image]"
    return "[part]"


def _choice(choice: Choice, cutting: Cutting) -> Json:
    calls = [_part(call, cutting) for call in choice.tool_calls]
    said = {"text": cutting.text(choice.text), "tools": calls, "refusal": cutting.text(choice.refusal), "finish": choice.finish}
    return {name: value for name, value in said.items() if value}
