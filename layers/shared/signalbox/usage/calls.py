"""The list of calls: a line for each, by tenant and minute, packed as columns: an item for each line would cost as much as the call."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .events import UsageRecorded
from .packed import DETAIL, pack, unpack

KEEP_S = 400 * 86_400


class Line(NamedTuple):
    """What is told of a call in a list; the rest is asked for by its id. Times are milliseconds, `at_ms` is epoch."""

    id: str
    at_ms: int
    team: str
    agent: str
    key: str
    user: str
    tags: list[str]
    model: str
    route: str
    policy: str
    target: str
    outcome: str
    status: int
    slow: bool
    stream: bool
    estimated: bool
    cache: str
    attempts: int
    prompt_chars: int
    input: int
    output: int
    ttft_ms: int | None
    duration_ms: int
    cost_nanousd: int


class Minute(NamedTuple):
    """Of a tenant: 2026-11-21T03 and 59."""

    tenant: str
    hour: str
    minute: str


def by_minute(events: Iterable[UsageRecorded]) -> dict[Minute, list[Line]]:
    found: dict[Minute, list[Line]] = {}
    for event in events:
        at = datetime.fromtimestamp(event.at_ms / 1000, UTC)
        found.setdefault(Minute(event.tenant, f"{at:%Y-%m-%dT%H}", f"{at:%M}"), []).append(to_line(event))
    return {of: sorted(lines) for of, lines in found.items()}


def to_line(event: UsageRecorded) -> Line:
    counted: dict[str, Any] = {"attempts": len(event.attempts), "input": event.tokens.input, "output": event.tokens.output}
    return Line(**{name: counted[name] if name in counted else getattr(event, name) for name in Line._fields})


def pack_lines(lines: Iterable[Line]) -> bytes:
    return pack(dict(zip(Line._fields, map(list, zip(*lines, strict=True)), strict=True)), DETAIL)


def unpack_lines(packed: bytes) -> Iterator[Line]:
    columns: Mapping[str, list[Any]] = unpack(packed)
    return (Line(*row) for row in zip(*(columns[name] for name in Line._fields), strict=True))
