"""Redaction by patterns: what must not leave, in either direction, gives way to its pattern's name in brackets."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..reply import Chunk, Citation, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, Usage
from ..request import Format, Json, Message, Part, Raw, Reasoning, Request, Text, Tool, ToolCall, ToolResult
from .patterns import owned

PATTERNS = {
    "email": r"\b[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+\b",
    "credit_card": r"\b(?:\d[ -]?){13,18}\d\b",
    "iban": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
    "us_ssn": r"\b\d{3}-\d{2}-\d{4}\b",
    "ipv4": r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
    "aws_access_key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "api_key": r"\bsk-[A-Za-z0-9_-]{16,200}",
    "private_key": r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[^-]|-(?!----)){1,8000}+-----END [A-Z ]{0,40}PRIVATE KEY-----",
}
WAYS = frozenset({"input", "output"})
BASE64 = re.compile(r"(?:data:[\w/.+;=-]{0,100},)?[A-Za-z0-9+/_-]{256,}={0,2}")
LEAST_NUMBER = 10**8  # no pattern of numbers takes a shorter one
# Of a streamed text so much is held back, since it may be the beginning of a match: a longer one is found only where it comes in one piece.
HELD_CHARS = 256
CONTEXT_CHARS = 64  # of what was sent already, for patterns that look behind

Span = tuple[int, int, str]


def make(options: Mapping[str, Any]) -> "Redaction":
    """`patterns`: names of PATTERNS (left out: all of them); `custom`: {name: regular expression}, bounded; `on`: input, output or both."""
    if unknown := set(options) - {"patterns", "custom", "on"}:
        raise ValueError(f"unknown option {sorted(unknown)[0]!r}; known: custom, on, patterns")
    names, custom, ways = options.get("patterns", list(PATTERNS)), options.get("custom", {}), options.get("on", sorted(WAYS))
    if not isinstance(names, list) or not set(map(str, names)) <= set(PATTERNS):
        raise ValueError(f"patterns must be names of {', '.join(PATTERNS)}")
    if not isinstance(custom, Mapping) or not all(isinstance(said, str) for said in (*custom, *custom.values())):
        raise ValueError("custom must map names to regular expressions")
    if not isinstance(ways, list) or not ways or not set(map(str, ways)) <= WAYS:
        raise ValueError("on must name input, output or both")
    return Redaction({name: re.compile(PATTERNS[name]) for name in names} | owned(custom), frozenset(ways))


class Redaction:
    def __init__(self, patterns: Mapping[str, re.Pattern[str]], ways: frozenset[str]) -> None:
        self._patterns = patterns
        self._ways = ways

    def before(self, request: Request) -> Request:
        if "input" not in self._ways:
            return request
        redacted = request._replace(
            messages=tuple(self._message(message) for message in request.messages),
            inputs=tuple(self.redacted(text) if isinstance(text, str) else text for text in request.inputs),
            tools=tuple(self._tool(tool) for tool in request.tools),
            response_format=self._format(request.response_format),
            user=self._json(request.user),
            extra=self._json(request.extra),
        )
        return request if redacted == request else redacted

    def after(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        if "output" not in self._ways:
            return chunks
        return self._streamed(chunks)

    def redacted(self, text: str) -> str:
        return _without(text, self.spans(text))

    def spans(self, text: str, start: int = 0) -> list[Span]:
        """Where there are matches from `start` on, in order and apart from each other. Of two that overlap the earlier one counts."""
        found = sorted((*match.span(), name) for name, pattern in self._patterns.items() for match in pattern.finditer(text, start))
        apart: list[Span] = []
        for span in found:
            if not apart or span[0] >= apart[-1][1]:
                apart.append(span)
            elif span[1] > apart[-1][1]:
                apart[-1] = (apart[-1][0], span[1], apart[-1][2])
        return apart

    def _message(self, message: Message) -> Message:
        parts = tuple(self._part(part) for part in message.parts)
        return message._replace(parts=parts, name=self._json(message.name), extra=self._json(message.extra))

    def _tool(self, tool: Tool | Raw) -> Tool | Raw:
        if isinstance(tool, Raw):
            return Raw(self._json(tool.json))
        return tool._replace(description=self._json(tool.description), parameters=self._json(tool.parameters))

    def _format(self, form: Format | None) -> Format | None:
        return form and form._replace(schema=self._json(form.schema), description=self._json(form.description))

    def _json(self, value: Json) -> Json:
        """Every text in it, names as well. What is nothing but base64 stays: no pattern can read a file or a sound."""
        if isinstance(value, str):
            return value if BASE64.fullmatch(value) else self.redacted(value)
        if isinstance(value, Mapping):
            return {self.redacted(name): self._json(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._json(inner) for inner in value]
        if type(value) is int and value > LEAST_NUMBER:
            text = self.redacted(str(value))
            return value if text == str(value) else text
        return value

    def _arguments(self, arguments: str) -> str:
        """As what they mean: a text can be spelt in many ways. What is unchanged stays as the model wrote it."""
        try:
            value = json.loads(arguments)
        except (ValueError, RecursionError):
            return self.redacted(arguments)
        redacted = self._json(value)
        return arguments if redacted == value else json.dumps(redacted, ensure_ascii=False)

    def _part(self, part: Part) -> Part:
        match part:
            case Text(text):
                return part._replace(text=self.redacted(text))
            case ToolResult(_, parts):
                return part._replace(parts=tuple(self._part(inner) for inner in parts))  # type: ignore[misc]  # of the same kinds
            case ToolCall(_, _, arguments):
                return part._replace(arguments=self._arguments(arguments))
            case Raw(value):
                return Raw(self._json(value))
            case Reasoning(text, None):  # signed reasoning is the provider's own, and no longer valid once changed
                return part._replace(text=self.redacted(text))
        return part

    def _streamed(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        held: dict[int, _Held] = {}
        for chunk in chunks:
            if isinstance(chunk, Usage):
                yield chunk
                continue
            before = held.get(chunk.choice)
            if before and not before.goes_on(chunk):
                yield from held.pop(chunk.choice).rest()
            if isinstance(chunk, TextDelta | RefusalDelta | ReasoningDelta | ToolCallDelta):
                yield from held.setdefault(chunk.choice, _Held(self, chunk)).more(chunk)
            elif isinstance(chunk, Citation):
                yield chunk._replace(url=self.redacted(chunk.url), title=self.redacted(chunk.title), quote=self.redacted(chunk.quote))
            else:
                yield chunk
        for before in held.values():
            yield from before.rest()


Told = TextDelta | RefusalDelta | ReasoningDelta | ToolCallDelta


class _Held:
    """The end of one text, or of one call's arguments, that may yet turn out to be the beginning of a match."""

    def __init__(self, redaction: Redaction, first: Told) -> None:
        self._redaction = redaction
        self._kind = _kind(first)
        self._model = first
        self._text = ""
        self._sent = 0  # characters of `_text` that are kept as context alone
        self._changed = False

    def goes_on(self, chunk: Chunk) -> bool:
        return not isinstance(chunk, Finish) and _kind(chunk) == self._kind

    def more(self, chunk: Told) -> Iterator[Chunk]:
        self._text += chunk.arguments if isinstance(chunk, ToolCallDelta) else chunk.text
        if isinstance(chunk, ToolCallDelta) and chunk.name:
            yield chunk._replace(arguments="")
        yield from self._give(len(self._text) - HELD_CHARS)
        if isinstance(chunk, ReasoningDelta) and chunk.signature:
            yield from self._give(len(self._text))
            if not self._changed:
                yield chunk._replace(text="")
            self._changed = False

    def rest(self) -> Iterator[Chunk]:
        yield from self._give(len(self._text))

    def _give(self, until: int) -> Iterator[Chunk]:
        if until <= self._sent:
            return
        spans = self._redaction.spans(self._text, self._sent)
        until = next((start for start, end, _ in spans if start < until < end or (end == until < len(self._text))), until)
        within = [span for span in spans if span[1] <= until]
        text = _without(self._text[:until], within)[self._sent :] if within else self._text[self._sent : until]
        self._changed = self._changed or bool(within)
        keep = max(0, until - CONTEXT_CHARS)
        self._text, self._sent = self._text[keep:], until - keep
        if text:
            yield _with(self._model, text)


def _kind(chunk: Chunk) -> tuple[type, int]:
    return type(chunk), chunk.position if isinstance(chunk, ToolCallDelta) else 0


def _with(model: Told, text: str) -> Chunk:
    match model:
        case ToolCallDelta():
            return ToolCallDelta(model.position, text, choice=model.choice)
        case TextDelta():
            return TextDelta(text, model.choice)
        case ReasoningDelta():
            return ReasoningDelta(text, model.choice)
    return RefusalDelta(text, model.choice)


def _without(text: str, spans: list[Span]) -> str:
    pieces, place = [], 0
    for start, end, name in spans:
        pieces += [text[place:start], f"[{name}]"]
        place = end
    return "".join((*pieces, text[place:]))
