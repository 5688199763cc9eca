"""How targets fare of late, folded from their attempts: sums in which an attempt counts half as much for each minute of its age.

Such sums come to the same in whatever order the attempts arrive. One that arrives twice counts twice: a batch delivered once more moves an
average by at most 3 - 2√2, or 17.2 %, of the way from where it stood before that batch to the batch's own average, whenever it comes.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .inputs import Health

HALF_LIFE_MS = 60_000
KEPT_MS = 3_600_000  # a target without an attempt for so long is forgotten
AHEAD_MS = 60_000  # no clock is that fast
MOST_TARGETS = 500  # the newest: callers make up names where a target ends in *
MICRO = 1_000_000  # what is stored is whole: millionths


class Fared(NamedTuple):
    """A target's sums as of `at_ms`, when the newest attempt in them ended."""

    at_ms: int
    attempts: float = 0.0
    good: float = 0.0
    duration_ms: float = 0.0  # of the good ones
    begun: float = 0.0  # those with a first byte
    ttft_ms: float = 0.0  # of these


class Sample(NamedTuple):
    """What one attempt says of its target. Times are None where it says nothing of them."""

    target: str
    ended_ms: int
    is_good: bool
    duration_ms: int | None = None
    ttft_ms: int | None = None


def to_health(targets: Mapping[str, Iterable[int]]) -> dict[str, Health]:
    """From what is stored, as routing sees it."""
    return {}
