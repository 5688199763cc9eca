"""Nobody overspends: many containers, and whatever can crash, get lost, be late, repeat or race between any two of their writes.

What must be so stands in `ledger_world`.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from signalbox.admission import shards

from .ledger_world import LESS, LIMITS, ROOMY, SKEWS_MS, Act, World, small_shards

EXAMPLES = int(os.environ.get("LEDGER_EXAMPLES", "0"))
WHO = st.integers(0, len(SKEWS_MS) - 1)
SIZES = st.integers(1, 20)
POSITIONS = st.integers(0, 7) | st.integers(15, 22)  # a sweep begins with sixteen reads
FAULTS = st.tuples(POSITIONS, st.sampled_from(["lost", "late", "late", "delayed", "throttled", "crash", "crash after"]))
WHATS = st.sampled_from(["step"] * 6 + ["advance", "advance", "sweep", "crash", "abandon", "deliver", "release", "change", "raise", "flip"])


def acts(others=None):
    meanwhile = st.lists(st.tuples(POSITIONS, others), max_size=2).map(tuple) if others is not None else st.just(())
    faults = st.lists(FAULTS, max_size=2).map(tuple)
    return st.builds(Act, WHO, WHATS, SIZES, faults, meanwhile)


class Ledger(RuleBasedStateMachine):
    @initialize(limits=st.sampled_from([LIMITS, ROOMY, LESS]))
    def begin(self, limits):
        self.world = World(limits=limits)

    @rule(act=acts(acts()))
    def anything(self, act):
        self.world.act(act)

    @rule(who=WHO, size=SIZES, count=st.integers(1, 3))
    def in_peace(self, who, size, count):
        for _ in range(count):
            self.world.act(Act(who, "step", size))

    def teardown(self):
        if hasattr(self, "world"):
            self.world.end()


@pytest.mark.timeout(0 if EXAMPLES else 300)
@pytest.mark.parametrize("containers_an_item", [shards.MOST_LEASES, 2])
def test_nobody_overspends_whatever_happens(containers_an_item):
    """The same lives every time; with LEDGER_EXAMPLES=5000 in the environment so many new ones, and the failing ones shrunk."""
    with small_shards(containers_an_item):
        run_state_machine_as_test(
            Ledger,
            settings=settings(
                max_examples=EXAMPLES or 60,
                stateful_step_count=40,
                derandomize=not EXAMPLES,
                phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_what_a_container_holds_itself_does_not_keep_it_out_of_an_account_that_is_shut():
    """A soft budget of several items becomes hard, and owes: no item leases then, until one who holds too much of it gives that back."""
    with small_shards(2):
        world = World()
        world.act(Act(0, "flip"))
        for who in (0, 2, 1):
            world.act(Act(who, "step", 20))
        world.act(Act(1, "step", 1))
        world.act(Act(1, "step", 1))
        world.act(Act(0, "flip"))
        world.act(Act(0, "advance", 3))
        assert len(world.accounts()["key#k", "total"]) == 2
        world.act(Act(1, "step", 1))
        assert world.containers[1].hold, "it may have what it held itself"
        world.end()


def test_a_soft_account_is_not_refused_for_a_raise_that_has_ended():
    """Nobody has ended it in the ledger yet, and more is spent than what was there before."""
    world = World(limits={"key#k": ("total", False, 500)})
    world.act(Act(0, "step", 20))
    world.act(Act(0, "raise", 4))
    for _ in range(9):
        world.act(Act(0, "step", 20))
    world.act(Act(0, "advance", 4))
    for who in (0, 1):
        world.act(Act(who, "step", 20))
        world.act(Act(who, "step", 20))
    assert world.containers[1].hold
    world.end()
