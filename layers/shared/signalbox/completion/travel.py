"""A request that set out: its upstream calls, the answer as it goes to the client, and what all of that comes to in the end."""

from _thread import allocate_lock
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from ..aws.http import Exchange
from ..data_api import internal_error, refused
from ..dialects.contract import Answer
from ..errors import Refusal
from ..guardrails.contract import Guardrail
from ..reply import Chunk, Usage, gather
from ..runtime.invocation import Response
from ..wire import HttpRequest
from .admitted import Admitted
from .answered import Answered
from .guards import guarded
from .journey import Journey, total
from .outing import Outings
from .record import to_intent, to_record
from .trip import Trip
from .unanswered import as_refusal

if TYPE_CHECKING:
    from .visit import Visit

JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


class Travel:
    """Whatever has been sent is settled after the answer, and once."""

    def __init__(self, visit: "Visit", admitted: Admitted) -> None:
        self._visit = visit
        self._means = means = visit.means
        self._admitted = admitted
        visit.keeping.sets_out(admitted.trip)
        self._sampling = means.sampler.of(admitted.trip, visit.asked.id)
        self._journey = Journey(admitted.trip.spared, self._send, means.providers, means.clock, means.capacities)
        self._intent = to_intent(visit.asked, admitted, means.clock)._replace(cache=visit.keeping.cache)
        self._opening = allocate_lock()
        self._broke: Refusal | None = None

    def answer(self) -> Response:
        visit, means, admitted = self._visit, self._means, self._admitted
        try:
            means.desk.open(admitted.hold, admitted.trip.decision.targets[0], self._intent.to_detail())
            visit.keeping.look(admitted.trip, self._outings, means.clock)
            self._journey.begin(whole=not visit.asked.request.stream)
            return self._streamed() if visit.asked.request.stream else self._in_one_piece()
        except Answered as found:
            found.routed = admitted
            return visit.repeated(found, admitted.hold)
        except Exception as error:
            self._broke = as_refusal(error)
            self._promise()
            return refused(self._broke, visit.dialect, visit.asked.id, self._headers())._replace(after=self._settle)

    def _send(self, request: HttpRequest, timeout_s: float) -> Exchange:
        exchange, hold = self._means.pool.send(request, timeout_s), self._admitted.hold
        if hold.binds:
            try:
                with self._opening:  # two attempts of a race may come here at once
                    hold.opened()  # while the upstream is at work: a lost intent must be stored before its lease can expire
            except Refusal:
                exchange.close()
                raise
        return exchange

    def _outings(self, trip: Trip) -> Outings:
        return Outings(trip, self._send, self._means.providers, self._means.capacities, self._means.clock)

    def _in_one_piece(self) -> Response:
        visit = self._visit
        choices, tokens = gather(guarded(self._journey.chunks(), self._admitted.guards))
        tokens = tokens or total(self._journey.attempts())
        visit.keeping.told(choices, tokens)
        self._sampling.told(choices)
        body = visit.dialect.to_body(self._to_answer(), choices, tokens)
        self._promise()
        return Response(200, self._headers() | JSON, body, self._settle)

    def _streamed(self) -> Response:
        visit = self._visit
        chunks = self._sampling.listened(to_the_end(self._journey, self._admitted.guards, self._breaks))
        chunks = visit.keeping.listened(chunks, self._promise)
        return Response(200, self._headers() | EVENTS, visit.dialect.to_events(self._to_answer(), chunks), self._settle)

    def _promise(self) -> None:
        """Before the answer ends, so that who has read it to its end may ask again at once."""
        if self._visit.asked.idempotency_key:
            if self._broke:
                self._journey.leave()  # what it has cost decides whether its key is free
            self._visit.keeping.promise(self._journey, self._told(), self._broke)

    def _to_answer(self) -> Answer:
        asked, journey = self._visit.asked, self._journey
        return Answer(asked.id, asked.at_ms // 1000, journey.trip.snapshot.targets[journey.target].model, asked.request)

    def _breaks(self, refusal: Refusal) -> None:
        self._broke = refusal

    def _headers(self) -> dict[str, str]:
        return self._visit.headers({"x-signalbox-cache": self._visit.keeping.cache}, self._told())

    def _told(self) -> dict[str, str]:
        """What the answer's headers tell of its route."""
        journey = self._journey
        told = {"x-signalbox-attempts": str(len(journey.attempts()))} | journey.trip.told
        if journey.target:
            told["x-signalbox-target"] = journey.target
        if journey.clamped:
            told["x-signalbox-clamped"] = "max_tokens"
        if journey.warning:
            told["x-signalbox-warning"] = journey.warning
        return told

    def _settle(self) -> None:
        visit, journey, means = self._visit, self._journey, self._means
        ended_s = means.clock.monotonic()
        visit.keeping.hear_out()
        journey.drain()
        kept = visit.keeping.store(journey, self._told(), self._broke)
        if self._broke is None:
            journey.mirror()
        outcome, status = (self._broke.code, self._broke.status) if self._broke else ("ok", 200)
        record = visit.keeping.counted(to_record(self._intent, visit.asked, journey, outcome, status, ended_s))
        visit.ended(record, kept, self._admitted.hold)
        journey.land()
        self._sampling.send(record)


def to_the_end(journey: Journey, guards: Iterable[Guardrail], broke: Callable[[Refusal], None]) -> Iterator[Chunk]:
    """A stream that breaks after its first byte ends in the dialect's error, never in silence; one that told no usage in our own count."""
    counted = False
    try:
        for chunk in guarded(journey.chunks(), guards):
            counted = counted or type(chunk) is Usage
            yield chunk
        if not counted:
            yield Usage(total(journey.attempts()))
    except SystemExit:  # the container ends, and what it has told so far is no answer
        broke(internal_error())
        raise
    except Exception as error:
        refusal = as_refusal(error)
        broke(refusal)
        raise refusal from error
