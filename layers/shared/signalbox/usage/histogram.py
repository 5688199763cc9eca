"""Times in buckets, eight an octave: few counters, whose sums are exact, and percentiles within 4.5 %."""

from collections.abc import Mapping
from math import log2

PER_OCTAVE = 8
LAST = 24 * PER_OCTAVE  # 2^24 ms, four hours and a half: longer than anything runs
WORST_ERROR = 2 ** (1 / (2 * PER_OCTAVE)) - 1  # of a percentile, which is told as the geometric middle of its bucket


def bucket(ms: int) -> int:
    """0 is nothing at all; bucket n holds what lies between 2^((n-1)/8) and 2^(n/8) milliseconds."""
    return 1 + min(LAST, int(PER_OCTAVE * log2(ms))) if ms > 0 else 0


def middle_ms(bucket: int) -> float:
    return 2 ** ((bucket - 0.5) / PER_OCTAVE) if bucket else 0.0


def percentile_ms(counts: Mapping[int, int], percent: int) -> float | None:
    """The smallest time that `percent` of all are not above; None where there are none."""
    rank = -(-sum(counts.values()) * percent // 100)
    for number in sorted(counts):
        rank -= counts[number]
        if rank <= 0:
            return middle_ms(number)
    return None


def of(counters: Mapping[str, int], letter: str) -> dict[int, int]:
    """The buckets among counters: those named by `letter` and their number."""
    return {int(name[1:]): count for name, count in counters.items() if name[:1] == letter and name[1:].isdecimal() and count}
