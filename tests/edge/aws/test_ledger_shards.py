"""Forty containers under one hard budget, each with its own desk: its items become four, headroom moves, and all of it can be spent.

On Amazon's engine eight of them ask at the same time; moto answers one after the other.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from signalbox.admission.keys import Caller
from signalbox.admission.shards import to_sight, to_whole
from signalbox.aws import accounts, dynamodb
from signalbox.aws.client import Aws
from signalbox.aws.ledger import BudgetExceeded, Desk
from signalbox.errors import Refusal

from .conftest import ENVIRONMENT

CALLER = Caller("k", "t", "a", minted=False)
ACCOUNT = ("key#k", "total")
CONTAINERS, LIMIT, BOUND = 40, 6_000, 100
AT_ONCE = 8 if os.environ.get("SIGNALBOX_DYNAMODB_LOCAL") else 1


@pytest.fixture
def clock():
    return SimpleNamespace(now_s=1_795_000_000.0)


@pytest.fixture
def fleet(aws, endpoint, tables, clock):
    """The desks, and what each has spent."""
    row = {"limit_nanousd": LIMIT, "hard": True, "version": 1}
    aws.call(dynamodb.put(tables.control, {"pk": "key#k", "sk": "scope", "budgets": {"total": row}}))
    clients = [Aws(ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint}) for _ in range(CONTAINERS)]

    def desk(number, aws):
        return Desk(aws, tables, wall=lambda: clock.now_s, ticks=lambda: clock.now_s, container=f"{number * 7919 % 2**48:012x}")

    yield [desk(number, aws) for number, aws in enumerate(clients)]
    for each in clients:
        each.close()


def spend(desk, clock, id, cost, bound=BOUND):
    hold = desk.admit(
        CALLER,
        ["key#k"],
        request_id=id,
        bound_nanousd=bound,
        floor_nanousd=bound,
        deadline_ms=int(clock.now_s * 1000) + 30_000,
    )
    desk.open(hold, "openai/small", {"id": id})
    hold.opened()
    desk.settle(hold, cost, {"id": id})
    return cost


def whole(aws):
    items, _ = aws.call(accounts.all_shards("ledger", ACCOUNT))
    seen = to_whole(map(to_sight, items))
    assert seen, "the shards do not make up the limit"
    assert all(part.settled + sum(lease.held for lease in part.leases.values()) + part.remaining == part.limit for part in seen.parts)
    return seen


def everybody(work, fleet):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, fleet))


@pytest.mark.timeout(300)
def test_forty_containers_spend_all_of_one_budget_and_not_more(aws, fleet, clock):
    spent = everybody(lambda desk: spend(desk, clock, f"first {id(desk)}", 60), fleet)
    grown = whole(aws)
    assert (len(grown.parts), grown.settled) == (4, sum(spent))
    assert len(grown.leases) == CONTAINERS

    def until_refused(desk):
        total = 0
        while True:
            try:
                total += spend(desk, clock, f"{total} {id(desk)}", 60)
            except BudgetExceeded as refusal:
                desk.record({"id": "refused"})
                if refusal.exhausted:
                    return total
                if AT_ONCE == 1:
                    assert whole(aws).remaining < BOUND, "refused, and there was enough"
                    return total
            except Refusal as refusal:  # many at once: it may say to try again
                if AT_ONCE == 1 or refusal.code != "ledger_unavailable":
                    raise

    spent += everybody(until_refused, fleet)
    left = whole(aws)
    assert left.settled == sum(spent) <= LIMIT
    assert left.settled + BOUND > LIMIT, "some of it cannot be spent"
    assert sum(lease.held for lease in left.leases.values()) == 0
    for desk in fleet:
        desk.release()
    assert whole(aws).leases == {}


@pytest.mark.timeout(300)
def test_what_no_shard_has_alone_is_gathered_for_one_request(aws, fleet, clock):
    for desk in fleet[:20]:
        spend(desk, clock, f"first {id(desk)}", 0)
    left = whole(aws).remaining
    assert max(part.remaining for part in whole(aws).parts) < left
    assert spend(fleet[0], clock, "all of it", left, left) == left
    assert whole(aws).settled == left
