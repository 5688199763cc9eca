"""How targets fare of late, folded from their attempts: sums in which an attempt counts half as much for each minute of its age.

Such sums come to the same in whatever order the attempts arrive. One that arrives twice counts twice: a batch delivered once more moves an
average by at most 3 - 2√2, or 17.2 %, of the way from where it stood before that batch to the batch's own average, whenever it comes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .inputs import Health

HALF_LIFE_MS = 60_000
KEPT_MS = 3_600_000  # a target without an attempt for so long is forgotten
AHEAD_MS = 60_000  # no clock is that fast
MOST_TARGETS = 500  # the newest: callers make up names where a target's ends in *
MICRO = 1_000_000  # sums are stored in millionths: whole, and exact enough for a weight of LEAST
LEAST = 0.001  # an average of less is unknown again: ten minutes of attempts that told nothing of it


class Fared(NamedTuple):
    """A target's sums as of `at_ms`, when the newest attempt in them ended. They do not age while nothing new comes."""

    at_ms: int
    attempts: float = 0.0
    good: float = 0.0
    timed: float = 0.0  # those of `duration_ms`
    duration_ms: float = 0.0
    begun: float = 0.0  # those of `ttft_ms`
    ttft_ms: float = 0.0


class Sample(NamedTuple):
    """What one attempt says of its target. Times are None where it says nothing of them."""

    target: str
    ended_ms: int
    is_good: bool
    duration_ms: int | None = None
    ttft_ms: int | None = None


def fold(fared: Fared | None, sample: Sample) -> Fared:
    """The sums with this attempt, which may be older than others in them."""
    one = Fared(
        sample.ended_ms,
        attempts=1.0,
        good=float(sample.is_good),
        timed=float(sample.duration_ms is not None),
        duration_ms=float(sample.duration_ms or 0),
        begun=float(sample.ttft_ms is not None),
        ttft_ms=float(sample.ttft_ms or 0),
    )
    if fared is None:
        return one
    at_ms = max(fared.at_ms, one.at_ms)
    old, new = _weight(at_ms - fared.at_ms), _weight(at_ms - one.at_ms)
    return Fared(at_ms, *(old * mine + new * its for mine, its in zip(fared[1:], one[1:], strict=True)))


def folded(stored: Mapping[str, Sequence[int]], samples: Iterable[Sample], now_ms: int) -> dict[str, list[int]] | None:
    """What to store of all targets after these attempts; None where none of them says anything."""
    fresh = [sample for sample in samples if -AHEAD_MS <= now_ms - sample.ended_ms <= KEPT_MS]
    if not fresh:
        return None
    targets = {target: _to_fared(row) for target, row in stored.items()}
    for sample in fresh:
        targets[sample.target] = fold(targets.get(sample.target), sample)
    newest = sorted((target for target in targets if now_ms - targets[target].at_ms <= KEPT_MS), key=lambda target: -targets[target].at_ms)
    return {target: _to_row(targets[target]) for target in newest[:MOST_TARGETS]}


def to_health(stored: Mapping[str, Sequence[int]]) -> dict[str, Health]:
    """As routing sees it; a time that nothing is known of is 0."""
    return {target: _health(_to_fared(row)) for target, row in stored.items()}


def _health(fared: Fared) -> Health:
    return Health(
        ttft_ms=_average(fared.ttft_ms, fared.begun),
        duration_ms=_average(fared.duration_ms, fared.timed),
        success=_average(1000 * fared.good, fared.attempts),
        at_ms=fared.at_ms,
    )


def _average(total: float, weight: float) -> int:
    return round(total / weight) if weight >= LEAST else 0


def _weight(age_ms: int) -> float:
    return 2.0 ** (-age_ms / HALF_LIFE_MS)


def _to_row(fared: Fared) -> list[int]:
    return [fared.at_ms, *(round(total * MICRO) for total in fared[1:])]


def _to_fared(row: Sequence[int]) -> Fared:
    at_ms, *totals = row[: len(Fared._fields)]  # a later version may store more
    return Fared(at_ms, *(total / MICRO for total in totals))
