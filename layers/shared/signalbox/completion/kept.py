"""An answer that is kept: what was told, as bytes and back, and as the chunks that any dialect writes or streams again."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import STATUS, Refusal
from ..money import Tokens
from ..reply import Choice, Chunk, Citation, Embedding, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, Usage
from ..request import Part, Reasoning, Signature, Text, ToolCall

VERSION = b"1"  # of this form: what is of another counts as not kept
KINDS: Mapping[str, Any] = {"text": Text, "reasoning": Reasoning, "call": ToolCall, "embedding": Embedding}
NAMES = {kind: name for name, kind in KINDS.items()}


class Kept(NamedTuple):
    """`id`, `created_s` (epoch) and `model` head it; `target` served it; `told` are its headers.

    `guarded` is the digest of the snapshot whose guardrails it went through. `refused` (code, message, param) stands instead of choices
    where the request ended in an error.
    """

    id: str
    created_s: int
    model: str
    target: str
    choices: tuple[Choice, ...] = ()
    tokens: Tokens = Tokens()
    guarded: str = ""
    told: Mapping[str, str] = MappingProxyType({})
    refused: tuple[str, str, str | None] | None = None

    @property
    def refusal(self) -> Refusal | None:
        return Refusal(self.refused[0], self.refused[1], param=self.refused[2]) if self.refused else None


def to_bytes(kept: Kept) -> bytes:
    plain = kept._asdict() | {"choices": [_plain(choice) for choice in kept.choices], "told": dict(kept.told)}
    return VERSION + zlib.compress(json.dumps(plain, separators=(",", ":")).encode())


def from_bytes(packed: bytes) -> Kept | None:
    """None for what another release wrote, or what is damaged."""
    if packed[:1] != VERSION:
        return None
    try:
        plain = json.loads(zlib.decompress(packed[1:]))
        choices = tuple(_choice(row) for row in plain.pop("choices"))
        refused = plain.pop("refused")
        kept = Kept(**plain | {"tokens": Tokens(*plain["tokens"])}, choices=choices, refused=tuple(refused) if refused else None)
    except (zlib.error, ValueError, TypeError, LookupError, AttributeError):
        return None
    return kept if refused is None or (kept.refused and kept.refused[0] in STATUS) else None


def chunks_of(kept: Kept) -> Iterator[Chunk]:
    """`gather` makes the same choices of them. A text comes in one piece: it is all there."""
    for number, choice in enumerate(kept.choices):
        yield from _spread(choice, number)
    yield Usage(kept.tokens)


def _spread(choice: Choice, number: int) -> Iterator[Chunk]:
    """Sources are told behind the last text, since they are of the text so far."""
    calls, logprobs = 0, choice.logprobs
    cited = max((place for place, part in enumerate(choice.parts) if isinstance(part, Text)), default=-1)
    citations = [citation._replace(choice=number) for citation in choice.citations]
    if cited < 0:
        yield from citations
    for place, part in enumerate(choice.parts):
        match part:
            case Text(text):
                yield TextDelta(text, number, logprobs)
                logprobs = ()
            case Reasoning(text, signature, redacted):
                yield ReasoningDelta(text, number, signature, redacted)
            case ToolCall(id, name, arguments, signature):
                yield ToolCallDelta(calls, arguments, id, name, number, signature)
                calls += 1
            case Embedding():
                yield part
        if place == cited:
            yield from citations
    if choice.refusal:
        yield RefusalDelta(choice.refusal, number)
    if choice.finish:
        yield Finish(choice.finish, number, choice.stop_sequence)


def is_whole(choices: Iterable[Choice]) -> bool:
    """Whether all of them came to an end of their own: not cut short, filtered or declined."""
    return all(choice.finish in ("stop", "tool_calls") and not choice.refusal for choice in choices)


def _plain(choice: Choice) -> dict[str, Any]:
    return choice._asdict() | {"parts": [(NAMES[type(part)], *part) for part in choice.parts]}


def _choice(row: dict[str, Any]) -> Choice:
    parts = tuple(_part(*part) for part in row["parts"])
    return Choice(
        **row | {"parts": parts, "logprobs": tuple(row["logprobs"]), "citations": tuple(Citation(*each) for each in row["citations"])}
    )


def _part(name: str, *values: Any) -> Part | Embedding:
    part: Any = KINDS[name](*values)
    if isinstance(part, Embedding):
        return part._replace(vector=tuple(part.vector))
    return part._replace(signature=Signature(*part.signature)) if getattr(part, "signature", None) else part
