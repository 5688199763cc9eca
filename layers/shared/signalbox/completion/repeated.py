"""An answer that is there already, told again in the dialect it is asked for in: whole or streamed, by whatever guardrails hold now."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..data_api import IDEMPOTENCY_KEY
from ..dialects.contract import Answer, Dialect
from ..errors import Refusal
from ..reply import Chunk, gather
from .answered import Answered
from .asked import Asked
from .guards import guarded
from .kept import Kept, chunks_of
from .routed import Routed

if TYPE_CHECKING:
    from .admitted import Admitted

# Of an error, which itself may advise another try.
AGAIN = f"Another try needs a new {IDEMPOTENCY_KEY}: what it cost is charged, and for 24 hours this one is answered with it."


class Told(NamedTuple):
    id: str
    headers: Mapping[str, str]
    body: bytes | Iterator[bytes]
    status: int = 200
    is_stream: bool = False


def told_again(asked: Asked, found: Answered, dialect: Dialect) -> Told:
    """A replay is the answer as it was, its id and headers too; one from the cache is a new one.

    Refusal where a guardrail refuses it.
    """
    kept, routed = found.kept, found.routed
    assert routed is not None, "it was found for something"
    if found.is_replay:
        headers = {**routed.trip.told, **kept.told, "x-signalbox-cache": "replay", "idempotent-replayed": "true"}
    else:
        told = routed.trip.told | {"x-signalbox-target": kept.target, "x-signalbox-attempts": "0"}
        kept = kept._replace(id=asked.id, created_s=asked.at_ms // 1000, told=told)
        found.kept = kept  # which is what an idempotency key is answered with from now on
        near = {} if found.similarity is None else {"x-signalbox-cache-similarity": f"{found.similarity:.3f}"}
        headers = {**told, **near, "x-signalbox-cache": "hit", "age": str(found.age_s)}
    if kept.refusal:
        refusal = Refusal(kept.refusal.code, f"{kept.refusal.message} {AGAIN}", param=kept.refusal.param)
        return Told(kept.id, headers | {"x-should-retry": "false"}, dialect.to_error(refusal, kept.id), refusal.status)
    answer = Answer(kept.id, kept.created_s, kept.model, asked.request)
    if asked.request.stream:
        return Told(kept.id, headers, dialect.to_events(answer, _chunks(kept, routed)), is_stream=True)
    choices, _ = gather(_chunks(kept, routed))
    return Told(kept.id, headers, dialect.to_body(answer, choices, kept.tokens))


def _chunks(kept: Kept, routed: "Routed | Admitted") -> Iterator[Chunk]:
    """Kept as the guardrails let it through that held then: where others may hold now, those have their say as well."""
    return guarded(chunks_of(kept), routed.guards if kept.guarded != routed.trip.snapshot.digest else ())
