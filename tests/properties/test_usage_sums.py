"""Each event is counted once: whoever writes, folds and reads at the same time, and wherever each of them stops."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.aws import boto_sums, boto_tables, boto_usage
from signalbox.money import Tokens
from signalbox.usage.events import UsageRecorded
from signalbox.usage.record import Attempt, UsageRecord

from .fake_table import FakeTable, Serial

AT_MS = 1_795_230_000_000  # 2026-11-21T03:00Z
DAY = "day#2026-11-21"
MOST_EVENTS = 50  # each costs a power of two: a sum tells which ones are in it, and whether once
SHARDS = (0, 1)
OF = [("all", "all"), ("tenant", "t"), ("key", "k1"), ("user", "t/u")]


class Crash(BaseException):
    """The process is gone: nothing of it runs on."""


def event(number):
    cost = 2**number
    record = UsageRecord(
        id=f"r{number}",
        at_ms=AT_MS + number,
        tenant="t",
        team="",
        key=f"k{number % 2}",
        model="m",
        outcome="ok",
        status=200,
        stream=False,
        prompt_chars=1,
        duration_ms=7,
        user="u",
        attempts=(Attempt("a/b", "ok", AT_MS, 5, tokens=Tokens(1, 0, 0, 1, 0), cost_nanousd=cost),),
        cost_nanousd=cost,
    )
    return UsageRecorded.model_validate_json(json.dumps(record.to_detail()))


EVENTS = [event(number) for number in range(MOST_EVENTS)]


class World:
    """Before each call somebody else may act, and before or after it the one who makes it may crash: as the draws say."""

    def __init__(self, draw):
        self.draw = draw
        self.depth = 0
        self.is_calm = False
        self.table = FakeTable(self.meddle, self.lose)
        self.told = set()  # events that somebody was given, recorded or not

    def meddle(self):
        if self.is_calm:
            return
        choice = self.draw(st.integers(0, 11))
        if choice == 0 and self.depth:
            raise Crash
        if choice == 1 and self.depth < 3:
            self.act()

    def lose(self):
        if not self.is_calm and self.depth and self.draw(st.integers(0, 11)) == 0:
            raise Crash

    def act(self):
        deed = self.draw(st.sampled_from([self.write, self.write, self.fold, self.sweep, self.read]))
        self.depth += 1
        with suppress(Crash):
            deed()
        self.depth -= 1

    def write(self):
        """A batch, of which some may be known; a crash leaves it in the queue, which the end of the test delivers."""
        numbers = self.draw(st.lists(st.integers(0, MOST_EVENTS - 1), min_size=1, max_size=5))
        self.told |= {*numbers}
        boto_usage.record(self.table, [EVENTS[number] for number in numbers], self.draw(st.sampled_from(SHARDS)))

    def fold(self):
        boto_sums.fold(self.table, self.draw(st.sampled_from(SHARDS)))

    def sweep(self):
        boto_sums.sweep(self.table, self.draw(st.sampled_from(SHARDS)))

    def recorded(self):
        return {number for number in range(MOST_EVENTS) if ("request#r" + str(number), "usage") in self.table.items}

    def read(self):
        """What was recorded before is in it, what was recorded meanwhile may be, and nothing is in it twice."""
        before = self.recorded()
        found = boto_usage.totals(self.table, "all", "all", [DAY])[DAY]
        seen = {number for number in range(MOST_EVENTS) if found.get("cost_nanousd", 0) >> number & 1}
        assert found.get("cost_nanousd", 0) < 2**MOST_EVENTS
        assert found.get("requests", 0) == len(seen)
        assert before <= seen <= self.recorded()

    def settled(self):
        """Nobody crashes any more: all is delivered again, read, folded and read again."""
        self.is_calm = True
        for number in sorted(self.told):
            boto_usage.record(self.table, [EVENTS[number]], SHARDS[0])
        before = self.all_totals()
        for shard in SHARDS:
            boto_sums.fold_all(self.table, shard)
            assert boto_sums.fold_all(self.table, shard) == 0
            boto_sums.sweep(self.table, shard)
        assert not [sk for pk, sk in self.table.items if pk == boto_sums.LOG and not sk.endswith("#")]
        assert all(boto_sums.mark(self.table, shard).bytes == 0 for shard in SHARDS)
        assert self.all_totals() == before
        return before

    def all_totals(self):
        return {of: boto_usage.totals(self.table, *of, [DAY])[DAY] for of in OF}


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for module in (boto_sums, boto_usage):
        monkeypatch.setattr(module, "ThreadPoolExecutor", Serial)
    monkeypatch.setattr(boto_tables, "pause", lambda attempt: None)
    monkeypatch.setattr(boto_usage, "TRIES", 10**6)


def counted(numbers):
    return (len(numbers), sum(2**number for number in numbers)) if numbers else (0, 0)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_each_event_is_counted_once(data):
    world = World(data.draw)
    for _ in range(data.draw(st.integers(1, 14))):
        world.act()
    found = world.settled()
    expected = {
        ("all", "all"): counted(world.told),
        ("tenant", "t"): counted(world.told),
        ("user", "t/u"): counted(world.told),
        ("key", "k1"): counted({number for number in world.told if number % 2}),
    }
    assert {of: (row.get("requests", 0), row.get("cost_nanousd", 0)) for of, row in found.items()} == expected
