"""From usage events to what is stored: one item for each request, and the sums that /v1/usage and the analytics are read from."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from . import observed
from .events import Attempt, Tokens, UsageRecorded
from .record import CRASHED

KEEP_S = 400 * 86_400  # longer than a dead-letter queue (14 days) and the bus's archive (30) can bring an event back

# What DynamoDB takes: 100 writes in a transaction, 300 operators and 4 KB in an expression (this many counters come to 3.1 KB).
MOST_WRITES = 100
MOST_COUNTERS = 300

ALL = "all"  # the id of the dimension that has every request
MODEL = "model:"  # a key's own use of each model stands in the key's item: asking for it takes no further read, keeping it no further write


class Total(NamedTuple):
    """Whose counters: `dimension` is tenant, team, agent, key, route, policy, model, provider or all; `period` hour#…, day#… or month#…."""

    dimension: str
    id: str
    period: str


def usage_item(event: UsageRecorded) -> dict[str, Any]:
    """Without the inputs, which the traffic log keeps, and without what reads the same when it is missing or stands beside it."""
    detail = json.loads(event.model_dump_json(exclude_defaults=True, exclude={"inputs"}), parse_float=Decimal)
    if features := detail.pop("features", None):
        detail["features"] = {name: value for name, value in features.items() if name not in detail and name != "request"}
    return {"pk": f"request#{event.id}", "sk": "usage", "expires_at": event.at_ms // 1000 + KEEP_S} | detail


def increments(events: Iterable[UsageRecorded], *, by_model: bool = True) -> dict[Total, Counter[str]]:
    """What these events add to each total. Whole numbers, so that the order of adding is of no consequence.

    Without `by_model` nothing is told apart in a key's item, which then takes no names that it has not got.
    """
    sums: dict[Total, Counter[str]] = {}
    for event in events:
        for dimension, id, counters in _rows(event, by_model):
            for period in periods_of(event.at_ms):
                sums.setdefault(Total(dimension, id, period), Counter()).update(counters)
    return sums


def periods_of(at_ms: int) -> tuple[str, str, str]:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"hour#{at:%Y-%m-%dT%H}", f"day#{at:%Y-%m-%d}", f"month#{at:%Y-%m}"


def parts(events: Iterable[UsageRecorded]) -> Iterator[list[UsageRecorded]]:
    """The events in groups whose items and totals together fit one transaction, and of which each total fits one update."""
    part: list[UsageRecorded] = []
    names: dict[Total, set[str]] = {}
    for event in events:
        own = {total: {name for name, value in counters.items() if value} for total, counters in increments([event]).items()}
        more = names | {total: names.get(total, set()) | mine for total, mine in own.items()}
        if part and (len(part) + 1 + len(more) > MOST_WRITES or max(map(len, more.values())) > MOST_COUNTERS):
            yield part
            part, more = [], own
        part.append(event)
        names = more
    if part:
        yield part


def _rows(event: UsageRecorded, by_model: bool) -> Iterator[tuple[str, str, Counter[str]]]:
    was_sent = bool(event.attempts) or event.outcome == CRASHED
    whole = Counter(
        requests=1,
        refused=not was_sent and event.outcome != "ok",
        failed=was_sent and event.outcome != "ok",
        attempts=len(event.attempts),
        cache_hits=event.cache == "hit",
        estimated=event.estimated,
        duration_ms=event.duration_ms,
        baseline_cost_nanousd=event.baseline_cost_nanousd,
    ) + _spent(event.tokens, event.cost_nanousd)
    watched = observed.is_watched(event)
    flags, went = observed.of_flags(event), whole + observed.of_comparison(event)
    if watched:
        went += observed.of_request(event)
    models, providers = (_sorted(event.attempts, by) for by in (lambda id: id, lambda id: id.split("/", 1)[0]))
    used = {target: _used(attempts) for target, attempts in models.items() if by_model and not _is_made_up(attempts)}
    rows = {
        "tenant": (event.tenant, whole),
        "team": (f"{event.tenant}/{event.team}" if event.team else "", whole),
        "agent": (event.agent, whole),
        "key": (event.key, sum((_named(target, counters) for target, counters in used.items()), whole + flags)),
        "route": (event.route, went),
        "policy": (event.policy, went),
        "all": (ALL, went + flags),
    }
    yield from ((dimension, id, counters) for dimension, (id, counters) in rows.items() if id)
    for dimension, attempts_of in (("model", models), ("provider", providers)):
        for id, attempts in attempts_of.items():
            yield dimension, id, _used(attempts) + (observed.of_attempts(attempts, event) if watched else Counter())


def _sorted(attempts: Iterable[Attempt], by: Callable[[str], str]) -> dict[str, list[Attempt]]:
    sorted: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        sorted.setdefault(by(attempt.target), []).append(attempt)
    return sorted


def _is_made_up(attempts: Iterable[Attempt]) -> bool:
    """A name that its provider does not know: callers have no end of them, and an item of 400 KB has."""
    return all(attempt.outcome == "unknown_model" for attempt in attempts)


def _used(attempts: Iterable[Attempt]) -> Counter[str]:
    """A failed first attempt costs its own target, whichever target answered in the end."""
    used = Counter(requests=1)
    for attempt in attempts:
        used.update(attempts=1, failed=attempt.outcome != "ok", outrun=attempt.outcome == "outrun", estimated=attempt.estimated)
        used.update(duration_ms=attempt.duration_ms)
        used.update(_spent(attempt.tokens, attempt.cost_nanousd))
    return used


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
