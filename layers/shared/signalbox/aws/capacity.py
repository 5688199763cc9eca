"""What targets take of what they declare they can, over all containers: one at its capacity is not asked, before it says 429.

A minute's limits are taken in slices; a place among those at once costs a call each. Where DynamoDB does not answer, nobody is refused.
"""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..admission.windows import COUNTED, Ask, Place, Window
from ..routing.catalog import Capacity, Target
from . import dynamodb, telemetry, windows
from .client import Aws, AwsError, Call, ConditionFailed

MINUTE_MS = 60_000
AGAIN_MS = 500  # after all places were taken: requests end at any moment
GRACE_MS = 5_000  # a place outlives its request: clocks differ
SILENCE_MS = 5_000  # DynamoDB is left alone for so long after it has not answered
TIMEOUT_S = 0.3
TRIES = 5
MOST_GONE = 100  # expired places that one write clears
MOST_KNOWN = 1_000
WHOLE_S = 900.0  # no request lasts longer

NO_LIMIT = Capacity()
LIMITS = dict(zip(COUNTED, ("requests_per_minute", "tokens_per_minute"), strict=True))


class Slot(NamedTuple):
    """What one attempt takes; give it back when it is over. `minute` counts since the epoch, 0 where nothing was counted."""

    target: str
    tokens: int = 0
    minute: int = 0
    id: str = ""


class Capacities:
    """One per container, for one thread at a time. Nothing is called for a target that declares no capacity. `wall` is epoch seconds."""

    def __init__(self, aws: Aws, ledger: str, wall: Callable[[], float]) -> None:
        self._aws = aws
        self._ledger = ledger
        self._wall = wall
        self._windows: dict[str, Window] = {}
        self._silent_until_ms = 0
        self._is_told = False
        self._name, self._number = os.urandom(6).hex(), 0

    def full(self, now_ms: int) -> tuple[str, ...]:
        """The targets that are known to be at their capacity, sorted. No I/O."""
        minute = now_ms // MINUTE_MS
        return tuple(sorted(id for id, window in self._windows.items() if now_ms < window.again_ms or window.is_full(minute)))

    def take(self, target: Target, tokens: int, now_ms: int, until_ms: int | None = None) -> Slot | None:
        """Room for one attempt that needs about so many tokens; None where there is none. Right before the attempt; never raises.

        `until_ms` is when it is over at the latest (else the target's total says): then its place is free, whatever became of it.
        """
        if target.capacity == NO_LIMIT or now_ms < self._silent_until_ms:
            return Slot(target.id, tokens)
        window, most = self._window(target, now_ms), target.capacity.concurrency
        need = {name: amount for name, amount in (("requests", 1), ("tokens", tokens)) if name in window.limits}
        if now_ms < window.again_ms or not window.has(need):
            return None
        place = None
        if most is not None:
            until_ms = until_ms or now_ms + int((target.timeouts.total_s or WHOLE_S) * 1000)
            place = Place(self._next_id(), until_ms + GRACE_MS, most, {})
        elif window.holds(need):
            window.spend(need, {})
            return Slot(target.id, tokens, window.minute)
        try:
            is_taken = self._is_taken(target.id, window, need, place, now_ms)
        except AwsError as error:
            self._tell(error, now_ms)
            return Slot(target.id, tokens, id=place.id if place else "")  # a place that may have been taken all the same
        self._is_told = False
        return Slot(target.id, tokens, window.minute, place.id if place else "") if is_taken else None

    def give(self, slot: Slot, tokens: int) -> None:
        """After the answer: its place is free, and `tokens` is what it used (0 where it was not sent). Never raises."""
        now_ms = int(self._wall() * 1000)
        calls = [windows.free(self._ledger, slot.target, slot.id)] if slot.id else []
        window = self._windows.get(slot.target)
        if window and slot.id:
            window.again_ms = 0
        if window and "tokens" in window.limits and window.minute == slot.minute >= now_ms // MINUTE_MS:
            owed = window.correct(slot.tokens, tokens)
            calls += [windows.owe(self._ledger, slot.target, slot.minute, owed)] if owed else []
        if not calls or now_ms < self._silent_until_ms:
            return  # a place expires by itself
        for answer in self._aws.wave(calls, timeout_s=TIMEOUT_S):
            if isinstance(answer, AwsError) and not isinstance(answer, ConditionFailed):
                self._tell(answer, now_ms)

    def _is_taken(self, target: str, window: Window, need: Mapping[str, int], place: Place | None, now_ms: int) -> bool:
        """Whether the stored item let it be. Each refusal brings that item, and the next write goes by it."""
        is_absent = False
        for _ in range(TRIES):
            if not window.has(need):
                return False
            asks = window.asks(need, slices=place is None)
            try:
                self._write(target, window, asks, place, is_absent)
            except ConditionFailed as refusal:
                stored = dynamodb.old_item(refusal)
                is_absent = stored is None
                if stored is None:
                    continue
                window.learn(stored)
                if place and place.id not in stored["slots"]:  # else it was sent twice, and done
                    place = _with_room(place, stored["slots"], now_ms)
                    if place is None:
                        window.again_ms = now_ms + AGAIN_MS
                        return False
                    continue
                if place is None:
                    continue
            window.spend(need, asks)
            return True
        return False  # others were faster each time: there is next to nothing left

    def _write(self, target: str, window: Window, asks: Mapping[str, Ask], place: Place | None, is_absent: bool) -> None:
        minute = window.minute
        call: Call
        if is_absent:
            call = windows.create(self._ledger, target, minute, asks, place)
        elif window.is_stored or not asks:
            call = windows.take(self._ledger, target, minute, asks, place)
        else:
            call = windows.turn(self._ledger, target, minute, asks, place, window.wrong)
        stored = self._aws.call(call, timeout_s=TIMEOUT_S)
        window.learn(stored or {"minute": minute} | {name: asks[name].more if name in asks else 0 for name in COUNTED})

    def _window(self, target: Target, now_ms: int) -> Window:
        minute, window = now_ms // MINUTE_MS, self._windows.get(target.id)
        if window is None or not minute <= window.minute <= minute + 1:
            if len(self._windows) >= MOST_KNOWN:  # callers make up names, where a target's ends in `*`
                self._windows = {id: window for id, window in self._windows.items() if window.minute >= minute}
            self._windows[target.id] = window = Window(minute)
        window.limits = {name: limit for name, field in LIMITS.items() if (limit := getattr(target.capacity, field)) is not None}
        return window

    def _next_id(self) -> str:
        self._number += 1
        return f"{self._name}-{self._number}"

    def _tell(self, error: AwsError, now_ms: int) -> None:
        self._silent_until_ms = now_ms + SILENCE_MS
        if not self._is_told:
            telemetry.say("ERROR", "capacities cannot be counted: nobody is held back", error=type(error).__name__, code=error.code)
            telemetry.count("CapacityUncounted")
        self._is_told = True


def _with_room(place: Place, slots: Mapping[str, int], now_ms: int) -> Place | None:
    """As it can be had by what is stored: free, or in place of expired ones."""
    gone = {id: expires_ms for id, expires_ms in slots.items() if expires_ms < now_ms}
    if len(slots) < place.most:
        return place._replace(gone={})
    return place._replace(gone=dict(list(gone.items())[:MOST_GONE])) if gone else None
