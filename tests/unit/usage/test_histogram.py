import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.usage.histogram import LAST, WORST_ERROR, bucket, middle_ms, of, percentile_ms

TIMES = st.lists(st.integers(0, 2**24 - 1) | st.integers(0, 300), min_size=1, max_size=200)


def counts(times):
    buckets = [bucket(ms) for ms in times]
    return {number: buckets.count(number) for number in set(buckets)}


def exact(times, percent):
    return sorted(times)[-(-len(times) * percent // 100) - 1]


@given(TIMES, st.integers(1, 100))
def test_a_percentile_is_within_its_error_of_the_exact_one(times, percent):
    told, true = percentile_ms(counts(times), percent), exact(times, percent)
    assert told is not None
    assert abs(told - true) <= WORST_ERROR * true + 1e-9
    assert WORST_ERROR < 0.045


@given(TIMES, TIMES)
def test_two_histograms_add_up_to_that_of_both(some, others):
    one, other = counts(some), counts(others)
    together = {number: one.get(number, 0) + other.get(number, 0) for number in one.keys() | other.keys()}
    assert together == counts(some + others)


@given(st.integers(1, 2**24 - 1), st.integers(1, 2**24 - 1))
def test_a_longer_time_is_in_no_smaller_bucket(one, other):
    assert (bucket(one) <= bucket(other)) or one > other


@pytest.mark.parametrize("exponent", range(24))
def test_an_octave_begins_with_a_bucket(exponent):
    assert (bucket(2**exponent), bucket(2 ** (exponent + 1)) - bucket(2**exponent)) == (1 + 8 * exponent, 8)


def test_nothing_is_in_the_first_bucket_and_whatever_is_too_long_in_the_last():
    assert (bucket(0), middle_ms(0)) == (0, 0)
    assert bucket(2**24) == bucket(10**18) == LAST + 1
    assert percentile_ms({}, 50) is None


def test_buckets_are_found_among_other_counters():
    assert of({"d12": 3, "d0": 1, "d7": 0, "duration_ms": 9, "t12": 4, "d": 1}, "d") == {12: 3, 0: 1}
