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
