"""A day of a tenant, or of one of its teams: what it used and what that cost, by team, model, key and route, beside the day before."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ..usage.alerts import to_usd
from ..usage.rows import REPORTED_BY, Reported

VERSION = 1
DIMENSIONS = ("team", *REPORTED_BY)  # what a report is parted by; a team's is not parted by team

Counters = Mapping[str, int]
Counted = Mapping[Reported, Counters]


class Figures(NamedTuple):
    """Of a model: what it was asked, `failed` and `duration_ms` of its attempts. Of all else: requests as their clients saw them."""

    requests: int = 0
    refused: int = 0  # sent nowhere
    failed: int = 0  # sent, and not answered to the end
    slow: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    attempts: int = 0
    estimated: int = 0
    input: int = 0
    cached: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    duration_ms: int = 0
    cost_nanousd: int = 0

    @property
    def errors(self) -> int:
        return self.refused + self.failed


class Row(NamedTuple):
    """`of` is how many `duration_ms` is the sum of."""

    id: str
    figures: Figures
    before: Figures
    of: int

    @property
    def mean_ms(self) -> float | None:
        return round(self.figures.duration_ms / self.of, 1) if self.of else None


class Report(NamedTuple):
    """`team` None: of all the tenant. `finished`: made after the day was over. Rows stand with the dearest first."""

    day: str
    tenant: str
    team: str | None
    finished: bool
    total: Row
    rows: Mapping[str, tuple[Row, ...]]


def reports(day: str, tenant: str, counted: Counted, before: Counted, *, finished: bool) -> list[Report]:
    """Of the tenant, and of each of its teams that has a name; of none that had no traffic that day."""
    teams = sorted({of.team for of in counted if of.team})
    made = (report(day, tenant, team, counted, before, finished=finished) for team in (None, *teams))
    return [found for found in made if found]


def report(day: str, tenant: str, team: str | None, counted: Counted, before: Counted, *, finished: bool) -> Report | None:
    """Both are what is counted of this tenant. None where there was no traffic."""

    def parted(by: Callable[[Reported], str | None]) -> tuple[Row, ...]:
        return _rows(*(_summed(rows, by) for rows in (_of_team(counted, team), _of_team(before, team))))

    [total, *_] = parted(lambda of: "" if of.by == "all" else None) or (None,)
    if total is None or not total.figures.requests:
        return None
    rows = {by: parted(lambda of, by=by: of.id if of.by == by else None) for by in REPORTED_BY}  # type: ignore[misc]
    if team is None:
        rows = {"team": parted(lambda of: of.team if of.by == "all" else None)} | rows
    return Report(day, tenant, team, finished, total, rows)


def to_data(report: Report) -> dict[str, Any]:
    """Plain, for JSON. It says nothing of when it was made: whoever makes it again makes the same."""
    of = {"day": report.day, "tenant": report.tenant, "team": report.team, "finished": report.finished}
    parts = {f"by_{by}": [{"id": row.id} | told(row) for row in rows] for by, rows in report.rows.items()}
    return {"version": VERSION} | of | {"total": told(report.total)} | parts


def told(row: Row) -> dict[str, Any]:
    return _told(row.figures) | {"mean_ms": row.mean_ms, "before": _told(row.before)}


def _told(figures: Figures) -> dict[str, Any]:
    plain = {name: value for name, value in figures._asdict().items() if name != "duration_ms"}
    return plain | {"errors": figures.errors, "cost_usd": to_usd(figures.cost_nanousd)}


def _of_team(counted: Counted, team: str | None) -> Iterable[tuple[Reported, Counters]]:
    return [(of, counters) for of, counters in counted.items() if team is None or of.team == team]


def _summed(counted: Iterable[tuple[Reported, Counters]], by: Callable[[Reported], str | None]) -> dict[str, Counter[str]]:
    """Under each name that `by` gives; it gives none to what does not belong here."""
    sums: dict[str, Counter[str]] = {}
    for of, counters in counted:
        name = by(of)
        if name is not None:
            sums.setdefault(name, Counter()).update(_of_kind(of.by, counters))
    return sums


def _of_kind(by: str, counters: Counters) -> Counters:
    """A target that was outrun by a rival did not fail, and is timed by the attempt."""
    if by != "model":
        return {**counters, "timed": counters.get("requests", 0)}
    failed = counters.get("failed", 0) - counters.get("outrun", 0)
    return {**counters, "failed": failed, "timed": counters.get("attempts", 0)}


def _rows(today: Mapping[str, Counter[str]], before: Mapping[str, Counter[str]]) -> tuple[Row, ...]:
    """What was there the day before alone has a row too: that it is gone may be what somebody looks for."""
    none: Counter[str] = Counter()
    ids = {*today, *before}
    found = [Row(id, _figures(today.get(id, none)), _figures(before.get(id, none)), today.get(id, none)["timed"]) for id in ids]
    return tuple(sorted(found, key=lambda row: (-row.figures.cost_nanousd, -row.figures.requests, -row.before.cost_nanousd, row.id)))


def _figures(counters: Counter[str]) -> Figures:
    return Figures(**{name: counters[name] for name in Figures._fields})
