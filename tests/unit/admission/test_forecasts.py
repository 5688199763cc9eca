from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.admission.budgets import Budget, Raise
from signalbox.admission.forecasts import WATCHED_MS, Forecast, Pace, forecast, pace_of

HOUR_MS = 3_600_000


def ms(*date):
    return int(datetime(*date, tzinfo=UTC).timestamp() * 1000)


MIDNIGHT_MS, NOON_MS, NEXT_MS = ms(2026, 11, 21), ms(2026, 11, 21, 12), ms(2026, 11, 22)


def day(limit=1_000, *raises, kind="day", zone=""):
    return Budget("tenant#t", kind, limit, True, 1, zone, tuple(Raise(str(n), by, until) for n, (by, until) in enumerate(raises)))


def told(budget, settled, now_ms=NOON_MS):
    return forecast(budget, settled, pace_of(budget, settled, now_ms), now_ms)


@pytest.mark.parametrize(
    ("settled", "expected"),
    [
        (750, Forecast(1_500, ms(2026, 11, 21, 16))),
        (501, Forecast(1_002, 1 + ms(2026, 11, 21, 23, 57) + 7_544)),  # rounded up, to the millisecond
        (500, Forecast(1_000, None)),  # it is spent when it ends
        (400, Forecast(800, None)),
        (1_000, Forecast(2_000, NOON_MS, NEXT_MS)),
        (1_200, Forecast(2_400, NOON_MS, NEXT_MS)),
    ],
)
def test_a_days_pace_is_what_it_has_spent_so_far(settled, expected):
    seen = told(day(), settled)
    assert seen.by_end_nanousd == expected.by_end_nanousd
    assert (seen.exhausted_ms is None) == (expected.exhausted_ms is None)
    if settled != 501:
        assert seen == expected


def test_what_is_not_watched_long_enough_has_no_pace():
    assert told(day(), 0) is None
    assert told(day(), 1, MIDNIGHT_MS + WATCHED_MS["day"] - 1) is None
    assert told(day(), 1, MIDNIGHT_MS + WATCHED_MS["day"]) is not None


@pytest.mark.parametrize("now_ms", [MIDNIGHT_MS, MIDNIGHT_MS + WATCHED_MS["day"] - 1])
def test_what_is_spent_is_told_before_any_pace_is_known(now_ms):
    assert told(day(), 1_000, now_ms) == Forecast(None, now_ms, NEXT_MS)
    assert told(day(1_000, (500, NEXT_MS)), 1_000, now_ms) is None
    assert told(day(kind="total"), 1_000, now_ms) == Forecast(None, now_ms)
    assert told(day(0), 0, now_ms) == Forecast(None, now_ms)  # and never will be


def test_a_day_begins_where_its_zone_says():
    assert told(day(zone="Asia/Tokyo"), 1, ms(2026, 11, 21, 15, 5)) is None
    assert told(day(zone="Asia/Tokyo"), 1, ms(2026, 11, 21, 14, 5)) is not None


def test_a_raise_that_ends_on_the_way_is_reckoned_with():
    """At 750 by noon, 62.5 an hour: 1,000 at four, 1,200 at 19:12, 1,500 at midnight."""
    assert told(day(1_000, (200, ms(2026, 11, 21, 20))), 750).exhausted_ms == ms(2026, 11, 21, 19, 12)
    assert told(day(1_000, (200, ms(2026, 11, 21, 18))), 750).exhausted_ms == ms(2026, 11, 21, 18)  # more is spent than without it
    assert told(day(1_000, (200, ms(2026, 11, 21, 15))), 750).exhausted_ms == ms(2026, 11, 21, 16)
    assert told(day(1_000, (500, ms(2026, 12, 1))), 750).exhausted_ms is None
    assert told(day(1_000, (500, NOON_MS)), 750).exhausted_ms == ms(2026, 11, 21, 16)


def test_a_total_goes_by_the_pace_that_is_known():
    total = day(kind="total")
    assert told(total, 500) is None
    assert forecast(total, 500, Pace(100, NOON_MS - 10 * HOUR_MS), NOON_MS) == Forecast(None, NOON_MS + 50 * HOUR_MS)
    assert forecast(total, 500, Pace(1, NOON_MS - 1_000 * HOUR_MS), NOON_MS) == Forecast(None, None)  # in 57 years


AMOUNTS = st.integers(1, 10**15)


@given(
    AMOUNTS,
    AMOUNTS,
    st.integers(MIDNIGHT_MS + WATCHED_MS["day"], NEXT_MS - 1),
    st.lists(st.tuples(AMOUNTS, st.integers(MIDNIGHT_MS, NEXT_MS * 2))),
)
def test_it_is_exhausted_at_the_first_moment_at_which_the_pace_has_spent_the_limit(limit, settled, now_ms, raises):
    budget = day(limit, *raises)
    seen = told(budget, settled, now_ms)

    def spent_by(at_ms):
        return settled * (at_ms - MIDNIGHT_MS) / (now_ms - MIDNIGHT_MS)

    if seen.exhausted_ms is None:
        assert all(spent_by(at) <= budget.limit_at(at) * (1 + 1e-9) for at in (now_ms, NEXT_MS - 1))
    else:
        assert now_ms <= seen.exhausted_ms < NEXT_MS
        assert spent_by(seen.exhausted_ms) >= budget.limit_at(seen.exhausted_ms) * (1 - 1e-9)
        before = seen.exhausted_ms - 1
        assert before < now_ms or spent_by(before) <= budget.limit_at(before) * (1 + 1e-9)
