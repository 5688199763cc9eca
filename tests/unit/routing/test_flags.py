from hypothesis import given
from hypothesis import strategies as st

from signalbox.routing.catalog import Flag
from signalbox.routing.flags import BUILT_IN, bucket, is_on, on

from .decided import FEATURES

NOBODY: frozenset[str] = frozenset()
BY = st.sampled_from(["caller", "tenant", "request"])


def test_the_built_in_ones_are_on_where_nobody_says_otherwise():
    assert on(FEATURES, {}, NOBODY) == BUILT_IN
    assert on(FEATURES, {"fallback": Flag("fallback", False), "zeal": Flag("zeal")}, NOBODY) == (*BUILT_IN[:1], *BUILT_IN[2:], "zeal")


def test_segments_are_the_only_ones_it_is_on_for():
    flag = Flag("f", segments=("beta", "enterprise"))
    assert is_on(flag, FEATURES, frozenset({"beta"}))
    assert not is_on(flag, FEATURES, frozenset({"other"}))


@given(st.text(max_size=9), st.floats(0, 100), st.floats(0, 100), BY)
def test_a_higher_percentage_takes_nobody_out(id, one, other, by):
    features = FEATURES._replace(key=id, tenant=id, request=id)
    low, high = (is_on(Flag("f", percent=percent, by=by), features, NOBODY) for percent in sorted([one, other]))
    assert high or not low


@given(st.floats(0, 100), st.sampled_from(["f", "g", "fallback"]))
def test_the_share_is_about_the_percentage(percent, name):
    among = 4_000
    share = sum(is_on(Flag(name, percent=percent), FEATURES._replace(key=f"k{number}"), NOBODY) for number in range(among)) / among
    assert abs(share * 100 - percent) < 4


def test_nobody_is_in_at_0_and_everybody_at_100_and_what_counts_is_what_it_goes_by():
    ids = [FEATURES._replace(key=f"k{number}") for number in range(500)]
    assert not any(is_on(Flag("f", percent=0), row, NOBODY) for row in ids)
    assert all(is_on(Flag("f", percent=100), row, NOBODY) for row in ids)
    assert len({is_on(Flag("f", percent=50), row, NOBODY) for row in ids}) == 2
    assert len({is_on(Flag("f", percent=50, by="tenant"), row, NOBODY) for row in ids}) == 1


def test_flags_do_not_fall_on_the_same_callers():
    both = sum(bucket("f", f"k{number}") < 5_000 and bucket("g", f"k{number}") < 5_000 for number in range(4_000))
    assert 850 < both < 1_150
