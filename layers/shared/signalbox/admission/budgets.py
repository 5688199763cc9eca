"""Which budgets a request touches. A scope record of the control table names them; a scope without one has none."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .keys import Caller
from .periods import period_end_ms, period_id

GLOBAL = "global#*"
PROVIDER = "provider#"  # which counts its own attempts alone: `usage.shares`
CONFIG, DEFAULT = "config", "default"  # by whom a budget is that no operator set: the live document, or the stack's parameter


class Raise(NamedTuple):
    """Until then (epoch) the limit is so much higher."""

    id: str
    by_nanousd: int
    until_ms: int


class Budget(NamedTuple):
    """`kind` is day, week, month or total. A soft budget counts and warns, and never refuses.

    `zone` is the IANA time zone whose calendar the periods follow, empty for UTC. `thresholds` are percents of the limit, empty for the
    usual ones. `by` is who set it, where no operator did.
    """

    scope: str
    kind: str
    limit_nanousd: int
    hard: bool
    version: int
    zone: str = ""
    raises: tuple[Raise, ...] = ()
    thresholds: tuple[int, ...] = ()
    by: str = ""

    def period(self, at_ms: int) -> str:
        return period_id(self.kind, at_ms, self.zone)

    def ends_ms(self, at_ms: int) -> int | None:
        return period_end_ms(self.kind, at_ms, self.zone)

    def limit_at(self, at_ms: int) -> int:
        return self.limit_nanousd + sum(row.by_nanousd for row in self.raises if at_ms < row.until_ms)


def scopes_of(caller: Caller, *, team: str = "", agent: str = "", route: str = "", providers: Iterable[str] = ()) -> tuple[str, ...]:
    """Every scope this request counts in. `team`, where it is not the key's own, and `agent` are such as the key permits; `providers` all
    that its plan may reach.
    """
    scopes = [f"key#{caller.key_id}", f"team#{caller.tenant}/{team or caller.team}", f"tenant#{caller.tenant}"]
    scopes += [f"agent#{caller.tenant}/{agent}"] if agent else []
    scopes += [f"route#{route}"] if route else []
    scopes += [f"{PROVIDER}{name}" for name in sorted(set(providers))]
    return (*scopes, GLOBAL)


def to_budgets(scope: str, record: Mapping[str, Any]) -> tuple[Budget, ...]:
    """The budgets of one scope record ({} where there is none)."""
    return tuple(_budget(scope, kind, row) for kind, row in sorted(record.get("budgets", {}).items()))


def _budget(scope: str, kind: str, row: Mapping[str, Any]) -> Budget:
    return Budget(
        scope,
        kind,
        row["limit_nanousd"],
        row["hard"],
        row["version"],
        row.get("zone", ""),
        tuple(Raise(**raised) for raised in row.get("raises", ())),
        tuple(row.get("thresholds", ())),
        row.get("by", ""),
    )


def used_percent(records: Mapping[str, Mapping[str, Any]], scopes: Iterable[str], now_ms: int) -> int:
    """Of all these scopes' budgets, how much of the limit is settled where that is the most; 100 is all of it, or more.

    Of the running periods, as `evaluate_budgets` wrote it down: seconds old, and 0 where it has written nothing yet. The stack's own
    daily alert, which nobody set, routes nothing.
    """
    mine = [(record, budget) for record in (records.get(scope, {}) for scope in scopes) for budget in to_budgets("", record)]
    return max((_used(record, budget, now_ms) for record, budget in mine if budget.by != DEFAULT), default=0)


def _used(record: Mapping[str, Any], budget: Budget, now_ms: int) -> int:
    row = record.get("used", {}).get(budget.kind)
    return int(row["percent"]) if row and row["period"] == budget.period(now_ms) else 0
