from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.admission.periods import KINDS, LOCAL_NAMES, kind_of, period_end_ms, period_id, period_start_ms, to_zone

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(lambda at: int(at.timestamp() * 1000))  # noqa: DTZ001


ZONES = sorted(available_timezones() - LOCAL_NAMES)
# Since then no clock has been put back over midnight into the day before (St. John's did, at one past twelve).
LATER = st.datetimes(datetime(2012, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)).map(lambda at: int(at.timestamp() * 1000))  # noqa: DTZ001
CHANGING = ("Europe/Berlin", "America/New_York", "Africa/Casablanca", "Africa/Cairo", "Asia/Beirut", "America/Havana", "America/Santiago",
            "Australia/Lord_Howe", "Atlantic/Azores", "Pacific/Apia", "America/Scoresbysund", "Asia/Gaza")  # fmt: skip


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


def tiles(kind, at, zone):
    """The period that a moment is in, and the next one: the ends meet, each moment is in the one it is between, by its id."""
    start, end = period_start_ms(kind, at, zone), period_end_ms(kind, at, zone)
    assert start <= at < end
    here = period_id(kind, at, zone)
    assert period_id(kind, start, zone) == here == period_id(kind, end - 1, zone)
    assert period_id(kind, start - 1, zone) != here != period_id(kind, end, zone)
    assert period_end_ms(kind, start - 1, zone) == start
    assert period_start_ms(kind, end, zone) == end


@given(st.sampled_from(["day", "week", "month"]), LATER, st.sampled_from(["", *ZONES]))
def test_periods_of_every_calendar_tile_time(kind, at, zone):
    tiles(kind, at, zone)


@pytest.mark.parametrize("zone", CHANGING)
def test_periods_tile_time_around_every_change_of_a_clock(zone):
    """Half an hour around each change of ten years, and around the midnights beside it."""
    for at in changes(zone):
        for offset_min in (-24 * 60, -90, -30, 0, 30, 90, 24 * 60):
            for kind in ("day", "week", "month"):
                tiles(kind, at + offset_min * 60_000, zone)


def changes(zone):
    """The moments at which the zone's offset changes: found hour by hour, as it is known."""
    where, at = ZoneInfo(zone), datetime(2020, 1, 1, tzinfo=UTC)
    before = at.astimezone(where).utcoffset()
    while at.year < 2030:
        at += timedelta(hours=1)
        now = at.astimezone(where).utcoffset()
        if now != before:
            yield int(at.timestamp() * 1000)
        before = now


def test_a_day_may_have_23_hours_or_25():
    hours = {
        (period_end_ms("day", at, "Europe/Berlin") - period_start_ms("day", at, "Europe/Berlin")) // 3_600_000
        for at in (ms(2026, 3, 29, 12), ms(2026, 10, 25, 12), ms(2026, 11, 21))
    }
    assert hours == {23, 24, 25}


def test_ids_of_another_calendar_say_so():
    assert period_id("day", ms(2026, 11, 21, 20), "Asia/Tokyo") == "day#2026-11-22@Asia/Tokyo"
    assert period_id("total", 0, "Asia/Tokyo") == "total"
    assert period_start_ms("total", 0, "Asia/Tokyo") is None
    assert kind_of("month#2026-11@Asia/Tokyo") == "month"


@pytest.mark.parametrize("name", ["", "UTC", "Etc/UTC", "Zulu"])
def test_utc_has_one_name(name):
    """So that no change of its name begins a period anew."""
    assert to_zone(name) == ""


def test_a_zone_is_one_of_the_list():
    assert to_zone("America/Argentina/Buenos_Aires") == "America/Argentina/Buenos_Aires"
    for wrong in ("Berlin", "europe/berlin", "localtime", "/etc/localtime", "..", "posix/Europe/Berlin", "Europe/Berlin ", "right/UTC"):
        with pytest.raises(ValueError, match="no such time zone"):
            to_zone(wrong)


def test_the_layer_brings_the_zones():
    """A machine need not have them, and functions must agree on them."""
    assert files("tzdata").joinpath("zoneinfo", "Europe", "Berlin").is_file()
