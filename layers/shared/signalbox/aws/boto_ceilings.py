"""The daily ceilings of the live document's routes, as hard budgets per day. Publishing sets them, and mends what a crash has left.

They are marked, so that those of a document that no longer says them go, and those of operators stay.
"""

from collections.abc import Mapping
from typing import Any

from ..admission.budgets import CONFIG
from ..usage.alerts import to_dollars
from . import boto_budgets, boto_tables

BY = CONFIG
KIND = "day"
ROUTE = "route#"


class CeilingConflict(Exception):
    """An operator's own budget allows more than the document does. Nothing was changed."""


def to_ceilings(snapshot: Mapping[str, Any]) -> dict[str, int]:
    """Nano-dollars a day, by scope."""
    limits = {f"{ROUTE}{name}": route.get("max_cost_a_day_nanousd") for name, route in snapshot["routes"].items()}
    return {scope: limit for scope, limit in limits.items() if limit is not None}


def check(control: Any, ceilings: Mapping[str, int]) -> None:
    """Raises CeilingConflict, which names all that are in the way. An operator's budget that is as strict, or stricter, stays and holds."""
    looser = []
    for scope, limit in ceilings.items():
        row = _row(control, scope)
        if row and "by" not in row and (not row["hard"] or row["limit_nanousd"] > limit):
            kind, id = ("hard" if row["hard"] else "soft"), scope.removeprefix(ROUTE)
            looser.append(
                f"routes.{id}.max_cost_a_day_usd: {to_dollars(limit)} would not hold: an operator has set a {kind} budget of"
                f" {to_dollars(row['limit_nanousd'])} a day. DELETE /admin/budgets?scope=route&id={id}&period={KIND} removes that."
            )
    if looser:
        raise CeilingConflict("\n".join(looser))


def keep(control: Any, ledger: Any, ceilings: Mapping[str, int], now_ms: int) -> None:
    """Makes the marked budgets what `ceilings` says. Writes nothing that is so already."""
    for scope, limit in ceilings.items():
        row = _row(control, scope)
        if row is None or (row.get("by") == BY and row["limit_nanousd"] != limit):
            boto_budgets.change(control, ledger, scope, KIND, limit, True, now_ms, by=BY)
    for listed in boto_tables.query(control, boto_budgets.LIST, ROUTE, consistent=True):
        row = None if listed["sk"] in ceilings else _row(control, listed["sk"])
        if row and row.get("by") == BY:
            boto_budgets.remove(control, listed["sk"], KIND, by=BY)


def _row(control: Any, scope: str) -> dict[str, Any] | None:
    return (boto_tables.get(control, scope, "scope") or {}).get("budgets", {}).get(KIND)
