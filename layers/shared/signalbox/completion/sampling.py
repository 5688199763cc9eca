"""A sample of a request and its answer, where its route says so: taken after the answer, and never a reason to fail one."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..aws import telemetry
from ..aws.client import Aws, Call
from ..reply import Choice, Chunk, gather
from .trip import Trip

if TYPE_CHECKING:
    from ..capture.terms import Terms
    from ..usage.record import UsageRecord

VERSION = 1


class Sampler:
    """One per container. `queue` is the address of the one that samples go to."""

    def __init__(self, aws: Aws, queue: str) -> None:
        self.aws = aws
        self.queue = queue

    def of(self, trip: Trip, request_id: str) -> "Sampling":
        """What is off for a route costs nothing: neither an import nor a chunk kept."""
        route = trip.snapshot.routes.get(trip.decision.route)
        if route is None or route.capture is None:
            return Sampling(self, trip, None)
        from ..capture.terms import Terms

        terms = Terms.of(route.capture)
        return Sampling(self, trip, terms if terms.takes(request_id) else None)


class Sampling:
    """Of one request that set out: of one from a cache there is nothing new, and one that was refused got no answer."""

    def __init__(self, sampler: Sampler, trip: Trip, terms: "Terms | None") -> None:
        self._sampler = sampler
        self._trip = trip
        self._terms = terms
        self._choices: list[Choice] = []
        self._chunks: list[Chunk] = []

    def told(self, choices: list[Choice]) -> None:
        """The answer in one piece."""
        self._choices = choices

    def listened(self, chunks: Iterable[Chunk]) -> Iterable[Chunk]:
        """The chunks of a streamed answer, on their way to the client: as many as there are if it breaks, or the client leaves."""
        return self._heard(chunks) if self._terms else chunks

    def send(self, record: "UsageRecord") -> None:
        """Redacts and sends; never raises."""
        if self._terms is None:
            return
        try:
            self._sampler.aws.call(self._call(self._terms, record))
        except Exception as error:
            telemetry.error("a sample was not taken", error)
            telemetry.count("SamplesLost")

    def _call(self, terms: "Terms", record: "UsageRecord") -> Call:
        from ..capture.redactors import Redaction
        from ..capture.sample import MOST_CHARS, to_sample

        head = {
            "version": VERSION,
            "id": record.id,
            "at_ms": record.at_ms,
            "expires_at": terms.expires_at(record.at_ms),
            "tenant": record.tenant,
            "team": record.team,
            "key": record.key,
            "route": record.route,
            "target": record.target,
            "outcome": record.outcome,
            "status": record.status,
            "stream": record.stream,
        }
        choices = gather(self._chunks)[0] if self._chunks else self._choices
        body = to_sample(head, self._trip.request, choices, (Redaction(terms) for _ in MOST_CHARS))
        return Call("sqs", "SendMessage", {"QueueUrl": self._sampler.queue, "MessageBody": body})

    def _heard(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            self._chunks.append(chunk)
            yield chunk
