from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.admission.periods import KINDS, kind_of, period_end_ms, period_id

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(lambda at: int(at.timestamp() * 1000))  # noqa: DTZ001


def ms(*date):
    return int(datetime(*date, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("kind", "at", "id", "end"),
    [
        ("day", ms(2026, 11, 21, 3), "day#2026-11-21", ms(2026, 11, 22)),
        ("week", ms(2026, 11, 21, 3), "week#2026-W47", ms(2026, 11, 23)),
        ("week", ms(2027, 1, 1), "week#2026-W53", ms(2027, 1, 4)),
        ("month", ms(2026, 12, 31, 23, 59), "month#2026-12", ms(2027, 1, 1)),
        ("month", ms(2027, 2, 1), "month#2027-02", ms(2027, 3, 1)),
        ("total", ms(2026, 11, 21), "total", None),
    ],
)
def test_periods_by_the_calendar(kind, at, id, end):
    assert period_id(kind, at) == id
    assert period_end_ms(kind, at) == end
    assert kind_of(id) == kind


@given(st.sampled_from(["day", "week", "month"]), MOMENTS)
def test_a_period_ends_where_the_next_one_begins(kind, at):
    end = period_end_ms(kind, at)
    assert at < end
    assert period_id(kind, at) == period_id(kind, end - 1) != period_id(kind, end)


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match=", ".join(KINDS)):
        period_id("year", 0)
