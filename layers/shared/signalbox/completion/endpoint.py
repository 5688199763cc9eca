"""The endpoints: admit, route, call, answer; and what is left to do after the answer. One for every dialect."""

import json
from _thread import allocate_lock
from collections.abc import Callable, Iterable, Iterator, Mapping

from ..aws import telemetry
from ..aws.capacity import Capacities
from ..aws.http import Exchange, Pool
from ..aws.keys import CallerKeys, ProviderKeys
from ..aws.ledger import Desk, Hold
from ..aws.live import Live
from ..aws.rates import Rates
from ..data_api import Call, bearer, dialect_of, internal_error, refused
from ..dialects.contract import Answer, Dialect
from ..errors import Refusal
from ..guardrails.contract import Guardrail
from ..reply import Chunk, Usage, gather
from ..runtime.invocation import Response
from ..usage.record import UsageRecord
from ..wire import HttpRequest
from .admitted import Admitted, NotAdmitted, admit, explained
from .answered import Answered
from .asked import Asked, to_asked
from .flight import Clock
from .guards import Guards, guarded
from .journey import Journey, total
from .keeping import Keeper, Keeping
from .limited import Limited
from .outing import Outings
from .record import HIT, REPLAY, to_intent, to_record, to_refused, to_repeated
from .routed import Router
from .sampling import Sampler, Sampling
from .trip import Trip

REQUEST_IDS = ("x-signalbox-request-id", "x-request-id", "request-id")  # ours, and those that OpenAI's and Anthropic's clients look for
JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


class Completions:
    """One per container; it serves one request at a time."""

    def __init__(
        self,
        desk: Desk,
        live: Live,
        callers: CallerKeys,
        providers: ProviderKeys,
        pool: Pool,
        clock: Clock,
        capacities: Capacities,
        keeper: Keeper,
        rates: Rates,
        sampler: Sampler,
    ) -> None:
        self._desk = desk
        self._live = live
        self._callers = callers
        self._providers = providers
        self._pool = pool
        self._clock = clock
        self._capacities = capacities
        self._keeper = keeper
        self._rates = rates
        self._sampler = sampler
        self._router = Router(Guards(), capacities.full)

    def complete(self, call: Call) -> Response:
        """POST, in the dialect that the path says."""
        dialect = dialect_of(call.path)
        caller = self._callers.caller(bearer(call.headers))
        request = dialect.to_request(call.body, call.headers)
        asked = to_asked(caller, request, call.headers, len(call.body), call.remaining_s, self._clock)
        headers = dict.fromkeys(REQUEST_IDS, asked.id) | {"x-signalbox-cache": "none"}
        if asked.explain:
            return self._explain(asked, dialect, headers)
        keeping, limited = self._keeper.of(asked, call.body), Limited(self._rates, asked, self._clock)
        try:
            errands_of = lambda routed: (*keeping.errands(routed), limited.errand(routed))  # noqa: E731
            admitted = admit(asked, self._desk, self._live, self._router, errands_of, keeping.replayed)
            return self._travel(asked, admitted, keeping, limited, dialect, {**headers, **limited.headers()})
        except Answered as found:
            return self._again(asked, found, keeping, limited, dialect, headers)
        except Exception as error:
            left = error if isinstance(error, NotAdmitted) else NotAdmitted(_as_refusal(error), None)
            return self._left(asked, left, keeping, limited, dialect, headers)

    def close(self) -> None:
        """SIGTERM."""
        self._desk.release()
        self._rates.release()

    def _explain(self, asked: Asked, dialect: Dialect, headers: Mapping[str, str]) -> Response:
        """Nothing is called, held or recorded."""
        try:
            told = {"id": asked.id} | explained(asked, self._desk, self._live, self._router)
        except Refusal as refusal:
            return refused(refusal, dialect, headers)
        headers = {**headers, "x-signalbox-policy": told["policy"], "x-signalbox-config-version": str(told["config_version"])}
        return Response(200, headers | JSON, json.dumps(told).encode())

    def _left(
        self, asked: Asked, left: NotAdmitted, keeping: Keeping, limited: Limited, dialect: Dialect, headers: Mapping[str, str]
    ) -> Response:
        """Nothing was sent."""
        record = to_refused(asked, left.refusal, left.trip, self._clock)
        headers = {**headers, **(_told_of(left.trip) if left.trip else {}), **limited.headers()}
        return refused(left.refusal, dialect, headers)._replace(after=lambda: self._note(record, keeping.free, limited))

    def _note(self, record: UsageRecord, keep: Callable[[], Callable[[], None]], limited: Limited, hold: Hold | None = None) -> None:
        """`keep` sends what is to be kept, and gives what waits for it. `hold` is what a look-up by meaning was paid from."""
        kept, left = keep(), limited.leave(record.tokens.input)
        if hold:
            self._desk.settle(hold, record.cost_nanousd, record.to_detail())
        else:
            self._desk.record(record.to_detail())
        telemetry.completion(record)
        kept()
        left()

    def _again(
        self,
        asked: Asked,
        found: Answered,
        keeping: Keeping,
        limited: Limited,
        dialect: Dialect,
        headers: Mapping[str, str],
        hold: Hold | None = None,
    ) -> Response:
        """What is there already: nothing is called, and nothing held but for what looked it up."""
        from .repeated import told_again

        assert found.routed is not None, "it was found for something"
        record = to_repeated(asked, found.routed.trip, found.kept, REPLAY if found.is_replay else HIT, self._clock)
        if hold:
            record = keeping.counted(record._replace(lease=hold.lease, period_by_scope=hold.period_by_scope))
        headers, keep = {**headers, **limited.headers()}, lambda: keeping.found(found)

        def after() -> None:
            self._note(record, keep, limited, hold)
            self._callers.refresh()
            self._providers.refresh()

        try:
            told = told_again(asked, found, dialect)
        except Exception as error:
            refusal = _as_refusal(error)
            record, keep = record._replace(outcome=refusal.code, status=refusal.status), keeping.free
            return refused(refusal, dialect, headers)._replace(after=after)
        headers = {**headers, **dict.fromkeys(REQUEST_IDS, told.id), **told.headers, **(EVENTS if told.is_stream else JSON)}
        return Response(told.status, headers, told.body, after)

    def _travel(
        self, asked: Asked, admitted: Admitted, keeping: Keeping, limited: Limited, dialect: Dialect, headers: Mapping[str, str]
    ) -> Response:
        hold, opening = admitted.hold, allocate_lock()
        keeping.sets_out(admitted.trip)
        sampling = self._sampler.of(admitted.trip, asked.id)
        headers = {**headers, "x-signalbox-cache": keeping.cache}

        def send(request: HttpRequest, timeout_s: float) -> Exchange:
            exchange = self._pool.send(request, timeout_s)
            if hold.binds:
                try:
                    with opening:  # two attempts of a race may come here at once
                        hold.opened()  # while the upstream is at work: a lost intent must be stored before its lease can expire
                except Refusal:
                    exchange.close()
                    raise
            return exchange

        def outings(trip: Trip) -> Outings:
            return Outings(trip, send, self._providers, self._capacities, self._clock)

        journey = Journey(admitted.trip.spared, send, self._providers, self._clock, self._capacities)
        intent = to_intent(asked, admitted, self._clock)._replace(cache=keeping.cache)
        broke: list[Refusal] = []

        def settle() -> None:
            ended_s = self._clock.monotonic()
            keeping.hear_out()
            journey.drain()
            kept = keeping.store(journey, _told(journey), broke[0] if broke else None)
            if not broke:
                journey.mirror()
            outcome, status = (broke[0].code, broke[0].status) if broke else ("ok", 200)
            record = keeping.counted(to_record(intent, asked, journey, outcome, status, ended_s))
            left = limited.leave(record.tokens.input + record.tokens.output)
            self._desk.settle(hold, record.cost_nanousd, record.to_detail())
            telemetry.completion(record)
            kept()
            left()
            journey.land()
            sampling.send(record)
            self._callers.refresh()
            self._providers.refresh()

        try:
            self._desk.open(hold, admitted.trip.decision.targets[0], intent.to_detail())
            keeping.look(admitted.trip, outings, self._clock)
            journey.begin(whole=not asked.request.stream)
            told = {**headers, **_told(journey)}
            return self._answer(asked, admitted.guards, journey, keeping, sampling, dialect, told, broke.append, settle)
        except Answered as found:
            found.routed = admitted
            return self._again(asked, found, keeping, limited, dialect, headers, hold)
        except Exception as error:
            refusal = _as_refusal(error)
            broke.append(refusal)
            return refused(refusal, dialect, {**headers, **_told(journey)})._replace(after=settle)

    def _answer(
        self,
        asked: Asked,
        guards: Iterable[Guardrail],
        journey: Journey,
        keeping: Keeping,
        sampling: Sampling,
        dialect: Dialect,
        headers: Mapping[str, str],
        broke: Callable[[Refusal], None],
        settle: Callable[[], None],
    ) -> Response:
        answer = Answer(asked.id, asked.at_ms // 1000, journey.trip.snapshot.targets[journey.target].model, asked.request)
        if asked.request.stream:
            events = dialect.to_events(answer, keeping.listened(sampling.listened(_to_the_end(journey, guards, broke))))
            return Response(200, {**headers, **EVENTS}, events, settle)
        choices, tokens = gather(guarded(journey.chunks(), guards))
        tokens = tokens or total(journey.attempts())
        keeping.told(choices, tokens)
        sampling.told(choices)
        body = dialect.to_body(answer, choices, tokens)
        return Response(200, {**headers, **JSON}, body, settle)


def _to_the_end(journey: Journey, guards: Iterable[Guardrail], broke: Callable[[Refusal], None]) -> Iterator[Chunk]:
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
        refusal = _as_refusal(error)
        broke(refusal)
        raise refusal from error


def _as_refusal(error: Exception) -> Refusal:
    """A fault of ours, too, is answered, and above all settled."""
    if isinstance(error, Refusal):
        return error
    telemetry.error("a completion ended in an error of ours", error)
    if isinstance(error, RecursionError):  # it could be read, and what is made of it goes deeper
        return Refusal("invalid_request", "The body is nested too deeply. Send a flatter JSON object.")
    return internal_error()


def _told(journey: Journey) -> dict[str, str]:
    """What the answer's headers tell of its route."""
    told = {"x-signalbox-attempts": str(len(journey.attempts()))} | _told_of(journey.trip)
    if journey.target:
        told["x-signalbox-target"] = journey.target
    if journey.clamped:
        told["x-signalbox-clamped"] = "max_tokens"
    if journey.warning:
        told["x-signalbox-warning"] = journey.warning
    return told


def _told_of(trip: Trip) -> dict[str, str]:
    return {"x-signalbox-policy": trip.decision.policy, "x-signalbox-config-version": str(trip.snapshot.version)}
