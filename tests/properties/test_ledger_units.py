"""What a request costs in the ledger's write units, by how many containers share the budget: counted from the sizes of the items written.

The figures stand in docs/ledger.md.
"""

from pathlib import Path

import pytest

from signalbox.admission.shards import MOST_LEASES
from signalbox.aws.ledger import Desk
from signalbox.aws.reconcile import Reconciler

from .fake_aws import FakeCloud, Pool, _key, client
from .ledger_world import CALLER, START_MS, TABLES
from .test_ledger import EXAMPLES

UNIT_BYTES = 1_024
DOC = Path(__file__).parents[2] / "docs" / "ledger.md"
LIMIT = 50_000_000_000_000
BOUND, COST = 120_000_000, 31_234_567


class Metered(FakeCloud):
    """`units` written so far, by what was written: each item's larger size, before or after, in whole kilobytes; twice in a transaction."""

    def __init__(self):
        super().__init__()
        self.units, self.reads, self.largest = 0, 0, 0

    def answer(self, action, payload):
        parts = [next(iter(part.values())) for part in payload["TransactItems"]] if action == "TransactWriteItems" else [payload]
        if action == "Query":
            self.reads += 1
        if action not in ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"):
            return super().answer(action, payload)
        before = [size(self._stored(part)) for part in parts]
        answered = super().answer(action, payload)
        for part, was in zip(parts, before, strict=True):
            largest = max(was, size(self._stored(part)))
            self.units += max(1, -(-largest // UNIT_BYTES)) * (2 if len(parts) > 1 else 1)
            if not _key(part)[0].startswith("pending"):
                self.largest = max(self.largest, largest)
        return answered


def size(item):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    match item:
        case None | bool():
            return 0 if item is None else 1
        case int():
            digits = str(abs(item)).strip("0")
            return 1 + (len(digits) + 1) // 2 + (item < 0)
        case str():
            return len(item.encode())
        case dict() if "pk" in item:
            return sum(len(name) + size(value) for name, value in item.items())
    return 3 + sum(1 + len(name) + size(value) for name, value in item.items())


def requests(cloud, containers, rounds):
    """Every container serves one request after the other, all under one budget; the units of each round, for one request."""
    key = f"key#{'k' * 20}"
    row = {"limit_nanousd": LIMIT, "hard": True, "version": 1}
    cloud.items("control")[key, "scope"] = {"pk": key, "sk": "scope", "budgets": {"month": row}}
    now_ms = START_MS
    desks = [
        Desk(client(Pool(cloud)), TABLES, wall=lambda: now_ms / 1000, ticks=lambda: now_ms / 1000, container=f"{n * 7919 % 2**48:012x}")
        for n in range(containers)
    ]
    of_each_round = []
    for turn in range(rounds):
        before = cloud.units
        for number, desk in enumerate(desks):
            now_ms += 5_000 // containers
            id = f"req_{turn:04}{number:026}"
            hold = desk.admit(CALLER, [key], request_id=id, bound_nanousd=BOUND, floor_nanousd=BOUND, deadline_ms=now_ms + 60_000)
            detail = {"id": id, "padding": "x" * 300}
            desk.open(hold, "openai/gpt", detail)
            hold.opened()
            desk.settle(hold, COST, detail)
        of_each_round.append((cloud.units - before) / containers)
    return of_each_round


def measured(containers):
    cloud = Metered()
    first, *rest = requests(cloud, containers, 6)
    items = [item for (pk, sk), item in cloud.items("ledger").items() if not pk.startswith("pending")]
    assert sum(item["limit"] for item in items) == LIMIT
    assert sum(item["settled"] for item in items) == COST * containers * 6
    return {"shards": len(items), "first": round(first, 1), "warm": round(sum(rest) / len(rest), 1), "largest": cloud.largest}


@pytest.mark.parametrize("containers", [1, 16, 64] + [500] * (EXAMPLES > 0))
def test_a_request_costs_the_same_however_many_share_its_budget(containers):
    figures = measured(containers)
    assert figures["largest"] <= UNIT_BYTES
    assert figures["warm"] <= 4.6
    assert (figures["shards"] == 1) == (containers <= MOST_LEASES)
    row = f"| {containers} | {figures['shards']} | {figures['first']} | {figures['warm']} | {figures['largest']} |"
    assert row in DOC.read_text(), row


def test_many_dead_containers_are_looked_into_a_few_at_a_time(monkeypatch):
    """Each call of a wave has a connection of its own."""
    cloud, waves = FakeCloud(), []
    leases = {f"{n:012x}-1": {"held": 1, "seq": 1, "expires_ms": 0} for n in range(120)}
    amounts = {"limit": 1_000, "remaining": 880, "settled": 0, "budget_version": 1, "total": 1_000, "shards": 1}
    cloud.items("ledger")["tenant#t", "total#00"] = {"pk": "tenant#t", "sk": "total#00", "leases": leases, **amounts}
    aws = client(Pool(cloud))
    wave = aws.wave
    monkeypatch.setattr(aws, "wave", lambda calls, **more: waves.append(len(calls)) or wave(calls, **more))
    Reconciler(aws, TABLES, lambda: START_MS).reclaim(("tenant#t", "total"))
    [item] = cloud.items("ledger").values()
    assert (item["leases"], item["remaining"]) == ({}, 1_000)
    assert waves == [1, 50, 50, 20, 1, 50, 50, 20]
