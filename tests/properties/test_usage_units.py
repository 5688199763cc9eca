"""What an event costs to write, all of it: its item, its line in the list of calls, its share of the sums and of folding them."""

import json
import random
import re
from pathlib import Path

import pytest

from signalbox.aws import boto_calls, boto_sums, boto_usage
from signalbox.usage.events import UsageRecorded
from signalbox.usage.item import usage_item

from .fake_table import FakeTable, Serial
from .item_size import item_size

ROOT = Path(__file__).resolve().parents[2]
GOAL = 2.5  # write units an event, transactions counted double
EVENTS_A_SECOND, PARTITION = 1_000, 1_000  # of one tenant; write units a second that a partition takes
SHARD = 3
COUNT = 1_440
GUIDE = (ROOT / "docs" / "usage.md").read_text()
SAID = {int(batch): said for batch, *said in re.findall(r"^\| (\d+) \| (\d+\.\d) \| (\d+\.\d) \|$", GUIDE, re.M)}
SAMPLE = [
    json.loads(row["body"])["detail"] for row in json.loads((ROOT / "events" / "record_usage_routed_sqs.json").read_text())["Records"]
]


def traffic(count: int, users: int = 0) -> list[UsageRecorded]:
    """A second has 100 requests of one tenant: five keys, the sample's routes and targets, times and tokens as they scatter."""
    draw = random.Random(7)

    def made(number: int) -> UsageRecorded:
        detail = json.loads(json.dumps(draw.choice(SAMPLE)))
        at_ms, duration_ms = 1_795_230_000_000 + number * 10, int(draw.lognormvariate(6.5, 0.6))
        detail |= {"id": f"req_{at_ms:011x}{draw.getrandbits(64):016x}", "at_ms": at_ms, "duration_ms": duration_ms + 8}
        detail |= {"tenant": "acme", "team": "search", "key": f"k0199aa{draw.randrange(5):010x}"}
        detail |= {name: f"{draw.getrandbits(256):064x}" for name in ("decision", "decided")}
        detail["features"]["conversation"] = f"{draw.getrandbits(64):016x}"
        for attempt in detail["attempts"]:
            attempt |= {"at_ms": at_ms + 5, "duration_ms": duration_ms, "ttft_ms": duration_ms // 3}
            attempt |= {"cost_nanousd": draw.randrange(10**5, 10**7)}
            attempt["tokens"] |= {"input": draw.randrange(50, 5000), "output": draw.randrange(5, 900)}
            detail |= {"tokens": attempt["tokens"], "cost_nanousd": attempt["cost_nanousd"], "ttft_ms": duration_ms // 3 + 5}
        if users:
            detail |= {"user": f"user-{min(int(draw.paretovariate(0.8)), users)}", "tags": [draw.choice(["web", "app", "batch"])]}
        return UsageRecorded.model_validate(detail)

    return [made(number) for number in range(count)]


def units(monkeypatch, batch: int, count: int, users: int = 0) -> dict[str, float]:
    """Of an event, by the kind of partition that they are written to."""
    monkeypatch.setattr(boto_sums, "ThreadPoolExecutor", Serial)
    monkeypatch.setattr(boto_usage, "ThreadPoolExecutor", Serial)
    table, events = FakeTable(page=1_000), traffic(count, users)
    for start in range(0, count, batch):
        boto_calls.write(table, events[start : start + batch])
        assert boto_usage.record(table, events[start : start + batch], SHARD) == (len(events[start : start + batch]), {})
        if boto_sums.mark(table, SHARD).is_due:
            boto_sums.fold_all(table, SHARD)
    boto_sums.fold_all(table, SHARD)
    assert boto_usage.totals(table, "all", "all", ["month#2026-11"])["month#2026-11"]["requests"] == count
    return {kind: written / count for kind, written in table.units.items()}


@pytest.mark.parametrize("batch", [1, 10, 40, 90])
@pytest.mark.parametrize("users", [0, 500])
def test_an_event_is_written_in_as_many_units_as_the_guide_says_and_in_few_where_batches_are_full(monkeypatch, batch, users):
    by_kind = units(monkeypatch, batch, 3 * COUNT // 2 if batch == 40 else COUNT, users)
    found = sum(by_kind.values())
    assert f"{found:.1f}" == SAID[batch][bool(users)]
    if batch < 40:
        return
    assert found <= GOAL
    together = {kind: written for kind, written in by_kind.items() if kind != "request"}  # a partition of its own has each of these
    assert together.keys() == {"sums", "calls", "total", "report"}
    assert max(together.values()) * EVENTS_A_SECOND < PARTITION


def test_an_event_alone_costs_little_too(monkeypatch):
    assert sum(units(monkeypatch, 1, 2 * boto_sums.DUE_ENTRIES).values()) <= 10


def test_an_events_item_is_below_half_a_kb():
    assert max(item_size(usage_item(event)) for event in traffic(200, users=500)) <= 512
