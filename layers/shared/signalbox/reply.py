"""What an upstream answers, as a stream of small facts; an unstreamed answer is the same stream, gathered up."""

from collections.abc import Iterable
from typing import NamedTuple

from .money import Tokens
from .request import Json, Part, Reasoning, Signature, Text, ToolCall


class TextDelta(NamedTuple):
    text: str
    choice: int = 0
    logprobs: tuple[Json, ...] = ()  # as OpenAI writes each token's


class RefusalDelta(NamedTuple):
    text: str
    choice: int = 0


class ReasoningDelta(NamedTuple):
    """A `signature` ends the block of reasoning that it signs; a `redacted` block comes in one piece."""

    text: str
    choice: int = 0
    signature: Signature | None = None
    redacted: bool = False


class ToolCallDelta(NamedTuple):
    """`position` numbers the call within its choice; `id` and `name` come with the first piece only."""

    position: int
    arguments: str
    id: str | None = None
    name: str | None = None
    choice: int = 0
    signature: Signature | None = None


class Citation(NamedTuple):
    """A source of the text so far. `start` and `end` count the answer's characters, where the provider says which it is for."""

    url: str
    title: str = ""
    quote: str = ""
    start: int | None = None
    end: int | None = None
    choice: int = 0


class Embedding(NamedTuple):
    vector: tuple[float, ...]
    choice: int = 0  # which input it is of


class Finish(NamedTuple):
    reason: str  # stop, length, tool_calls, content_filter
    choice: int = 0
    stop_sequence: str | None = None  # the one that ended it, where the provider says so


class Usage(NamedTuple):
    """The provider's own count so far; a later one replaces an earlier one."""

    tokens: Tokens


Chunk = TextDelta | RefusalDelta | ReasoningDelta | ToolCallDelta | Citation | Embedding | Finish | Usage


class Choice(NamedTuple):
    """One whole answer. `parts` are its reasoning, texts and tool calls in the order in which they came, or its embedding."""

    parts: tuple[Part | Embedding, ...] = ()
    logprobs: tuple[Json, ...] = ()
    refusal: str = ""
    citations: tuple[Citation, ...] = ()
    finish: str | None = None
    stop_sequence: str | None = None

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def reasoning(self) -> tuple[Reasoning, ...]:
        return tuple(part for part in self.parts if isinstance(part, Reasoning))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


def gather(chunks: Iterable[Chunk]) -> tuple[list[Choice], Tokens | None]:
    """The choices in order of their number and the last usage, or None where the provider gave none."""
    choices: dict[int, _Gathering] = {}
    tokens = None
    for chunk in chunks:
        if isinstance(chunk, Usage):
            tokens = chunk.tokens
            continue
        if chunk.choice not in choices:
            choices[chunk.choice] = _Gathering()
        choices[chunk.choice].take(chunk)
    return [choices[number].whole() for number in sorted(choices)], tokens


class _Gathering:
    """One choice that is still coming. Texts are kept in pieces: a string grown by each would be copied by each."""

    def __init__(self) -> None:
        self._parts: list[tuple[Part | Embedding, list[str]]] = []
        self._calls: dict[int, int] = {}
        self._logprobs: list[Json] = []
        self._refusal: list[str] = []
        self._citations: list[Citation] = []
        self._finish = Finish("")

    def take(self, chunk: Chunk) -> None:
        match chunk:
            case TextDelta(text, _, logprobs):
                self._add(Text, text)
                self._logprobs += logprobs
            case ReasoningDelta(text, _, signature, redacted):
                self._reason(text, signature, redacted)
            case ToolCallDelta(position, arguments, id, name, _, signature):
                self._call(position, arguments, id, name, signature)
            case RefusalDelta(text):
                self._refusal.append(text)
            case Citation():
                self._citations.append(chunk)
            case Embedding():
                self._parts.append((chunk, []))
            case Finish():
                self._finish = chunk

    def whole(self) -> Choice:
        parts = tuple(_filled(part, "".join(pieces)) for part, pieces in self._parts)
        refusal, citations, finish = "".join(self._refusal), tuple(self._citations), self._finish
        return Choice(parts, tuple(self._logprobs), refusal, citations, finish.reason or None, finish.stop_sequence)

    def _add(self, kind: type[Text] | type[Reasoning], text: str) -> None:
        last = self._parts[-1][0] if self._parts else None
        if type(last) is kind and not (isinstance(last, Reasoning) and last.signature):
            self._parts[-1][1].append(text)
        else:
            self._parts.append((kind(""), [text]))

    def _reason(self, text: str, signature: Signature | None, redacted: bool) -> None:
        if redacted:
            self._parts.append((Reasoning("", signature, True), [text]))
            return
        self._add(Reasoning, text)
        if signature:
            self._parts[-1] = (Reasoning("", signature), self._parts[-1][1])

    def _call(self, position: int, arguments: str, id: str | None, name: str | None, signature: Signature | None) -> None:
        place = self._calls.get(position)
        if place is None:
            place = self._calls[position] = len(self._parts)
            self._parts.append((ToolCall("", "", ""), []))
        call, pieces = self._parts[place]
        assert isinstance(call, ToolCall)
        pieces.append(arguments)
        self._parts[place] = (ToolCall(id or call.id, name or call.name, "", signature or call.signature), pieces)


def _filled(part: Part | Embedding, text: str) -> Part | Embedding:
    match part:
        case ToolCall():
            return part._replace(arguments=text)
        case Text() | Reasoning():
            return part._replace(text=text)
    return part
