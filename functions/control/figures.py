"""How figures of the analytics are told: rates are of 1, times are milliseconds, money is whole nano-dollars and the same in dollars."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field
from usage import to_usd

from signalbox.usage.analytics import Summary

ERROR = "A percentile is within 4.5 % of the nearest rank's"


class Times(BaseModel):
    """Milliseconds of what was answered. The mean is exact."""

    measured: Annotated[int, Field(description="How many there are of it; without any, nothing is told of them")]
    mean_ms: float | None
    p50_ms: Annotated[float | None, Field(description=ERROR)]
    p95_ms: Annotated[float | None, Field(description=ERROR)]
    p99_ms: Annotated[float | None, Field(description=ERROR)]


class Figures(BaseModel):
    """Of a route, a policy or all: requests as their clients saw them. Of a provider or a target: what it was sent, mirrors included."""

    requests: int
    refused: Annotated[int, Field(description="Sent nowhere")]
    answered: Annotated[int, Field(description="Of a provider or a target: attempts that it answered")]
    failed: Annotated[int, Field(description="Sent and not answered to the end; whoever was outrun by a rival did not fail")]
    attempts: int
    cost_nanousd: Annotated[int, Field(description="Of failed attempts, losers of races and mirrors too")]
    cost_usd: str
    success_rate: Annotated[float | None, Field(description="answered / (answered + failed)")]
    latency: Annotated[Times, Field(description="From the request's arrival to the end of its answer; of a target: of its attempt")]
    ttft: Annotated[Times, Field(description="From the same moment to the first content")]
    fallbacks: Annotated[int, Field(description="Answered by another target than the first tried; of a provider or target: tried first")]
    fallback_rate: Annotated[float | None, Field(description="Of the answers; of a provider or target: of those it was tried first for")]
    triggers: Annotated[dict[str, int], Field(description="How the first attempt ended, where there was a fallback")]
    hedges: int
    mirrors: int
    mirror_cost_nanousd: int
    cache_hits: Annotated[int, Field(description="Answered from the cache, by no target")]
    cache_hit_rate: Annotated[float | None, Field(description="Of the requests whose answers the cache may keep; null of a target")]


class ProviderShare(BaseModel):
    """Of the answers."""

    provider: str
    answered: int
    share: float | None
    declared: Annotated[float | None, Field(description="What the route's `shares` say, as a share of 1; null where they do not name it")]
    difference_points: Annotated[float | None, Field(description="Percentage points above what is declared; below it where negative")]


def told(summary: Summary) -> dict[str, Any]:
    """By the names of `Figures`."""
    row = summary._asdict() | {"latency": _rounded(summary.latency._asdict()), "ttft": _rounded(summary.ttft._asdict())}
    return {name: value for name, value in row.items() if name in Figures.model_fields} | {"cost_usd": to_usd(summary.cost_nanousd)}


def shares(served: Mapping[str, int], declared: Mapping[str, float]) -> list[ProviderShare]:
    """The most first. `declared` is percent by provider."""
    answered = sum(served.values())
    rows = []
    for provider in sorted({*served, *declared}, key=lambda provider: (-served.get(provider, 0), provider)):
        share, percent = served.get(provider, 0) / answered if answered else None, declared.get(provider)
        difference = None if share is None or percent is None else round(100 * share - percent, 4)
        wanted = None if percent is None else percent / 100
        rows.append(
            ProviderShare(provider=provider, answered=served.get(provider, 0), share=share, declared=wanted, difference_points=difference)
        )
    return rows


def _rounded(times: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in times.items()}
