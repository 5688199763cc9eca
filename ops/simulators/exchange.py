"""What any provider is asked and what it answers, before it has a wire format. Plain data, nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Tokens(NamedTuple):
    """`cached` is a part of `input`, `reasoning` a part of `output`."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """`prompt` is what the last user message says; `tools` maps each offered name to the schema of its arguments.

    `tools_must` are names of which one has to be called; `schema` asks for JSON of that shape ({} for any object).
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


@dataclass(frozen=True, slots=True)
class Piece:
    """The smallest thing that is streamed: some text, or a piece of a tool call. `name` comes with a call's first piece only."""

    text: str
    tokens: int = 1
    call: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    pieces: tuple[Piece, ...]
    finish: str  # stop, length, tool_calls

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

    A frame that is not `paced` follows the one before it at once.
    """

    data: bytes
    tokens: int = 0
    usage: bool = False
    paced: bool = True


class Rejected(Exception):
    """The provider's own error for this request."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
