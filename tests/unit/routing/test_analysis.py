"""What a configuration promises: by hand on small ones, by removal and simulation on any."""

from collections import Counter
from itertools import pairwise
from math import log2
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.money import Prices
from signalbox.routing.analysis.fates import MONTH_S, Shares
from signalbox.routing.analysis.report import Assumptions, analyse, of_route
from signalbox.routing.analysis.serving import entropy_bits
from signalbox.routing.catalog import Chain, Flag, Route, Snapshot, Target, Timeouts

PRICES = Prices(1_000_000, 4_000_000, 1_000_000, 1_000_000, 4_000_000, 1_000_000)  # nano-dollars per million: 1 a token in, 4 out
ROUTE = Route("chat", ("a/1", "b/1"), "sequential", Timeouts(total_s=60), 3)


def target(id, availability=0.99, region="", **more):
    more = {"prices": PRICES, "timeouts": Timeouts(5, 10, 120)} | more
    return Target(id, id.partition("/")[0], id, 10_000, 1_000, frozenset(), availability=availability, region=region, **more)


def snapshot(*targets, routes=(ROUTE,), **more):
    models = [Route(row.id, (row.id,), "sequential", Timeouts(total_s=120), 3) for row in targets]
    rows = {route.name: route for route in (*models, *routes)}
    return Snapshot(1, "digest", {}, {row.id: row for row in targets}, rows, {name: name for name in rows}, **more)


AB = (target("a/1", 0.99), target("b/1", 0.9))


def analysed(*targets, route=ROUTE, assumptions=Assumptions(), **more):  # noqa: B008
    route = route._replace(targets=tuple(row.id for row in targets)) if targets else route
    return of_route(route, snapshot(*(targets or AB), routes=(route,), **more), assumptions)


def codes(found):
    return [caution.code for caution in found.cautions]


def message(found, code):
    (said,) = [caution.message for caution in found.cautions if caution.code == code]
    return said


def test_two_providers():
    found = analysed()
    assert found.correlated == found.independent
    assert found.correlated.unavailability == pytest.approx(0.001)
    assert found.correlated.nines == pytest.approx(3)
    assert found.correlated.down_s == pytest.approx(2630.016)
    assert (found.last_resort, found.terminal, found.last_resort_elsewhere) == ("b/1", None, True)
    assert found.single_points == ()
    assert [(loss.kind, loss.name, round(loss.fails, 9)) for loss in found.losses] == [
        ("provider", "a", 0.1),
        ("provider", "b", 0.01),
        ("target", "a/1", 0.1),
        ("target", "b/1", 0.01),
    ]
    assert found.fails_without_first == pytest.approx(0.1)
    assert (found.groups, found.pairs, found.cautions) == ((), (), ())


def test_one_provider_in_one_region():
    found = analysed(target("a/1", region="us"), target("a/2", region="us"))
    assert found.correlated.unavailability > 50 * found.independent.unavailability
    assert found.single_points == ("provider a", "region us")
    assert found.fails_without_first == 1
    assert [(group.kind, group.name, group.targets) for group in found.groups] == [
        ("provider", "a", ("a/1", "a/2")),
        ("region", "us", ("a/1", "a/2")),
    ]
    assert found.groups[0].all_down == found.correlated.unavailability
    assert found.groups[0].all_down_independent == found.independent.unavailability
    assert found.pairs[0].targets == ("a/1", "a/2")
    assert 0.6 < found.pairs[0].correlation < 0.8
    assert codes(found) == ["single_provider", "single_region", "availability"]
    assert "it is down whenever a is" in message(found, "single_provider")


def test_one_target_is_told_of_once():
    found = analysed(target("a/1", 0.99))
    assert found.single_points == ("provider a", "target a/1")
    assert codes(found) == ["single_provider", "availability"]
    assert message(found, "availability").startswith("available 99 % of the time, less than 99.9 %")
    assert codes(analysed(target("a/1", 0.99), assumptions=Assumptions(least_availability=0.98))) == ["single_provider"]


def test_what_is_shared_can_be_said_otherwise():
    same = target("a/1"), target("a/2")
    assert analysed(*same, assumptions=Assumptions(0.0, 0.0)).correlated.unavailability == pytest.approx(0.0001)
    assert analysed(*same, assumptions=Assumptions(1.0, 0.0)).correlated.unavailability == pytest.approx(0.01)


def test_chains_are_followed_and_the_terminal_one_comes_last():
    chains = {"deep": Chain(generic=("c/1",), terminal="d/1")}
    rows = target("a/1", chain="deep"), target("b/1"), target("c/1"), target("d/1")
    route = ROUTE._replace(max_attempts=4)
    found = of_route(route, snapshot(*rows, routes=(route,), chains=chains))
    assert [member.target for member in found.targets] == ["a/1", "b/1", "c/1", "d/1"]
    assert (found.last_resort, found.terminal) == ("d/1", "d/1")
    assert found.correlated.unavailability == pytest.approx(1e-8)

    cut = of_route(ROUTE, snapshot(*rows, chains=chains))
    assert [member.tried for member in cut.targets] == [True, True, True, False]
    assert cut.last_resort == "c/1"
    assert message(cut, "unreached").startswith("max_attempts 3 leaves d/1 untried in one request, the terminal one too.")
    assert cut.correlated.unavailability == pytest.approx(1e-6)

    without = of_route(route, snapshot(*rows, routes=(route,), chains={"deep": Chain(generic=("c/1", "d/1"))}))
    assert codes(without) == ["no_terminal"]


def test_retries_take_attempts_from_the_targets_behind():
    route = ROUTE._replace(retries={"server": 2, "rate_limited": 5})
    found = analysed(route=route)
    assert [member.tried for member in found.targets] == [True, False]
    assert found.correlated.unavailability == pytest.approx(0.01)
    assert "the retries among them, leaves b/1" in message(found, "unreached")
    assert [member.tried for member in analysed(route=route._replace(max_attempts=4)).targets] == [True, True]


def test_a_total_that_one_target_uses_up_lets_no_other_begin():
    found = analysed(route=ROUTE._replace(timeouts=Timeouts(total_s=5)))
    assert found.worst.first_byte_s == 5
    assert "where those before hang, nobody asks b/1 within the 5 s" in message(found, "too_late")
    assert analysed().worst.first_byte_s == 10
    assert analysed(route=ROUTE._replace(timeouts=Timeouts(ttft_s=2, total_s=60))).worst.first_byte_s == 4
    assert analysed(route=ROUTE._replace(timeouts=Timeouts(total_s=7))).worst.first_byte_s == 7
    assert analysed(route=ROUTE._replace(retries={"timeout": 1}, max_attempts=4)).worst.first_byte_s == 20


def test_the_same_provider_last():
    found = analysed(target("a/1"), target("b/1"), target("a/2"))
    assert not found.last_resort_elsewhere
    assert codes(found) == ["same_provider_last"]


def test_costs():
    found = analysed()
    assert [member.cost_nanousd for member in found.targets] == [1_000 + 500 * 4] * 2
    assert found.expected_cost_nanousd == 3_000
    assert found.worst.cost_nanousd == 2 * (1_000 + 1_000 * 4)
    assert found.worst.full_cost_nanousd == 2 * (10_000 + 1_000 * 4)
    assert (found.worst.attempts, found.worst.total_s) == (3, 60)
    ceiling = analysed(route=ROUTE._replace(max_cost_nanousd=12_000)).worst
    assert (ceiling.cost_nanousd, ceiling.full_cost_nanousd) == (10_000, 12_000)


def test_the_dearest_that_may_be_tried_count_and_those_of_a_kind_as_well():
    dear = target("c/1", prices=PRICES._replace(input=9_000_000))
    chain = {"long": Chain(context_too_long=("c/1",))}
    rows = target("a/1", chain="long"), target("b/1"), dear
    found = of_route(ROUTE._replace(max_attempts=2), snapshot(*rows, chains=chain))
    assert found.worst.cost_nanousd == (9_000 + 4_000) + (1_000 + 4_000)
    assert [member.target for member in found.targets] == ["a/1", "b/1"]


def test_what_has_no_price_makes_costs_unknown():
    found = analysed(target("a/1"), target("b/1", prices=None))
    assert (found.expected_cost_nanousd, found.worst.cost_nanousd) == (None, None)
    assert "b/1 has no prices: its cost is not known" in message(found, "unpriced")
    found = analysed(target("a/1", prices=None), target("b/1", prices=None))
    assert "a/1, b/1 have no prices: their cost is not known" in message(found, "unpriced")


def test_embeddings_give_no_output():
    found = analysed(target("a/1")._replace(max_output_tokens=0), target("b/1")._replace(max_output_tokens=0))
    assert (found.expected_cost_nanousd, found.worst.cost_nanousd) == (1_000, 2_000)


def test_fallback_switched_off_leaves_the_first_target():
    found = analysed(flags={"fallback": Flag("fallback", enabled=False)})
    assert found.single_points == ("provider a", "target a/1")
    assert codes(found) == ["single_provider", "availability", "fallback"]
    assert analysed(flags={"fallback": Flag("fallback", percent=0)}).last_resort == "a/1"
    in_part = analysed(flags={"fallback": Flag("fallback", percent=50)})
    assert (in_part.last_resort, codes(in_part)) == ("b/1", ["fallback"])
    assert codes(analysed(flags={"fallback": Flag("fallback")})) == []


ALWAYS = {"a/1": 1.0, "b/1": 1.0}


@pytest.mark.parametrize(
    ("strategy", "weights", "by", "bits"),
    [
        ("sequential", {}, "declared order", 0),
        ("round_robin", {}, "turns", 1),
        ("weighted", {}, "weights", 1),
        ("weighted", {"a/1": 3}, "weights", 0.8112781244591328),
        ("sticky", {"a/1": 3}, "users, evenly", 1),
        ("fastest_first", {}, "declared order, since nothing is measured yet", 0),
    ],
)
def test_entropy_of_who_serves(strategy, weights, by, bits):
    route = ROUTE._replace(strategy=strategy, weights=weights)
    found = analysed(target("a/1", 1.0), target("b/1", 1.0), route=route)
    assert (found.entropy_by, found.entropy_bits) == (by, pytest.approx(bits))


def test_who_serves_in_order_is_who_is_up_first():
    found = analysed(target("a/1", 0.5), target("b/1", 0.5), target("c/1", 0.5))
    assert [member.serves for member in found.targets] == pytest.approx([4 / 7, 2 / 7, 1 / 7])
    assert found.entropy_bits == pytest.approx(4 / 7 * log2(7 / 4) + 2 / 7 * log2(7 / 2) + 1 / 7 * log2(7))
    assert found.expected_cost_nanousd == 3_000


def test_who_serves_is_what_a_simulation_finds():
    """Independent targets, in turn: each serves while it is up, else the next one round."""
    up = {"a/1": 0.9, "b/1": 0.6, "c/1": 0.4}
    draws, served, runs = Random(3), Counter(), 60_000
    for turn in range(runs):
        order = [*up][turn % 3 :] + [*up][: turn % 3]
        served[next((id for id in order if draws.random() < up[id]), None)] += 1
    answered = runs - served[None]
    found = analysed(*(target(id, a) for id, a in up.items()), route=ROUTE._replace(strategy="round_robin"))
    for member in found.targets:
        share = member.serves
        assert abs(served[member.target] / answered - share) <= 4.5 * (share * (1 - share) / answered) ** 0.5


def test_routes_are_told_and_models_that_name_a_chain():
    rows = target("a/1", chain="deep"), target("b/1"), target("a/*")
    found = analyse(snapshot(*rows, chains={"deep": Chain(terminal="b/1")}))
    assert [route.route for route in found.routes] == ["a/1", "chat"]
    assert found.last_resorts.targets == {"b/1": 2}
    assert found.last_resorts.providers == {"b": 2}
    (model,) = analyse(snapshot(*rows), [ROUTE._replace(name="b/1", targets=("b/1",))]).routes
    assert model.single_points == ("provider b", "target b/1")


def test_a_strategy_that_turns_the_order_reaches_another_first():
    route = ROUTE._replace(strategy="round_robin", max_attempts=1)
    assert [round(member.serves, 3) for member in analysed(target("a/1"), target("b/1"), route=route).targets] == [0.5, 0.5]


chains = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.2, 1), st.sampled_from(["", "us", "eu"])), min_size=1, max_size=5).map(
    lambda rows: [target(f"{provider}/{number}", up, region) for number, (provider, up, region) in enumerate(rows)]
)
strategies = st.sampled_from(["sequential", "round_robin", "weighted", "sticky", "lowest_cost"])


def causes(row):
    """Whose loss takes it away."""
    return {f"provider {row.provider}", f"target {row.id}", *([f"region {row.region}"] if row.region else [])}


@given(chains, st.integers(1, 5))
def test_a_single_point_of_failure_is_what_nobody_is_left_without(rows, max_attempts):
    found = analysed(*rows, route=ROUTE._replace(max_attempts=max_attempts))
    tried = rows[:max_attempts]
    things = {thing for row in tried for thing in causes(row)}
    alone = {thing for thing in things if not [row for row in tried if thing not in causes(row)]}
    assert set(found.single_points) == alone
    assert {f"{loss.kind} {loss.name}" for loss in found.losses} == things
    assert all(loss.fails == 1 for loss in found.losses if loss.single_point)
    assert all(loss.fails >= found.correlated.unavailability - 1e-12 for loss in found.losses)


@given(chains, strategies)
def test_entropy_is_none_for_one_and_never_more_than_there_are(rows, strategy):
    found = analysed(*rows, route=ROUTE._replace(strategy=strategy, max_attempts=5))
    assert -1e-9 <= found.entropy_bits <= log2(len(rows)) + 1e-9
    assert sum(member.serves for member in found.targets) == pytest.approx(1)
    if len(rows) == 1:
        assert found.entropy_bits == 0


@given(chains, st.floats(0, 1))
def test_more_targets_are_never_worse(rows, provider):
    route = ROUTE._replace(max_attempts=5)
    standings = [
        analysed(*rows[: count + 1], route=route, assumptions=Assumptions(provider, 1 - provider)).correlated for count in range(len(rows))
    ]
    for fewer, more in pairwise(standings):
        assert more.unavailability <= fewer.unavailability + 1e-12
        assert more.down_s == pytest.approx(more.unavailability * MONTH_S)
        assert more.nines is None or fewer.nines is not None


def test_even_shares_have_the_most_entropy():
    assert entropy_bits([0.25] * 4) == 2
    assert entropy_bits([1.0]) == entropy_bits([]) == 0
    assert Assumptions().shares == Shares()
