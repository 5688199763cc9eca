"""One request on its way: the plan's attempts, one after the other, until a target answers; then the chunks of its answer."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..aws import telemetry
from ..errors import UpstreamFailure
from ..money import Tokens
from ..reply import Chunk
from ..routing.plan import Ended, Try, holds, plan
from ..usage.record import Attempt
from .clock import Clock
from .flight import Flight
from .outing import HEDGE, MIRROR, Failed, Outing, Outings
from .trip import BOUNDLESS, Capacities, Keys, Send, Trip
from .unanswered import to_refusal

if TYPE_CHECKING:
    from .race import Race


class Journey:
    """`begin` finds a target that answers; `chunks` is its answer; `attempts` and what they cost are known when it is over."""

    def __init__(self, trip: Trip, send: Send, keys: Keys, clock: Clock, capacities: Capacities = BOUNDLESS) -> None:
        self.trip = trip
        self.warning: str | None = None
        self.clamped = False
        self._outings = Outings(trip, send, keys, capacities, clock)
        self._races: list[Race] = []
        self._answering: Flight | None = None
        self._clock = clock
        self._chunks: Iterator[Chunk] = iter(())

    @property
    def flight(self) -> Flight | None:
        """The one that answers; where none does, the last."""
        return self._answering or next((flight for flight in reversed(self._outings.flights) if flight.purpose != MIRROR), None)

    @property
    def target(self) -> str:
        return self.flight.step.target if self.flight else ""

    @property
    def finish(self) -> str | None:
        return self.flight.finish if self.flight else None

    def attempts(self) -> tuple[Attempt, ...]:
        return tuple(flight.attempt() for flight in self._outings.flights)

    def begin(self, *, whole: bool) -> None:
        """Until a first chunk is there (`whole`: the last one), or Refusal. Until then a failure leads to the next target."""
        steps = plan(self.trip.decision, self.trip.inputs)
        step = next(steps, None)
        failure: UpstreamFailure | None = None
        while step is not None and not self._outings.full():
            if step.wait_s:
                self._clock.sleep(step.wait_s)
            try:
                self._race(step, whole) if step.rival else self._try(step, whole)
                self.warning = step.warning
                return
            except Failed as failed:
                for outing, error in failed.failures:
                    _say("an attempt failed", outing, error)
                    failure = failure if error.kind in ("unaffordable", "spent", "outrun") and failure else error
                step = _after(steps, self._ended(*failed.failures))
        raise to_refusal(failure, self._outings.flights, self._now_ms())

    def chunks(self) -> Iterator[Chunk]:
        """Raises Refusal where the stream breaks: the client has its first bytes, so no other target can help."""
        try:
            for chunk in self._chunks:  # noqa: UP028  `yield from` would end the upstream's stream when the client leaves
                yield chunk
        except UpstreamFailure as failure:
            telemetry.say("WARNING", "a stream broke", target=self.target, kind=failure.kind, detail=failure.detail)
            raise to_refusal(failure, self._outings.flights, self._now_ms(), self.target) from failure

    def leave(self) -> None:
        """Nobody listens any more: what need not be read to its end is closed, by its provider's rule."""
        for race in self._races:
            race.close(self._outings.on_leave)
        if self._answering:
            self._answering.leave(self._outings.on_leave(self._answering))

    def drain(self) -> None:
        """After the client has left: what is to be drained is read on within the same deadline, to the count of what is billed."""
        self.leave()
        if self._answering and self._answering.over:
            return
        try:
            for _ in self._chunks:
                pass
        except UpstreamFailure:
            pass  # the attempt holds it

    def mirror(self) -> None:
        """After an answer: the same to the target that is only watched, in the time that is left. Nobody hears of a failure."""
        target, circuits = self.trip.decision.mirror, self.trip.inputs.circuits
        if not target or self._answering is None or not holds(self.trip.inputs, target, self._now_ms()):
            return
        outing = Outing(Try(0, target, circuits[target].generation if target in circuits else 0), MIRROR)
        try:
            for _ in self._outings.begin(outing, whole=False):
                pass
        except UpstreamFailure as error:
            _say("a mirror failed", outing, error)
        except Exception as error:
            telemetry.error("a mirror failed", error)

    def land(self) -> None:
        for flight in self._outings.flights:
            flight.land()
        self._outings.give_back()

    def _try(self, step: Try, whole: bool) -> None:
        outing = Outing(step)
        try:
            self._answer(outing, self._outings.begin(outing, whole=whole))
        except UpstreamFailure as error:
            raise Failed((outing, error)) from error

    def _race(self, step: Try, whole: bool) -> None:
        from .race import Race  # threads are for those alone who are hedged

        rival = Outing(step.beside(self.trip.inputs), HEDGE)
        race = Race(lambda outing: self._outings.begin(outing, whole=False), Outing(step), rival, step.rival_after_ms / 1000)
        self._races.append(race)
        winner, chunks = race.run()
        try:
            self._answer(winner, iter(list(chunks)) if whole else chunks)
        except UpstreamFailure as error:
            ended = ((outing, error if outing is winner else UpstreamFailure("outrun")) for outing in race.outings)
            raise Failed(*ended) from error

    def _answer(self, outing: Outing, chunks: Iterator[Chunk]) -> None:
        self._answering, self._chunks, self.clamped = outing.flight, chunks, outing.clamped

    def _ended(self, first: tuple[Outing, UpstreamFailure], rival: tuple[Outing, UpstreamFailure] | None = None) -> Ended:
        """A rival that could not be sent was none."""
        outing, error = first
        billed = outing.flight is not None and outing.flight.attempt().cost_nanousd > 0
        beside = rival[1].kind if rival and rival[0].flight else ""
        return Ended(error.kind, self._now_ms(), error.retry_after_s, billed, beside)

    def _now_ms(self) -> int:
        return int(self._clock.wall() * 1000)


def total(attempts: tuple[Attempt, ...]) -> Tokens:
    return sum((attempt.tokens for attempt in attempts), Tokens())


def _say(what: str, outing: Outing, error: UpstreamFailure) -> None:
    telemetry.say("WARNING", what, target=outing.step.target, kind=error.kind, status=error.status, detail=error.detail)


def _after(steps, ended: Ended) -> Try | None:
    try:
        return steps.send(ended)
    except StopIteration:
        return None
