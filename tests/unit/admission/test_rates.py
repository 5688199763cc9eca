"""What limits a record means, and how what is left of them is told."""

import pytest

from signalbox.admission.keys import Caller
from signalbox.admission.rates import Limits, Standing, limits_by_scope, limits_of, tightest
from signalbox.completion.limited import _duration, _moment

USUAL = Limits(1_000, 10_000)


@pytest.mark.parametrize(
    ("record", "limits"),
    [
        ({}, USUAL),
        ({"limits": {}}, USUAL),
        ({"limits": None}, USUAL),
        ({"limits": {"requests_per_minute": 5}}, Limits(5, 10_000)),
        ({"limits": {"requests_per_minute": None, "concurrency": 3}}, Limits(None, 10_000, None, 3)),
        ({"limits": {"requests_per_hour": 0}}, Limits(1_000, 0)),
        ({"limits": {"requests_per_minute": "many", "requests_per_hour": -1, "tokens_per_minute": 1.5, "concurrency": True}}, USUAL),
        ({"limits": "none"}, USUAL),
        ({"limits": {"requests_per_minute": 10**40, "concurrency": 10**12 + 1}}, Limits(10**12, 10_000, None, 10**12)),
    ],
)
def test_what_a_key_does_not_say_or_says_as_no_number_has_its_default(record, limits):
    assert limits_of("key#k", record) == limits


def test_teams_and_tenants_have_only_what_they_say():
    scopes = ("key#k", "team#t/a", "tenant#t")
    caller = Caller("k", "t", "a", minted=False, grants={"limits": {"requests_per_minute": 7}})
    records = {"tenant#t": {"limits": {"tokens_per_minute": 9}}}
    assert limits_by_scope(scopes, caller, records) == {
        "key#k": Limits(7, 10_000),
        "team#t/a": Limits(),
        "tenant#t": Limits(tokens_per_minute=9),
    }
    records["key#k"] = {"limits": {"requests_per_minute": 8}}
    assert limits_by_scope(scopes, caller, records)["key#k"] == Limits(8, 10_000)


def test_the_tightest_is_what_least_is_left_of_and_longest():
    short, long, wide = Standing(10, 3, 1_000), Standing(50, 3, 9_000), Standing(5, 4, 99_000)
    assert tightest([wide, short, long]) == long
    assert tightest([]) is None


@pytest.mark.parametrize(
    ("ms", "told"), [(0, "0ms"), (20, "20ms"), (1_000, "1s"), (1_001, "2s"), (59_001, "1m0s"), (360_000, "6m0s"), (3_600_000, "1h0m0s")]
)
def test_durations_are_written_as_openai_writes_them(ms, told):
    assert _duration(ms) == told


def test_moments_are_written_as_anthropic_writes_them():
    assert _moment(1_795_291_199_001) == "2026-11-21T20:00:00Z"
