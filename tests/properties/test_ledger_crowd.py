"""A crowd before a small budget hears the truth: it is let in, or others hold what is left; never that the ledger is unavailable."""

import pytest

from .ledger_crowd import SCOPE, crowd


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("limit", "floor_percent"), [(20_000, 100), (20_000, 30), (100_000, 30)])
def test_nobody_in_a_crowd_is_told_that_the_ledger_is_unavailable(limit, floor_percent):
    came, cloud = crowd(containers=40, requests=300, limit=limit, floor_percent=floor_percent, seed=1)
    items = [item for (pk, _), item in cloud.items("ledger").items() if pk == SCOPE]
    assert sum(item["limit"] for item in items) == limit
    assert all(item["settled"] + sum(row["held"] for row in item["leases"].values()) + item["remaining"] == item["limit"] for item in items)
    assert set(came) == {"admitted", "budget_exceeded"}
    assert not any(row["held"] for item in items for row in item["leases"].values()), "near the limit nothing is kept"
