"""How likely targets are down together: the sum over all that may strike, against a simulation of it and against what must hold."""

from itertools import pairwise
from math import log, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.routing.analysis.fates import USUAL, Shares, all_down, correlation, down, groups, independent, nines
from signalbox.routing.catalog import Target

RUNS = 40_000
STANDARD_ERRORS = 4.5


def target(id, availability, region=""):
    return Target(id, id.partition("/")[0], id, 1_000, 100, frozenset(), None, availability=availability, region=region)


def simulated(targets, shares, runs=RUNS, seed=7):
    """The share of runs in which all are down. Each cause has a force, uniform in [0, 1), that strikes all who share it."""
    draws, failed = Random(seed), 0
    for _ in range(runs):
        force = {}

        def spared(cause, target, share, force=force):
            return force.setdefault(cause, draws.random()) < target.availability**share

        failed += not any(
            spared(("provider", target.provider), target, shares.provider)
            and (not target.region or spared(("region", target.region), target, shares.region))
            and spared(("own", target.id), target, 1 - shares.provider - (shares.region if target.region else 0))
            for target in targets
        )
    return failed / runs


FRAIL = {
    "one": [target("a/1", 0.8)],
    "two of one provider": [target("a/1", 0.8), target("a/2", 0.8)],
    "two of one provider, one frailer": [target("a/1", 0.6), target("a/2", 0.9)],
    "one region": [target("a/1", 0.7, "us"), target("b/1", 0.5, "us")],
    "across": [target("a/1", 0.6, "us"), target("a/2", 0.7, "eu"), target("b/1", 0.5, "us"), target("b/2", 0.6, "eu")],
    "mixed": [target("a/1", 0.6, "us"), target("a/2", 0.4), target("b/1", 0.5, "us"), target("c/1", 0.3, "us"), target("c/2", 0.3, "us")],
}
SHARES = [USUAL, Shares(0.0, 0.9), Shares(0.7, 0.3), Shares(0.0, 0.0)]


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("name", FRAIL)
def test_it_is_what_a_simulation_finds(name, shares):
    targets = FRAIL[name]
    exact = all_down(targets, shares)
    assert abs(simulated(targets, shares) - exact) <= STANDARD_ERRORS * sqrt(exact * (1 - exact) / RUNS)


def test_the_simulation_tells_what_is_shared_from_what_is_not():
    targets = FRAIL["two of one provider"]
    apart = independent(targets)
    assert simulated(targets, USUAL) - apart > 10 * sqrt(apart * (1 - apart) / RUNS)


def test_one_target_is_down_as_often_as_it_is_declared_to_be():
    for region in ("", "us"):
        assert all_down([target("a/1", 0.999, region)]) == pytest.approx(0.001)
    assert down(target("a/1", 1.0)) == 0
    assert all_down([]) == 1


def test_two_of_a_provider_by_hand():
    """u = 0.19 = 1 - 0.9²: by half of it the provider's cause strikes with 1 - 0.9, and each of its own with as much."""
    assert all_down([target("a/1", 0.81), target("a/2", 0.81)]) == pytest.approx(0.1 + 0.9 * 0.1 * 0.1)
    assert all_down([target("a/1", 0.81), target("b/1", 0.81)]) == pytest.approx(0.19**2)


def test_a_frailer_one_is_down_whenever_a_cause_of_both_strikes_the_other():
    all_shared = Shares(1.0, 0.0)
    assert all_down([target("a/1", 0.9), target("a/2", 0.7)], all_shared) == pytest.approx(0.1)


def test_an_unknown_region_is_nobody_elses():
    assert groups([target("a/1", 0.9), target("b/1", 0.9)], "region") == []
    assert all_down([target("a/1", 0.9), target("b/1", 0.9)]) == pytest.approx(0.01)
    assert all_down([target("a/1", 0.9, "us"), target("b/1", 0.9, "us")]) > 0.02


def test_what_never_fails_saves_all():
    assert all_down([target("a/1", 1.0), target("a/2", 0.5)]) == 0


def test_what_never_fails_is_down_0_and_never_minus_0():
    assert {str(down(target("a/1", 1.0))), str(independent([target("a/1", 1.0)])), str(all_down([target("a/1", 1.0)]))} == {"0.0"}


def test_correlation():
    one, other, elsewhere = target("a/1", 0.9), target("a/2", 0.9), target("b/1", 0.9)
    assert correlation(one, elsewhere) == pytest.approx(0)
    assert correlation(one, other, Shares(1.0, 0.0)) == pytest.approx(1)
    assert 0 < correlation(one, other, Shares(0.3, 0.0)) < correlation(one, other, Shares(0.6, 0.0)) < 1
    assert correlation(target("a/3", 1.0), other) == 0


def test_nines():
    assert nines(0.001) == 3
    assert nines(0.05) == pytest.approx(-log(0.05, 10))
    assert (nines(1), nines(0)) == (0, None)


targets = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.01, 1), st.sampled_from(["", "us", "eu"])), min_size=1, max_size=6).map(
    lambda rows: [target(f"{provider}/{number}", availability, region) for number, (provider, availability, region) in enumerate(rows)]
)
shares = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda pair: Shares(pair[0] * 0.999, (1 - pair[0]) * pair[1]))
ALMOST = 1e-12


@given(targets, shares)
def test_adding_a_target_never_lowers_availability(targets, shares):
    likely = [all_down(targets[:count], shares) for count in range(len(targets) + 1)]
    assert all(after <= before + ALMOST for before, after in pairwise(likely))


@given(targets, shares)
def test_what_is_shared_never_helps(targets, shares):
    assert all_down(targets, shares) >= independent(targets) - ALMOST


@given(targets, st.floats(0, 0.4), st.floats(0, 0.4), st.floats(0, 0.2))
def test_nor_does_sharing_more(targets, provider, region, more):
    less = all_down(targets, Shares(provider, region))
    assert all_down(targets, Shares(provider + more, region)) >= less - ALMOST
    assert all_down(targets, Shares(provider, region + more)) >= less - ALMOST


@given(targets, shares)
def test_their_order_does_not_matter(targets, shares):
    assert all_down(targets[::-1], shares) == pytest.approx(all_down(targets, shares), abs=ALMOST)


@given(st.floats(1e-300, 1), st.floats(1e-300, 1))
def test_fewer_failures_are_no_fewer_nines(one, other):
    assert nines(min(one, other)) >= nines(max(one, other))


@given(targets)
def test_where_nothing_is_shared_it_is_the_product(targets):
    assert all_down(targets, Shares(0.0, 0.0)) == pytest.approx(independent(targets), abs=ALMOST)
