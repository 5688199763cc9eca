"""One request on its way: the plan's attempts, one after the other, until a target answers; then the chunks of its answer."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from ..aws import telemetry
from ..aws.http import Exchange
from ..circuits.state import Circuit
from ..errors import Refusal, UpstreamFailure
from ..money import Tokens
from ..providers.registry import WIRES
from ..reply import Chunk
from ..request import Request
from ..routing import bound
from ..routing.catalog import Provider, Route, Snapshot, Target
from ..routing.failures import KINDS
from ..routing.plan import Ended, Try, plan
from ..usage.record import Attempt
from ..wire import HttpRequest
from .flight import Clock, Flight, Limits

Send = Callable[[HttpRequest, float], Exchange]
KeyOf = Callable[[Provider, bool], str | None]  # the second argument asks to read it anew


class Trip(NamedTuple):
    """What a journey sets out with. `granted_nanousd` is None where no budget holds it."""

    request: Request
    route: Route
    snapshot: Snapshot
    circuits: Mapping[str, Circuit]
    draw: float
    now_ms: int
    deadline_s: float  # monotonic
    deadline_ms: int  # epoch
    input_tokens: int
    granted_nanousd: int | None


class Journey:
    """`begin` finds a target that answers; `chunks` is its answer; `attempts` and what they cost are known when it is over."""

    def __init__(self, trip: Trip, send: Send, key_of: KeyOf, clock: Clock) -> None:
        self.trip = trip
        self.warning: str | None = None
        self.clamped = False
        self._flights: list[Flight] = []
        self._send = send
        self._key_of = key_of
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
        steps = plan(trip.route, trip.snapshot, trip.circuits, trip.draw, trip.now_ms, trip.deadline_ms)
        step = next(steps, None)
        failure: UpstreamFailure | None = None
        while step is not None:
            try:
                self._chunks = self._attempt(step, whole)
                self.warning = step.warning
                return
            except UpstreamFailure as error:
                failure = failure if error.kind == "unaffordable" and failure else error
                telemetry.say("WARNING", "an attempt failed", target=step.target, kind=error.kind, status=error.status, detail=error.detail)
                step = _after(steps, Ended(error.kind, int(self._clock.wall() * 1000)))
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
        """Reads on after the client has left, within the same deadline: the provider bills on, and says at the end for how much."""
        try:
            for _ in self._chunks:
                pass
        except UpstreamFailure:
            pass  # the attempt holds it

    def land(self) -> None:
        for flight in self._flights:
            flight.land()

    def _attempt(self, step: Try, whole: bool) -> Iterator[Chunk]:
        trip = self.trip
        target = trip.snapshot.targets[step.target]
        provider = trip.snapshot.providers[target.provider]
        max_tokens = self._max_tokens(target)
        limits = Limits(
            timeouts=trip.route.timeouts,
            deadline_s=trip.deadline_s,
            input_tokens=trip.input_tokens,
            output_tokens=(max_tokens or bound.output_tokens_bound(trip.request, target)) * trip.request.n,
            choices=trip.request.n,
            reasons="reasoning" in target.capabilities,
        )
        key = self._key_of(provider, False)
        try:
            return self._fly(step, target, provider, key, max_tokens, limits, whole)
        except UpstreamFailure as failure:
            # The secret may have been rotated since it was read: once more, if it was.
            fresh = self._key_of(provider, True) if failure.kind == "auth" else key
            if fresh == key:
                raise
            return self._fly(step, target, provider, fresh, max_tokens, limits, whole)

    def _fly(
        self, step: Try, target: Target, provider: Provider, key: str | None, max_tokens: int | None, limits: Limits, whole: bool
    ) -> Iterator[Chunk]:
        wire = WIRES[provider.wire]
        upstream = wire.to_http(self.trip.request, target, provider, key, max_tokens)
        flight = Flight(step, limits, target.prices, self._clock)
        self._flights.append(flight)
        chunks = flight.chunks(lambda timeout_s: self._send(upstream, timeout_s), wire)
        return iter(list(chunks)) if whole else _primed(chunks)

    def _max_tokens(self, target: Target) -> int | None:
        """What to ask for, so that the attempt stays within what is left of the hold."""
        trip, request = self.trip, self.trip.request
        if trip.granted_nanousd is None or target.prices is None:
            return request.max_tokens
        left = trip.granted_nanousd - sum(attempt.cost_nanousd for attempt in self.attempts())
        most = bound.output_tokens_bound(request, target)
        affordable = bound.affordable_output_tokens(left, trip.input_tokens, request.n, target.prices)
        if affordable < min(most, bound.MIN_OUTPUT_TOKENS):
            raise UpstreamFailure("unaffordable")
        self.clamped = affordable < most
        return min(affordable, most)

    def _refusal(self, failure: UpstreamFailure | None) -> Refusal:
        tried = ", ".join(flight.step.target for flight in self._flights)
        if failure is None:
            return Refusal("deadline_exceeded", "The time was up before a target could be tried. Allow more in x-signalbox-timeout-ms.")
        code = KINDS[failure.kind].code
        if failure.kind == "no_key":
            return Refusal(code, failure.detail)
        if code == "invalid_request":
            return Refusal(code, f"{tried} refused the request ({failure.kind}; {failure.detail or 'no reason given'}).")
        advice = "Allow more time, or try again." if code == "deadline_exceeded" else "Try again."
        wait = None if failure.retry_after_s is None else max(1, failure.retry_after_s)
        return Refusal(code, f"No target answered (tried {tried}; the last ended in {failure.kind}). {advice}", retry_after_s=wait)


def total(attempts: tuple[Attempt, ...]) -> Tokens:
    return sum((attempt.tokens for attempt in attempts), Tokens())


def _primed(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """With its first chunk read, so that a failure before it shows here."""
    first = next(chunks)

    def on() -> Iterator[Chunk]:
        yield first
        yield from chunks

    return on()


def _after(steps, ended: Ended) -> Try | None:
    try:
        return steps.send(ended)
    except StopIteration:
        return None
