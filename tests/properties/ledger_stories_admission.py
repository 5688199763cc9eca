"""What happens where a decision of an admission is missing: who is refused, or asks too often, or takes a place from others.

As in `ledger_stories`, the world asserts; and a story what was promised to those in it.
"""

from .ledger_stories import A_WHILE, EVERY_PLACE, FOR_A_WHILE, HARD, SOFT, several_hold
from .ledger_world import Act, World, small_shards

SOFT_FOR_EVER = {"team#t/a": ("total", False, 500)}
MOST_CALLS = 12  # of one admission, in its few waves, however many are at its shards


def admitted(world, who):
    return world.containers[who].hold is not None


def what_a_container_holds_itself_does_not_keep_it_out_of_an_account_that_is_shut(ignored):
    """A soft budget of several items becomes hard, and owes: no item leases then, until one who holds too much of it gives that back."""
    with small_shards(2):
        world = World(ignored)
        world.act(Act(0, "flip"))
        for who in (0, 2, 1):
            world.act(Act(who, "step", 20))
        world.act(Act(1, "step", 1))
        world.act(Act(1, "step", 1))
        world.act(Act(0, "flip"))
        world.act(Act(0, "advance", 3))
        assert len(world.accounts()["key#k", "total"]) == 2
        world.act(Act(1, "step", 1))
        assert admitted(world, 1), "it may not have what it held itself"
        world.act(Act(1, "step", 20))
        world.end()
    return world


def a_soft_account_is_not_refused_for_a_raise_that_has_ended(ignored):
    """Nobody has ended it in the ledger yet, and more is spent than what was there before."""
    world = World(ignored, {"key#k": ("total", False, 500)})
    world.act(Act(0, "step", 20))
    world.act(Act(0, "raise", 4))
    for _ in range(9):
        world.act(Act(0, "step", 20))
    world.act(Act(0, "advance", 4))
    for who in (0, 1):
        world.act(Act(who, "step", 20))
        world.act(Act(who, "step", 20))
    assert admitted(world, 1), "a soft budget refuses"
    world.act(Act(1, "step", 20))
    return world


def others_are_at_the_shards_that_are_to_become_more_or_to_give(ignored):
    """At each place once: whoever asked asks again, believes nothing that was not written, and comes in."""
    for limits in (HARD, SOFT_FOR_EVER):
        for size in (1, 50):
            for place in EVERY_PLACE:
                with small_shards(2):
                    world = several_hold(ignored, size=5, limits=limits)
                    world.act(Act(4, "step", size, faults=((place, "contended"),)))
                    assert admitted(world, 4), "refused, and others were there but once"
                    world.act(Act(4, "step", 20))
                    for who in range(3):
                        world.act(Act(who, "step"))
                    world.end()
    return world


def one_lost_answer_at_several_shards(ignored):
    for fault in ("lost", "late"):
        for place in EVERY_PLACE:
            with small_shards(1):
                world = several_hold(ignored, size=5)
                world.act(Act(4, "step", 30, faults=((place, fault),)))
                world.act(Act(4, "step", 20))
                world.end()
    return world


def who_holds_some_of_what_is_left_wants_all_of_it(ignored):
    """Its own lease counts, on a shard that has no other place."""
    with small_shards(1):
        world = World(ignored, HARD)
        for who in (0, 1):
            for _ in range(3):
                world.act(Act(who, "step", 1))
        items = world.accounts()["key#k", "total"]
        mine = sum(row["held"] for item in items for id, row in item["leases"].items() if id.startswith(world.containers[0].name))
        left = sum(item["remaining"] for item in items)
        assert mine > 3
        world.act(Act(0, "step", 3 * (left + mine) // 10))
        assert admitted(world, 0), "refused, and there was enough"
        world.act(Act(0, "step", 20))
    return world


def the_dead_hold_all_places_of_a_soft_account(ignored):
    with small_shards(1):
        world = World(ignored, SOFT_FOR_EVER)
        for who in range(5):
            for what in ("step", "step"):
                world.act(Act(who, what, 5))
            world.act(Act(who, "step", 5))
        for who in range(5):
            world.act(Act(who, "crash"))
        world.act(Act(0, "advance", A_WHILE))
        world.act(Act(5, "step", 5))
        assert all(part.is_leased for part in world.containers[5].hold.parts), "no place is found, and the dead had some"
    return world


def an_account_of_an_earlier_release_lets_whoever_wants_in(ignored):
    for limits in (HARD, SOFT_FOR_EVER):
        world = World(ignored, limits)
        world.backdate()
        world.act(Act(0, "step", 5))
        assert admitted(world, 0), "refused, and there was enough"
        world.act(Act(0, "step", 20))
        world.end()
    return world


def nobody_asks_more_often_than_it_has_to(ignored):
    """The calls of an admission, by what it meets."""
    counted = {}
    for limits in (HARD, SOFT):
        world = World(ignored, limits)
        for who, what in ((0, "the first of a period"), (1, "the next"), (1, "one with a lease")):
            before = len(world.cloud.calls)
            world.act(Act(who, "step", 1))
            counted[limits is HARD, what] = len(world.cloud.calls) - before
            for _ in range(2):
                world.act(Act(who, "step", 1))
        world.end()
    assert {what: {counted[True, what], counted[False, what]} for _, what in counted} == {
        "the first of a period": {4},  # its budgets, a lease of what is not there, the item, a lease
        "the next": {2},
        "one with a lease": {0},
    }, "it asks more often than it has to"
    with small_shards(1):
        world = several_hold(ignored)
        for who, size in ((3, 1), (4, 20), (0, 40)):
            before = len(world.cloud.calls)
            world.act(Act(who, "step", size))
            assert len(world.cloud.calls) - before <= MOST_CALLS, "it asks more often than it has to"
    return world


def a_raise_ends_while_a_soft_lease_is_renewed(ignored):
    world = World(ignored, SOFT_FOR_EVER)
    world.act(Act(0, "step", 1))
    world.act(Act(0, "raise", FOR_A_WHILE))
    world.act(Act(0, "advance", A_WHILE))
    world.act(Act(1, "step", 1))
    [item] = world.accounts()["team#t/a", "total"]
    assert item["limit"] == 500, "a raise has ended, and its headroom stays"
    return world


STORIES = (
    what_a_container_holds_itself_does_not_keep_it_out_of_an_account_that_is_shut,
    a_soft_account_is_not_refused_for_a_raise_that_has_ended,
    others_are_at_the_shards_that_are_to_become_more_or_to_give,
    one_lost_answer_at_several_shards,
    who_holds_some_of_what_is_left_wants_all_of_it,
    the_dead_hold_all_places_of_a_soft_account,
    an_account_of_an_earlier_release_lets_whoever_wants_in,
    nobody_asks_more_often_than_it_has_to,
    a_raise_ends_while_a_soft_lease_is_renewed,
)
