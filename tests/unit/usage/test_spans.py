from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.usage.spans import Span, spans, told

DAYS = st.dates(date(2023, 1, 1), date(2028, 12, 31))
DAY = timedelta(days=1)


def covered(span):
    """The days of a span."""
    kind, _, first = span.first.partition("#")
    last = span.last.partition("#")[2]
    if kind == "hour":
        assert (first[-3:], last[-3:]) == ("T00", "T23")
        first, last = first[:-3], last[:-3]
    begin, end = (date.fromisoformat(text if len(text) == 10 else f"{text}-01") for text in (first, last))
    if kind == "month":
        end = (end + timedelta(days=31)).replace(day=1) - DAY
    return [begin + n * DAY for n in range((end - begin).days + 1)]


@given(DAYS, st.integers(0, 400), st.sampled_from([None, "hour", "day", "month"]))
def test_every_day_is_read_once_and_no_other(first, days, each):
    last = first + days * DAY
    read = [day for span in spans(first, last, each) for day in covered(span)]
    assert read == [first + n * DAY for n in range(days + 1)]


@given(DAYS, st.integers(0, 400), st.sampled_from([None, "month"]))
def test_few_items_are_read(first, days, each):
    read = spans(first, first + days * DAY, each)
    assert len(read) <= 3
    assert sum(len(covered(span)) for span in read if span.first.startswith("day#")) <= 2 * 30


@pytest.mark.parametrize(
    ("first", "last", "read"),
    [
        (date(2026, 11, 1), date(2026, 11, 30), [Span("month#2026-11", "month#2026-11")]),
        (date(2026, 11, 1), date(2026, 11, 29), [Span("day#2026-11-01", "day#2026-11-29")]),
        (
            date(2026, 10, 31),
            date(2027, 1, 1),
            [Span("day#2026-10-31", "day#2026-10-31"), Span("month#2026-11", "month#2026-12"), Span("day#2027-01-01", "day#2027-01-01")],
        ),
    ],
)
def test_whole_months_are_read_whole(first, last, read):
    assert spans(first, last) == read


def test_a_period_says_what_it_belongs_to():
    assert told("hour#2026-11-21T03", "hour") == "2026-11-21T03"
    assert told("day#2026-11-21", "month") == told("month#2026-11", "month") == "2026-11"
