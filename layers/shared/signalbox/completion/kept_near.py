"""The look-up of an answer to what means the same. Its neighbourhood is read in the wave that admits; the text is embedded behind it, with
what was put aside for that. Where anything fails the request goes on as if nobody had looked.
"""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from ..aws import telemetry
from ..aws.client import AwsError, Call, InFlight
from ..aws.control import View
from ..aws.kept import Entry
from ..errors import Refusal, UpstreamFailure
from ..reply import Embedding
from ..routing.failures import KINDS
from ..routing.plan import Try
from ..usage.record import Attempt
from .answered import Answered
from .clock import Clock
from .kept import from_bytes
from .kept_lookup import Cache
from .kept_terms import Terms
from .kept_vectors import Neighbour, nearest, quantised, with_newest
from .kept_vectors import from_bytes as to_neighbours
from .kept_vectors import to_bytes as to_packed
from .meant import Embedder, Meant
from .outing import CACHE, Outing, Outings
from .trip import Trip

PATIENCE_S = 2.0  # for the vector, whoever makes it


class Near:
    """Of one request, once. An errand of the admission; then `look`, and behind the answer `remember`."""

    def __init__(self, cache: Cache, name: str, terms: Terms, meant: Meant) -> None:
        self.name = name
        self._cache = cache
        self._terms = terms
        self._meant = meant
        self._neighbours: tuple[Neighbour, ...] | None = None  # None: nobody knows, and so nothing is added
        self._is_asked = cache.is_silent
        self._now_ms = 0
        self._outings: Outings | None = None
        self._embeds: Callable[[], None] | None = None
        self._vector: tuple[bytes, int] | None = None  # and its space
        self._written: InFlight | None = None

    def calls(self, view: View, now_ms: int) -> Sequence[Call]:
        self._now_ms = now_ms
        return () if self._is_asked else [self._cache.get(self.name)]

    def heard(self, answers: Sequence[Any]) -> None:
        self._is_asked = True
        [entry] = answers
        if isinstance(entry, AwsError):
            return self._cache.fails(entry)
        found = to_neighbours(entry.answer) if entry else ()
        self._neighbours = tuple(neighbour for neighbour in found if neighbour.expires_ms > self._now_ms)
        return None

    def attempts(self) -> tuple[Attempt, ...]:
        return tuple(flight.attempt() for flight in self._outings.flights) if self._outings else ()

    def look(self, trip: Trip, outings: Callable[[Trip], Outings], clock: Clock) -> None:
        """Answered, where the nearest is near enough and still there."""
        self._embeds = lambda: self._embed(trip, outings, clock)
        if not (self._neighbours and self._terms.reads and not self._cache.is_silent):
            return
        self._embeds()
        found = nearest(*self._vector, self._neighbours) if self._vector else None
        if found and found[0] >= self._meant.threshold:
            self._tell(*found)

    def remember(self, answer: str) -> None:
        """Adds this name of an answer to its neighbourhood; `settled` hears. Behind the answer: nobody waits for the vector."""
        if self._neighbours is None or self._embeds is None:
            return
        if self._outings is None:
            self._embeds()
        if self._vector is None:
            return
        expires_ms = self._now_ms + self._terms.ttl_s * 1000
        newest = Neighbour(answer, expires_ms, *self._vector)
        packed = to_packed(with_newest(newest, self._neighbours, self._meant.most, self._now_ms))
        self._written = self._cache.write(self.name, Entry(packed, self._now_ms, expires_ms))

    def settled(self) -> None:
        if self._written:
            self._cache.settled(self._written)

    def _embed(self, trip: Trip, outings: Callable[[Trip], Outings], clock: Clock) -> None:
        """By the first who can. Each but the last leaves the next its share of the time."""
        embedding = _to_embed(trip, self._meant, clock)
        self._outings = outings(embedding)
        left = len(self._meant.embedders)
        try:
            for embedder in self._meant.embedders:
                now_s = clock.monotonic()
                if self._embedded_by(embedder, trip, self._outings, now_s + (embedding.deadline_s - now_s) / left):
                    break
                left -= 1
        finally:
            self._outings.give_back()
            for flight in self._outings.flights:
                flight.land()

    def _embedded_by(self, embedder: Embedder, trip: Trip, outings: Outings, deadline_s: float) -> bool:
        """Whether nobody else need be asked."""
        id = embedder.target.id
        circuit = trip.inputs.circuits.get(id)
        outing = Outing(Try(0, id, circuit.generation if circuit else 0), CACHE, deadline_s)
        try:
            vectors = [chunk.vector for chunk in outings.begin(outing, whole=True) if isinstance(chunk, Embedding)]
            if vectors and all(map(isfinite, vectors[0])):
                self._vector = quantised(vectors[0]), embedder.space
        except UpstreamFailure as error:
            telemetry.say("WARNING", "a look-up by meaning failed", target=id, kind=error.kind, detail=error.detail)
            return not (KINDS[error.kind].elsewhere or error.kind == "deadline")
        except Refusal:  # its intent could not be stored: nothing else may be sent either
            raise
        except Exception as error:
            telemetry.error("a look-up by meaning failed", error)
        return self._vector is not None

    def _tell(self, similarity: float, neighbour: Neighbour) -> None:
        entry = self._cache.read(neighbour.name)
        if entry is None or self._now_ms >= entry.expires_ms:
            return
        age_s = max(0, self._now_ms - entry.at_ms) // 1000
        kept = from_bytes(entry.answer) if self._terms.is_young(age_s) else None
        if kept:
            raise Answered(kept, age_s, similarity)


def _to_embed(trip: Trip, meant: Meant, clock: Clock) -> Trip:
    """By the same caller and with the same keys, within what was put aside."""
    features = trip.inputs.features._replace(input_tokens=meant.input_bound, input_bound=meant.input_bound, n=1, max_tokens=None)
    targets = tuple(embedder.target.id for embedder in meant.embedders)
    alone = trip.decision._replace(targets=targets, behind={}, mirror="", hedge_after_ms=None, max_tokens=None, max_cost_nanousd=None)
    return trip._replace(
        request=meant.request,
        inputs=trip.inputs._replace(features=features),
        decision=alone,
        deadline_s=min(trip.deadline_s, clock.monotonic() + PATIENCE_S),
        granted_nanousd=None if trip.granted_nanousd is None else trip.near_nanousd,
    )
