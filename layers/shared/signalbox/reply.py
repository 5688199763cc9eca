"""What an upstream answers, as a stream of small facts; an unstreamed answer is the same stream, gathered up."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .money import Tokens
from .request import Json, ToolCall


class TextDelta(NamedTuple):
    text: str
    choice: int = 0
    logprobs: tuple[Json, ...] = ()


class RefusalDelta(NamedTuple):
    text: str
    choice: int = 0


class ReasoningDelta(NamedTuple):
    text: str
    choice: int = 0


class ToolCallDelta(NamedTuple):
    """`position` numbers the call within its choice; `id` and `name` come with the first piece only."""

    position: int
    arguments: str
    id: str | None = None
    name: str | None = None
    choice: int = 0


class Finish(NamedTuple):
    reason: str  # stop, length, tool_calls, content_filter
    choice: int = 0


class Usage(NamedTuple):
    """The provider's own count so far; a later one replaces an earlier one."""

    tokens: Tokens


Chunk = TextDelta | RefusalDelta | ReasoningDelta | ToolCallDelta | Finish | Usage


class Choice(NamedTuple):
    """One whole answer."""

    text: str = ""
    logprobs: tuple[Json, ...] = ()
    refusal: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str | None = None


def gather(chunks: Iterable[Chunk]) -> tuple[list[Choice], Tokens | None]:
    """The choices in order of their number and the last usage, or None where the provider gave none."""
    parts: defaultdict[int, defaultdict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    calls: dict[tuple[int, int], ToolCall] = {}
    tokens = None
    for chunk in chunks:
        if isinstance(chunk, Usage):
            tokens = chunk.tokens
            continue
        mine = parts[chunk.choice]
        match chunk:
            case TextDelta(text, _, logprobs):
                mine["text"].append(text)
                mine["logprobs"] += logprobs
            case RefusalDelta(text):
                mine["refusal"].append(text)
            case ReasoningDelta(text):
                mine["reasoning"].append(text)
            case ToolCallDelta(position, arguments, id, name):
                so_far = calls.get((chunk.choice, position), ToolCall("", "", ""))
                calls[chunk.choice, position] = ToolCall(id or so_far.id, name or so_far.name, so_far.arguments + arguments)
            case Finish(reason):
                mine["finish"] = [reason]
    return [_whole(mine, tuple(calls[at] for at in sorted(calls) if at[0] == number)) for number, mine in sorted(parts.items())], tokens


def _whole(parts: Mapping[str, list[Any]], tool_calls: tuple[ToolCall, ...]) -> Choice:
    text, refusal, reasoning = ("".join(parts[name]) for name in ("text", "refusal", "reasoning"))
    return Choice(text, tuple(parts["logprobs"]), refusal, reasoning, tool_calls, next(iter(parts["finish"]), None))
