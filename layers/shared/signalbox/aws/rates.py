"""What callers take of what they may, over all containers; each request's share goes along in the wave that admits it.

A minute's and an hour's limits are taken in slices, of which most requests are served without a call; a place among those at once costs a
call each. Where DynamoDB does not answer, nobody is refused: budgets hold all the same.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from ..admission import rates
from ..admission.keys import Caller
from ..admission.rates import COUNTED, Limits, Need, Standing
from ..admission.windows import HOUR, MINUTE_MS, Place, Taking, Window
from ..errors import Refusal
from . import dynamodb, telemetry, windows
from .client import Aws, AwsError, Call, ConditionFailed, InFlight
from .control import View

CROWDED_MS = 100  # for so long after all places were taken nobody asks again
LACKED_MS = 1_000  # the same of what may come back: tokens that were not used, what an ending container had left of the hour
COMES_BACK = frozenset({"tokens", "hourly"})
GRACE_MS = 5_000  # a place outlives its request: clocks differ
SILENCE_MS = 5_000  # an item is left alone for so long after it could not be written
TRIES = 5
MOST_KNOWN = 1_000
MOST_RELEASED = 25
RELEASE_S = 0.15

Scopes = tuple[str, ...]


class _Known:
    """A scope, as one container knows it."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.lacked_ms = -LACKED_MS
        self.silent_until_ms = 0


class Rates:
    """One per container. `wall` is epoch seconds."""

    def __init__(self, aws: Aws, ledger: str, wall: Callable[[], float]) -> None:
        self._aws = aws
        self.ledger = ledger
        self._wall = wall
        self._known: dict[str, _Known] = {}
        self._is_told = False
        self._name, self._number = os.urandom(6).hex(), 0

    def entry(self, caller: Caller, scopes: Scopes, need: Need, until_ms: int) -> "Entry":
        """For one request of the caller, whose key, team and tenant are the `scopes`, and which is over by then."""
        return Entry(self, caller, scopes, need, until_ms)

    def release(self) -> None:
        """SIGTERM: what is left of this hour goes back, for others. Never raises; nothing depends on it."""
        minute = self.now_ms() // MINUTE_MS
        current = [(scope, known.window) for scope, known in self._known.items() if known.window.minute // HOUR == minute // HOUR]
        self._known.clear()
        calls = [call for scope, window in current if (call := windows.hand_back(self.ledger, scope, window))]
        self._aws.wave(calls[-MOST_RELEASED:], timeout_s=RELEASE_S, tries=1)

    # What entries ask

    def known(self, scope: str, limits: Limits, now_ms: int) -> _Known:
        minute, known = now_ms // MINUTE_MS, self._known.pop(scope, None)
        known = self._known[scope] = known or _Known(Window(minute, COUNTED))  # to the end: what is asked for least is dropped first
        while len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        if not minute <= known.window.minute <= minute + 1:
            known.window.move(minute)
        known.window.limits = limits.counted()
        return known

    def next_id(self) -> str:
        self._number += 1
        return f"{self._name}-{self._number}"

    def now_ms(self) -> int:
        return int(self._wall() * 1000)

    def begin(self, calls: Sequence[Call]) -> list[InFlight]:
        """Sent once, and not again: what is given back twice would be too much."""
        return [self._aws.begin(call) for call in calls]

    def hear(self, answer: Any) -> None:
        if not isinstance(answer, AwsError):
            self._is_told = False
        elif not self._is_told:
            telemetry.say("ERROR", "rates cannot be counted: nobody is held back", error=type(answer).__name__, code=answer.code)
            telemetry.count("RatesUncounted")
            self._is_told = True


class Entry:
    """One request's way past its limits: an `aws.ledger.Errand`. However it ends, `leave` is called once."""

    def __init__(self, rates: Rates, caller: Caller, scopes: Scopes, need: Need, until_ms: int) -> None:
        self._rates = rates
        self._caller = caller
        self._scopes = scopes
        self._need = need
        self._until_ms = until_ms
        self._limits: dict[str, Limits] = {}
        self._known: dict[str, _Known] = {}
        self._takings: dict[str, Taking] = {}
        self._tries = 0
        self._places: dict[str, Place] = {}  # those that were written, or may have been
        self._asked: list[str] = []
        self._view_is_fresh = False
        self._is_refused = False
        self._now_ms = 0

    def needs(self, need: Need, until_ms: int) -> None:
        """Routed anew. What it took for less, or for more, it gives back and takes anew; a place it changes for another in one write."""
        if (need, until_ms) != (self._need, self._until_ms):
            self._need, self._until_ms = need, until_ms
            self._limits.clear()

    def calls(self, view: View, now_ms: int) -> Sequence[Call]:
        """One for each scope that has too little in hand. What an old view refuses is left for a fresh one to say."""
        self._now_ms, self._view_is_fresh = now_ms, view.fresh
        self._look(view)
        refusal = self._refusal()
        if refusal and view.fresh:
            self._is_refused = True
            raise refusal
        self._asked = [] if refusal else [scope for scope, taking in self._takings.items() if not taking.serve()]
        self._tries += bool(self._asked)
        return [self._call(scope) for scope in self._asked]

    def heard(self, answers: Sequence[Any]) -> None:
        for scope, answer in zip(self._asked, answers, strict=True):
            self._hear(scope, answer)
        refusal = self._refusal() if self._view_is_fresh else None
        if refusal:
            self._is_refused = True
            raise refusal

    def standings(self) -> tuple[Standing | None, Standing | None]:
        """Of the requests and of the tokens: where the least remains."""
        told = {
            name: [rates.standing(name, taking.window) for taking in self._takings.values() if name in taking.window.limits]
            for name in COUNTED
        }
        return rates.tightest(told["requests"] + told["hourly"]), rates.tightest(told["tokens"])

    def leave(self, tokens: int, *, counts: bool = True) -> Callable[[], None]:
        """After the answer: its places are free, and `tokens` is what it used. What a rate refused counts nowhere, nor what is not to.

        What has to be written is on its way; call what is returned to hear of it. Never raises.
        """
        calls = [windows.free(self._rates.ledger, windows.RATES, scope, place.id) for scope, place in self._places.items()]
        for scope in self._places:
            if scope in self._known:
                self._known[scope].window.again_ms = 0
        for scope, taking in self._takings.items():
            if taking.is_done and (self._is_refused or not counts):
                taking.undo()
            elif taking.is_done and "tokens" in taking.need:
                calls += self._corrected(scope, taking, tokens)
        self._places, self._takings = {}, {}
        flights = self._rates.begin(calls)
        return lambda: self._heard_last(flights)

    def _look(self, view: View) -> None:
        """Whose limits are others than those it was let in by starts anew, by these."""
        for scope, limits in rates.limits_by_scope(self._scopes, self._caller, view.records).items():
            former = self._limits.get(scope)
            if limits == former:
                continue
            before = self._takings.pop(scope, None)
            if before and before.is_done:
                before.undo()
            self._limits[scope] = limits
            known = self._known[scope] = self._rates.known(scope, limits, self._now_ms)
            if former:
                known.window.again_ms = 0  # it was by the former that all places were taken
            if any(limit is not None for limit in limits) and self._now_ms >= known.silent_until_ms:
                self._takings[scope] = self._taking(scope, limits, known.window)

    def _taking(self, scope: str, limits: Limits, window: Window) -> Taking:
        need = {name: rates.tokens_of(self._need, limit) if name == "tokens" else 1 for name, limit in window.limits.items()}
        if limits.concurrency is None:
            return Taking(window, need)
        before = self._places.get(scope)
        gone = {before.id: before.expires_ms} if before else {}
        return Taking(window, need, Place(self._rates.next_id(), self._until_ms + GRACE_MS, limits.concurrency, gone))

    def _refusal(self) -> Refusal | None:
        """By what is known now: that it never can pass, or else what it must wait for the longest."""
        for scope, limits in self._limits.items():
            if refusal := rates.never(scope, limits, self._need):
                return refusal
        waits = [refusal for scope, taking in self._takings.items() if not taking.is_done for refusal in self._waits(scope, taking)]
        return max(waits, key=lambda refusal: refusal.retry_after_s or 0, default=None)

    def _waits(self, scope: str, taking: Taking) -> list[rates.RateLimited]:
        window, lacking = taking.window, taking.lacking
        again = self._now_ms >= self._known[scope].lacked_ms + LACKED_MS
        if again and all(name in COMES_BACK and window.left[name] < taking.need[name] for name in lacking):
            lacking = ()  # the item says whether it did
        waits = [rates.used_up(scope, name, window, taking.need[name], self._now_ms) for name in lacking]
        if taking.place and (taking.is_crowded or self._now_ms < window.again_ms):
            waits.append(rates.crowded(scope, taking.place.most))
        return waits or ([rates.raced(scope, next(iter(taking.need), ""))] if self._tries >= TRIES else [])

    def _call(self, scope: str) -> Call:
        taking = self._takings[scope]
        return windows.to_call(self._rates.ledger, windows.RATES, scope, taking.write(), COUNTED)

    def _hear(self, scope: str, answer: Any) -> None:
        taking, known = self._takings[scope], self._known[scope]
        if isinstance(answer, ConditionFailed):
            taking.failed(dynamodb.old_item(answer), self._now_ms)
            known.lacked_ms = self._now_ms if taking.lacking else known.lacked_ms
            if taking.is_crowded:
                taking.window.again_ms = self._now_ms + CROWDED_MS
        elif isinstance(answer, AwsError):
            known.silent_until_ms = self._now_ms + SILENCE_MS
            del self._takings[scope]
        else:
            taking.took(answer)
        if taking.place and (taking.is_done or scope not in self._takings):
            self._places[scope] = taking.place
        self._rates.hear(None if isinstance(answer, ConditionFailed) else answer)

    def _corrected(self, scope: str, taking: Taking, tokens: int) -> list[Call]:
        """What was used too much is told; what was not used goes back where less than half of the limit is left."""
        window = taking.window
        if taking.minute != window.minute or window.minute < self._rates.now_ms() // MINUTE_MS:
            return []
        owed = window.correct(taking.need["tokens"], tokens)
        if not owed and (window.limits["tokens"] - window.used["tokens"]) * 2 < window.limits["tokens"]:
            owed, window.left["tokens"] = -window.left["tokens"], 0
            window.used["tokens"] += owed
        return [windows.owe(self._rates.ledger, windows.RATES, scope, window.minute, owed)] if owed else []

    def _heard_last(self, flights: Sequence[InFlight]) -> None:
        for flight in flights:
            try:
                flight.answer()
            except ConditionFailed:
                pass  # the minute is over, or another has cleared a place that had expired
            except AwsError as error:
                self._rates.hear(error)
