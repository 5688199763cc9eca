"""Each strategy's order, as a decision shows it."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.routing.strategies import LEARNING_SHARE, STRATEGIES

from .decided import FEATURES, NOW_MS, decided, health, route, target

ABC = [target(id, 100) for id in "abc"]


def order(strategy, targets=ABC, features=FEATURES, more=None, **inputs):
    ids = [row.id for row in targets]
    return decided(route(*ids, strategy=strategy, max_cost_increase=10_000, **(more or {})), targets, features, **inputs).targets


def test_the_lowest_cost_is_of_this_request_and_what_has_no_price_comes_last():
    targets = [target("none"), target("dear", 300), target("cheap", 100)]
    assert order("lowest_cost", targets) == ("cheap", "dear", "none")


def test_the_fastest_is_by_the_first_byte_where_the_answer_is_streamed():
    seen = {"a": health(300, 1_000), "b": health(100, 3_000), "c": health(200, 2_000)}
    assert order("fastest_first", health=seen) == ("a", "c", "b")
    assert order("fastest_first", features=FEATURES._replace(stream=True), health=seen) == ("b", "c", "a")


@pytest.mark.parametrize("strategy", ["fastest_first", "health_based"])
def test_who_was_not_heard_of_lately_is_learnt_of_in_a_tenth_of_the_requests(strategy):
    seen = {"a": health(at_ms=NOW_MS - 600_001), "b": health(duration_ms=900), "c": health(duration_ms=800)}
    firsts = Counter(order(strategy, health=seen, draw=number / 1_000)[0] for number in range(1_000))
    assert firsts == {"a": 1_000 * LEARNING_SHARE, "c": 900}
    assert order(strategy, health={"a": health(at_ms=0)}, draw=0.01) == ("a", "b", "c")


@pytest.mark.parametrize("strategy", ["fastest_first", "health_based"])
@pytest.mark.parametrize("success", [0, 1_000])
def test_who_has_only_failed_or_only_mirrored_is_not_the_fastest(strategy, success):
    seen = {"a": health(0, 0, success), "b": health(duration_ms=900), "c": health(duration_ms=800)}
    for stream in (False, True):
        firsts = Counter(order(strategy, features=FEATURES._replace(stream=stream), health=seen, draw=n / 100)[0] for n in range(100))
        assert firsts["a"] == 100 * LEARNING_SHARE
    assert order(strategy, health={"a": health(0, 0, success), "b": health(0, 0, success)}) == ("a", "b", "c")


def test_a_slow_success_may_be_nearer_than_a_fast_failure():
    seen = {"a": health(duration_ms=500, success=200), "b": health(duration_ms=1_000), "c": health(duration_ms=100, success=0)}
    assert order("health_based", health=seen) == ("b", "a", "c")


def test_turns_go_round():
    assert [order("round_robin", turn=turn) for turn in range(4)] == [tuple("abc"), tuple("bca"), tuple("cab"), tuple("abc")]


@given(st.lists(st.integers(1, 5), min_size=3, max_size=3))
def test_weights_are_exact_proportions(weights):
    total, given_weights = sum(weights), dict(zip("abc", weights, strict=True))
    draws = 120
    firsts = Counter(
        order("weighted", more={"weights": given_weights}, draw=(number + 0.5) / (total * draws))[0] for number in range(total * draws)
    )
    assert firsts == {id: weight * draws for id, weight in given_weights.items()}


def test_the_rest_of_a_weighted_order_is_drawn_by_weight_as_well():
    draws = [(number + 0.5) / 6_000 for number in range(6_000)]
    seconds = Counter(found[1] for draw in draws if (found := order("weighted", more={"weights": {"b": 3}}, draw=draw))[0] == "a")
    assert Fraction(seconds["b"], seconds["b"] + seconds["c"]) == pytest.approx(0.75, abs=0.01)


@given(st.text("abcdef0123456789", min_size=16, max_size=16), st.sampled_from("abc"))
def test_a_target_that_goes_moves_only_its_own(user, gone):
    features = FEATURES._replace(user=user)
    before = order("sticky", features=features)
    assert order("sticky", [row for row in ABC if row.id != gone], features) == tuple(id for id in before if id != gone)
    assert order("sticky", ABC[::-1], features) == before


def test_sticky_users_are_spread_and_who_has_no_name_goes_in_the_declared_order():
    firsts = Counter(order("sticky", features=FEATURES._replace(user=f"u{number}"))[0] for number in range(900))
    assert min(firsts[id] for id in "abc") > 240
    assert order("sticky") == tuple("abc")
    named = FEATURES._replace(conversation="c7", user="u1")
    assert order("sticky", features=named, more={"sticky": "conversation"}) == order("sticky", features=FEATURES._replace(user="c7"))


def test_quality_is_weighed_with_success():
    targets = [target("a", 100, quality=90), target("b", 100, quality=80), target("c", 100)]
    assert order("quality_first", targets) == ("a", "b", "c")
    assert order("quality_first", targets, health={"a": health(success=500)}) == ("b", "c", "a")


@given(st.sampled_from(sorted(STRATEGIES)), st.floats(0, 1, exclude_max=True), st.integers(0, 99), st.sets(st.sampled_from("abc")))
def test_every_strategy_gives_each_target_once_and_says_why(strategy, draw, turn, known):
    more = {"draw": draw, "turn": turn, "health": {id: health() for id in known}}
    decision = decided(route(*"abc", strategy=strategy), ABC, **more)
    assert sorted(decision.targets) == list("abc")
    assert set(decision.reasons) == set("abc")
    assert decision == decided(route(*"abc", strategy=strategy), ABC, **more)
