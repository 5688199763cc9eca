"""How long recorded requests took, and would have taken: sums, however many there are."""

from collections import Counter
from typing import Any, NamedTuple

from .supposed import NOTHING, Assumptions, Interval, Row, Supposed, spread

Json = dict[str, Any]

MOST_UNKNOWN = 100  # callers make up names, where a target's ends in `*`


class _Open(NamedTuple):
    """Requests of whose target nothing was known in time."""

    requests: int = 0
    recorded_ms: int = 0
    waited_ms: int = 0


class Latencies:
    """Where nothing was known of a target in time, what the recorded requests of it took on average."""

    def __init__(self, assume: Assumptions) -> None:
        self._assume = assume
        self._then_ms, self._now_ms, self._count = 0, NOTHING, 0
        self._heard: dict[str, tuple[int, int]] = {}  # milliseconds, attempts
        self._open: dict[str, _Open] = {}

    def heard(self, row: Row) -> None:
        for attempt in row["attempts"]:
            if attempt["outcome"] == "ok":
                took_ms, times = self._heard.get(attempt["target"], (0, 0))
                self._heard[attempt["target"]] = took_ms + attempt["duration_ms"], times + 1

    def expected(self, row: Row, found: Supposed) -> None:
        if found.duration is None:
            requests, recorded_ms, waited_ms = self._open.get(found.target, _Open())
            self._open[found.target] = _Open(requests + 1, recorded_ms + row["duration_ms"], waited_ms + found.waited_ms)
        else:
            self._then_ms += row["duration_ms"]
            self._now_ms += found.duration
            self._count += 1

    def result(self) -> Json:
        """`unknown` are the requests, by target, of which nobody knows how long they take, the most first: in no average."""
        then_ms, now_ms, count = self._then_ms, self._now_ms, self._count
        for target, (requests, recorded_ms, waited_ms) in self._open.items():
            took_ms, times = self._heard.get(target, (0, 0))
            if times:
                each = spread(took_ms // times, self._assume)
                now_ms += Interval(*(waited_ms + requests * end for end in each))
                then_ms += recorded_ms
                count += requests
        ends = {name: value // max(count, 1) for name, value in now_ms._asdict().items()}
        unknown = Counter({target: row.requests for target, row in sorted(self._open.items()) if target not in self._heard})
        return {"recorded": then_ms // max(count, 1)} | ends | {"requests": count, "unknown": dict(unknown.most_common(MOST_UNKNOWN))}
