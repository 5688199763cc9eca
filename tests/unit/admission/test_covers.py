"""Whether what is left of an account covers a request, as it is read for who only asks."""

import pytest

from signalbox.admission.budgets import Budget, Raise
from signalbox.admission.covers import is_exhausted, refusal_of, untouched
from signalbox.admission.shards import SHUT_MS, Lease, Sight

NOW_MS = 1_795_392_000_000
BUDGET = Budget("key#k", "day", 1_000, True, 1)


def whole(remaining, settled, *leases, limit=1_000, until_ms=NOW_MS + 1):
    return Sight(limit, remaining, settled, 1, {lease.id: lease for lease in leases}, total=limit, until_ms=until_ms)


def refused(sight, floor, own=(), budget=BUDGET):
    refusal = refusal_of(budget, "day#x", sight, own, floor, NOW_MS)
    return None if refusal is None else "exhausted" if refusal.exhausted else "held"


@pytest.mark.parametrize(
    ("sight", "floor", "expected"),
    [
        (whole(100, 900), 100, None),
        (whole(99, 901), 100, "exhausted"),
        (whole(50, 800, Lease("a-1", 150, 1, NOW_MS)), 100, "held"),
        (whole(50, 800, Lease("mine-1", 150, 1, NOW_MS)), 200, None),
        (whole(50, 800, Lease("dead-1", 150, 1, NOW_MS - 1)), 200, None),
        (whole(50, 800, Lease("dead-1", 150, 1, NOW_MS - 1)), 201, "exhausted"),
        (whole(0, 1_000, until_ms=SHUT_MS), 1, "exhausted"),
        (whole(600, 900, limit=1_500, until_ms=NOW_MS), 100, None),  # a raise of 500 has ended
        (whole(600, 900, limit=1_500, until_ms=NOW_MS), 101, "exhausted"),
        (whole(600, 900, limit=1_500), 600, None),
    ],
)
def test_what_is_left_with_its_own_leases_and_those_of_the_dead_covers_it_or_does_not(sight, floor, expected):
    assert refused(sight, floor, own={"mine-1"}) == expected


def test_of_what_nobody_has_touched_all_is_left():
    raised = BUDGET._replace(raises=(Raise("1", 500, NOW_MS + 1), Raise("2", 500, NOW_MS)))
    sight = untouched(raised, NOW_MS)
    assert (refused(sight, 1_500, budget=raised), refused(sight, 1_501, budget=raised)) == (None, "exhausted")


def test_what_is_missing_is_spent_where_nobody_alive_holds_any_or_all_of_that_would_be_too_little():
    idle, dead = Lease("a-1", 0, 1, NOW_MS), Lease("dead-1", 200, 1, NOW_MS - 1)
    assert is_exhausted(whole(0, 800, idle, dead), 1_000, 100, NOW_MS)
    assert not is_exhausted(whole(0, 800, Lease("b-1", 200, 1, NOW_MS)), 1_000, 200, NOW_MS)
    assert is_exhausted(whole(0, 800, Lease("b-1", 200, 1, NOW_MS)), 1_000, 201, NOW_MS)


def test_all_that_it_holds_itself_counts():
    mine = [Lease(f"mine-{number}", 100, 1, NOW_MS) for number in (1, 2)]
    assert refused(whole(50, 750, *mine), 250, own={"mine-1", "mine-2"}) is None
