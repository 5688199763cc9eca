"""The periods that budgets run by, in UTC. A period is named by its id: day#2026-11-21, week#2026-W47, month#2026-11, total."""

from datetime import UTC, datetime, timedelta

KINDS = ("day", "week", "month", "total")


def period_id(kind: str, at_ms: int) -> str:
    """The period that this moment (epoch) is in. ValueError for an unknown kind."""
    at = _at(at_ms)
    match kind:
        case "day":
            return f"day#{at:%Y-%m-%d}"
        case "week":
            year, week, _ = at.isocalendar()
            return f"week#{year}-W{week:02}"
        case "month":
            return f"month#{at:%Y-%m}"
        case "total":
            return "total"
    raise ValueError(f"no such period: {kind!r}; there are {', '.join(KINDS)}")


def period_end_ms(kind: str, at_ms: int) -> int | None:
    """When the period that this moment is in ends; None for one that never does."""
    midnight = _at(at_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    match kind:
        case "day":
            end = midnight + timedelta(days=1)
        case "week":
            end = midnight + timedelta(days=7 - midnight.weekday())
        case "month":
            end = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
        case _:
            return None
    return int(end.timestamp() * 1000)


def kind_of(period: str) -> str:
    return period.partition("#")[0]


def _at(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
