"""One request on its way: the plan's attempts, one after the other, until a target answers; then the chunks of its answer."""

from collections.abc import Callable, Iterator
from math import ceil
from typing import NamedTuple, Protocol

from ..aws import telemetry
from ..aws.http import Exchange
from ..errors import Refusal, UpstreamFailure
from ..money import Tokens
from ..providers.contract import Wire
from ..providers.fit import wire_of
from ..reply import Chunk, Usage
from ..request import Request
from ..routing import bound
from ..routing.catalog import Provider, Route, Snapshot, Target
from ..routing.decide import Decision
from ..routing.failures import KEYS_OWN, KINDS
from ..routing.inputs import Inputs
from ..routing.plan import Ended, Try, plan
from ..usage.record import Attempt
from ..wire import HttpRequest
from .flight import Clock, Flight, Limits, Part

MOST_FLIGHTS = 14  # what an event of them may hold: `usage.events.MOST_ATTEMPTS`

Send = Callable[[HttpRequest, float], Exchange]


class Keys(Protocol):
    """The providers' keys. `owner` is the tenant that brings its own, or empty."""

    def of(self, provider: Provider, owner: str, anew: bool = False) -> tuple[str | None, ...]:
        """One at the least, the best first; (None,) for a provider that asks for none. `anew` asks to read them again."""

    def refused(self, provider: Provider, owner: str, key: str | None) -> None:
        """It is the last to be tried from now on."""

    def shown(self, request: HttpRequest, provider: Provider, key: str | None) -> HttpRequest:
        """The request with what proves who sends it. Raises UpstreamFailure where a token cannot be had."""


class Trip(NamedTuple):
    """What a journey sets out with. `route` is the one asked for. `granted_nanousd` is None where no budget holds it; `own_keys` are the
    tenant's own providers.
    """

    request: Request
    route: Route
    snapshot: Snapshot
    inputs: Inputs
    decision: Decision
    deadline_s: float  # monotonic, as `began_s`; the same moment as the inputs' `deadline_ms`
    granted_nanousd: int | None
    tenant: str = ""
    own_keys: frozenset[str] = frozenset()
    began_s: float = 0.0

    @property
    def input_bound(self) -> int:
        """No provider counts more tokens of it."""
        return self.inputs.features.input_bound


class Journey:
    """`begin` finds a target that answers; `chunks` is its answer; `attempts` and what they cost are known when it is over."""

    def __init__(self, trip: Trip, send: Send, keys: Keys, clock: Clock) -> None:
        self.trip = trip
        self.warning: str | None = None
        self.clamped = False
        self._flights: list[Flight] = []
        self._send = send
        self._keys = keys
        self._clock = clock
        self._chunks: Iterator[Chunk] = iter(())

    @property
    def target(self) -> str:
        return self._flights[-1].step.target if self._flights else ""

    @property
    def finish(self) -> str | None:
        return self._flights[-1].finish if self._flights else None

    def attempts(self) -> tuple[Attempt, ...]:
        return tuple(flight.attempt() for flight in self._flights)

    def begin(self, *, whole: bool) -> None:
        """Until a first chunk is there (`whole`: the last one), or Refusal. Until then a failure leads to the next target."""
        trip = self.trip
        steps = plan(trip.decision, trip.inputs)
        step = next(steps, None)
        failure: UpstreamFailure | None = None
        while step is not None and len(self._flights) < MOST_FLIGHTS:
            if step.wait_s:
                self._clock.sleep(step.wait_s)
            try:
                self._chunks = self._attempt(step, whole)
                self.warning = step.warning
                return
            except UpstreamFailure as error:
                failure = failure if error.kind == "unaffordable" and failure else error
                telemetry.say("WARNING", "an attempt failed", target=step.target, kind=error.kind, status=error.status, detail=error.detail)
                step = _after(steps, self._ended(error))
        raise self._refusal(failure)

    def chunks(self) -> Iterator[Chunk]:
        """Raises Refusal where the stream breaks: the client has its first bytes, so no other target can help."""
        try:
            for chunk in self._chunks:  # noqa: UP028  `yield from` would end the upstream's stream when the client leaves
                yield chunk
        except UpstreamFailure as failure:
            telemetry.say("WARNING", "a stream broke", target=self.target, kind=failure.kind, detail=failure.detail)
            raise self._refusal(failure) from failure

    def drain(self) -> None:
        """After the client has left: by its provider's rule, reads on within the same deadline, to the count of what is billed."""
        if self._flights:
            flight, targets = self._flights[-1], self.trip.snapshot.targets
            flight.leave(self.trip.snapshot.providers[targets[flight.step.target].provider].on_leave)
            if flight.over:
                return
        try:
            for _ in self._chunks:
                pass
        except UpstreamFailure:
            pass  # the attempt holds it

    def land(self) -> None:
        for flight in self._flights:
            flight.land()

    def _ended(self, failure: UpstreamFailure) -> Ended:
        billed = bool(self._flights) and self._flights[-1].attempt().cost_nanousd > 0
        return Ended(failure.kind, int(self._clock.wall() * 1000), failure.retry_after_s, billed)

    def _attempt(self, step: Try, whole: bool) -> Iterator[Chunk]:
        """By one of the provider's keys: the next where one is refused or used up, and all are read again where none is left."""
        trip = self.trip
        target = trip.snapshot.targets[step.target]
        provider = trip.snapshot.providers[target.provider]
        owner = trip.tenant if provider.name in trip.own_keys else ""
        max_tokens = self._max_tokens(target)
        tried: list[str | None] = []
        keys = list(self._keys.of(provider, owner))
        while True:
            key = keys.pop(0)
            tried.append(key)
            before = len(self._flights)
            try:
                return self._fly(step, target, provider, key, max_tokens, whole)
            except UpstreamFailure as failure:
                if not KINDS[failure.kind].another_key or len(self._flights) >= MOST_FLIGHTS:
                    raise
                self._keys.refused(provider, owner, key)
                if not keys and failure.kind == "auth":  # they may have been rotated since they were read
                    keys = [fresh for fresh in self._keys.of(provider, owner, True) if fresh not in tried]
                if not keys:
                    raise
                if len(self._flights) > before:  # else the key was not even exchanged for a token, and nothing flew
                    self._flights[-1].outcome = KEYS_OWN[failure.kind]

    def _fly(self, step: Try, target: Target, provider: Provider, key: str | None, max_tokens: int | None, whole: bool) -> Iterator[Chunk]:
        request = self.trip.request
        wire = wire_of(request, target, provider)
        parts = [self._part(asked, first, wire, target, provider, key, max_tokens) for asked, first in _split(request, wire.most_inputs)]
        flight = Flight(step, self._limits(target, max_tokens), target.prices, self._clock, key)
        self._flights.append(flight)
        chunks = flight.chunks(parts, wire, "streaming" in target.capabilities)
        try:
            return iter(list(chunks)) if whole else _primed(chunks)
        except UpstreamFailure as failure:
            if failure.kind == "not_found" and target.id not in self.trip.snapshot.targets:  # the client's own name for a model
                failure.kind = flight.outcome = "unknown_model"
            raise

    def _part(
        self, request: Request, first: int, wire: Wire, target: Target, provider: Provider, key: str | None, max_tokens: int | None
    ) -> Part:
        upstream = self._keys.shown(wire.to_http(request, target, provider, max_tokens), provider, key)
        return Part(lambda timeout_s: self._send(upstream, timeout_s), first)

    def _limits(self, target: Target, max_tokens: int | None) -> Limits:
        trip = self.trip
        timeouts = trip.decision.timeouts.over(target.timeouts)
        if "streaming" not in target.capabilities and not trip.request.inputs:
            timeouts = timeouts._replace(ttft_s=timeouts.total_s)  # the first byte is the last one
        return Limits(
            timeouts=timeouts,
            deadline_s=trip.deadline_s,
            input_tokens=trip.input_bound,
            output_tokens=(max_tokens or bound.output_tokens_bound(trip.request, target)) * trip.request.n,
            choices=trip.request.n,
            reasons="reasoning" in target.capabilities,
            priced_otherwise=bound.priced_otherwise(trip.request) is not None,
        )

    def _max_tokens(self, target: Target) -> int | None:
        """What to ask for, so that the attempt stays within what is left of the hold."""
        trip, request = self.trip, self.trip.request
        if trip.granted_nanousd is None or target.prices is None:
            return request.max_tokens and min(request.max_tokens, target.max_output_tokens)  # more would be refused there
        left = trip.granted_nanousd - sum(attempt.cost_nanousd for attempt in self.attempts())
        most = bound.output_tokens_bound(request, target)
        affordable = bound.affordable_output_tokens(left, trip.input_bound, request.n, target.prices)
        if affordable < min(most, bound.MIN_OUTPUT_TOKENS):
            raise UpstreamFailure("unaffordable")
        self.clamped = affordable < most
        return min(affordable, most)

    def _refusal(self, failure: UpstreamFailure | None) -> Refusal:
        tried = ", ".join(dict.fromkeys(flight.step.target for flight in self._flights)) or "none, since none could be asked"
        if failure is None:
            return Refusal("deadline_exceeded", "The time was up before a target could be tried. Allow more in x-signalbox-timeout-ms.")
        code = KINDS[failure.kind].code
        if failure.kind == "no_key":
            return Refusal(code, failure.detail)
        if code == "invalid_request":
            return Refusal(code, f"{tried} refused the request ({failure.kind}; {failure.detail or 'no reason given'}).")
        if code == "model_not_found":
            return Refusal(code, f"{tried}: the provider has no model of that name. GET /v1/models lists what is known.", param="model")
        advice = "Allow more time, or try again." if code == "deadline_exceeded" else "Try again."
        wait = None if failure.retry_after_s is None else max(1, ceil(failure.retry_after_s))
        return Refusal(code, f"No target answered (tried {tried}; the last ended in {failure.kind}). {advice}", retry_after_s=wait)


def total(attempts: tuple[Attempt, ...]) -> Tokens:
    return sum((attempt.tokens for attempt in attempts), Tokens())


def _split(request: Request, most_inputs: int) -> Iterator[tuple[Request, int]]:
    """As many requests as the inputs of an embedding need, each with the place of its first."""
    if len(request.inputs) <= most_inputs:
        yield request, 0
        return
    for first in range(0, len(request.inputs), most_inputs):
        yield request._replace(inputs=request.inputs[first : first + most_inputs]), first


def _primed(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """With its first content read, so that a failure before it shows here: a count alone is nothing that a client has seen."""
    first = []
    for chunk in chunks:
        first.append(chunk)
        if type(chunk) is not Usage:
            break

    def on() -> Iterator[Chunk]:
        yield from first
        yield from chunks

    return on()


def _after(steps, ended: Ended) -> Try | None:
    try:
        return steps.send(ended)
    except StopIteration:
        return None
