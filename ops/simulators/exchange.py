"""What any provider is asked and what it answers, before it has a wire format. Plain data, nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Tokens(NamedTuple):
    """`cached` and both `cache_write`s are parts of `input` that have nothing in common, `reasoning` is a part of `output`."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0


class CacheMark(NamedTuple):
    """A point, in tokens from the start of the prompt, up to which the provider was told to cache it, and whether for an hour."""

    tokens: int
    an_hour: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """`prompt` is what the last user message says; `tools` maps each offered name to the schema of its arguments.

    `tools_must` are names of which one has to be called; `schema` asks for JSON of that shape ({} for any object).
    `writes` is False where no text is asked for (embeddings, tokens for access). `reasoning_budget` counts instead of an effort.
    `cache_marks` is None where the provider caches by itself, and empty where it does not cache. `priced_as` is the model's name in the
    table of prices, and `stream_type` the content type of the stream, where they are not the usual ones. `body` is what came, for what
    only the provider's own writer needs; `late_usage` is a fault: the usage comes after the finish, where the format allows that.
    """

    model: str
    prompt: str
    prompt_tokens: tuple[str, ...]
    stream: bool = False
    include_usage: bool = False
    include_obfuscation: bool = True
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    tools: Mapping[str, Any] | None = None
    tools_must: tuple[str, ...] = ()
    tool_was_named: bool = False
    parallel_tool_calls: bool = True
    schema: Any = None
    reasoning_effort: str | None = None
    reasoning_budget: int | None = None
    writes: bool = True
    cache_marks: tuple[CacheMark, ...] | None = None
    priced_as: str | None = None
    stream_type: str | None = None
    late_usage: bool = False
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Piece:
    """The smallest thing that is streamed: some text, or a piece of a tool call. `name` comes with a call's first piece only."""

    text: str
    tokens: int = 1
    call: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """`thought` is the reasoning before the text, for providers that show it: its tokens are the answer's `reasoning`."""

    pieces: tuple[Piece, ...]
    finish: str  # stop, length, tool_calls
    thought: tuple[Piece, ...] = ()
    stopped_by: str | None = None  # the stop sequence that ended it
    refused: bool = False  # the text says why not

    @property
    def text(self) -> str | None:
        """None where the answer is tool calls alone."""
        texts = [piece.text for piece in self.pieces if piece.call is None]
        return "".join(texts) if texts or not self.pieces else None

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Name and arguments of each call."""
        calls: dict[int, tuple[str, str]] = {}
        for piece in self.pieces:
            if piece.call is not None:
                name, arguments = calls.get(piece.call, ("", ""))
                calls[piece.call] = (piece.name or name, arguments + piece.text)
        return list(calls.values())


@dataclass(frozen=True, slots=True)
class Answer:
    choices: tuple[Choice, ...]
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a provider writes on an answer that is not of the answer: `seed` is of the request, and of when it came."""

    seed: str
    created: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One piece of a stream on the wire: the output tokens it delivers, and whether the usage is in it.

    `reasoning` tokens count beside `tokens`; where the reasoning is not shown they are all with the first frame.
    A frame that is not `paced` follows the one before it at once.
    """

    data: bytes
    tokens: int = 0
    reasoning: int = 0
    usage: bool = False
    paced: bool = True


class Rejected(Exception):
    """The provider's own error for this request, and its content type."""

    def __init__(self, status: int, body: bytes, kind: str = "application/json") -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.kind = kind
