"""Windows of the day, as a document writes them: {from: "22:00", to: "06:00", days: [mon, …], zone: Europe/Berlin}.

A zone becomes the minutes at which its offset changes, so that only the machine that publishes needs to know zones.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from ..routing.hours import DAY_MINUTES
from .fields import names, shown
from .source import Path

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KEYS = ("from", "to", "days", "zone")
CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
OFFSET = re.compile(r"([+-])(0\d|1[0-4]):([0-5]\d)")
FIRST, LAST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)  # the changes that are stored; the last one holds on


class InvalidWindow(ValueError):
    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


def to_plain(window: Any) -> dict[str, Any]:
    """The stored form, which `routing.hours.to_window` reads. Raises InvalidWindow."""
    if not isinstance(window, Mapping) or not window:
        raise InvalidWindow((), f'write it as {{from: "22:00", to: "06:00", days: [mon, tue], zone: "+01:00"}}, not {shown(window)}')
    if unknown := next((key for key in window if key not in KEYS), None):
        raise InvalidWindow((unknown,), f"unknown key; known here: {', '.join(KEYS)}")
    if not window.keys() & {"from", "to", "days"}:
        raise InvalidWindow((), "says neither hours nor days; add `from` and `to`, or `days`")
    begin, until = _minute(window, "from", 0), _minute(window, "to", DAY_MINUTES)
    if begin == until:
        raise InvalidWindow(("to",), "as `from`, so that it is never; leave both out for the whole day")
    return {"from": begin, "to": until, "days": _days(window.get("days", list(DAYS))), "offsets": _offsets(window.get("zone", "UTC"))}


def _minute(window: Mapping[str, Any], key: str, default: int) -> int:
    text = window.get(key)
    if key not in window or (key == "to" and text == "24:00"):
        return default
    if not isinstance(text, str) or not (match := CLOCK.fullmatch(text)):
        raise InvalidWindow((key,), f'a time of the day as "06:30", not {shown(text)}')
    return int(match[1]) * 60 + int(match[2])


def _days(days: Any) -> list[int]:
    if not isinstance(days, list) or not days:
        raise InvalidWindow(("days",), f"a list of days, one at least, not {shown(days)}")
    if wrong := [day for day in days if day not in DAYS]:
        raise InvalidWindow(("days",), f"{shown(wrong[0])} is no day; the days are: {', '.join(DAYS)}")
    return sorted({DAYS.index(day) for day in days})


def _offsets(zone: Any) -> list[list[int]]:
    if not isinstance(zone, str):
        raise InvalidWindow(("zone",), f'an offset as "+01:00" or a zone as Europe/Berlin, not {shown(zone)}')
    if match := OFFSET.fullmatch(zone):
        minutes = int(match[2]) * 60 + int(match[3])
        return [[0, minutes if match[1] == "+" else -minutes]]
    if zone == "UTC":
        return [[0, 0]]
    return [[*change] for change in _changes(zone)]


@lru_cache(maxsize=64)
def _changes(name: str) -> tuple[tuple[int, int], ...]:
    """(minute since 1970, minutes east of UTC from then on), oldest first."""
    from zoneinfo import ZoneInfo  # only where a document names a zone

    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidWindow(("zone",), f'no zone {shown(name)} is known here; write an offset as "+01:00", or {names(["UTC"])}') from error
    day, changes = FIRST, [(0, _offset(FIRST, zone))]
    while day < LAST:
        after = day + timedelta(days=1)
        if _offset(after, zone) != changes[-1][1]:
            minute = _first_of(day, zone, changes[-1][1])
            changes.append((int(minute.timestamp()) // 60, _offset(minute, zone)))
        day = after
    return tuple(changes)


def _first_of(day: datetime, zone: Any, before: int) -> datetime:
    """The minute at which it changes."""
    low, high = 0, DAY_MINUTES
    while low < high:
        middle = (low + high) // 2
        if _offset(day + timedelta(minutes=middle), zone) == before:
            low = middle + 1
        else:
            high = middle
    return day + timedelta(minutes=low)


def _offset(at: datetime, zone: Any) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) // 60
