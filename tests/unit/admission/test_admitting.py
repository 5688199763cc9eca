"""What a request makes of the answers: each decision that costs a round trip, a place or headroom where it is another."""

import pytest

from signalbox.admission.admitting import Admission
from signalbox.admission.budgets import Budget, Raise
from signalbox.admission.exceeded import BudgetExceeded
from signalbox.admission.leases import ADMITS_MS, GRACE_MS, Hand
from signalbox.admission.shards import MOST_LEASES, MOST_SHARDS, OPEN_MS, SHUT_MS, Lease, Sight, to_whole
from signalbox.errors import Refusal

NOW_MS = 1_795_000_000_000
ACCOUNT = ("key#k", "total")
HARD = Budget("key#k", "total", 10_000, True, 1)
SOFT = HARD._replace(hard=False)
MINE = Lease("c0-1", 50, 1, NOW_MS + ADMITS_MS + GRACE_MS)


def request(hand=None, budget=HARD, bound=100, floor=40):
    admission = Admission(hand or Hand("c0"), bound, floor)
    admission.touch({ACCOUNT: budget})
    return admission


def holding(lease=MINE, shard=0):
    hand = Hand("c0")
    hand.number, hand.leases[ACCOUNT], hand.shards[ACCOUNT], hand.remaining[ACCOUNT] = 1, lease, shard, 0
    return hand


def account(*remaining, mine=None, at=0, full=(), until_ms=OPEN_MS, hard=True, total=None):
    """A shard of each, as it was read; `full` are those without a place for another."""
    count, parts = len(remaining), []
    for shard, left in enumerate(remaining):
        leases = [Lease(f"d{shard}x{n}-1", 1, 1, NOW_MS + 1) for n in range(MOST_LEASES - (mine is not None and shard == at))]
        leases = (leases if shard in full else leases[:1]) + ([mine] if mine and shard == at else [])
        limit = left + sum(lease.held for lease in leases)
        parts.append(Sight(limit, left, 0, 1, {lease.id: lease for lease in leases}, shard, until_ms, shards=count, hard=hard))
    whole = sum(part.limit for part in parts) if total is None else total
    return to_whole(part._replace(total=whole if part.shard == 0 else part.limit) for part in parts)


def test_a_lease_that_was_had_asks_for_no_look_at_all_shards():
    admission = request()
    [want] = admission.wants(NOW_MS)
    admission.took(want, account(900, mine=MINE._replace(id=want.lease, held=200)).parts[0])
    assert not admission.unseen


def test_a_soft_account_whose_raise_has_ended_is_looked_at_and_levelled():
    admission = request(budget=SOFT)
    [want] = admission.wants(NOW_MS)
    admission.took(want, account(900, mine=MINE._replace(id=want.lease, held=200), until_ms=NOW_MS, hard=False).parts[0])
    assert admission.unseen == {ACCOUNT}


def test_who_gathered_what_it_wanted_was_not_lost_to_others():
    admission = request(floor=100)
    admission.seen(ACCOUNT, account(60, 60), NOW_MS)
    [want] = admission.wants(NOW_MS)
    assert want.givers
    assert admission.lost(NOW_MS)
    admission.gathered(want)
    assert admission.lost(NOW_MS) is None


def test_a_soft_budget_is_lost_to_nobody():
    admission = request(budget=SOFT)
    admission.seen(ACCOUNT, account(900, hard=False), NOW_MS)
    assert admission.lost(NOW_MS) is None


def test_a_shard_that_never_came_to_be_is_asked_once_and_not_made():
    hand = Hand("c0")
    hand.shards[ACCOUNT] = 3
    admission = request(hand)
    [want] = admission.wants(NOW_MS)
    admission.failed(want, None, NOW_MS)
    assert not admission.missing
    assert [again.shard for again in admission.wants(NOW_MS)] == [0]


def test_the_lease_goes_with_its_item():
    admission = request(holding())
    [want] = admission.wants(NOW_MS)
    admission.failed(want, None, NOW_MS)
    assert admission.missing == {ACCOUNT}
    assert [again.fresh for again in admission.wants(NOW_MS)] == [True]


def test_who_has_a_place_looks_for_no_other_one():
    admission = request(holding())
    [want] = admission.wants(NOW_MS)
    admission.failed(want, account(10, 900, mine=MINE, full=(0,)).parts[0], NOW_MS)
    assert admission.unseen == {ACCOUNT}


def test_where_one_of_several_has_too_little_all_are_looked_at_at_once():
    admission = request()
    [want] = admission.wants(NOW_MS)
    admission.failed(want, account(10, 900).parts[0], NOW_MS)
    assert admission.unseen == {ACCOUNT}


def test_a_soft_account_of_an_earlier_release_is_made_one_of_this():
    admission = request(budget=SOFT)
    [want] = admission.wants(NOW_MS)
    admission.failed(want, account(900, until_ms=SHUT_MS, hard=False).parts[0]._replace(shards=0), NOW_MS)
    assert admission.changes


def test_what_was_looked_at_is_not_looked_at_again():
    admission = request(floor=100)
    [want] = admission.wants(NOW_MS)
    admission.outrun(want)
    admission.seen(ACCOUNT, account(60, 60), NOW_MS)
    assert not admission.unseen


def test_who_has_a_place_is_not_told_that_there_is_none():
    admission = request(holding(MINE._replace(held=0)))
    admission.seen(ACCOUNT, account(*[90] * MOST_SHARDS, mine=MINE._replace(held=0), full=range(MOST_SHARDS)), NOW_MS)
    assert admission.wants(NOW_MS)


def test_a_soft_account_gets_back_what_the_dead_hold_only_where_it_lacks_places():
    later_ms = NOW_MS + 2
    for full, dead in ((), set()), ((0,), {ACCOUNT}):
        admission = request(budget=SOFT)
        admission.seen(ACCOUNT, account(900, full=full, hard=False), later_ms)
        assert admission.dead == dead


def test_a_soft_account_that_has_nothing_left_refuses_nobody_and_cuts_nothing():
    admission = request(budget=SOFT)
    admission.seen(ACCOUNT, account(-30, hard=False), NOW_MS)
    [want] = admission.wants(NOW_MS)
    assert want.held + want.more >= 100


def test_an_account_that_owes_over_all_shards_is_shut_before_anything_goes_back():
    admission = request(holding())
    admission.seen(ACCOUNT, account(5, -15, mine=MINE), NOW_MS)
    assert (admission.changes[ACCOUNT].until_ms, admission.left) == (SHUT_MS, {})


def test_where_it_is_shut_what_is_held_here_goes_back_and_is_not_admitted_from():
    lease = MINE._replace(held=500)
    admission = request(holding(lease))
    admission.seen(ACCOUNT, account(5, -15, mine=lease, until_ms=SHUT_MS), NOW_MS)
    assert admission.left == {ACCOUNT: (0, lease)}
    assert [want.fresh for want in admission.wants(NOW_MS)] == [True]


def test_where_it_is_shut_and_owes_nothing_it_is_opened():
    admission = request(holding(), budget=HARD._replace(limit_nanousd=72))
    admission.seen(ACCOUNT, account(5, 15, mine=MINE, until_ms=SHUT_MS), NOW_MS)
    assert (admission.changes[ACCOUNT].until_ms, admission.left) == (OPEN_MS, {})


def test_where_it_is_shut_a_lease_that_is_gone_is_not_returned():
    """Read while headroom was on its way, so that there seems to be enough."""
    admission = request(holding(), budget=HARD._replace(limit_nanousd=142))
    admission.seen(ACCOUNT, account(-5, -5, until_ms=SHUT_MS, total=142), NOW_MS)
    assert not admission.left


def test_where_it_is_shut_and_too_little_goes_back_it_is_refused_at_once():
    admission = request(holding(), floor=49, budget=HARD._replace(limit_nanousd=42))
    with pytest.raises(BudgetExceeded):
        admission.seen(ACCOUNT, account(5, -15, mine=MINE, until_ms=SHUT_MS), NOW_MS)


def test_what_is_still_shut_and_owes_is_not_shut_again():
    admission = request(budget=HARD._replace(limit_nanousd=-8))
    with pytest.raises(BudgetExceeded):
        admission.seen(ACCOUNT, account(5, -15, until_ms=SHUT_MS), NOW_MS)
    assert not admission.changes


def test_no_account_becomes_several_for_whom_it_refuses():
    admission = request()
    with pytest.raises(BudgetExceeded):
        admission.seen(ACCOUNT, account(10, full=(0,)), NOW_MS)
    assert not admission.changes


def test_where_one_of_several_owes_a_hard_account_is_levelled_and_a_soft_one_left_alone():
    for budget, changed in ((HARD, {ACCOUNT}), (SOFT, set())):
        admission = request(budget=budget)
        admission.seen(ACCOUNT, account(500, -15, hard=budget.hard), NOW_MS)
        assert admission.changes.keys() == changed


def test_what_is_read_half_done_is_not_levelled():
    """The shares would not be the limit any more."""
    admission = request(budget=HARD._replace(limit_nanousd=500))
    admission.seen(ACCOUNT, account(300, 100, until_ms=NOW_MS, total=600), NOW_MS)
    assert not admission.changes


def test_what_was_reclaimed_is_not_waited_for_again():
    admission = request()
    admission.seen(ACCOUNT, account(10), NOW_MS + 2)
    assert admission.dead == {ACCOUNT}
    admission.reclaimed(ACCOUNT)
    assert not admission.dead


def test_what_could_not_be_read_of_a_soft_budget_is_not_asked_again():
    admission = request(budget=SOFT)
    [want] = admission.wants(NOW_MS)
    admission.outrun(want)
    admission.unanswered(ACCOUNT)
    assert not admission.unseen


def test_a_soft_lease_stays_where_it_is_and_nobody_gives():
    admission = request(holding(), budget=SOFT)
    admission.seen(ACCOUNT, account(10, 900, mine=MINE, hard=False), NOW_MS)
    [want] = admission.wants(NOW_MS)
    assert (want.lease, want.shard, want.givers, admission.left) == (MINE.id, 0, (), {})


def test_a_lease_moves_only_where_its_shard_has_too_little():
    admission = request(holding())
    admission.seen(ACCOUNT, account(60, 900, mine=MINE), NOW_MS)
    [want] = admission.wants(NOW_MS)
    assert (want.lease, want.shard, want.givers, admission.left) == (MINE.id, 0, (), {})


def test_a_lease_stays_and_others_give_where_none_has_all_of_it_and_a_place():
    for others, full in ((30, 30), ()), ((900, 0), (1,)):
        admission = request(holding(), floor=100)
        admission.seen(ACCOUNT, account(10, *others, mine=MINE, full=full), NOW_MS)
        [want] = admission.wants(NOW_MS)
        assert (want.lease, want.shard, admission.left) == (MINE.id, 0, {})
        assert want.given >= 40


def test_a_lease_that_was_outrun_at_a_shard_that_never_came_to_be_finds_another_place():
    hand = Hand("c0")
    hand.shards[ACCOUNT] = 3
    admission = request(hand)
    [want] = admission.wants(NOW_MS)
    admission.outrun(want)
    admission.seen(ACCOUNT, account(900), NOW_MS)
    assert [again.shard for again in admission.wants(NOW_MS)] == [0]


def test_where_headroom_is_short_the_only_one_gets_all_and_one_of_several_half():
    for mine, left, goal in ((MINE._replace(held=0), 90, 90), (None, 91, 45), (None, 50, 40)):
        admission = request(holding(mine) if mine else None)
        whole = account(left, mine=mine)
        if mine:
            whole = to_whole([whole.parts[0]._replace(leases={mine.id: mine}, limit=left, total=left)])
        admission.seen(ACCOUNT, whole, NOW_MS)
        [want] = admission.wants(NOW_MS)
        assert want.held + want.more == goal


def test_no_place_of_a_soft_budget_is_looked_for_again_for_a_minute_and_of_a_hard_one_is():
    hand = Hand("c0")
    request(hand, SOFT).seen(ACCOUNT, account(*[900] * MOST_SHARDS, full=range(MOST_SHARDS), hard=False), NOW_MS)
    assert not request(hand, SOFT).wants(NOW_MS + ADMITS_MS - 1)
    assert request(hand, SOFT).wants(NOW_MS + ADMITS_MS)
    with pytest.raises(Refusal):
        request(hand).seen(ACCOUNT, account(*[900] * MOST_SHARDS, full=range(MOST_SHARDS)), NOW_MS)


def test_a_raise_that_was_taken_back_by_a_clock_ahead_stays_so():
    admission = request(budget=HARD._replace(raises=(Raise("1", 5, NOW_MS + 9),)))
    admission.seen(ACCOUNT, account(900, full=(0,), until_ms=OPEN_MS), NOW_MS)
    assert admission.changes[ACCOUNT].until_ms == OPEN_MS


def test_a_raise_that_goes_on_is_told_to_new_shards():
    raised = HARD._replace(raises=(Raise("1", 5, NOW_MS - 1), Raise("2", 5, NOW_MS + 9)))
    admission = request(budget=raised)
    admission.seen(ACCOUNT, account(900, full=(0,), until_ms=NOW_MS + 9), NOW_MS)
    assert admission.changes[ACCOUNT].until_ms == NOW_MS + 9
