"""A report as CSV (RFC 4180): a row for each tenant, team, dimension and id."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from .report import Report, Row, told

OF = ("day", "tenant", "team", "dimension", "id")
FIGURES = (
    *("requests", "errors", "refused", "failed", "slow", "cache_hits", "cache_misses", "attempts", "estimated"),
    *("input", "cached", "cache_write", "cache_write_1h", "output", "reasoning", "mean_ms", "cost_nanousd", "cost_usd"),
)
BEFORE = ("requests", "errors", "cost_nanousd", "cost_usd")
HEADING = (*OF, *FIGURES, *(f"{name}_before" for name in BEFORE))
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # what spreadsheets take for the beginning of one


def to_csv(report: Report) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADING, *_lines(report)])
    return text.getvalue()


def _lines(report: Report) -> Iterator[list[Any]]:
    yield _line(report, "all", report.total)
    for dimension, rows in report.rows.items():
        yield from (_line(report, dimension, row) for row in rows)


def _line(report: Report, dimension: str, row: Row) -> list[Any]:
    """A team's own row is under the team, whose id it is too."""
    team = row.id if dimension == "team" else report.team or ""
    figures = told(row)
    named = [report.day, *map(plain, (report.tenant, team, dimension, row.id))]
    return [*named, *(figures[name] for name in FIGURES), *(figures["before"][name] for name in BEFORE)]


def plain(name: str) -> str:
    """Text to a spreadsheet too, whoever named it."""
    return f"'{name}" if name.lstrip(" ").startswith(FORMULA) else name
