"""Which totals a range of days is read from, and what of it each one belongs to."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal, NamedTuple

Each = Literal["hour", "day", "month"]

DAY = timedelta(days=1)


class Span(NamedTuple):
    """From the first to the last period, both of one kind and both in it."""

    first: str
    last: str


def spans(first: date, last: date, each: Each | None = None) -> list[Span]:
    """Those that cover the days from first to last and no others, once each, in few items: whole months by the month's own."""
    if each == "hour":
        return [Span(f"hour#{first}T00", f"hour#{last}T23")]
    if each == "day":
        return [_days(first, last)]
    begins, ends = _next_month(first - DAY), (last + DAY).replace(day=1) - DAY  # of the whole months
    if begins > ends:
        return [_days(first, last)]
    return list(_around(first, begins, ends, last))


def told(period: str, each: Each) -> str:
    """The hour, day or month of which a period is all or a part: 2026-11-21T03, 2026-11-21, 2026-11."""
    return period.partition("#")[2][: {"hour": 13, "day": 10, "month": 7}[each]]


def _around(first: date, begins: date, ends: date, last: date) -> Iterator[Span]:
    if first < begins:
        yield _days(first, begins - DAY)
    yield Span(f"month#{begins:%Y-%m}", f"month#{ends:%Y-%m}")
    if ends < last:
        yield _days(ends + DAY, last)


def _days(first: date, last: date) -> Span:
    return Span(f"day#{first}", f"day#{last}")


def _next_month(day: date) -> date:
    """The first of the month after the day's."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
