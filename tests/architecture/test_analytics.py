"""What docs/analytics.md says of figures and limits is so."""

import math
import re
from pathlib import Path

from ops.openapi import load_control
from signalbox.aws import boto_sums
from signalbox.usage import events, histogram, item, observed, totals

DOCS = Path(__file__).resolve().parents[2] / "docs"
DOCUMENT, USAGE = ((DOCS / name).read_text() for name in ("analytics.md", "usage.md"))
RECKONED = re.compile(r"^\| [^|]+ \| `([0-9+*/() ]+)` \| ([0-9.]+) \|$", re.M)
MODULES = load_control()


def test_each_reckoning_comes_to_what_it_says() -> None:
    rows = RECKONED.findall(USAGE)
    assert len(rows) == 7
    for reckoned, value in rows:
        assert math.isclose(eval(reckoned, {"__builtins__": {}}), float(value), abs_tol=0.005), (reckoned, value)


def test_the_limits_of_usage_are_the_codes() -> None:
    assert f"{boto_sums.DUE_BYTES // 1000} KB or {boto_sums.DUE_ENTRIES} entries" in USAGE
    assert f"{boto_sums.SHARDS} shards" in USAGE
    assert f"for {totals.DAYS_ONLY['user']} days" in USAGE
    hours, days, months = (f"{totals.KEPT[kind]:,}" for kind in ("hour", "day", "month"))
    assert hours == days
    assert f"hours and days are kept for {days} days and of months for {months}" in USAGE
    assert f"{item.KEEP_S // 86_400} days" in USAGE


def test_the_error_and_the_limits_are_the_codes() -> None:
    assert f"there are {histogram.PER_OCTAVE} buckets an octave" in DOCUMENT
    assert f"= {100 * histogram.WORST_ERROR:.1f} % of the exact one" in DOCUMENT
    assert f"{MODULES['days'].MOST} at the most, {MODULES['days'].MOST_BY_HOUR} by the hour" in DOCUMENT
    assert f"{MODULES['analytics'].MOST_KEYS:,} at the most" in DOCUMENT
    assert f"{totals.MOST_COUNTERS} counters at the most and an event {events.MOST_ATTEMPTS} attempts" in DOCUMENT
    assert f"{totals.MOST_WRITES} writes a transaction" in DOCUMENT
    assert f"the first {observed.MOST_FLAGS} by name" in DOCUMENT


def test_every_figure_that_is_told_is_explained() -> None:
    told = set(re.findall(r"^\| `(\w+)` \| ", DOCUMENT, re.M))
    figures = set(MODULES["figures"].Figures.model_fields)
    plain = {"attempts", "cost_usd", "hedges", "mirrors", "mirror_cost_nanousd"}
    assert told == figures - plain | {"providers"}
