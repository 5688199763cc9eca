"""What happens where a condition of the ledger is missing, told as short as it can be. The world in which it happens asserts."""

from contextlib import suppress
from dataclasses import replace
from itertools import combinations

from signalbox.admission.leases import Want
from signalbox.admission.shards import to_sight
from signalbox.aws import accounts, dynamodb
from signalbox.aws.client import AwsError

from .fake_aws import Pool, client
from .ledger_world import LESS, Act, Reached, World, nothing_else_is_raised, small_shards

HARD = {"key#k": ("total", True, 900)}
SOFT = {"team#t/a": ("month", False, 500)}
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
    for place in EVERY_PLACE:
        world = World(ignored, SOFT, faults_a_request=9)
        world.act(Act(0, "step", faults=((3, "lost"), (4, "lost"))))
        world.act(Act(0, "step"))
        world.act(Act(0, "step", faults=((place, "late"),)))
        world.end()
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


def a_container_whose_intent_is_in_doubt_settles_what_the_sweeper_has_settled(ignored):
    world = World(ignored, SOFT)
    world.act(Act(0, "step", 9))
    world.act(Act(0, "step", 9, faults=((0, "late"), (1, "lost"))))
    world.act(Act(0, "advance", TEN_MINUTES))
    world.act(Act(0, "sweep", faults=((ONE_PARTITION_EACH + 1, "crash"),)))
    world.act(Act(0, "step"))
    return world


def a_container_settles_while_the_sweeper_is_about_to(ignored):
    for place in range(1, 6):
        world = World(ignored, HARD, faults_a_request=3)
        world.act(Act(0, "step", 9))
        world.act(Act(0, "step", 9))
        world.act(Act(0, "advance", TEN_MINUTES))
        settles = Act(0, "step", faults=((place, "crash"),))
        world.act(Act(0, "sweep", meanwhile=((ONE_PARTITION_EACH, settles),)))
        world.end()
    return world


# Over several shards: who comes in between is tried at each place.

EVERY_PLACE = range(9)
ENDED = 3  # of the places in STEPS_MS: after FOR_A_WHILE
FOR_A_WHILE = 20  # the size of a raise that lasts forty seconds


def the_answer_to_a_soft_lease_is_lost(ignored):
    for place in EVERY_PLACE:
        world = World(ignored, {"team#t/a": ("total", False, 500)})
        world.act(Act(0, "step", faults=((place, "late"),)))
        world.end()
    return world


def a_renewal_arrives_before_the_second_try_of_a_settling(ignored):
    for limits in ({"key#k": ("total", True, 100_000)}, {"team#t/a": ("total", False, 500)}):
        for renewal in (0, 1):
            for second_try in range(3, 6):
                world = World(ignored, limits)
                for _ in range(3):
                    world.act(Act(0, "step", 1))
                world.act(Act(0, "step", 100, faults=((renewal, "delayed"),)))
                world.act(Act(0, "step", 20))
                world.act(Act(0, "step", 1, faults=((2, "late"),), meanwhile=((second_try, Act(0, "deliver")),)))
                world.end()
    return world


def a_raise_has_ended(ignored):
    for renews in (False, True):
        world = World(ignored, HARD)
        for _ in range(3):
            world.act(Act(0, "step", 1))
        world.act(Act(0, "raise", FOR_A_WHILE))
        world.act(Act(0, "advance", ENDED))
        world.act(Act(0 if renews else 1, "step", 120))
        world.end()
    return world


def two_take_a_raise_back(ignored):
    for place in EVERY_PLACE:
        world = World(ignored, HARD)
        world.act(Act(0, "step", 1))
        world.act(Act(0, "raise", FOR_A_WHILE))
        world.act(Act(0, "advance", ENDED))
        world.act(Act(1, "step", 10, meanwhile=((place, Act(2, "step", 10)),)))
        world.end()
    return world


def two_need_more_shards(ignored):
    for limits in (HARD, {"team#t/a": ("total", False, 500)}):
        for place in EVERY_PLACE:
            with small_shards(1):
                world = World(ignored, limits)
                world.act(Act(0, "step", 1))
                world.act(Act(1, "step", 1, meanwhile=((place, Act(2, "step", 1)),)))
                world.end()
    return world


def several_hold(ignored, size=10, limits=HARD):
    world = World(ignored, limits)
    for who in range(3):
        world.act(Act(who, "step", size))
        world.act(Act(who, "step", size))
    return world


def a_limit_is_lowered_while_somebody_leases(ignored):
    for who, lower in ((0, 4), (0, 5), (3, 4), (3, 5)):
        with small_shards(1):
            world = several_hold(ignored)
            leases = ((0, Act(who, "step", 20)), (1, Act(who, "step", 20)))
            world.act(Act(0, "change", lower, meanwhile=((2, Act(who, "many", meanwhile=leases)),)))
            for other in (4, 5, 6, 7, 3, 0, 1, 2) * 2:
                world.act(Act(other, "step", 1))
            world.end()
    return world


def a_limit_is_lowered_while_one_shard_is_leased_empty(ignored):
    with small_shards(2):
        world = several_hold(ignored, size=5)
        empties = ((0, Act(2, "step")), (1, Act(2, "step", left(world, 1) // 10)))
        world.act(Act(0, "change", 2, meanwhile=((2, Act(2, "many", meanwhile=empties)),)))
        world.act(Act(0, "step"))
        world.act(Act(0, "step", 1))
    return world


def a_slow_one_gathers_what_was_leased_meanwhile(ignored):
    with small_shards(2):
        world = several_hold(ignored, size=5)
        has, account = left(world, 1), ("key#k", "total")
        hand = world.containers[0].desk._hand
        want = Want(account, hand.leases[account].id, hand.next_number(), False, has, True, world.now_ms, givers=((1, has),))
        world.act(Act(2, "step"))
        world.act(Act(2, "step", left(world, 1) // 10))
        late(world, accounts.lease("ledger", want))
        world.act(Act(1, "step"))
        world.act(Act(1, "step", left(world, 0) // 10))
    return world


def a_limit_is_raised_while_a_raise_ends(ignored):
    with small_shards(1):
        world = several_hold(ignored)
        world.act(Act(0, "raise", FOR_A_WHILE))
        world.act(Act(0, "advance", ENDED))
        world.act(Act(0, "change", 20, meanwhile=((2, Act(3, "step", 1)),)))
    return world


def a_raise_ends_in_debt(ignored):
    for place in EVERY_PLACE:
        with small_shards(1):
            world = several_hold(ignored, size=20)
            world.act(Act(0, "raise", FOR_A_WHILE))
            world.act(Act(0, "change", 1))
            world.act(Act(0, "advance", ENDED))
            world.act(Act(5, "step", 1, faults=((place, "late"),)))
            world.end()
    return world


def who_levels_knows_an_old_limit(ignored):
    with small_shards(1):
        world = several_hold(ignored, size=20)
        world.act(Act(0, "change", 1))
        world.act(Act(1, "step"))
        world.act(Act(1, "step", 1))
        world.act(Act(3, "step", 1))
    return world


def an_item_of_an_earlier_release_changes_while_it_becomes_several(ignored):
    with small_shards(1):
        world = World(ignored, HARD)
        world.backdate()
        steps = tuple((n, Act(n, "step", 1)) for n in range(3))
        world.act(Act(0, "change", 20, meanwhile=((2, Act(0, "many", meanwhile=steps)),)))
    return world


def a_period_begins_while_its_budget_changes(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "change", 5, meanwhile=((2, Act(0, "step")),)))
    return world


def a_soft_budget_becomes_hard(ignored):
    for renews in (True, False):
        world = World(ignored, HARD)
        world.cloud.items("control")["key#k", "scope"]["budgets"]["total"]["hard"] = False
        for who in (0, 1):
            for _ in range(3):
                world.act(Act(who, "step", 1))
        if not renews:
            world.containers[1].desk._hand.leases.clear()
        world.harden(200)
        world.act(Act(0 if renews else 1, "step", 90))
        world.end()
    return world


def a_slow_one_returns_what_others_have_shortened(ignored):
    for slow in (accounts.give_back, lambda *where: accounts.shorten(*where, 20, 0)):
        world = World(ignored, {"key#k": ("total", True, 11_000)})
        world.act(Act(0, "step", 2))
        world.act(Act(0, "step", 20))
        world.act(Act(0, "advance", A_WHILE))
        call = slow("ledger", ("key#k", "total"), 0, *seen(world).leases.values())
        world.act(Act(1, "step", 1_090))
        late(world, call)
        world.end()
    return world


def a_slow_one_returns_what_its_owner_leases_again(ignored):
    for slow in (accounts.give_back, lambda *where: accounts.shorten(*where, 0, 0)):
        world = World(ignored, {"key#k": ("total", True, 6_500)})
        for _ in range(3):
            world.act(Act(0, "step", 1))
        world.act(Act(0, "advance", A_WHILE))
        call = slow("ledger", ("key#k", "total"), 0, *seen(world).leases.values())
        world.act(Act(0, "step", 1))
        late(world, call)
        world.act(Act(0, "step", 20))
        world.end()
    return world


ROOM = {"key#k": ("total", True, 20_000), "tenant#t": ("total", True, 20_000)}
WAITED, ALMOST_OVER = (3, 2), 6  # 102 s, of the 120 that a lease stands; and 22 s, of the 30 within which a request is opened
STILL_ADMITS = 8  # 58 s
STALLED = 3  # 62 s


def a_slice_admits_when_its_lease_is_about_to_end(ignored):
    world = World(ignored, {"key#k": ("total", True, 5_000)})
    for _ in range(3):
        world.act(Act(0, "step", 1))
    for wait in WAITED:
        world.act(Act(0, "advance", wait))
    world.act(Act(0, "step", 1))
    world.act(Act(0, "advance", ALMOST_OVER))
    world.act(Act(1, "step", 500))
    for who in (0, 1):
        world.act(Act(who, "step", 20))
    return world


def a_request_begins_when_its_lease_has_ended(ignored):
    world = World(ignored, {"key#k": ("total", True, 5_000)})
    for _ in range(3):
        world.act(Act(0, "step", 1))
    world.act(Act(0, "advance", STILL_ADMITS))
    world.act(Act(0, "step", 1))
    for wait in (ENDED, 0):
        world.act(Act(0, "advance", wait))
    world.act(Act(1, "step", 500))
    for who in (0, 1):
        world.act(Act(who, "step", 20))
    return world


def a_handler_raises_after_the_upstream_was_asked(ignored):
    for limits in (HARD, ROOM):
        world = World(ignored, limits)
        for _ in range(2):
            world.act(Act(0, "step", 9))
            world.act(Act(0, "step", 20))
            world.act(Act(0, "abandon"))
        world.end()
    return world


def a_settling_is_lost_here_and_there_and_its_container_goes(ignored):
    for lost in (*combinations(EVERY_PLACE, 2), range(3, 30), *((0, 1, *range(4, end)) for end in range(5, 10))):
        world = World(ignored, ROOM, faults_a_request=99)
        world.act(Act(0, "step", 2))
        world.act(Act(0, "step", 9))
        world.act(Act(0, "step", faults=tuple((place, "lost") for place in lost)))
        world.act(Act(0, "release"))
        world.end()
    return world


def a_container_settles_too_late_and_in_peace_while_the_sweeper_is_about_to(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step", 9))
    world.act(Act(0, "step", 9))
    world.act(Act(0, "advance", TEN_MINUTES))
    goes_while_another_takes_all = (Act(0, "step"), Act(0, "release"), Act(1, "step", 90), Act(1, "step", 20))
    many = Act(0, "many", meanwhile=tuple(enumerate(goes_while_another_takes_all)))
    world.act(Act(0, "sweep", meanwhile=((ONE_PARTITION_EACH + 1, many),)))
    return world


def a_sweeper_comes_while_a_request_is_under_way(ignored):
    for wait in (5, STILL_ADMITS):  # a deadline of 300 s, and a minute less than is given to it
        world = World(ignored, HARD)
        world.act(Act(0, "step", 8))
        world.act(Act(0, "step", 20))
        world.act(Act(0, "advance", wait))
        world.act(Act(0, "sweep"))
        world.act(Act(0, "step"))
        world.end()
    return world


def a_later_attempt_begins_after_a_minute(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step", 8))
    world.act(Act(0, "step", 20))
    world.act(Act(0, "advance", 3))
    world.act(Act(0, "step"))
    return world


def a_refusal_is_told_and_the_bus_is_down(ignored):
    for lost in (range(1, 9), range(2, 9), range(3, 9), range(4, 9)):
        world = World(ignored, {"key#k": ("total", True, 10)}, faults_a_request=99)
        for _ in range(3):
            world.act(Act(0, "step", 20))
        world.act(Act(0, "step", 20, faults=tuple((place, "throttled") for place in lost)))
        world.end()
    return world


def a_container_goes_on_after_the_answer_to_a_settling_is_lost(ignored):
    for lost in (((2, "late"),), ((2, "late"), (3, "late"))):
        world = World(ignored, {"key#k": ("total", True, 100_000)})
        world.act(Act(0, "step", 20))
        world.act(Act(0, "step", 20))
        world.act(Act(0, "step", faults=lost))
        world.act(Act(0, "step", 150))
        world.act(Act(0, "step", 20))
        world.end()
    return world


def what_a_refused_request_had_leased_goes_back(ignored):
    world = World(ignored, {"key#k": ("total", True, 5_000), "tenant#t": ("total", True, 300)})
    world.act(Act(1, "step", 20))
    world.act(Act(1, "step", 20))
    world.act(Act(0, "step", 40))
    world.act(Act(0, "step", 5))
    world.act(Act(0, "step", 20))
    return world


def neither_the_lease_nor_the_intent_of_a_soft_budget_arrives(ignored):
    world = World(ignored, SOFT, faults_a_request=9)
    world.act(Act(0, "step", faults=((3, "lost"), (4, "lost"))))
    world.act(Act(0, "step", 20, faults=((0, "lost"), (1, "lost"), (2, "lost"))))
    world.act(Act(0, "step"))
    return world


def others_are_at_an_account_that_is_charged_without_a_lease(ignored):
    world = World(ignored, SOFT, faults_a_request=99)
    world.act(Act(0, "step", faults=((3, "lost"), (4, "lost"))))
    world.act(Act(0, "step"))
    world.act(Act(0, "step", faults=tuple((place, "contended") for place in range(30))))
    return world


def the_first_lease_of_a_soft_budget_does_not_arrive(ignored):
    for place in range(5):
        world = World(ignored, SOFT, faults_a_request=9)
        world.act(Act(0, "step", faults=((place, "lost"), (place + 1, "lost"))))
        world.act(Act(0, "step", 20))
        world.act(Act(0, "step"))
        world.end()
    return world


def a_lease_expires_while_others_are_returned(ignored):
    """Its owner's clock is behind: for who returns the first it ends only when that has read what the first one's owner began."""
    for place in EVERY_PLACE:
        world = World(ignored, HARD)
        world.act(Act(0, "step", 9))
        world.act(Act(0, "crash"))
        world.act(Act(0, "advance", ALMOST_OVER))
        world.act(Act(2, "step", 8))
        world.act(Act(2, "step", 20))
        for wait in (ENDED, 7, 1):  # 122 s after the first, 100 after the second
            world.act(Act(0, "advance", wait))
        world.act(Act(3, "step", 90, meanwhile=((place, Act(0, "advance", ALMOST_OVER)),)))
        world.act(Act(3, "step", 20))
        world.end()
    return world


def one_died_with_an_intent(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step", 9))
    world.act(Act(0, "step", 20))
    world.act(Act(0, "crash"))
    world.act(Act(0, "advance", TEN_MINUTES))
    return world


def one_died_with_an_intent_and_another_needs_the_lease(ignored):
    world = one_died_with_an_intent(ignored)
    world.act(Act(1, "step", 90))
    world.act(Act(1, "step", 20))
    return world


def a_providers_budget_has_less_and_takes_all_of_that(ignored):
    world = World(ignored, LESS)
    world.act(Act(0, "step", 19))
    world.act(Act(0, "step", 18))
    world.act(Act(0, "step"))
    return world


def a_providers_budget_has_less_and_its_container_dies(ignored):
    world = World(ignored, LESS)
    world.act(Act(0, "step", 19))
    world.act(Act(0, "step", 18))
    world.act(Act(0, "crash"))
    return world


def a_providers_budget_has_less_and_another_needs_the_lease(ignored):
    world = World(ignored, LESS)
    world.act(Act(0, "step", 17))
    world.act(Act(0, "step", 18))
    world.act(Act(0, "crash"))
    world.act(Act(0, "advance", A_WHILE))
    world.act(Act(1, "step"))
    return world


def a_container_comes_back_after_its_lease_was_returned(ignored):
    world = World(ignored, {"key#k": ("total", True, 100_000)})
    for _ in range(3):
        world.act(Act(0, "step", 1))
    for _ in range(2):
        world.act(Act(1, "step", 9))
    world.act(Act(1, "crash"))
    world.act(Act(0, "advance", TEN_MINUTES))
    world.act(Act(0, "sweep"))
    world.act(Act(0, "step", 1))
    return world


def what_was_never_opened_has_cost_something(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step", 9))
    container = world.containers[0]
    hold, container.hold = container.hold, None
    world.reached[hold.request_id] = Reached(hold, 30)
    with nothing_else_is_raised():
        container.desk.settle(hold, 30, {"id": hold.request_id, "cost_nanousd": 30})
    return world


def a_soft_budget_becomes_hard_while_its_lease_is_not_answered_for(ignored):
    world = World(ignored, {"team#t/a": ("month", False, 500)})
    world.act(Act(0, "step", 1))
    for _ in range(2):
        world.act(Act(0, "step", 1))
    world.act(Act(0, "flip"))
    world.act(Act(0, "advance", 1))
    world.act(Act(0, "step", 10, faults=((1, "lost"), (2, "lost"))))
    world.act(Act(0, "step", 20))
    return world


def a_soft_budget_is_never_answered_for(ignored):
    world = World(ignored, SOFT, faults_a_request=99)
    world.act(Act(0, "step", faults=tuple((place, "lost") for place in range(1, 99))))
    return world


def more_want_a_soft_budget_than_there_are_places(ignored):
    with small_shards(1):
        world = World(ignored, SOFT)
        for who in range(6):
            world.act(Act(who, "step", 1))
            world.act(Act(who, "step", 20))
        for who in range(6):
            world.act(Act(who, "step", 1))
    return world


def the_intent_of_a_hard_budget_does_not_arrive(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step"))
    world.act(Act(0, "step", faults=((0, "lost"), (1, "lost"))))
    return world


def a_settled_request_arrives_after_it_was_charged(ignored):
    """Without a lease, so that its charge goes with the item that it would take the place of."""
    world = World(ignored, SOFT, faults_a_request=9)
    world.act(Act(0, "step", faults=((3, "lost"), (4, "lost"))))
    world.act(Act(0, "step", 20))
    world.act(Act(0, "step", faults=((0, "delayed"), (1, "lost"), (2, "lost"), (3, "lost"))))
    world.act(Act(0, "deliver"))
    return world


def the_sweeper_finishes_what_another_has_just_read(ignored):
    for other, places in ((Act(1, "step", 90), range(3, 8)), (Act(1, "sweep"), range(ONE_PARTITION_EACH, ONE_PARTITION_EACH + 5))):
        for place in places:
            world = one_died_with_an_intent(ignored)
            world.act(replace(other, meanwhile=((place, Act(0, "sweep")),)))
            world.end()
    return world


def one_dies_while_it_settles_and_another_needs_the_lease(ignored):
    for place in EVERY_PLACE:
        world = World(ignored, HARD)
        world.act(Act(0, "step", 9))
        world.act(Act(0, "step", 20))
        world.act(Act(0, "advance", TEN_MINUTES))
        settles = Act(0, "step", faults=((1, "crash"),))
        world.act(Act(1, "step", 90, meanwhile=((place, settles),)))
        world.act(Act(1, "step", 20))
        world.end()
    return world


def an_account_cannot_be_charged_for_a_while(ignored):
    world = World(ignored, SOFT, faults_a_request=99)
    world.act(Act(0, "step", faults=((3, "lost"), (4, "lost"))))
    world.act(Act(0, "step", 20))
    world.act(Act(0, "step", faults=tuple((place, "invalid") for place in range(30))))
    return world


def a_record_is_gone_before_its_first_request_is_charged(ignored):
    """As where a table was restored."""
    world = World(ignored, SOFT, faults_a_request=9)
    world.act(Act(0, "step", faults=((1, "lost"), (2, "lost"))))
    world.act(Act(0, "step", 20))
    late(world, dynamodb.delete("control", "team#t/a", "scope"))
    world.act(Act(0, "step"))
    return world


def a_scope_has_two_budgets(ignored):
    """The first lease of either does not arrive."""
    world = World(ignored, {"team#t/a": ("total", False, 500)}, faults_a_request=9)
    world.cloud.items("control")["team#t/a", "scope"]["budgets"]["day"] = {"limit_nanousd": 700, "hard": False, "version": 2}
    world.act(Act(0, "step", faults=tuple((place, "lost") for place in range(1, 5))))
    world.act(Act(0, "step", 20))
    world.act(Act(0, "step"))
    return world


def the_control_table_does_not_answer_beside_a_settling(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step"))
    world.act(Act(0, "step"))
    world.act(Act(0, "advance", 1))
    world.act(Act(0, "step", faults=((3, "lost"), (4, "lost"))))
    return world


def a_container_stalls_while_it_settles(ignored):
    """Its slice is old by then: it must not go back before the outbox is cleared."""
    for place in EVERY_PLACE:
        world = World(ignored, {"key#k": ("total", True, 100_000)}, faults_a_request=9)
        world.act(Act(0, "step", 20))
        world.act(Act(0, "step", 20))
        faults = tuple((lost, "lost") for lost in range(3, 12, 2))
        world.act(Act(0, "step", faults=faults, meanwhile=((place, Act(0, "advance", STALLED)),)))
        world.end()
    return world


def what_is_pending_cannot_be_read(ignored):
    for who in (Act(1, "step", 90), Act(0, "sweep")):
        for place in (*EVERY_PLACE, ONE_PARTITION_EACH - 1):
            again = ONE_PARTITION_EACH if who.what == "sweep" else place + 1
            world = one_died_with_an_intent(ignored)
            world.act(replace(who, faults=((place, "lost"), (again, "lost"))))
            world.end()
    return world


def what_is_pending_fills_more_than_one_page(ignored):
    """The intent of one that died is behind an event of an earlier request."""
    world = World(ignored, HARD)
    world.cloud.page = {"Limit": 1}
    world.act(Act(0, "step", 9))
    world.act(Act(0, "step", 9))
    world.act(Act(0, "step", faults=((1, "lost"), (3, "lost"))))
    world.act(Act(0, "step", 8))
    world.act(Act(0, "step", 20))
    world.act(Act(0, "crash"))
    world.act(Act(0, "advance", A_WHILE))
    world.act(Act(1, "step", 90))
    world.act(Act(1, "step", 20))
    return world


def left(world, shard):
    return world.cloud.items("ledger")["key#k", f"total#{shard:02}"]["remaining"]


def seen(world):
    return to_sight(world.cloud.items("ledger")["key#k", "total#00"])


def late(world, call):
    with suppress(AwsError):
        client(Pool(world.cloud)).call(call)


def the_bus_takes_nothing_from_the_sweeper(ignored):
    world = World(ignored, HARD)
    world.act(Act(0, "step", 9))
    world.act(Act(0, "step", 9))
    world.act(Act(0, "crash"))
    world.act(Act(0, "advance", TEN_MINUTES))
    settled_and_charged = ONE_PARTITION_EACH + 3
    world.act(Act(0, "sweep", faults=((settled_and_charged, "lost"), (settled_and_charged + 1, "lost"))))
    return world


STORIES = tuple(
    story
    for name, story in list(globals().items())
    if callable(story) and getattr(story, "__module__", "") == __name__ and name not in ("several_hold", "left", "seen", "late")
)
