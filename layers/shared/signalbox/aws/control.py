"""What operators decided, as a container knows it: the live version, the circuits, the records of scopes. Each item is cached for 5 s."""

import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..routing.health import to_health
from ..routing.inputs import Health
from . import dynamodb
from .client import Call

LIVE = ("config", "live")
CIRCUITS = ("circuits", "state")
HEALTH = ("targets", "health")
FRESH_S = 5.0
USABLE_S = 60.0  # while DynamoDB does not answer
KEPT = 2_000  # records of scopes

Key = tuple[str, str]


class View(NamedTuple):
    """What a request is judged by; the numbers are int.

    `live` is config/live ({} before the first publish), `circuits` circuits/state ({} before the first outcome: all closed),
    `records` the records of the scopes asked for, {} for a scope that has none. `health` lacks a target that was not asked for an hour.
    `fresh`: all of it was read within 5 s, or cannot be read now.
    """

    live: Mapping[str, Any]
    circuits: Mapping[str, Any]
    records: Mapping[str, Mapping[str, Any]]
    health: Mapping[str, Health] = MappingProxyType({})
    fresh: bool = False


class _Read(NamedTuple):
    item: Mapping[str, Any]
    ticks_s: float
    wall_s: float


class Control:
    """The cached items of one container. Both clocks count: `ticks` stands still while a container is frozen, `wall` can be set back."""

    def __init__(self, table: str, *, ticks: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._table = table
        self._ticks, self._wall = ticks, wall
        self._reads: dict[Key, _Read] = {}
        self._health: Mapping[str, Health] = MappingProxyType({})  # read once, and not by each request

    def view(self, scopes: Iterable[str]) -> View:
        """What is known, however old."""
        records = {scope: self._item((scope, "scope")) for scope in scopes}
        return View(self._item(LIVE), self._item(CIRCUITS), records, self._health)

    def unseen(self, scopes: Iterable[str]) -> list[Key]:
        return [key for key in _keys(scopes) if key not in self._reads]

    def older_than(self, age_s: float, scopes: Iterable[str]) -> list[Key]:
        """The keys to read again, those never read among them."""
        return [key for key in _keys(scopes) if self._age_s(key) > age_s]

    def read(self, keys: Iterable[Key]) -> Call:
        """The call that reads these; give its answer to `learn`."""
        return dynamodb.batch_get(self._table, keys)

    def learn(self, keys: Iterable[Key], answer: tuple[list[dict[str, Any]], list[Key]]) -> list[Key]:
        """Takes in what was read and returns the keys that DynamoDB did not come to. A key without an item has none: {}."""
        items, left = answer
        found = {(item["pk"], item["sk"]): item for item in items}
        ticks_s, wall_s = self._ticks(), self._wall()
        for key in keys:
            if key not in left:
                self._reads.pop(key, None)  # to the end: what is read least is dropped first
                self._reads[key] = _Read(found.get(key, {}), ticks_s, wall_s)
                if key == HEALTH:
                    self._health = MappingProxyType(to_health(found.get(key, {}).get("targets", {})))
        while len(self._reads) > KEPT:
            del self._reads[next(iter(self._reads))]
        return left

    def _item(self, key: Key) -> Mapping[str, Any]:
        return self._reads[key].item if key in self._reads else {}

    def _age_s(self, key: Key) -> float:
        read = self._reads.get(key)
        if read is None:
            return float("inf")
        by_wall = self._wall() - read.wall_s
        return max(self._ticks() - read.ticks_s, by_wall if by_wall >= 0 else float("inf"))


def _keys(scopes: Iterable[str]) -> list[Key]:
    return [LIVE, CIRCUITS, HEALTH, *((scope, "scope") for scope in scopes)]
