"""What an upstream answers, as a stream of small facts; an unstreamed answer is the same stream, gathered up."""

from collections.abc import Iterable
from dataclasses import dataclass

from .money import Tokens
from .request import Json, ToolCall


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str
    index: int = 0
    logprobs: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    text: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """`position` numbers the call within its choice; `id` and `name` come with the first piece only."""

    position: int
    arguments: str
    id: str | None = None
    name: str | None = None
    index: int = 0


@dataclass(frozen=True, slots=True)
class Finish:
    reason: str  # stop, length, tool_calls, content_filter
    index: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """The provider's own count so far; a later one replaces an earlier one."""

    tokens: Tokens


Chunk = TextDelta | RefusalDelta | ReasoningDelta | ToolCallDelta | Finish | Usage


@dataclass(slots=True)
class Choice:
    text: str = ""
    logprobs: tuple[Json, ...] = ()
    refusal: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str | None = None


def gather(chunks: Iterable[Chunk]) -> tuple[list[Choice], Tokens | None]:
    """The choices in order of their index and the last usage, or None where the provider gave none."""
    choices: dict[int, Choice] = {}
    calls: dict[tuple[int, int], ToolCall] = {}
    tokens = None
    for chunk in chunks:
        if isinstance(chunk, Usage):
            tokens = chunk.tokens
            continue
        choice = choices.setdefault(chunk.index, Choice())
        match chunk:
            case TextDelta(text, _, logprobs):
                choice.text += text
                choice.logprobs += logprobs
            case RefusalDelta(text):
                choice.refusal += text
            case ReasoningDelta(text):
                choice.reasoning += text
            case ToolCallDelta(position, arguments, id, name):
                so_far = calls.get((chunk.index, position), ToolCall("", "", ""))
                calls[chunk.index, position] = ToolCall(id or so_far.id, name or so_far.name, so_far.arguments + arguments)
            case Finish(reason):
                choice.finish = reason
    for (index, _), call in sorted(calls.items()):
        choices[index].tool_calls += (call,)
    return [choices[index] for index in sorted(choices)], tokens
