"""Which provider serves how much of the traffic: then for sure, and by a draft as far as that can be said."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]


class Shares:
    """`expected` are those that are asked first. `low` has only the requests that a provider answered then too, or is alone in answering;
    `high` has those in which it is one of those asked.
    """

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {end: Counter() for end in ("recorded", "low", "expected", "high")}

    def served(self, target: str) -> None:
        self._counts["recorded"][_provider(target)] += 1

    def serves(self, target: str, others: Iterable[str], *, surely: bool) -> None:
        """`others` are those that may answer in its place."""
        provider = _provider(target)
        possible = {provider} if surely else {provider, *map(_provider, others)}
        self._counts["expected"][provider] += 1
        self._counts["high"].update(possible)
        if len(possible) == 1:
            self._counts["low"][provider] += 1

    def result(self) -> Json:
        then, now = self._counts["recorded"].total(), self._counts["expected"].total()
        return {
            name: {end: percent(counts[name], then if end == "recorded" else now) for end, counts in self._counts.items()}
            | {"requests": {end: counts[name] for end, counts in self._counts.items()}}
            for name in sorted({name for counts in self._counts.values() for name in counts})
        }


def percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def _provider(target: str) -> str:
    return target.partition("/")[0]
