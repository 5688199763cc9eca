"""The figures as a table for people, which is Markdown too."""

from collections.abc import Callable, Iterable, Sequence

from .verdict import Figures

COLUMNS: dict[str, Callable[[Figures], str]] = {
    "budgets": lambda of: str(of.storms),
    "admitted": lambda of: f"{of.admitted:,}",
    "workers killed": lambda of: str(of.killed),
    "while settling": lambda of: str(of.torn),
    "calls spoilt": lambda of: f"{of.spoilt:,}",
    "streams broken": lambda of: str(of.broken),
    "crashed, estimated": lambda of: str(of.estimated),
    "events repeated": lambda of: str(of.twice),
    "billed": lambda of: f"{of.billed:,}",
    "settled": lambda of: f"{of.settled:,}",
    "limit": lambda of: f"{of.limit:,}",
    "overspent": lambda of: str(of.overspent),
    "used": lambda of: f"{of.used:.2%}",
    "denials": lambda of: f"{of.denied:,}",
    "false, leases out": lambda of: f"{of.false_out:,}",
    "false, leases home": lambda of: str(of.false_home),
}


def table(found: Iterable[tuple[int, Figures]]) -> str:
    """One row for each size of budget."""
    sums: dict[int, Figures] = {}
    for fits, figures in found:
        sums[fits] = sums.get(fits, Figures()).plus(figures)
    rows = [["requests a budget", *COLUMNS], *([f"{fits:,}", *(show(of) for show in COLUMNS.values())] for fits, of in sums.items())]
    return lined(rows)


def lined(rows: Sequence[Sequence[str]]) -> str:
    """The first is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|")
    return "\n".join(lines)
