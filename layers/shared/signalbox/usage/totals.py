"""From usage events to what is stored: one item for each request, and the sums that /v1/usage and the analytics are read from."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from .events import Attempt, Tokens, UsageRecorded

KEEP_S = 400 * 86_400  # longer than a dead-letter queue (14 days) and the bus's archive (30) can bring an event back

MODEL = "model:"  # a key's own use of each model stands in the key's item: asking for it takes no further read, keeping it no further write


class Total(NamedTuple):
    """Whose counters: `dimension` is tenant, team, agent, key, route, model or provider; `period` is hour#…, day#… or month#…."""

    dimension: str
    id: str
    period: str


def usage_item(event: UsageRecorded) -> dict[str, Any]:
    """Without the inputs, which the traffic log keeps, and without what reads the same when it is missing or stands beside it."""
    detail = json.loads(event.model_dump_json(exclude_defaults=True, exclude={"inputs"}), parse_float=Decimal)
    if features := detail.pop("features", None):
        detail["features"] = {name: value for name, value in features.items() if name not in detail and name != "request"}
    return {"pk": f"request#{event.id}", "sk": "usage", "expires_at": event.at_ms // 1000 + KEEP_S} | detail


def increments(events: Iterable[UsageRecorded]) -> dict[Total, Counter[str]]:
    """What these events add to each total. Whole numbers, so that the order of adding is of no consequence."""
    sums: dict[Total, Counter[str]] = {}
    for event in events:
        for dimension, id, counters in _rows(event):
            for period in periods_of(event.at_ms):
                sums.setdefault(Total(dimension, id, period), Counter()).update(counters)
    return sums


def periods_of(at_ms: int) -> tuple[str, str, str]:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"hour#{at:%Y-%m-%dT%H}", f"day#{at:%Y-%m-%d}", f"month#{at:%Y-%m}"


def parts(events: Iterable[UsageRecorded], limit: int = 100) -> Iterator[list[UsageRecorded]]:
    """The events in groups whose items and totals together fit one transaction."""
    part: list[UsageRecorded] = []
    totals: set[Total] = set()
    for event in events:
        more = totals | increments([event]).keys()
        if part and len(part) + 1 + len(more) > limit:
            yield part
            part, more = [], set(increments([event]))
        part.append(event)
        totals = more
    if part:
        yield part


def _rows(event: UsageRecorded) -> Iterator[tuple[str, str, Counter[str]]]:
    whole = Counter(
        requests=1,
        refused=not event.attempts and event.outcome != "ok",
        failed=bool(event.attempts) and event.outcome != "ok",
        attempts=len(event.attempts),
        cache_hits=event.cache == "hit",
        estimated=event.estimated,
        duration_ms=event.duration_ms,
        baseline_cost_nanousd=event.baseline_cost_nanousd,
    ) + _spent(event.tokens, event.cost_nanousd)
    ids = {
        "tenant": event.tenant,
        "team": f"{event.tenant}/{event.team}" if event.team else "",
        "agent": event.agent,
        "route": event.route,
    }
    models = list(_of_attempts("model", [(attempt.target, attempt) for attempt in event.attempts]))
    yield from ((dimension, id, whole) for dimension, id in ids.items() if id)
    if event.key:
        yield "key", event.key, sum((_named(target, counters) for _, target, counters in models), whole)
    yield from models
    yield from _of_attempts("provider", [(attempt.target.split("/", 1)[0], attempt) for attempt in event.attempts])


def _of_attempts(dimension: str, attempts: list[tuple[str, Attempt]]) -> Iterator[tuple[str, str, Counter[str]]]:
    """A failed first attempt costs its own target, whichever target answered in the end."""
    sums: dict[str, Counter[str]] = {}
    for id, attempt in attempts:
        counters = sums.setdefault(id, Counter(requests=1))
        counters.update(attempts=1, failed=attempt.outcome != "ok", estimated=attempt.estimated, duration_ms=attempt.duration_ms)
        counters.update(_spent(attempt.tokens, attempt.cost_nanousd))
    yield from ((dimension, id, counters) for id, counters in sums.items())


def by_model(counters: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """The part of a key's counters that is kept for each model: {"openai/gpt-4.1-mini": {"requests": 1, …}}."""
    models: dict[str, dict[str, int]] = {}
    for name, value in counters.items():
        if name.startswith(MODEL):
            target, _, counter = name.removeprefix(MODEL).rpartition(":")
            models.setdefault(target, {})[counter] = value
    return models


def _named(target: str, counters: Counter[str]) -> Counter[str]:
    return Counter({f"{MODEL}{target}:{name}": value for name, value in counters.items()})


def _spent(tokens: Tokens, cost_nanousd: int) -> Counter[str]:
    return Counter(tokens.model_dump() | {"cost_nanousd": cost_nanousd})
