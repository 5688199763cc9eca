import pytest

from signalbox.admission.admitting import Admission
from signalbox.admission.budgets import Budget, scopes_of, to_budgets
from signalbox.admission.exceeded import BudgetExceeded
from signalbox.admission.keys import Caller
from signalbox.admission.leases import ADMITS_MS, GRACE_MS, Hand, Part, slice_size, surplus
from signalbox.admission.settling import Unsettled, why_unsettled
from signalbox.admission.shards import MOST_LEASES, MOST_SHARDS, OPEN_MS, SHUT_MS, Lease, Sight, levelled, to_whole
from signalbox.errors import Refusal

NOW_MS = 1_795_000_000_000
ACCOUNT = ("key#k", "month#2026-11")
BUDGET = Budget("key#k", "month", 10_000, True, 1)
SOFT = Budget("key#k", "month", 10_000, False, 1)


def sight(remaining, *leases, limit=10_000, settled=0):
    return Sight(limit, remaining, settled, 1, {lease.id: lease for lease in leases}, total=limit)


def admission(hand, bound=100, floor=40, budget=BUDGET):
    admission = Admission(hand, bound, floor)
    admission.touch({ACCOUNT: budget})
    return admission


def holding(lease, remaining=None):
    hand = Hand("c0")
    hand.number = 1
    hand.leases[ACCOUNT] = lease
    if remaining is not None:
        hand.remaining[ACCOUNT] = remaining
    return hand


def granted_lease(want):
    return Lease(want.lease, want.more, want.number, want.expires_ms)


def test_the_first_request_leases_a_slice_and_the_next_ones_need_no_round_trip():
    hand = Hand("c0")
    first = admission(hand)
    [want] = first.wants(NOW_MS)
    assert (want.fresh, want.more, want.expires_ms) == (True, 156, NOW_MS + ADMITS_MS + GRACE_MS)
    first.took(want, sight(9_844, granted_lease(want)))
    assert first.wants(NOW_MS) == []
    assert first.granted() == 100
    assert first.parts() == (Part(ACCOUNT, want.lease, 2),)
    assert admission(hand).wants(NOW_MS + ADMITS_MS - 1) == []


def test_a_slice_admits_for_a_minute_and_is_then_renewed_in_place():
    hand = holding(Lease("c0-1", 150, 1, NOW_MS + GRACE_MS), 9_000)
    [want] = admission(hand).wants(NOW_MS)
    assert (want.fresh, want.lease, want.more) == (False, "c0-1", 0)


def test_a_slice_that_is_too_small_is_topped_up():
    hand = holding(Lease("c0-1", 30, 1, NOW_MS + ADMITS_MS + GRACE_MS), 9_000)
    [want] = admission(hand).wants(NOW_MS)
    assert want.more == 110


@pytest.mark.parametrize(
    ("remaining", "others", "goal"),
    [
        (120, False, 100),  # the slice does not fit, the bound does
        (90, False, 90),  # a part, since nobody else is about
        (90, True, 45),  # a part, and as much for the next
        (50, True, 40),  # never less than the floor
        (40, True, 40),
    ],
)
def test_where_headroom_is_short_a_request_gets_a_part(remaining, others, goal):
    hand = Hand("c0")
    request = admission(hand)
    [want] = request.wants(NOW_MS)
    leases = [Lease("c1-1", 5, 1, NOW_MS + 1)] if others else []
    request.failed(want, sight(remaining, *leases), NOW_MS)
    [want] = request.wants(NOW_MS)
    assert want.more == goal
    request.took(want, sight(remaining - goal, granted_lease(want), *leases))
    assert request.granted() == goal


def test_below_the_floor_it_is_refused_until_the_period_ends():
    request = admission(Hand("c0"))
    [want] = request.wants(NOW_MS)
    with pytest.raises(BudgetExceeded) as refusal:
        request.failed(want, sight(39, settled=9_961), NOW_MS)
    assert (refusal.value.scope, refusal.value.period, refusal.value.code) == ("key#k", "month#2026-11", "budget_exceeded")
    assert refusal.value.retry_after_s == 1_083_200


def test_what_others_merely_hold_is_asked_for_again_soon_and_is_not_exhausted():
    request = admission(Hand("c0"))
    [want] = request.wants(NOW_MS)
    with pytest.raises(BudgetExceeded) as refusal:
        request.failed(want, sight(0, Lease("c1-1", 10_000, 1, NOW_MS + 90_001)), NOW_MS)
    assert refusal.value.retry_after_s == 2
    assert not refusal.value.exhausted


def test_a_total_budget_never_ends_and_is_asked_for_again_in_a_day():
    request = Admission(Hand("c0"), 100, 100)
    request.touch({("key#k", "total"): Budget("key#k", "total", 50, True, 1)})
    [want] = request.wants(NOW_MS)
    with pytest.raises(BudgetExceeded) as refusal:
        request.failed(want, sight(0, limit=50, settled=50), NOW_MS)
    assert refusal.value.retry_after_s == 86_400


def test_expired_leases_are_returned_before_anything_is_refused_or_cut_and_only_once():
    request = admission(Hand("c0"))
    [want] = request.wants(NOW_MS)
    dead = sight(0, Lease("c1-1", 10_000, 1, NOW_MS - 1))
    request.failed(want, dead, NOW_MS)
    assert request.dead == {ACCOUNT}
    request.reclaimed(ACCOUNT)
    with pytest.raises(BudgetExceeded):
        request.failed(want, dead, NOW_MS)


def test_an_answer_that_was_lost_is_read_from_what_is_stored():
    hand = Hand("c0")
    request = admission(hand)
    [want] = request.wants(NOW_MS)
    request.failed(want, sight(9_844, granted_lease(want)), NOW_MS)
    assert request.wants(NOW_MS) == []


def test_a_slice_that_others_returned_is_leased_anew():
    hand = holding(Lease("c0-1", 150, 1, NOW_MS))
    request = admission(hand)
    [want] = request.wants(NOW_MS)
    assert not want.fresh
    request.failed(want, sight(10_000), NOW_MS)
    [want] = request.wants(NOW_MS)
    assert want.fresh
    assert want.lease != "c0-1"


def test_a_slice_that_others_shortened_is_no_longer_believed():
    hand = holding(Lease("c0-1", 150, 1, NOW_MS))
    request = admission(hand)
    [want] = request.wants(NOW_MS)
    request.failed(want, sight(9_990, Lease("c0-1", 10, 1, NOW_MS + 1)), NOW_MS)
    [want] = request.wants(NOW_MS)
    assert (want.fresh, want.more) == (False, 90)


def test_a_lease_whose_write_was_not_answered_is_not_in_hand():
    hand = holding(Lease("c0-1", 150, 1, NOW_MS))
    request = admission(hand)
    [want] = request.wants(NOW_MS)
    with pytest.raises(Refusal) as refusal:
        request.unanswered(want.account)
    assert refusal.value.code == "ledger_unavailable"
    assert hand.leases == {}


def test_a_soft_budget_never_refuses():
    request = admission(Hand("c0"), budget=SOFT)
    [want] = request.wants(NOW_MS)
    assert not want.hard
    request.unanswered(want.account)
    assert request.wants(NOW_MS) == []
    assert request.granted() == 100
    assert request.parts() == (Part(ACCOUNT, "c0-none", 2),)


def crowded(shards, remaining=100):
    """So many full items."""
    crowds = ([Lease(f"c{shard}x{n}-1", 1, 1, NOW_MS + 1) for n in range(MOST_LEASES)] for shard in range(shards))
    shares = [sight(remaining, *crowd, limit=remaining + MOST_LEASES)._replace(shard=shard) for shard, crowd in enumerate(crowds)]
    return [share._replace(total=shards * share.limit, shards=shards) for share in shares]


def test_a_full_item_becomes_several():
    hand = Hand("c0")
    request = admission(hand)
    [want] = request.wants(NOW_MS)
    [full] = crowded(1, remaining=9_000)
    request.failed(want, full, NOW_MS)
    level = request.changes[ACCOUNT]
    assert (level.size, level.by, level.guarded) == (4, 0, True)
    assert [shift.more for shift in level.shifts] == [-6_750, 2_250, 2_250, 2_250]
    [want] = request.wants(NOW_MS)
    assert (want.fresh, want.shard in (1, 2, 3), want.more) == (True, True, 100)


def test_where_one_of_several_is_full_another_is_tried_unseen_and_then_all_are_looked_at():
    hand = Hand("c0")
    request = admission(hand)
    [want] = request.wants(NOW_MS)
    shares = crowded(4)
    request.failed(want, shares[0], NOW_MS)
    assert not request.unseen
    [want] = request.wants(NOW_MS)
    assert want.shard in (1, 2, 3)
    request.failed(want, shares[want.shard], NOW_MS)
    assert request.unseen == {ACCOUNT}


def test_where_all_places_are_taken_it_says_so():
    request = admission(Hand("c0"))
    with pytest.raises(Refusal) as refusal:
        request.seen(ACCOUNT, to_whole(crowded(MOST_SHARDS)), NOW_MS)
    assert (refusal.value.code, refusal.value.retry_after_s) == ("ledger_unavailable", 1)


def test_where_all_places_of_a_soft_budget_are_taken_nobody_looks_for_one_again_for_a_minute():
    hand = Hand("c0")
    request = admission(hand, budget=SOFT)
    [want] = request.wants(NOW_MS)
    shares = crowded(MOST_SHARDS)
    request.failed(want, shares[0], NOW_MS)
    request.seen(ACCOUNT, to_whole(shares), NOW_MS)
    assert request.wants(NOW_MS) == []
    [part] = request.parts()
    assert (part.lease, 1 <= part.shard < MOST_SHARDS) == ("c0-none", True)  # charges are spread, too
    assert admission(hand, budget=SOFT).wants(NOW_MS + 59_999) == []
    assert len(admission(hand, budget=SOFT).wants(NOW_MS + 60_000)) == 1
    assert len(admission(hand).wants(NOW_MS)) == 1  # it is hard by now


def spread(*remaining):
    """An account with a shard of each, on which others hold 10."""
    shares = [
        sight(left, Lease(f"d{shard}-1", 10, 1, NOW_MS + 1), limit=left + 10)._replace(shard=shard) for shard, left in enumerate(remaining)
    ]
    return to_whole(share._replace(total=sum(remaining) + 10 * len(shares), shards=len(shares)) for share in shares)


def test_what_one_shard_lacks_comes_from_the_richest_of_the_others():
    request = admission(Hand("c0"), bound=100, floor=100)
    request.seen(ACCOUNT, spread(30, 10, 60), NOW_MS)
    [want] = request.wants(NOW_MS)
    assert (want.shard, want.more, want.givers) == (2, 100, ((0, 30), (1, 10)))
    request.gathered(want)
    assert request.wants(NOW_MS) == []
    assert request.granted() == 100


def test_who_is_outrun_looks_again_and_is_refused_where_nothing_is_left():
    request = admission(Hand("c0"), bound=100, floor=100)
    request.seen(ACCOUNT, spread(30, 10, 60), NOW_MS)
    [want] = request.wants(NOW_MS)
    request.outrun(want)
    assert request.unseen == {ACCOUNT}
    with pytest.raises(BudgetExceeded) as refusal:
        request.seen(ACCOUNT, spread(30, 10, 50), NOW_MS)
    assert (refusal.value.exhausted, refusal.value.retry_after_s) == (False, 2)


def test_a_gathering_whose_answer_was_lost_is_found_where_it_is_looked_for():
    request = admission(Hand("c0"), bound=100, floor=100)
    request.seen(ACCOUNT, spread(30, 10, 60), NOW_MS)
    [want] = request.wants(NOW_MS)
    request.outrun(want)
    after = spread(0, 0, 0)
    request.seen(ACCOUNT, after._replace(leases=after.leases | {want.lease: want.lease_after}), NOW_MS)
    assert request.wants(NOW_MS) == []


def test_where_another_shard_has_enough_its_lease_moves_there_and_nobody_has_to_give():
    lease = Lease("c0-1", 0, 1, NOW_MS + ADMITS_MS + GRACE_MS)
    request = admission(holding(lease), bound=100, floor=100)
    whole = spread(30, 110)
    request.seen(ACCOUNT, whole._replace(leases=whole.leases | {lease.id: lease}), NOW_MS)
    assert request.left == {ACCOUNT: (0, lease)}
    [want] = request.wants(NOW_MS)
    assert (want.fresh, want.shard, want.more, want.givers) == (True, 1, 100, ())


def test_headroom_on_its_way_between_two_shards_refuses_nobody():
    """Read while one had given 40 and the other not got it yet."""
    request = admission(Hand("c0"), bound=100, floor=100)
    torn = to_whole(part._replace(limit=part.limit - 40 * (part.shard == 0), total=130) for part in spread(60, 50).parts)
    assert torn.is_torn
    request.seen(ACCOUNT, torn, NOW_MS)
    assert request.wants(NOW_MS)


def test_who_came_too_late_at_each_turn_is_told_that_others_hold_it():
    request = admission(Hand("c0"), bound=100, floor=100)
    [want] = request.wants(NOW_MS)
    request.failed(want, sight(120, Lease("c1-1", 10, 1, NOW_MS + 1)), NOW_MS)
    refusal = request.lost(NOW_MS)
    assert (refusal.code, refusal.exhausted, refusal.retry_after_s) == ("budget_exceeded", False, 2)
    [want] = request.wants(NOW_MS)
    request.took(want, sight(20, granted_lease(want)))
    assert request.lost(NOW_MS) is None


def test_it_is_refused_only_where_all_shards_together_do_not_cover_the_floor():
    with pytest.raises(BudgetExceeded):
        admission(Hand("c0"), bound=100, floor=101).seen(ACCOUNT, spread(30, 10, 60), NOW_MS)


def test_a_limit_is_lowered_evenly_and_where_that_owes_all_shards_are_shut_until_they_are_level():
    lowered = levelled(spread(30, 10, 60), 130 - 40, OPEN_MS, hard=True)
    assert [(shift.shard, shift.more) for shift in lowered.shifts] == [(0, -10), (1, 10), (2, -40)]
    assert lowered.guarded
    owing = levelled(spread(30, 10, 60), 130 - 140, OPEN_MS, hard=True)
    assert [(shift.shard, shift.more) for shift in owing.shifts] == [(0, -140), (1, 0), (2, 0)]
    assert (owing.until_ms, owing.guarded) == (SHUT_MS, False)
    assert levelled(spread(30, 10, 60), 0, OPEN_MS, hard=False).until_ms == OPEN_MS


def test_shards_that_were_read_while_they_changed_are_no_account():
    parts = spread(30, 10, 60).parts
    assert to_whole(parts) is not None
    assert to_whole(parts[:2]) is None
    assert not to_whole(parts).is_torn
    assert to_whole((*parts[:2], parts[2]._replace(limit=71))).is_torn


def test_what_a_refused_request_gathered_goes_back():
    hand = Hand("c0")
    request = admission(hand)
    [want] = request.wants(NOW_MS)
    request.took(want, sight(9_844, granted_lease(want)))
    assert hand.idle(NOW_MS) == []
    request.abandon()
    assert hand.idle(NOW_MS) == [ACCOUNT]
    admission(hand).parts()
    assert hand.idle(NOW_MS) == []
    assert hand.idle(NOW_MS + ADMITS_MS) == [ACCOUNT]


def test_what_a_refused_request_was_about_to_return_goes_back_too():
    lease = Lease("c0-1", 0, 1, NOW_MS + ADMITS_MS + GRACE_MS)
    hand = holding(lease)
    request = admission(hand, bound=100, floor=100)
    whole = spread(30, 110)
    request.seen(ACCOUNT, whole._replace(leases=whole.leases | {lease.id: lease}), NOW_MS)
    request.touch({ACCOUNT: BUDGET})
    request.abandon()
    assert (hand.idle(NOW_MS), hand.leases, hand.shards) == ([ACCOUNT], {ACCOUNT: lease}, {ACCOUNT: 0})


def test_the_slice_shrinks_to_one_request_where_room_is_little():
    assert slice_size(100, 1_000_000, hard=True) == 800
    assert slice_size(100, 20_000, hard=True) == 312
    assert slice_size(100, 6_400, hard=True) == 100
    assert slice_size(100, 1_000_000, hard=False) == 800
    assert slice_size(100, -50, hard=False) == 200
    assert surplus(70, 100, 6_400, hard=True) == 0
    assert surplus(70, 100, 6_399, hard=True) == 70
    assert surplus(70, 100, -1, hard=False) == 0


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        (None, Unsettled(missing=True)),
        (sight(0), Unsettled(gone=True)),
        (sight(0, Lease("c0-1", 50, 7, 0)), None),
        (sight(0, Lease("c0-1", 50, 8, 0)), None),
        (sight(0, Lease("c0-1", 50, 6, 0)), Unsettled(covered=50)),
        (sight(0, Lease("c0-1", 500, 6, 0)), Unsettled(covered=60)),
    ],
)
def test_why_a_part_did_not_take_its_cost(stored, why):
    assert why_unsettled(Part(ACCOUNT, "c0-1", 7), 60, stored) == why


def test_the_scopes_of_a_request():
    caller = Caller("k", "t", "a", minted=True)
    assert scopes_of(caller) == ("key#k", "team#t/a", "tenant#t", "global#*")
    assert scopes_of(caller, agent="x", route="r", providers=["q", "p", "q"]) == (
        *("key#k", "team#t/a", "tenant#t"),
        *("agent#t/x", "route#r", "provider#p", "provider#q", "global#*"),
    )


def test_the_budgets_of_a_record():
    row = {"limit_nanousd": 5, "hard": True, "version": 3}
    assert to_budgets("key#k", {}) == ()
    assert to_budgets("key#k", {"budgets": {"month": row, "day": row}}) == (
        Budget("key#k", "day", 5, True, 3),
        Budget("key#k", "month", 5, True, 3),
    )


@pytest.mark.parametrize(("scope", "told"), [("key#k", "key k"), ("team#t/a", "team t/a"), ("global", "global")])
def test_a_refusal_names_the_budget_in_words(scope, told):
    refusal = BudgetExceeded(BUDGET._replace(scope=scope), "month#2026-11", NOW_MS, exhausted=True)
    assert str(refusal).startswith(f"The month budget of {told} does not cover this request")
