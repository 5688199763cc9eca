"""What is decided of a request: who may serve it, who is passed over and why, and what policies, flags and guard rails make of it."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.circuits.state import Circuit
from signalbox.routing.catalog import Chain, Flag
from signalbox.routing.costs import expected_nanousd
from signalbox.routing.policies import Mirror
from signalbox.routing.strategies import ADAPTIVE, STRATEGIES

from .decided import FEATURES, NOW_MS, decided, health, policy, route, target

ABC = [target(id, 100) for id in "abc"]
OPEN, HALF_OPEN = Circuit("open", 1, NOW_MS + 1), Circuit("half_open", 1)


def passed(decision):
    return dict(decision.passed)


def test_who_cannot_serve_is_passed_over_and_why():
    decision = decided(route(*"abc"), ABC, lacks="a", full=("b",))
    assert decision.targets == ("c",)
    assert passed(decision) == {"a": "cannot serve `tools`: the model has no tools", "b": "at its capacity"}
    assert decision.lacks == {"a": ("tools", "the model has no tools")}
    assert decision.default == "b"


def test_a_window_that_has_no_room_for_request_and_answer_is_passed_over():
    targets = [target("a", 1, context_window=1_099), target("b", 1, context_window=1_100)]
    decision = decided(route(*"ab"), targets)
    assert (decision.targets, decision.default, decision.warning) == (("b",), "b", None)
    assert "1099 tokens" in passed(decision)["a"]


def test_where_no_window_has_room_the_largest_is_tried_with_a_warning():
    targets = [target("a", 1, context_window=500), target("b", 1, context_window=900)]
    decision = decided(route(*"ab"), targets)
    assert decision.targets == ("b",)
    assert "b was tried" in decision.warning
    assert list(passed(decision)) == ["a"]


def test_of_those_without_room_a_well_one_is_tried_and_no_ill_one():
    targets = [target("a", 1, context_window=900), target("b", 1, context_window=500)]
    assert decided(route(*"ab"), targets, circuits={"a": OPEN}).targets == ("b",)
    assert decided(route(*"ab"), targets, circuits={"a": OPEN, "b": OPEN}).targets == ("a",)


def test_a_larger_window_of_the_chain_serves_where_the_own_has_no_room():
    targets = [target("a", 1, context_window=500, chain="wide"), target("b", 1)]
    decision = decided(route("a"), targets, chains={"wide": Chain(context_too_long=("b",))})
    assert (decision.targets, decision.warning) == (("b",), None)


def test_the_chain_of_a_full_or_ill_one_is_followed_and_holds_to_the_same_rules():
    targets = [target("a", 1, chain="deep"), target("b", 1), target("c", 1)]
    chains = {"deep": Chain(generic=("b", "c"))}
    for more in ({"full": ("a",)}, {"circuits": {"a": OPEN}}):
        assert decided(route("a"), targets, chains=chains, **more).targets == ("b", "c")
    took_out = policy("no-b", remove_targets=("b",))
    assert decided(route("a"), targets, chains=chains, policies=[took_out]).targets == ("a", "c")


def test_a_half_open_one_keeps_its_place_in_a_tenth_and_else_is_the_last():
    circuits = {"a": HALF_OPEN}
    assert decided(route(*"abc"), ABC, circuits=circuits).targets == ("b", "c", "a")
    assert decided(route(*"abc"), ABC, circuits=circuits, draw=0.09).targets == ("a", "b", "c")


def test_a_draw_that_probes_draws_by_weight_all_the_same():
    row, circuits = route(*"abc", strategy="weighted", weights={"a": 2}), {"a": HALF_OPEN}
    firsts = Counter(decided(row, ABC, circuits=circuits, draw=(number + 0.5) / 8_000).targets[0] for number in range(800))
    assert firsts == {"a": 400, "b": 200, "c": 200}


class TestPolicies:
    def test_the_first_that_says_a_thing_says_it_and_the_lowest_limit_holds(self):
        rows = [
            policy("one", goes_on=True, strategy="round_robin", max_tokens=500, timeouts={"total_s": 9.0}),
            policy(
                "two", goes_on=True, strategy="weighted", max_tokens=50, max_cost_nanousd=10**9, timeouts={"total_s": 3.0, "ttft_s": 1.0}
            ),
        ]
        decision = decided(route(*"abc", max_cost_nanousd=10**8), ABC, policies=rows)
        assert (decision.policy, decision.policies, decision.strategy) == ("one", ("one", "two"), "round_robin")
        assert (decision.max_tokens, decision.max_cost_nanousd) == (50, 10**8)
        assert decision.timeouts == (1.0, None, 9.0)

    def test_it_may_lead_to_another_route_whose_baseline_stays_that_of_the_one_asked_for(self):
        other = route("c", strategy="sequential")._replace(name="other", max_attempts=1)
        decision = decided(route(*"ab"), ABC, routes=[other], policies=[policy(route="other")])
        assert (decision.asked, decision.route, decision.targets, decision.default) == ("chat", "other", ("c",), "a")
        assert decision.max_attempts == 1

    def test_targets_come_and_go(self):
        decision = decided(route(*"ab"), ABC, policies=[policy(add_targets=("c", "a"), remove_targets=("b",))])
        assert decision.targets == ("a", "c")
        assert passed(decision) == {"b": "policy p takes it out"}

    def test_what_nobody_knows_is_said_and_not_tried(self):
        decision = decided(
            route(*"ab"), ABC, FEATURES._replace(fallbacks=("ghost", "*")), policies=[policy(add_targets=("gone",), route="nowhere")]
        )
        assert decision.targets == ("a", "b")
        assert set(passed(decision)) == {"gone", "ghost", "*", "nowhere"}

    def test_who_is_denied_is_served_by_nobody(self):
        decision = decided(route(*"ab"), ABC, FEATURES._replace(fallbacks=("c",)), policies=[policy(deny="not at night")])
        assert (decision.deny, decision.targets, set(passed(decision))) == ("not at night", (), set("abc"))

    def test_a_share_is_mirrored_whatever_else_was_drawn(self):
        rows = [policy(mirror=Mirror("c", 25.0))]
        mirrored = Counter(
            decided(route(*"ab"), ABC, FEATURES._replace(request=f"r{number}"), policies=rows, draw=0.01).mirror for number in range(2_000)
        )
        assert 400 < mirrored["c"] < 600
        assert mirrored.total() == mirrored["c"] + mirrored[""]
        for more in ({"full": ("c",)}, {"lacks": "c"}, {"circuits": {"c": OPEN}}):
            assert decided(route(*"ab"), ABC, policies=[policy(mirror=Mirror("c", 100.0))], **more).mirror == ""

    def test_they_hang_on_their_flag_and_all_of_them_on_one(self):
        rows = [policy(flag="fresh", deny="no")]
        assert decided(route("a"), ABC, policies=rows, flags=[Flag("fresh")]).deny == "no"
        assert decided(route("a"), ABC, policies=rows, flags=[Flag("fresh", False)]).deny is None
        assert decided(route("a"), ABC, policies=rows, flags=[Flag("fresh"), Flag("routing_policies", False)]).deny is None


def test_fallbacks_that_the_request_brings_come_after_the_routes_own():
    named = route("c")._replace(name="spare")
    decision = decided(route(*"b", strategy="lowest_cost"), ABC, FEATURES._replace(fallbacks=("a", "spare", "b")), routes=[named])
    assert decision.targets == ("b", "a", "c")


def test_a_fallback_whose_chain_leads_back_to_the_route_comes_once():
    targets = [target("a", 1, chain="round"), target("b", 1), target("c", 1, chain="back")]
    chains = {"round": Chain(("c",)), "back": Chain(("b", "a"), ("a",))}
    decision = decided(route("a"), targets, FEATURES._replace(fallbacks=("c", "a")), chains=chains)
    assert (decision.targets, decision.behind) == (("a", "c", "b"), {"c": {"context_too_long": ("a",)}})


def test_without_the_flag_fallback_only_the_first_is_left():
    row = route(*"ab", hedge_after_ms=9)
    targets = [target("a", 1, chain="deep"), target("b", 1), target("c", 1)]
    decision = decided(row, targets, flags=[Flag("fallback", False)], chains={"deep": Chain(("c",), ("c",))})
    assert (decision.targets, decision.behind, decision.hedge_after_ms) == (("a",), {}, None)
    assert passed(decision) == {"b": "the flag fallback is off"}


@pytest.mark.parametrize(("strategy", "flag"), [(strategy, flag) for strategy, names in ADAPTIVE.items() for flag in names])
def test_an_adaptive_strategy_hangs_on_its_flags(strategy, flag):
    targets = [target("dear", 200, quality=1), target("cheap", 100, quality=99)]
    seen = {"dear": health(duration_ms=900), "cheap": health(duration_ms=100)}
    row = route("dear", "cheap", strategy=strategy)
    assert decided(row, targets, health=seen).targets[0] == "cheap"
    off = decided(row, targets, health=seen, flags=[Flag(flag, False)])
    assert (off.targets[0], off.strategy) == ("dear", "sequential")
    assert flag in off.reasons["dear"]


def test_who_is_above_the_ceiling_is_passed_over_and_who_has_no_price_cannot_be_held_to_it():
    targets = [target("dear", 300), target("none"), target("cheap", 100)]
    decision = decided(route("dear", "none", "cheap", max_cost_nanousd=200_000), targets)
    assert decision.targets == ("cheap",)
    assert passed(decision) == {
        "dear": "expected to cost 300000 nano-dollars, and the request may cost 200000",
        "none": "has no prices, and the request may cost 200000 nano-dollars",
    }


def test_a_cap_on_the_answer_lowers_what_is_expected():
    model = target("a")._replace(prices=target("a", 0).prices._replace(output=1_000_000))
    capped = [policy(max_tokens=40, max_cost_nanousd=50)]
    assert decided(route("a"), [model], policies=capped).targets == ("a",)
    assert decided(route("a"), [model], policies=[policy(max_cost_nanousd=50)]).targets == ()


def test_the_faster_one_that_costs_too_much_more_comes_behind():
    targets = [target("slow", 100), target("near", 105), target("dear", 106)]
    seen = {"slow": health(duration_ms=900), "near": health(duration_ms=500), "dear": health(duration_ms=100)}
    row = route("slow", "near", "dear", strategy="fastest_first")
    decision = decided(row, targets, health=seen)
    assert decision.targets == ("near", "slow", "dear")
    assert "5 % more than slow" in decision.reasons["dear"]
    assert decided(row._replace(max_cost_increase=6.0), targets, health=seen).targets == ("dear", "near", "slow")
    assert decided(row._replace(strategy="weighted", weights={"dear": 10**6}), targets).targets[0] == "dear"


def test_quality_under_a_ceiling_may_cost_more_than_the_first():
    targets = [target("good", 100, quality=50), target("best", 300, quality=90)]
    row = route("good", "best", strategy="quality_first")
    assert decided(row, targets).targets == ("good", "best")
    assert decided(row._replace(max_cost_nanousd=400_000), targets).targets == ("best", "good")


IDS = "abcdef"
SOME = st.sets(st.sampled_from(IDS), max_size=4)


@given(st.data())
@settings(max_examples=200)
def test_what_holds_of_every_decision(data):
    draw = data.draw
    targets = [
        target(
            id,
            draw(st.none() | st.integers(0, 400)),
            context_window=draw(st.sampled_from([900, 10_000])),
            chain=draw(st.sampled_from([None, "x"])),
        )
        for id in IDS
    ]
    strategy, ceiling = draw(st.sampled_from(sorted(STRATEGIES))), draw(st.none() | st.integers(0, 400_000))
    row = route(*draw(st.lists(st.sampled_from(IDS), min_size=1, unique=True)), strategy=strategy, max_cost_nanousd=ceiling)
    acts = {"add_targets": (*sorted(draw(SOME)), "gone"), "remove_targets": tuple(sorted(draw(SOME)))}
    features = FEATURES._replace(fallbacks=(*sorted(draw(SOME)), "ghost"), user=draw(st.sampled_from(["", "u"])))
    states = draw(st.dictionaries(st.sampled_from(IDS), st.sampled_from([OPEN, HALF_OPEN])))
    lacks, full = draw(SOME), tuple(sorted(draw(SOME)))
    more = {
        "policies": [policy(**acts)],
        "chains": {"x": Chain(tuple(sorted(draw(SOME))), tuple(sorted(draw(SOME))), (), draw(st.none() | st.sampled_from(IDS)))},
        "flags": [Flag("fallback", draw(st.booleans()))],
        "lacks": lacks,
        "full": full,
        "circuits": states,
        "health": {id: health(duration_ms=draw(st.integers(1, 999)), success=draw(st.integers(0, 1_000))) for id in draw(SOME)},
        "draw": draw(st.floats(0, 1, exclude_max=True)),
        "turn": draw(st.integers(0, 99)),
    }
    decision = decided(row, targets, features, **more)
    tried, candidates = set(decision.targets), {*row.targets, *acts["add_targets"], *features.fallbacks}
    by_id = {one.id: one for one in targets}

    assert decision == decided(row, targets, features, **more)
    assert len(tried) == len(decision.targets)
    assert candidates <= tried | set(passed(decision))
    assert not tried & set(passed(decision))
    assert not tried & {*lacks, *full, *acts["remove_targets"], "gone", "ghost"}
    assert set(decision.reasons) == tried
    if ceiling is not None:
        assert all((cost := expected_nanousd(features, by_id[id])) is not None and cost <= ceiling for id in tried)
    if any(states.get(id) == OPEN for id in tried):
        assert all(states.get(id) == OPEN for id in tried)
        assert decision.warning
    own = [id for id in (*row.targets, *acts["add_targets"]) if id in tried and states.get(id) is None]
    if own and strategy in ADAPTIVE and ceiling is None and decision.targets[0] in own and (more["draw"] >= 0.1 or not states):
        base = next(id for id in dict.fromkeys((*row.targets, *acts["add_targets"])) if id in own)
        first, default = (expected_nanousd(features, by_id[id]) for id in (decision.targets[0], base))
        assert default is None or decision.targets[0] == base or (first is not None and first <= default * 1.05)
