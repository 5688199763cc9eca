"""What targets take of what they declare they can, over all containers: one at its capacity is not asked, before it says 429.

A minute's limits are taken in slices; a place among those at once costs a call each. Where DynamoDB does not answer, nobody is refused.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

from ..admission.windows import COUNTED, MINUTE_MS, Place, Taking, Window
from ..routing.catalog import Capacity, Target
from . import dynamodb, telemetry, windows
from .client import Aws, AwsError, ConditionFailed

AGAIN_MS = 500  # after all places were taken: requests end at any moment
GRACE_MS = 5_000  # a place outlives its request: clocks differ
SILENCE_MS = 5_000  # DynamoDB is left alone for so long after it has not answered
TIMEOUT_S = 0.3
TRIES = 5
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
        if now_ms < window.again_ms or window.lacks(need):
            return None
        place = None
        if most is not None:
            until_ms = until_ms or now_ms + int((target.timeouts.total_s or WHOLE_S) * 1000)
            place = Place(self._next_id(), until_ms + GRACE_MS, most, {})
        taking = Taking(window, need, place)
        if taking.serve():
            return Slot(target.id, tokens, window.minute)
        try:
            self._take(target.id, taking, now_ms)
        except AwsError as error:
            self._tell(error, now_ms)
            return Slot(target.id, tokens, id=place.id if place else "")  # a place that may have been taken all the same
        self._is_told = False
        return Slot(target.id, tokens, window.minute, place.id if place else "") if taking.is_done else None

    def give(self, slot: Slot, tokens: int) -> None:
        """After the answer: its place is free, and `tokens` is what it used (0 where it was not sent). Never raises."""
        now_ms = int(self._wall() * 1000)
        calls = [windows.free(self._ledger, windows.CAPACITY, slot.target, slot.id)] if slot.id else []
        window = self._windows.get(slot.target)
        if window and slot.id:
            window.again_ms = 0
        if window and "tokens" in window.limits and window.minute == slot.minute >= now_ms // MINUTE_MS:
            owed = window.correct(slot.tokens, tokens)
            calls += [windows.owe(self._ledger, windows.CAPACITY, slot.target, slot.minute, owed)] if owed else []
        if not calls or now_ms < self._silent_until_ms:
            return  # a place expires by itself
        for answer in self._aws.wave(calls, timeout_s=TIMEOUT_S):
            if isinstance(answer, AwsError) and not isinstance(answer, ConditionFailed):
                self._tell(answer, now_ms)

    def _take(self, target: str, taking: Taking, now_ms: int) -> None:
        """If the stored item lets it be. Each refusal brings that item, and the next write goes by it."""
        for _ in range(TRIES):  # where others are faster each time there is next to nothing left
            call = windows.to_call(self._ledger, windows.CAPACITY, target, taking.write())
            try:
                taking.took(self._aws.call(call, timeout_s=TIMEOUT_S))
            except ConditionFailed as refusal:
                taking.failed(dynamodb.old_item(refusal), now_ms)
            if taking.is_crowded:
                taking.window.again_ms = now_ms + AGAIN_MS
            if taking.is_done or taking.is_crowded or taking.lacking:
                return

    def _window(self, target: Target, now_ms: int) -> Window:
        minute, window = now_ms // MINUTE_MS, self._windows.get(target.id)
        if window is None:
            if len(self._windows) >= MOST_KNOWN:  # callers make up names, where a target's ends in `*`
                self._windows = {id: window for id, window in self._windows.items() if window.minute >= minute}
            self._windows[target.id] = window = Window(minute)
        if not minute <= window.minute <= minute + 1:
            window.move(minute)
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
