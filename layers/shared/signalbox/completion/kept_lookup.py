"""The look-up of a kept answer: an errand of the admission. Where it fails the request goes on, and for a while nobody asks."""

from collections.abc import Callable, Sequence
from typing import Any

from ..aws import telemetry
from ..aws.client import Aws, AwsError, Call, InFlight
from ..aws.control import View
from ..aws.kept import Entry, Store
from .answered import Answered
from .kept import Kept, from_bytes, to_bytes
from .kept_terms import Terms

SILENCE_S = 5.0  # the store is left alone for so long after it has failed


class Cache:
    """One per container: a store, and whether it answers. `wall` is epoch seconds."""

    def __init__(self, aws: Aws, store: Store, wall: Callable[[], float]) -> None:
        self._aws = aws
        self._store = store
        self._wall = wall
        self._failed_s = 0.0

    @property
    def is_silent(self) -> bool:
        return 0 <= self._wall() - self._failed_s < SILENCE_S

    def get(self, name: str) -> Call:
        return self._store.get(name)

    def read(self, name: str) -> Entry | None:
        """At once. Never raises."""
        [entry] = self._aws.wave([self.get(name)])
        if isinstance(entry, AwsError):
            self.fails(entry)
            return None
        found: Entry | None = entry
        return found

    def write(self, name: str, entry: Entry) -> InFlight | None:
        """As `put`, of what is no answer."""
        return None if self.is_silent else self._aws.begin(self._store.put(name, entry))

    def put(self, name: str, kept: Kept, terms: Terms) -> InFlight | None:
        """Sends, and returns at once: `settled` hears. What is larger than its bound is not kept. Never raises."""
        packed = to_bytes(kept)
        if self.is_silent or len(packed) > terms.most_bytes:
            return None
        now_ms = int(self._wall() * 1000)
        return self._aws.begin(self._store.put(name, Entry(packed, now_ms, now_ms + terms.ttl_s * 1000)))

    def settled(self, written: InFlight) -> None:
        try:
            written.answer()
        except AwsError as error:
            self.fails(error)

    def fails(self, error: AwsError) -> None:
        self._failed_s = self._wall()
        telemetry.say("ERROR", "the cache does not answer: it is asked for nothing for a while", code=error.code)
        telemetry.count("CacheFailures")


class Lookup:
    """Of one name, once."""

    def __init__(self, cache: Cache, name: str, terms: Terms) -> None:
        self.name = name
        self._cache = cache
        self._terms = terms
        self._now_ms = 0
        self._is_done = cache.is_silent or not terms.reads

    def calls(self, view: View, now_ms: int) -> Sequence[Call]:
        self._now_ms = now_ms
        return () if self._is_done else [self._cache.get(self.name)]

    def heard(self, answers: Sequence[Any]) -> None:
        [entry] = answers
        self._is_done = True
        if isinstance(entry, AwsError):
            return self._cache.fails(entry)
        if entry is None or self._now_ms >= entry.expires_ms:
            return None
        age_s = max(0, self._now_ms - entry.at_ms) // 1000
        kept = from_bytes(entry.answer) if self._terms.is_young(age_s) else None
        if kept:
            raise Answered(kept, age_s)
        return None
