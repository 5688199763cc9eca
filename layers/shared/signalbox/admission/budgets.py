"""Which budgets a request touches. A scope record of the control table names them; a scope without one has none."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .keys import Caller

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
