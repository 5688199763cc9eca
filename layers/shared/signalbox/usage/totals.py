"""From usage events to sums: by the hour as they are gathered, and by hour, day and month as they are kept."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from .events import UsageRecorded
from .rows import ALL, REPORT, named_model, rows

__all__ = ["ALL", "Hourly", "Total", "by_model", "from_rows", "gathered", "increments", "parts", "periods_of", "spread", "to_rows"]

# What DynamoDB takes: 100 writes in a transaction, 300 operators and 4 KB in an expression (this many counters come to 3.1 KB).
MOST_WRITES = 100
MOST_COUNTERS = 290  # beside what an update says of itself
MOST_EVENTS = MOST_WRITES - 2  # of a transaction, beside their sums and the place of these
MOST_KEY_BYTES, MOST_SORT_KEY_BYTES = 2048, 1024

# Days that they are kept, from the begin of their period on: callers make names up, of agents too, and none of these stays for ever.
KEPT = {"hour": 400, "day": 400, "month": 1_200}
DAYS_ONLY = {"user": 100, "tag": 100, REPORT: 100}  # of which there are most: by the day alone
DAY_S = 86_400


class Hourly(NamedTuple):
    """Whose counters of which hour, in UTC: 2026-11-21T03."""

    dimension: str
    id: str
    hour: str


class Total(NamedTuple):
    """Whose counters: `dimension` is tenant, team, agent, key, user, tag, route, policy, model, provider, report or all; `period` hour#…,
    day#… or month#….
    """

    dimension: str
    id: str
    period: str

    @property
    def place(self) -> tuple[str, str]:
        """Partition, and how the sort key begins. A day's reports stand together: who has one is found without a scan."""
        if self.dimension == REPORT:
            return f"report#{self.period}", self.id
        return f"total#{self.dimension}#{self.id}", self.period

    @property
    def has_key(self) -> bool:
        """Whether DynamoDB takes it, with the shard behind it."""
        key, begin = self.place
        return len(key.encode()) <= MOST_KEY_BYTES and len(f"{begin}#00".encode()) <= MOST_SORT_KEY_BYTES

    @property
    def expires_at(self) -> int:
        kind, _, begin = self.period.partition("#")
        day = date.fromisoformat(f"{begin}-01"[:10])
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) + DAYS_ONLY.get(self.dimension, KEPT[kind]) * DAY_S


def gathered(events: Iterable[UsageRecorded]) -> dict[Hourly, Counter[str]]:
    """What these events add. Whole numbers, so that the order of adding is of no consequence; what adds nothing is left out."""
    sums: dict[Hourly, Counter[str]] = {}
    for event in events:
        hour = _hour(event.at_ms)
        for dimension, id, counters in rows(event):
            sums.setdefault(Hourly(dimension, id, hour), Counter()).update(+counters)
    return sums


def spread(sums: Iterable[tuple[Hourly, Mapping[str, int]]]) -> dict[Total, Counter[str]]:
    """The same for each period that is kept."""
    totals: dict[Total, Counter[str]] = {}
    for of, counters in sums:
        for period in _periods(of.hour)[1:2] if of.dimension in DAYS_ONLY else _periods(of.hour):
            totals.setdefault(Total(of.dimension, of.id, period), Counter()).update(counters)
    return totals


def increments(events: Iterable[UsageRecorded]) -> dict[Total, Counter[str]]:
    """What these events add to each total."""
    return spread(gathered(events).items())


def to_rows(sums: Mapping[Hourly, Mapping[str, int]]) -> dict[str, Any]:
    """As JSON: what repeats is said once."""
    told: dict[str, Any] = {}
    for (dimension, id, hour), counters in sums.items():
        told.setdefault(hour, {}).setdefault(dimension, {})[id] = dict(counters)
    return told


def from_rows(told: Mapping[str, Any]) -> Iterator[tuple[Hourly, dict[str, int]]]:
    for hour, dimensions in told.items():
        for dimension, ids in dimensions.items():
            for id, counters in ids.items():
                yield Hourly(dimension, id, hour), counters


def periods_of(at_ms: int) -> tuple[str, str, str]:
    return _periods(_hour(at_ms))


def parts(events: Iterable[UsageRecorded]) -> Iterator[list[UsageRecorded]]:
    """The events in groups that fit one transaction, and of which each total's counters fit one update.

    Those whose names are too long for a total's key are left out: in the log of sums no fold would ever come past them.
    """
    part: list[UsageRecorded] = []
    names: dict[Total, set[str]] = {}
    for event in events:
        own = {total: set(counters) for total, counters in increments([event]).items()}
        if not all(total.has_key for total in own):
            continue
        if part and (len(part) == MOST_EVENTS or any(len(names.get(total, set()) | mine) > MOST_COUNTERS for total, mine in own.items())):
            yield part
            part, names = [], {}
        part.append(event)
        for total, mine in own.items():
            names.setdefault(total, set()).update(mine)
    if part:
        yield part


def by_model(counters: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """The part of a key's counters that is kept for each model: {"openai/gpt-4.1-mini": {"requests": 1, …}}."""
    models: dict[str, dict[str, int]] = {}
    for name, value in counters.items():
        target, counter = named_model(name)
        if target:
            models.setdefault(target, {})[counter] = value
    return models


def _hour(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H}"


def _periods(hour: str) -> tuple[str, str, str]:
    return f"hour#{hour}", f"day#{hour[:10]}", f"month#{hour[:7]}"
