"""One try at one target, by as many keys as it takes, with a share of the purse and of the target's capacity."""

from _thread import allocate_lock
from collections.abc import Iterator
from math import inf

from ..errors import UpstreamFailure
from ..providers.contract import Wire
from ..providers.fit import wire_of
from ..reply import Chunk, Usage
from ..request import Request
from ..routing import bound
from ..routing.catalog import Provider, Target
from ..routing.costs import expected_output_tokens
from ..routing.failures import KEYS_OWN, KINDS
from ..routing.plan import Try
from .clock import Clock
from .flight import Flight, Part
from .purse import Purse, Share
from .tally import Limits
from .trip import Capacities, Keys, Send, Slot, Trip

MOST_FLIGHTS = 13  # what an event of them may hold: `usage.events.MOST_ATTEMPTS`
CACHE_FLIGHTS = 3  # of these, for the look-up by meaning: the next target is one more, and another key
HEDGE, MIRROR, CACHE = "hedge", "mirror", "cache"


class Outing:
    """A try under way. `clamped`: its answer may be shorter than what was asked for. `deadline_s`: its own, before that of the trip."""

    def __init__(self, step: Try, purpose: str = "", deadline_s: float = inf) -> None:
        self.step = step
        self.purpose = purpose
        self.deadline_s = deadline_s
        self.flights: list[Flight] = []
        self.slot: Slot | None = None
        self.clamped = False
        self.lost = False

    @property
    def flight(self) -> Flight | None:
        """The newest: the one that answers, if any does."""
        return self.flights[-1] if self.flights else None

    def lose(self) -> None:
        """Its rival has answered first. From any thread."""
        self.lost = True
        if self.flights:
            self.flights[-1].outrun()


class Failed(Exception):
    """What was tried at once, its rival last, and the failure in which each ended."""

    def __init__(self, *failures: tuple[Outing, UpstreamFailure]) -> None:
        super().__init__(*(failure.kind for _, failure in failures))
        self.failures = failures


class Outings:
    """All that a request tries: what they share is safe where two of them race. `flights` are in the order in which they began."""

    def __init__(self, trip: Trip, send: Send, keys: Keys, capacities: Capacities, clock: Clock) -> None:
        self.flights: list[Flight] = []
        self._begun: list[Outing] = []
        self._trip = trip
        self._send = send
        self._keys = keys
        self._capacities = capacities
        self._clock = clock
        self._purse = Purse(trip.granted_nanousd, trip.decision.max_cost_nanousd, trip.decision.max_tokens, trip.binds, trip.less_nanousd)
        self._lock = allocate_lock()

    def full(self, purpose: str = "") -> bool:
        """Whether no more may fly; a mirror has its place for itself."""
        if purpose == CACHE:
            return len(self.flights) >= CACHE_FLIGHTS
        others = CACHE_FLIGHTS if self._trip.near_nanousd is not None else 0
        return len(self.flights) >= MOST_FLIGHTS - others - (bool(self._trip.decision.mirror) and purpose != MIRROR)

    def on_leave(self, flight: Flight) -> str:
        """What is done at its provider with a stream that was left."""
        snapshot = self._trip.snapshot
        return snapshot.providers[snapshot.targets[flight.step.target].provider].on_leave

    def begin(self, outing: Outing, *, whole: bool) -> Iterator[Chunk]:
        """Its chunks, of which the first with content is there by then (`whole`: the last). Or UpstreamFailure.

        The next key where one is refused or used up, and all are read again where none is left.
        """
        target = self._trip.snapshot.targets[outing.step.target]
        provider = self._trip.snapshot.providers[target.provider]
        owner = self._trip.tenant if provider.name in self._trip.own_keys else ""
        tried: list[str | None] = []
        keys = list(self._keys.of(provider, owner))
        self._take(outing, target)
        while True:
            key = keys.pop(0)
            tried.append(key)
            before = len(outing.flights)
            try:
                return self._fly(outing, target, provider, key, whole)
            except UpstreamFailure as failure:
                if not KINDS[failure.kind].another_key or self.full(outing.purpose):
                    raise
                self._keys.refused(provider, owner, key)
                if not keys and failure.kind == "auth":  # they may have been rotated since they were read
                    keys = [fresh for fresh in self._keys.of(provider, owner, True) if fresh not in tried]
                if not keys:
                    raise
                if len(outing.flights) > before:  # else the key was not even exchanged for a token, and nothing flew
                    outing.flights[-1].outcome = KEYS_OWN[failure.kind]

    def give_back(self) -> None:
        """After the answer: what they took of their targets' capacities."""
        for outing in self._begun:
            if outing.slot is not None:
                counted = [flight.attempt().tokens for flight in outing.flights]
                self._capacities.give(outing.slot, sum(tokens.input + tokens.output for tokens in counted))

    def _take(self, outing: Outing, target: Target) -> None:
        features = self._trip.inputs.features
        tokens = features.input_tokens + features.n * expected_output_tokens(features, target)
        with self._lock:
            outing.slot = self._capacities.take(target, tokens, int(self._clock.wall() * 1000), self._trip.inputs.deadline_ms)
            self._begun.append(outing)
        if outing.slot is None:
            raise UpstreamFailure("at_capacity")

    def _fly(self, outing: Outing, target: Target, provider: Provider, key: str | None, whole: bool) -> Iterator[Chunk]:
        if self._clock.monotonic() >= min(self._trip.deadline_s, outing.deadline_s):
            raise UpstreamFailure("deadline", "the time was up before it was sent")
        request = self._trip.request
        wire = wire_of(request, target, provider)
        share = self._purse.share(request, self._trip.input_bound, target)
        try:
            split = _split(request, wire.most_inputs)
            parts = [self._part(asked, first, wire, target, provider, key, share.max_tokens) for asked, first in split]
            flight = self._flight(outing, target, key, share)
        except BaseException:
            share.give_back()
            raise
        chunks = flight.chunks(parts, wire, "streaming" in target.capabilities)
        try:
            return iter(list(chunks)) if whole else _primed(chunks)
        except UpstreamFailure as failure:
            if failure.kind == "not_found" and target.id not in self._trip.snapshot.targets:  # the client's own name for a model
                failure.kind = flight.outcome = "unknown_model"
            raise

    def _flight(self, outing: Outing, target: Target, key: str | None, share: Share) -> Flight:
        limits = self._limits(outing, target, share.max_tokens)
        flight = Flight(outing.step, limits, target.prices, self._clock, key, outing.purpose)
        with self._lock:
            if outing.lost or self.full(outing.purpose):
                raise UpstreamFailure("outrun")
            self.flights.append(flight)
            outing.flights.append(flight)
        share.flight, outing.clamped = flight, share.clamped
        return flight

    def _part(
        self, request: Request, first: int, wire: Wire, target: Target, provider: Provider, key: str | None, max_tokens: int | None
    ) -> Part:
        upstream = self._keys.shown(wire.to_http(request, target, provider, max_tokens), provider, key)
        return Part(lambda timeout_s: self._send(upstream, timeout_s), first)

    def _limits(self, outing: Outing, target: Target, max_tokens: int | None) -> Limits:
        trip = self._trip
        timeouts = trip.decision.timeouts.over(target.timeouts)
        if "streaming" not in target.capabilities and not trip.request.inputs:
            timeouts = timeouts._replace(ttft_s=timeouts.total_s)  # the first byte is the last one
        return Limits(
            timeouts=timeouts,
            deadline_s=min(trip.deadline_s, outing.deadline_s),
            input_tokens=trip.input_bound,
            output_tokens=(max_tokens or bound.output_tokens_bound(trip.request, target)) * trip.request.n,
            choices=trip.request.n,
            reasons="reasoning" in target.capabilities,
            priced_otherwise=bound.priced_otherwise(trip.request) is not None,
        )


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
