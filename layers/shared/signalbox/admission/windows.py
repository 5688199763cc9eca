"""What a container knows of how much of a target's minute is taken, and what it asks for. No I/O: `aws.capacity` carries it there and back.

What all containers take of a window together is never more than its limit: the stored item decides. A container takes slices, and serves
its next attempts from them.
"""

from collections.abc import Mapping
from typing import NamedTuple

SLICES = 50  # of a limit: a container takes one at a time
SHARE_OF_REST = 16  # and never more than this part of what is left, so that little lies idle when it grows short
COUNTED = ("requests", "tokens")


class Ask(NamedTuple):
    """So much `more` of what has this `limit`."""

    more: int
    limit: int


class Place(NamedTuple):
    """One of `most` at once, until `expires_ms`. `gone` are expired ones that make room for it, as they were seen."""

    id: str
    expires_ms: int
    most: int
    gone: Mapping[str, int]


class Window:
    """One target's minute (since the epoch): what is `used` of each limit, by all, as last seen, and what of that is `left` here."""

    def __init__(self, minute: int) -> None:
        self.minute = minute
        self.limits: dict[str, int] = {}
        self.used = dict.fromkeys(COUNTED, 0)
        self.left = dict.fromkeys(COUNTED, 0)
        self.is_stored = False
        self.wrong: int | None = None  # the minute that is stored, where it is one that no clock can have reached
        self.again_ms = 0  # all places were taken: one may be free then

    def has(self, need: Mapping[str, int]) -> bool:
        """Whether so much may still be had. Within a minute what is used only grows: a no is final."""
        return all(self.left[name] + self.limits[name] - self.used[name] >= amount for name, amount in need.items())

    def holds(self, need: Mapping[str, int]) -> bool:
        """Whether it is here already."""
        return all(self.left[name] >= amount for name, amount in need.items())

    def is_full(self, now_minute: int) -> bool:
        return self.minute >= now_minute and not self.has(dict.fromkeys(self.limits, 1))

    def asks(self, need: Mapping[str, int], *, slices: bool) -> dict[str, Ask]:
        """What is missing, `slices`: and some more. Of what `has` says can be had."""
        asks = {}
        for name, amount in need.items():
            limit, rest, missing = self.limits[name], self.limits[name] - self.used[name], amount - self.left[name]
            if missing > 0:
                asks[name] = Ask(max(missing, min(limit // SLICES, rest // SHARE_OF_REST) if slices else 0), limit)
        return asks

    def spend(self, need: Mapping[str, int], asked: Mapping[str, Ask]) -> None:
        for name, amount in need.items():
            self.left[name] += (asked[name].more if name in asked else 0) - amount

    def learn(self, stored: Mapping[str, int]) -> None:
        """Where a clock is behind, the window of those that are ahead is the one that counts."""
        ahead = stored["minute"] - self.minute
        self.wrong = stored["minute"] if ahead > 1 else None
        if ahead == 1:
            self.minute = stored["minute"]
            self.left = dict.fromkeys(COUNTED, 0)
        self.is_stored = self.minute == stored["minute"]
        if self.is_stored:
            self.used = {name: stored[name] for name in COUNTED}

    def correct(self, taken: int, tokens: int) -> int:
        """What was taken too much is left to the next attempt. What was too little comes out of that; the rest is owed, and returned."""
        self.left["tokens"] += taken - tokens
        owed = max(0, -self.left["tokens"])
        self.left["tokens"] += owed
        self.used["tokens"] += owed
        return owed
