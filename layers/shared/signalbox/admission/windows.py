"""What a container knows of how much is taken in a minute and in its hour, of a target or by a caller, and what it asks for. No I/O:
`aws.capacity` and `aws.rates` carry it there and back.

What all containers take of a window together is never more than its limit: the stored item decides. A container takes slices, and serves
what comes next from them. A slice is no more than it has served already, of this window or of the one before: hundreds of containers
that serve one request each would else hold the whole limit in hand, and refuse it to each other.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

SPANS = {"requests": 1, "tokens": 1, "hourly": 60}  # minutes that a count goes on for, before it begins at nothing
SLICES = {"requests": 50, "tokens": 50, "hourly": 500}  # of a limit: a container takes one at a time, which may lie idle as long
SHARE_OF_REST = 16  # and never more than this part of what is left, so that little lies idle when it grows short
COUNTED = ("requests", "tokens")
HOUR = 60
MINUTE_MS = 60_000
MOST_GONE = 100  # expired places that one write clears


class Ask(NamedTuple):
    """So much `more` of what has this `limit`."""

    more: int
    limit: int


class Place(NamedTuple):
    """One of `most` at once, until `expires_ms`. `gone` are others, as they were seen, that make room for it: expired ones, or its own."""

    id: str
    expires_ms: int
    most: int
    gone: Mapping[str, int]


class Write(NamedTuple):
    """What is to be written. Where counts are asked for, the stored minute must be from `since` on and `before` that one, and those of
    `begins` begin at nothing. `is_first`: there is no item yet.
    """

    minute: int
    asks: Mapping[str, Ask]
    place: Place | None = None
    since: int = 0
    before: int = 0
    begins: tuple[str, ...] = ()
    is_first: bool = False


class Window:
    """One item's minute (since the epoch): what is `used` of each limit, by all, as last seen, and what of that is `left` here."""

    def __init__(self, minute: int, counted: tuple[str, ...] = COUNTED) -> None:
        self.minute = minute
        self.counted = counted
        self.limits: dict[str, int] = {}
        self.used = dict.fromkeys(counted, 0)
        self.left = dict.fromkeys(counted, 0)
        self.served = dict.fromkeys(counted, 0)  # here
        self.served_before = dict.fromkeys(counted, 0)  # in the span before
        self.stored: int | None = None  # the minute that was last seen there
        self.wrong: int | None = None  # the same, where it is one that no clock can have reached
        self.again_ms = 0  # all places were taken: one may be free then

    def move(self, minute: int) -> None:
        """To another minute: what is left of those that are over dies with them."""
        for name in self._over(self.minute, minute):
            is_next = minute // SPANS[name] - self.minute // SPANS[name] == 1
            self.served_before[name] = self.served[name] if is_next else 0
            self.used[name] = self.left[name] = self.served[name] = 0
        self.minute, self.wrong, self.again_ms = minute, None, 0

    def ends_ms(self, name: str) -> int:
        return (self.minute // SPANS[name] + 1) * SPANS[name] * MINUTE_MS

    def lacks(self, need: Mapping[str, int]) -> tuple[str, ...]:
        """Of what too little may still be had. Within a window what is used only grows, unless something is given back."""
        return tuple(name for name, amount in need.items() if self.rest(name) < amount)

    def rest(self, name: str) -> int:
        """As last seen."""
        return self.left[name] + self.limits[name] - self.used[name]

    def holds(self, need: Mapping[str, int]) -> bool:
        """Whether it is here already."""
        return all(self.left[name] >= amount for name, amount in need.items())

    def is_full(self, now_minute: int) -> bool:
        return self.minute >= now_minute and bool(self.lacks(dict.fromkeys(self.limits, 1)))

    def asks(self, need: Mapping[str, int], *, slices: bool) -> dict[str, Ask]:
        """What is missing; with `slices` some more, and of all that runs low, since it is one write."""
        if self.holds(need):
            return {}
        goals = {name: max(amount, self._slice(name) if slices else 0) for name, amount in need.items()}
        return {name: Ask(goal - self.left[name], self.limits[name]) for name, goal in goals.items() if goal > self.left[name]}

    def write(self, asks: Mapping[str, Ask], place: Place | None) -> Write:
        """By what was last seen of the item. One never seen is taken for an older one of this hour."""
        minute, hour = self.minute, self.minute - self.minute % HOUR
        short = tuple(name for name in self.counted if SPANS[name] == 1)
        if not asks:
            return Write(minute, asks, place)
        if self.stored == minute:
            return Write(minute, asks, place, minute, minute + 1)
        if self.wrong is not None:
            return Write(minute, asks, place, self.wrong, self.wrong + 1, self._over(self.wrong, minute))
        if short == self.counted:
            return Write(minute, asks, place, 0, minute, short)
        if minute == hour or (self.stored is not None and self.stored < hour):
            return Write(minute, asks, place, 0, hour, self.counted)
        return Write(minute, asks, place, hour, minute, short)

    def spend(self, need: Mapping[str, int], asked: Mapping[str, Ask]) -> None:
        for name, amount in need.items():
            self.left[name] += (asked[name].more if name in asked else 0) - amount
            self.served[name] += amount

    def learn(self, stored: Mapping[str, Any]) -> None:
        """Where a clock is behind, the window of those that are ahead is the one that counts."""
        ahead = stored["minute"] - self.minute
        if ahead == 1:
            self.move(stored["minute"])
        self.wrong = stored["minute"] if ahead > 1 else None
        self.stored = stored["minute"]
        over = self._over(stored["minute"], self.minute)
        self.used |= {name: stored[name] for name in self.counted if name not in over}

    def correct(self, taken: int, tokens: int) -> int:
        """What was taken too much is left to the next one. What was too little comes out of that; the rest is owed, and returned."""
        self.left["tokens"] += taken - tokens
        self.served["tokens"] += tokens - taken
        owed = max(0, -self.left["tokens"])
        self.left["tokens"] += owed
        self.used["tokens"] += owed
        return owed

    def _slice(self, name: str) -> int:
        limit, wanted = self.limits[name], max(self.served[name], self.served_before[name])
        return min(limit // SLICES[name], max(0, limit - self.used[name]) // SHARE_OF_REST, wanted)

    def _over(self, before: int, now: int) -> tuple[str, ...]:
        """The counts that go on no more from one of these minutes to the other."""
        return tuple(name for name in self.counted if before // SPANS[name] != now // SPANS[name])


class Taking:
    """What one request takes of a window: write what it says and tell it what came of that, until it `is_done` or finds too little.

    `lacking`: too little is left of these, as the item said. `is_crowded`: all places are taken.
    """

    def __init__(self, window: Window, need: Mapping[str, int], place: Place | None = None) -> None:
        self.window = window
        self.need = need
        self.place = place
        self.is_done = False
        self.is_crowded = False
        self.minute = window.minute
        self._is_first = False
        self._asks: Mapping[str, Ask] = {}

    @property
    def lacking(self) -> tuple[str, ...]:
        return () if self.is_done else self.window.lacks(self.need)

    def serve(self) -> bool:
        """From what is here already, if it is enough."""
        if self.place is None and not self.is_done and self.window.holds(self.need):
            self._spend({})
        return self.is_done

    def write(self) -> Write:
        self._asks = self.window.asks(self.need, slices=self.place is None)
        write = self.window.write(self._asks, self.place)
        return write._replace(is_first=True) if self._is_first else write

    def took(self, stored: Mapping[str, Any] | None) -> None:
        """It was written; None where the item is new."""
        amounts = {name: self._asks[name].more if name in self._asks else 0 for name in self.window.counted}
        self.window.learn(stored or {"minute": self.window.minute} | amounts)
        self._spend(self._asks)

    def failed(self, stored: Mapping[str, Any] | None, now_ms: int) -> None:
        """This is stored instead; None: nothing is."""
        self._is_first = stored is None
        if stored is None:
            return
        self.window.learn(stored)
        if self.place and self.place.id in stored["slots"]:  # it was sent twice, and done
            self._spend(self._asks)
        elif self.place:
            room = _with_room(self.place, stored["slots"], now_ms)
            self.place, self.is_crowded = room or self.place, room is None

    def undo(self) -> None:
        """What it took is left to the next one, as far as it goes on to count; its place, if any, is another's matter."""
        over = self.window._over(self.minute, self.window.minute)
        self.window.spend({name: -amount for name, amount in self.need.items() if name not in over}, {})
        self.is_done = False

    def _spend(self, asked: Mapping[str, Ask]) -> None:
        self.window.spend(self.need, asked)
        self.is_done, self.minute = True, self.window.minute


def _with_room(place: Place, slots: Mapping[str, int], now_ms: int) -> Place | None:
    """As it can be had by what is stored: free, or in place of its own and of expired ones."""
    own = {id: slots[id] for id in place.gone if id in slots and slots[id] >= now_ms}
    if len(slots) - len(own) < place.most:
        return place._replace(gone=own)
    expired = [(id, expires_ms) for id, expires_ms in slots.items() if expires_ms < now_ms]
    return place._replace(gone=own | dict(expired[:MOST_GONE])) if expired else None
