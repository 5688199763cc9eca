"""The periods that budgets run by. A period is named by its id: day#2026-11-21, week#2026-W47, month#2026-11, total.

Where they follow another calendar than that of UTC, the id says so: day#2026-11-21@Europe/Berlin.
"""

from datetime import UTC, datetime, timedelta, tzinfo

KINDS = ("day", "week", "month", "total")
UTC_NAMES = frozenset({"", "UTC", "Etc/UTC", "Z", "Zulu", "Etc/Zulu", "UCT", "Etc/UCT", "Universal", "Etc/Universal"})
LOCAL_NAMES = frozenset({"localtime", "Factory"})  # whatever a machine was set to


def period_id(kind: str, at_ms: int, zone: str = "") -> str:
    """The period that this moment (epoch) is in. ValueError for an unknown kind, or an unknown `zone`."""
    at, where = _at(at_ms, zone), f"@{zone}" if zone else ""
    match kind:
        case "day":
            return f"day#{at:%Y-%m-%d}{where}"
        case "week":
            year, week, _ = at.isocalendar()
            return f"week#{year}-W{week:02}{where}"
        case "month":
            return f"month#{at:%Y-%m}{where}"
        case "total":
            return "total"
    raise ValueError(f"no such period: {kind!r}; there are {', '.join(KINDS)}")


def period_end_ms(kind: str, at_ms: int, zone: str = "") -> int | None:
    """When the period that this moment is in ends; None for one that never does. Where a clock is put forward at midnight, then."""
    midnight = _at(at_ms, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    match kind:
        case "day":
            end = midnight + timedelta(days=1)
        case "week":
            end = midnight + timedelta(days=7 - midnight.weekday())  # by the calendar: a day may have 23 hours
        case "month":
            end = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
        case _:
            return None
    return int(end.timestamp() * 1000)


def period_start_ms(kind: str, at_ms: int, zone: str = "") -> int | None:
    """When the period that this moment is in began; None for one that always was. A midnight that a clock shows twice is the first one."""
    midnight = _at(at_ms, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    match kind:
        case "day":
            start = midnight
        case "week":
            start = midnight - timedelta(days=midnight.weekday())
        case "month":
            start = midnight.replace(day=1)
        case _:
            return None
    return int(start.timestamp() * 1000)


def kind_of(period: str) -> str:
    return period.partition("#")[0]


def to_zone(name: str) -> str:
    """As budgets keep it: empty for UTC, whatever it is called. ValueError for what the IANA's list does not name."""
    if name in UTC_NAMES:
        return ""
    from zoneinfo import available_timezones

    if name not in available_timezones() - LOCAL_NAMES:
        raise ValueError(f"no such time zone: {name!r}; write it as in Europe/Berlin")
    return name


def _at(at_ms: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, _zone(zone) if zone else UTC)


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # few budgets name one

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no such time zone: {name!r}; write it as in Europe/Berlin") from error
