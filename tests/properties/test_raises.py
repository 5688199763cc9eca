"""Raises, changes, spending and the turn of periods in any order, against the ledger's own wire: the limit is what the definition says.

Always, of every item:        settled + Σ held + remaining = limit
Once the sweeper has run:     the limit of the running period is `limit_at(now)` of the definition, in any calendar; or already less,
                              where the container that made the item has a clock ahead, by which a raise is over
Never, in between:            more than the definition allows now, or allowed less than a sweep ago
"""

from contextlib import suppress

from hypothesis import example, given, settings
from hypothesis import strategies as st

from signalbox.admission.budgets import Budget
from signalbox.aws import accounts, boto_budgets, boto_raises, shards
from signalbox.aws.boto_raises import TooManyRaises
from signalbox.aws.client import Aws, Cancelled

from .fake_aws import BotoTable, FakeCloud, Pool, client

SCOPE = "tenant#t"
CONTROL, LEDGER = "control", "ledger"
START_MS = 1_795_301_990_000  # 22:59:50 UTC: ten seconds before midnight in Berlin
KINDS = st.sampled_from(["day", "week", "month", "total"])
AMOUNTS = st.integers(0, 1_000)
LONG_MS = st.sampled_from([1, 5_000, 60_000, 4_000_000, 90_000_000])
SKEWS_MS = st.sampled_from([0, 3_000, -3_000, 50_000, -50_000])
ACTS = st.one_of(
    st.tuples(st.just("raise_it"), st.integers(1, 500), LONG_MS),
    st.tuples(st.just("come_to_an_end"), st.sampled_from([-1, 0, 30_000, 100_000])),
    st.tuples(st.just("sweep")),
    st.tuples(st.just("spend"), st.booleans(), SKEWS_MS, AMOUNTS),
    st.tuples(st.just("advance"), st.sampled_from([1_000, 9_000, 40_000, 3_600_000, 86_400_000])),
    st.tuples(st.just("change"), AMOUNTS, st.booleans(), st.sampled_from([None, "", "Europe/Berlin", "Pacific/Kiritimati"])),
    st.tuples(st.just("remember")),
    st.tuples(st.just("end_early"), st.integers(0, 20)),
    st.tuples(st.just("remove")),
)


class Listed(BotoTable):
    """With what the sweeper asks of boto3's Table beside."""

    def query(self, ExpressionAttributeValues, **more):
        if ":now" not in ExpressionAttributeValues:
            return super().query(ExpressionAttributeValues, **more)
        pk, before = ExpressionAttributeValues[":pk"], ExpressionAttributeValues[":now"]
        return {"Items": [item for key, item in sorted(self._cloud.items(self.name).items()) if key[0] == pk and key[1] < before]}

    def delete_item(self, Key):
        self._cloud.items(self.name).pop((Key["pk"], Key["sk"]), None)


class World:
    def __init__(self, kind):
        self.kind, self.now_ms = kind, START_MS
        self.cloud = FakeCloud()
        self.control, self.ledger = Listed(self.cloud, CONTROL), Listed(self.cloud, LEDGER)
        self.aws: Aws = client(Pool(self.cloud))
        boto_budgets.change(self.control, self.ledger, SCOPE, kind, 1_000, True, self.now_ms)
        self.stale: Budget | None = self.budget
        self.latest_ms = START_MS  # by the fastest of the clocks that an item was made by

    @property
    def budget(self):
        return next(iter(boto_budgets.of_scope(self.control, SCOPE)), None)

    def item(self, account):
        return self.cloud.items(LEDGER).get(accounts.key(account))

    def items(self):
        return [item for (pk, _), item in self.cloud.items(LEDGER).items() if pk == SCOPE]

    def change(self, limit, hard, zone):
        zone = "" if self.kind == "total" else zone
        boto_budgets.change(self.control, self.ledger, SCOPE, self.kind, limit, hard, self.now_ms, zone=zone)

    def raise_it(self, by, for_ms):
        if self.budget is None:
            return
        with suppress(TooManyRaises):
            boto_raises.begin(self.control, self.ledger, SCOPE, self.kind, by, self.now_ms + for_ms, self.now_ms)

    def end_early(self, which):
        if self.budget is None or not self.budget.raises:
            return
        ids = ["", *(row.id for row in self.budget.raises)]
        boto_raises.end(self.control, self.ledger, SCOPE, self.kind, ids[which % len(ids)], self.now_ms)

    def remove(self):
        boto_budgets.remove(self.control, SCOPE, self.kind)

    def remember(self):
        """A container reads the definition, and may use it while others change it."""
        self.stale = self.budget

    def spend(self, fresh, skew_ms, cost):
        """By a container whose clock is off: it makes the item where there is none, as `aws.ledger` does, and moves what it spends."""
        budget, at_ms = self.budget if fresh else self.stale, self.now_ms + skew_ms
        if budget is None:
            return
        account = (SCOPE, budget.period(at_ms))
        if self.item(account) is None:
            with suppress(Cancelled):
                self.aws.call(shards.create(LEDGER, CONTROL, account, budget, at_ms))
                self.latest_ms = max(self.latest_ms, at_ms)
        item = self.item(account)
        if item:
            item["settled"] += cost
            item["remaining"] -= cost

    def advance(self, step):
        self.now_ms += step

    def come_to_an_end(self, late_ms):
        if self.budget and self.budget.raises:
            self.now_ms = max(self.now_ms, min(row.until_ms for row in self.budget.raises) + late_ms)

    def sweep(self):
        done = boto_raises.end_due(self.control, self.ledger, self.now_ms)
        assert not done.failures
        budget = self.budget
        assert [row for row in self.cloud.items(CONTROL) if row[0] == "raises" and row[1] < f"{self.now_ms + 1:014}"] == []
        if budget is None:
            assert not any(row[0] == "raises" for row in self.cloud.items(CONTROL))
            return
        assert all(self.now_ms < row.until_ms for row in budget.raises)
        item = self.item((SCOPE, budget.period(self.now_ms)))
        if item:
            assert item["limit"] in {budget.limit_at(at_ms) for at_ms in (self.now_ms, max(self.now_ms, self.latest_ms))}
            assert item["until_ms"] > self.now_ms or item["remaining"] <= 0 or not budget.hard

    def nothing_is_lost(self):
        for item in self.items():
            assert item["settled"] + item["remaining"] == item["limit"]

    def never_above_what_the_raises_not_yet_taken_back_allow(self):
        budget = self.budget
        item = self.item((SCOPE, budget.period(self.now_ms))) if budget else None
        if item and item["budget_version"] == budget.version:
            assert item["limit"] <= budget.limit_nanousd + sum(row.by_nanousd for row in budget.raises)


@settings(max_examples=300, deadline=None)
@given(KINDS, st.lists(ACTS, min_size=5, max_size=60))
@example("day", [("raise_it", 1, 1), ("come_to_an_end", -1), ("spend", True, 3_000, 0)])
def test_the_limit_is_what_the_definition_says_and_nothing_is_lost(kind, acts):
    world = World(kind)
    for name, *how in [*acts, ("sweep",)]:
        getattr(world, name)(*how)
        world.nothing_is_lost()
        world.never_above_what_the_raises_not_yet_taken_back_allow()
