"""Keys as an operator reads them: a line each, or one of them whole. Never a secret."""

from collections.abc import Iterable
from typing import Any

from .grants import told_limits
from .table import columns

Json = dict[str, Any]
HEADING = ("id", "name", "of", "status", "expires", "may name", "budgets")
MOST_CHARS = 40  # of what it may name, in a line


def table(keys: Iterable[Json]) -> list[str]:
    return columns([HEADING, *map(_cells, keys)])


def as_text(key: Json) -> list[str]:
    rows = {
        "of": _of(key),
        "status": key["status"],
        "made": f"{key['created_at']} by {key['created_by']}",
        "expires": key["expires_at"],
        "old secret": key["old_secret_until"] and f"good until {key['old_secret_until']}",
        "may name": _may_name(key),
        **{name: ", ".join(key[name]) for name in ("agents", "teams", "tags")},
        "fallbacks": "its own, too" if key["fallbacks"] else "",
        "limits": told_limits(key["limits"]),
        "budgets": _budgets(key),
    }
    return [f"key {key['id']}: {key['name']}", *(f"  {name:<11} {value}" for name, value in rows.items() if value)]


def _cells(key: Json) -> tuple[str, ...]:
    may, expires = _may_name(key), (key["expires_at"] or "never")[:16].replace("T", " ")
    may = may if len(may) <= MOST_CHARS else may[: MOST_CHARS - 1] + "…"
    return key["id"], key["name"], _of(key), key["status"], expires, may, _budgets(key)


def _of(key: Json) -> str:
    return f"{key['tenant']}/{key['team'] or '*'}"


def _may_name(key: Json) -> str:
    if key["models"] is None and key["routes"] is None:
        return "anything"
    return ", ".join([*(key["models"] or ()), *(key["routes"] or ())]) or "nothing"


def _budgets(key: Json) -> str:
    return ", ".join(f"${row['limit_usd']} a {row['period']}{'' if row['hard'] else ' (soft)'}" for row in key["budgets"])
