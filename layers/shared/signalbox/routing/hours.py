"""Windows of the day, which may cross midnight, on some days of the week. A zone's changes of offset are stored with the window.

So nothing here needs a zone's data, and the same snapshot decides the same on every machine, whatever zones it knows.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

MINUTE_MS = 60_000
DAY_MINUTES = 1440
EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday; Monday is 0


class Window(NamedTuple):
    """Minutes of the day, `until` not included; `days` are those it begins on. `offsets_minutes[i]` holds from `changes_minutes[i]` on."""

    begin: int
    until: int
    days: frozenset[int]
    changes_minutes: tuple[int, ...]
    offsets_minutes: tuple[int, ...]


def to_window(plain: Mapping[str, Any]) -> Window:
    """`offsets` are pairs: the minute since 1970 from which it holds, and the minutes east of UTC. The first holds before that as well."""
    changes, offsets = zip(*plain["offsets"], strict=True)
    return Window(plain["from"], plain["to"], frozenset(plain["days"]), changes, offsets)


def holds(window: Window, now_ms: int) -> bool:
    now = now_ms // MINUTE_MS
    local = now + window.offsets_minutes[max(0, bisect_right(window.changes_minutes, now) - 1)]
    day, minute = divmod(local, DAY_MINUTES)
    weekday = (day + EPOCH_WEEKDAY) % 7
    if window.begin < window.until:
        return window.begin <= minute < window.until and weekday in window.days
    if minute >= window.begin:
        return weekday in window.days
    return minute < window.until and (weekday - 1) % 7 in window.days
