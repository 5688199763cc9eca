"""How headroom comes to where it is wanted, over an account's shards; and what of that need not be written."""

from signalbox.admission.budgets import Budget, Raise
from signalbox.admission.shards import (
    MOST_LEASES,
    MOST_SHARDS,
    OPEN_MS,
    SHUT_MS,
    Lease,
    Sight,
    chosen,
    gathered,
    levelled,
    open_until_ms,
    owes_within,
    to_sight,
    to_whole,
)

NOW_MS = 1_795_000_000_000
ITEM = {"limit": 900, "remaining": 900, "settled": 0, "budget_version": 1, "leases": {}}


def account(*remaining, full=(), hard=True, until_ms=OPEN_MS, settled=0):
    count = len(remaining)
    parts = [
        Sight(left + settled, left, settled, 1, leases(shard if shard in full else None), shard, until_ms, shards=count, hard=hard)
        for shard, left in enumerate(remaining)
    ]
    return to_whole(part._replace(total=sum(each.limit for each in parts)) for part in parts)


def leases(shard):
    return {} if shard is None else {f"d{shard}x{n}-1": Lease(f"d{shard}x{n}-1", 0, 1, NOW_MS) for n in range(MOST_LEASES)}


def moved(level):
    return {shift.shard: shift.more for shift in level.shifts}


def test_the_first_item_alone_tells_of_what_release_it_is():
    assert to_sight(ITEM | {"sk": "total#00"}).is_dated
    assert not to_sight(ITEM | {"sk": "total#01", "until_ms": OPEN_MS}).is_dated
    assert not to_sight(ITEM | {"sk": "total#00", "until_ms": OPEN_MS, "shards": 1}).is_dated


def test_what_there_is_of_an_account_is_the_sum_of_its_shards():
    assert to_whole([]) is None
    assert to_whole([to_sight(ITEM | {"sk": "total#00"})])
    assert account(5, 6, settled=7).settled == 14


def test_one_item_moves_by_the_difference_and_is_neither_guarded_nor_shut():
    for limit, more in ((950, 50), (-20, -920)):
        level = levelled(account(900), limit, OPEN_MS, hard=True)
        assert (moved(level), level.guarded, level.until_ms) == ({0: more}, False, OPEN_MS)


def test_nothing_is_written_where_nothing_changes():
    for remaining, hard in (((900,), True), ((-5,), True), ((450, 450), True), ((450, 450), False)):
        whole = account(*remaining, hard=hard)
        assert not levelled(whole, whole.total, OPEN_MS, hard=hard).is_needed
    assert levelled(account(0), 0, OPEN_MS, hard=True, grow=True).is_needed
    assert levelled(account(900, 900), 1_800, NOW_MS, hard=True).is_needed
    assert levelled(account(900, 800), 1_700, OPEN_MS, hard=True).is_needed


def test_only_shards_that_change_are_written_and_the_first_that_guards_them():
    assert moved(levelled(account(30, 40, 20, 30), 120, OPEN_MS, hard=True)) == {0: 0, 1: -10, 2: 10}
    assert moved(levelled(account(30, 30), 60, NOW_MS, hard=True)) == {0: 0, 1: 0}
    assert moved(levelled(account(30, 30), 60, OPEN_MS, hard=False)) == {0: 0, 1: 0}
    assert moved(levelled(account(0), 0, OPEN_MS, hard=True, grow=True)) == {0: 0, 1: 0, 2: 0, 3: 0}


def test_more_shards_than_a_transaction_takes_there_never_are():
    assert levelled(account(*[10] * 20), 200, OPEN_MS, hard=True, grow=True).size == MOST_SHARDS


def test_a_hard_account_of_several_is_guarded_or_where_it_owes_shut_and_a_soft_one_neither():
    for hard, limit, guarded, until_ms in (
        (True, 60, True, OPEN_MS),
        (True, -1, False, SHUT_MS),
        (False, 60, False, OPEN_MS),
        (False, -1, False, OPEN_MS),
    ):
        level = levelled(account(30, 40), limit, OPEN_MS, hard=hard)
        assert (level.guarded, level.until_ms) == (guarded, until_ms)
        assert sum(shift.more for shift in level.shifts) == level.by == limit - 70


def test_one_of_several_that_owes_is_seen():
    assert owes_within(account(30, -1))
    assert not owes_within(account(30, 0))


def test_the_richest_give_half_of_what_they_have_or_what_is_needed_and_who_has_nothing_gives_nothing():
    assert gathered(account(10, 200, 60), 0, 30) == ((1, 100),)
    assert gathered(account(10, 200, 60), 0, 150) == ((1, 150),)
    assert gathered(account(10, 200, 60, 0, -5), 0, 999) == ((1, 200), (2, 60))
    assert gathered(account(10, 200, 60), 1, 20) == ((2, 30),)
    assert gathered(account(10, 200), 0, 0) == ()


def test_a_lease_finds_a_place_that_is_free_and_if_there_is_one_has_enough():
    whole = account(100, 300, 200, 900, full=(3,))
    assert [chosen(whole, 150, draw) for draw in range(3)] == [1, 2, 1]
    assert chosen(whole, 500, 0) == 1


def test_an_account_is_open_until_the_next_raise_ends():
    budget = Budget("key#k", "total", 9, True, 1, raises=(Raise("1", 1, NOW_MS), Raise("2", 1, NOW_MS + 5), Raise("3", 1, NOW_MS + 9)))
    assert open_until_ms(budget, NOW_MS) == NOW_MS + 5
    assert open_until_ms(budget, NOW_MS + 9) == OPEN_MS
