"""No condition of the ledger's writes is there in vain: without it, the story told beside it breaks the invariant; with it, none does."""

import pytest

from .ledger_world import Act, World

HARD = {"key#k": ("total", True, 900)}
SOFT = {"team#t/a": ("month", False, 500)}
LEASE_AS_SEEN = (
    "#leases.#lease.#held = :held",
    "#leases.#lease.#seq = :seq",
    "#leases.#lease.#expires_ms = :seen_ms",
)
A_WHILE, TEN_MINUTES, ONE_PARTITION_EACH = 4, 5, 16  # the first two are places in STEPS_MS


def two_want_more_than_there_is(ignored):
    world = World(ignored, {"key#k": ("total", True, 300)})
    for what in ("step", "step"):
        world.act(Act(0, what, 20))
        world.act(Act(1, what, 20))
    return world


def the_answer_to_a_lease_is_lost(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step", faults=((3, "late"),)))
    return world


def the_answer_to_a_settling_is_lost(ignored):
    world = World(ignored, {"key#k": ("total", True, 100_000)})
    world.act(Act(0, "step", 1))
    world.act(Act(0, "step", 20))
    world.act(Act(0, "step", faults=((2, "late"),)))
    return world


def a_container_settles_what_the_sweeper_has_settled(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step", 9))
    world.act(Act(0, "step", 9))
    world.act(Act(0, "advance", TEN_MINUTES))
    world.act(Act(0, "sweep"))
    world.act(Act(0, "step"))
    return world


def an_intent_arrives_when_all_is_over(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step"))
    world.act(Act(0, "step", faults=((0, "delayed"),)))
    world.act(Act(0, "step"))
    world.act(Act(0, "release"))
    world.act(Act(0, "deliver"))
    return world


def two_begin_a_period(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step", meanwhile=((2, Act(1, "step")),)))
    world.act(Act(0, "step", 20))
    world.act(Act(1, "step", 20))
    return world


def a_budget_changes_before_its_period_begins(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step", meanwhile=((2, Act(0, "change", 5)),)))
    return world


def a_charge_without_a_lease_is_not_answered_for(ignored):
    world = World(ignored, SOFT, faults_a_request=9)
    world.act(Act(0, "step", faults=((3, "lost"), (4, "lost"))))
    world.act(Act(0, "step"))
    world.act(Act(0, "step", faults=((4, "late"),)))
    return world


def crashed_between_its_outbox_and_the_budget(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step", 20))
    world.act(Act(0, "step", 20))
    world.act(Act(0, "step", faults=((2, "crash"),)))
    world.act(Act(0, "advance", A_WHILE))
    return world


def a_slow_sweeper_comes_after_all_others(ignored):
    world = crashed_between_its_outbox_and_the_budget(ignored)
    quick = Act(0, "sweep", faults=((ONE_PARTITION_EACH + 2, "crash"),))
    needs_the_lease = Act(1, "step", 80)
    world.act(Act(0, "sweep", meanwhile=((ONE_PARTITION_EACH - 1, quick), (ONE_PARTITION_EACH, needs_the_lease))))
    return world


def the_sweeper_is_faster_than_who_needs_the_lease(ignored):
    world = crashed_between_its_outbox_and_the_budget(ignored)
    world.act(Act(1, "step", 80, meanwhile=((5, Act(0, "sweep")),)))
    return world


def a_container_thaws_while_its_lease_is_returned(ignored):
    world = World(ignored, {"key#k": ("total", True, 6_500)})
    for _ in range(3):
        world.act(Act(0, "step", 1))
    world.act(Act(0, "advance", A_WHILE))
    world.act(Act(1, "step", 645, meanwhile=((5, Act(0, "step", 1)),)))
    world.act(Act(0, "step", 20))
    world.act(Act(1, "step", 20))
    return world


def a_request_costs_more_than_its_bound(ignored):
    world = World(ignored, {"key#k": ("total", True, 11_000)})
    world.act(Act(0, "step", 2))
    world.act(Act(0, "step", 20))
    world.act(Act(0, "advance", A_WHILE))
    world.act(Act(1, "step", 1_090))
    [request] = world.reached.values()
    world.containers[0].billed = request.billed = 50
    world.act(Act(0, "step"))
    return world


STORIES = [
    (("#remaining >= :more",), two_want_more_than_there_is),
    (("attribute_not_exists(#leases.#lease)",), the_answer_to_a_lease_is_lost),
    (("#leases.#lease.#seq < :number",), the_answer_to_a_settling_is_lost),
    (("#leases.#lease.#held >= :out",), a_request_costs_more_than_its_bound),
    (("#state = :intent",), a_container_settles_what_the_sweeper_has_settled),
    (("attribute_not_exists(#pk)",), an_intent_arrives_when_all_is_over),
    (("attribute_not_exists(#pk)",), two_begin_a_period),
    (("#budgets.#kind.#version = :version",), a_budget_changes_before_its_period_begins),
    (("attribute_exists(#holds.#slot)",), a_charge_without_a_lease_is_not_answered_for),
    (("attribute_not_exists(#charged)",), a_slow_sweeper_comes_after_all_others),
    (("attribute_exists(#pk)",), the_sweeper_is_faster_than_who_needs_the_lease),
    (LEASE_AS_SEEN, a_container_thaws_while_its_lease_is_returned),
]


@pytest.mark.parametrize(("conditions", "story"), STORIES, ids=[story.__name__ for _, story in STORIES])
def test_a_condition_is_what_saves_the_invariant(conditions, story):
    story(()).end()
    with pytest.raises((AssertionError, KeyError)):
        story(conditions).end()
