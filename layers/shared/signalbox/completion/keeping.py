"""What of one request is kept, and where: under its `idempotency-key`, in the cache, in both or nowhere, which costs nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from ..aws import telemetry
from ..aws.client import InFlight
from ..aws.control import View
from ..aws.ledger import Errand
from ..errors import Refusal
from ..money import Tokens
from ..reply import Choice, Chunk, gather
from ..usage.record import UsageRecord
from .answered import Answered
from .asked import Asked
from .clock import Clock
from .routed import Routed
from .trip import Trip

if TYPE_CHECKING:
    from .journey import Journey
    from .keeper import Keeper
    from .kept import Kept
    from .kept_lookup import Lookup
    from .kept_near import Near
    from .kept_once import Claim
    from .kept_terms import Terms
    from .outing import Outings


class Keeping:
    """Of one request. Ask for its `errands` while it is admitted, then for what is told of it; `promise` what came of it before the answer
    ends, and `store` it after that.
    """

    def __init__(self, keeper: "Keeper", asked: Asked, body: bytes) -> None:
        self._keeper = keeper
        self._asked = asked
        self._body = body
        self._claim: Claim | None = None
        self._lookup: Lookup | None = None
        self._near: Near | None = None
        self._terms: Terms | None = None
        self._choices: list[Choice] = []
        self._tokens: Tokens | None = None
        self._chunks: list[Chunk] = []
        self._source: Iterator[Chunk] = iter(())
        self._is_whole = False
        self._is_promised = False
        self._is_charged = False
        self._put: InFlight | None = None

    @property
    def cache(self) -> str:
        """As the answer's header and its record say it, of one that was not found."""
        return "miss" if self._terms else "none"

    def errands(self, routed: Routed) -> tuple[Errand, ...]:
        if not (self._asked.idempotency_key or routed.trip.decision.cache):
            return ()
        claim = (self._claimed(routed.trip),) if self._asked.idempotency_key else ()
        self.sets_out(routed.trip)
        return (*claim, *(errand for errand in (self._lookup, self._near) if errand))

    def replayed(self, routed: Routed, view: View) -> None:
        """Of a request that nobody can serve: Answered where its key or the cache has an answer, or what `Claim` refuses it for."""
        errands = [errand for errand in self.errands(routed) if errand is not self._near]  # which nobody would embed for
        asked = [errand.calls(view, int(self._keeper.wall() * 1000)) for errand in errands]
        heard = iter(self._keeper.aws.wave([call for calls in asked for call in calls]))
        for errand, calls in zip(errands, asked, strict=True):
            if calls:
                errand.heard(list(islice(heard, len(calls))))

    def sets_out(self, trip: Trip) -> None:
        """By the decision that it goes by now."""
        if not (trip.decision.cache or self._terms):
            return
        from .kept_lookup import Lookup
        from .kept_names import answer_name
        from .kept_terms import terms_of

        self._terms = terms_of(trip.decision.cache, trip.request, self._asked.headers.get("cache-control", ""))
        if self._terms is None:
            self._lookup = self._near = None
            return
        name = answer_name(self._keeper.secret(), trip)
        if self._lookup is None or self._lookup.name != name:
            self._lookup = Lookup(self._keeper.cache, name, self._terms)
        if self._near or trip.decision.cache.get("semantic"):
            self._sets_near(trip, self._terms)

    def _sets_near(self, trip: Trip, terms: "Terms") -> None:
        from .kept_names import near_name
        from .kept_near import Near
        from .meant import meant_of

        meant = meant_of(trip)
        name = near_name(self._keeper.secret(), trip, meant.rest) if meant else ""
        if meant is None:
            self._near = None
        elif self._near is None or self._near.name != name:
            self._near = Near(self._keeper.cache, name, terms, meant)

    def look(self, trip: Trip, outings: Callable[[Trip], "Outings"], clock: Clock) -> None:
        """By meaning, where it was not found by name and there are means for it: Answered, with what it was found for."""
        if trip.near_nanousd is None:
            self._near = None
        if self._near:
            self._near.look(trip, outings, clock)

    def counted(self, record: UsageRecord) -> UsageRecord:
        """With what was spent to look it up."""
        attempts = self._near.attempts() if self._near else ()
        for attempt in attempts:
            record = record._replace(
                tokens=record.tokens + attempt.tokens,
                cost_nanousd=record.cost_nanousd + attempt.cost_nanousd,
                estimated=record.estimated or attempt.estimated,
            )
        return record._replace(attempts=record.attempts + attempts)

    def _claimed(self, trip: Trip) -> "Claim":
        self._claim = self._claim or self._keeper.claim(self._asked, self._body)
        self._claim.until_ms = trip.inputs.deadline_ms
        return self._claim

    def told(self, choices: list[Choice], tokens: Tokens) -> None:
        """The answer in one piece."""
        self._choices, self._tokens, self._is_whole = choices, tokens, True

    def listened(self, chunks: Iterable[Chunk], ends: Callable[[], None]) -> Iterable[Chunk]:
        """The chunks of a streamed answer, on their way to the client: it `ends` where the client has yet to be told so."""
        if not (self._claim or self._terms):
            return chunks
        self._source = iter(chunks)
        return self._heard(ends)

    def hear_out(self) -> None:
        """After a client that left: it will come back for what it has a key for. What breaks now has been told to whoever listens."""
        if self._claim and not self._is_whole:
            with suppress(Refusal):
                for _ in self._heard(lambda: None):
                    pass

    def promise(self, journey: "Journey", told: Mapping[str, str], refusal: Refusal | None) -> None:
        """What came of it is there under its key before the answer ends: who has read that may ask again at once. `told` are the headers of
        the answer, `refusal` what it ended in instead. Waits for no longer than `Claim.soon` does; never raises.
        """
        if self._claim:
            self._promised(self._claim, journey, told, refusal)
            self._claim.soon()

    def store(self, journey: "Journey", told: Mapping[str, str], refusal: Refusal | None) -> Callable[[], None]:
        """Sends what is to be kept and was not promised, and gives what waits for it; neither raises."""
        if self._claim:
            if self._is_charged and not self._has_cost(journey):  # what was counted late came to nothing
                self._claim.free()
            self._promised(self._claim, journey, told, refusal)
        if self._terms and self._lookup and not refusal and self._is_whole:
            try:
                self._cached(journey, self._lookup.name, self._terms)
            except Exception as error:
                telemetry.error("an answer could not be cached", error)
        return self._settle

    def found(self, found: Answered) -> Callable[[], None]:
        """What was in the cache is kept under the request's key as well, if it has one, before it is told."""
        if self._claim and not found.is_replay:
            self._claim.keep(found.kept)
            self._claim.soon()
        return self._settle

    def free(self) -> Callable[[], None]:
        """Nothing was sent: the key is as if it had never been used, before that is told."""
        if self._claim:
            self._claim.free()
            self._claim.soon()
        return self._settle

    def _promised(self, claim: "Claim", journey: "Journey", told: Mapping[str, str], refusal: Refusal | None) -> None:
        """Sends it, once."""
        if self._is_promised:
            return
        self._is_promised = True
        try:
            if refusal:
                self._refused(claim, journey, told, refusal)
            elif self._is_whole:
                claim.keep(self._kept(journey, told))
        except Exception as error:
            telemetry.error("an answer could not be kept", error)

    def _kept(self, journey: "Journey", told: Mapping[str, str]) -> "Kept":
        from .kept import Kept

        if self._chunks:
            self._choices, self._tokens = gather(self._chunks)
        return Kept(
            id=self._asked.id,
            created_s=self._asked.at_ms // 1000,
            model=journey.trip.snapshot.targets[journey.target].model,
            target=journey.target,
            choices=tuple(self._choices),
            tokens=self._tokens or Tokens(),
            guarded=journey.trip.snapshot.digest,
            told=told,
        )

    def _cached(self, journey: "Journey", name: str, terms: "Terms") -> None:
        from .kept import is_whole
        from .kept_terms import is_usual

        kept = self._kept(journey, {})
        usual = journey.attempts()[0].target == kept.target and is_usual(journey.trip, kept.target) and not journey.clamped
        if usual and (is_whole(kept.choices) or journey.trip.request.inputs):
            self._put = self._keeper.cache.put(name, kept, terms)
            if self._near and self._put:
                self._near.remember(name)

    def _settle(self) -> None:
        """Waits for what was sent; never raises."""
        if self._claim:
            self._claim.settled()
        if self._put:
            self._keeper.cache.settled(self._put)
        if self._near:
            self._near.settled()

    def _refused(self, claim: "Claim", journey: "Journey", told: Mapping[str, str], refusal: Refusal) -> None:
        """An error that cost nothing may be tried again under its key; one that may have is all that a key is charged for."""
        self._is_charged = self._has_cost(journey)
        if not self._is_charged:
            return claim.free()
        from .kept import Kept

        asked, error = self._asked, (refusal.code, refusal.message, refusal.param)
        claim.keep(Kept(asked.id, asked.at_ms // 1000, "", "", told=told, refused=error))

    def _has_cost(self, journey: "Journey") -> bool:
        attempts = (*journey.attempts(), *(self._near.attempts() if self._near else ()))
        return any(attempt.cost_nanousd for attempt in attempts)

    def _heard(self, ends: Callable[[], None]) -> Iterator[Chunk]:
        try:
            for chunk in self._source:
                self._chunks.append(chunk)
                yield chunk
        except Refusal:
            ends()
            raise
        self._is_whole = True
        ends()
