"""Figures of things that were measured in turn."""

import statistics
from collections.abc import Mapping, Sequence


def table(figures: Mapping[str, Sequence[float]], unit: str, beside: str) -> None:
    """A line for each: its median, how it spreads, and how it stands beside one of them."""
    base = statistics.median(figures[beside])
    for name, values in figures.items():
        middle, (low, high) = statistics.median(values), spread(values)
        print(f"  {name:34} {middle:8.2f} {unit}   (p5 {low:.2f}, p95 {high:.2f})   {middle - base:+8.2f} {unit}   {middle / base:5.2f} x")


def spread(values: Sequence[float]) -> tuple[float, float]:
    ranked = sorted(values)
    return ranked[len(ranked) // 20], ranked[-1 - len(ranked) // 20]
