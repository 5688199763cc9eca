"""What the counters of a route, policy, provider or target say of how its requests go, what they save, and how far flags have come."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from . import histogram
from .observed import DURATION, FLAG, SERVED, TRIGGER, TTFT

Counters = Mapping[str, int]


class Times(NamedTuple):
    """Milliseconds. The mean is exact, a percentile within `histogram.WORST_ERROR`; None where none was `measured`."""

    measured: int
    mean_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


class Summary(NamedTuple):
    """Rates are of 1, and None where there is nothing that they would be a share of. `served` counts answers by provider."""

    requests: int
    refused: int
    answered: int
    failed: int
    attempts: int
    cost_nanousd: int
    success_rate: float | None
    latency: Times
    ttft: Times
    fallbacks: int
    fallback_rate: float | None
    triggers: Mapping[str, int]
    served: Mapping[str, int]
    hedges: int
    mirrors: int
    mirror_cost_nanousd: int
    cache_hits: int
    cache_hit_rate: float | None


class Saving(NamedTuple):
    """`percent` of the baseline; None where nothing was compared, or the baseline is nothing."""

    requests: int
    compared: int
    cost_nanousd: int
    compared_cost_nanousd: int
    baseline_cost_nanousd: int
    saved_nanousd: int
    percent: float | None


class Adoption(NamedTuple):
    """`requests` were made by `callers` with the flag on; the others are all that were decided meanwhile, and all who made them."""

    requests: int
    of_requests: int
    callers: int
    of_callers: int


def summary(counters: Counters) -> Summary:
    """Of a route, of a policy, or of all: what was refused was sent nowhere, and is no failure."""
    refused, failed = _get(counters, "refused"), _get(counters, "failed")
    answered = _get(counters, "requests") - refused - failed
    return _summary(counters, refused, answered, failed, _monitored(counters))


def summary_of_target(counters: Counters) -> Summary:
    """Of a target or a provider, which answers attempts: who was outrun by a rival neither answered nor failed."""
    failed = _get(counters, "failed") - _get(counters, "outrun")
    answered = _get(counters, "attempts") - _get(counters, "failed")
    return _summary(counters, 0, answered, failed, _get(counters, "firsts"))


def saving(counters: Counters) -> Saving:
    cost, baseline = _get(counters, "compared_cost_nanousd"), _get(counters, "compared_baseline_nanousd")
    return Saving(
        requests=_get(counters, "requests"),
        compared=_get(counters, "compared"),
        cost_nanousd=_get(counters, "cost_nanousd"),
        compared_cost_nanousd=cost,
        baseline_cost_nanousd=baseline,
        saved_nanousd=baseline - cost,
        percent=100 * (baseline - cost) / baseline if baseline else None,
    )


def adoption(everyone: Counters, keys: Iterable[Counters], flags: Iterable[str]) -> dict[str, Adoption]:
    """Of each of these flags, and of whatever else was counted. `keys` are the counters of each."""
    seen = [counters for counters in keys if _get(counters, "decided")]
    decided = _get(everyone, "decided")
    return {
        flag: Adoption(_get(everyone, FLAG + flag), decided, sum(bool(_get(key, FLAG + flag)) for key in seen), len(seen))
        for flag in sorted({*flags, *_named(everyone, FLAG)})
    }


def _summary(counters: Counters, refused: int, answered: int, failed: int, may_fall_back: int) -> Summary:
    fallbacks, hits = _get(counters, "fallbacks"), _get(counters, "cache_hits")
    return Summary(
        requests=_get(counters, "requests"),
        refused=refused,
        answered=answered,
        failed=failed,
        attempts=_get(counters, "attempts"),
        cost_nanousd=_get(counters, "cost_nanousd"),
        success_rate=_share(answered, answered + failed),
        latency=_times(counters, DURATION, "answered_ms"),
        ttft=_times(counters, TTFT, "ttft_ms"),
        fallbacks=fallbacks,
        fallback_rate=_share(fallbacks, may_fall_back),
        triggers=_named(counters, TRIGGER),
        served=_named(counters, SERVED),
        hedges=_get(counters, "hedges"),
        mirrors=_get(counters, "mirrors"),
        mirror_cost_nanousd=_get(counters, "mirror_cost_nanousd"),
        cache_hits=hits,
        cache_hit_rate=_share(hits, hits + _get(counters, "cache_misses")),
    )


def _times(counters: Counters, letter: str, total: str) -> Times:
    counts = histogram.of(counters, letter)
    count = sum(counts.values())
    if not count:
        return Times(0)
    percentiles = (histogram.percentile_ms(counts, percent) for percent in (50, 95, 99))
    return Times(count, _get(counters, total) / count, *percentiles)


def _monitored(counters: Counters) -> int:
    """Answers of which more is known than that they were given."""
    return sum(histogram.of(counters, DURATION).values())


def _named(counters: Counters, prefix: str) -> dict[str, int]:
    """The most first."""
    found = {name.removeprefix(prefix): count for name, count in counters.items() if name.startswith(prefix) and count}
    return dict(sorted(found.items(), key=lambda row: (-row[1], row[0])))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _get(counters: Counters, name: str) -> int:
    return counters.get(name, 0)
