"""Which budgets a request touches. A scope record of the control table names them; a scope without one has none."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .keys import Caller
from .periods import period_id

GLOBAL = "global#*"


class Budget(NamedTuple):
    """`kind` is day, week, month or total. A soft budget counts and warns, and never refuses."""

    scope: str
    kind: str
    limit_nanousd: int
    hard: bool
    version: int


def scopes_of(caller: Caller, *, agent: str = "", route: str = "", providers: Iterable[str] = ()) -> tuple[str, ...]:
    """Every scope this request counts in. `agent` is one that the key permits; `providers` all that its plan may reach."""
    scopes = [f"key#{caller.key_id}", f"team#{caller.tenant}/{caller.team}", f"tenant#{caller.tenant}"]
    scopes += [f"agent#{agent}"] if agent else []
    scopes += [f"route#{route}"] if route else []
    scopes += [f"provider#{name}" for name in sorted(set(providers))]
    return (*scopes, GLOBAL)


def to_budgets(scope: str, record: Mapping[str, Any]) -> tuple[Budget, ...]:
    """The budgets of one scope record ({} where there is none)."""
    return tuple(
        Budget(scope, kind, row["limit_nanousd"], row["hard"], row["version"]) for kind, row in sorted(record.get("budgets", {}).items())
    )


def used_percent(records: Mapping[str, Mapping[str, Any]], scopes: Iterable[str], now_ms: int) -> int:
    """Of all these scopes' budgets, how much of the limit is settled where that is the most; 100 is all of it, or more.

    Of the running periods, as `evaluate_budgets` wrote it down: seconds old, and 0 where it has written nothing yet.
    """
    mine = [records.get(scope, {}) for scope in scopes]
    return max((_used(record, kind, now_ms) for record in mine for kind in record.get("budgets", {})), default=0)


def _used(record: Mapping[str, Any], kind: str, now_ms: int) -> int:
    row = record.get("used", {}).get(kind)
    return int(row["percent"]) if row and row["period"] == period_id(kind, now_ms) else 0
