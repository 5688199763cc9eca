"""The table of docs/providers.md, made from the rows: `python -m ops.providers` writes it, `--check` compares."""

import sys
from pathlib import Path

from signalbox.providers.contract import CARRIED_BY_ALL
from signalbox.providers.fit import CARRIED
from signalbox.providers.registry import wire
from signalbox.providers.rows import ROWS, Row

from .generated import Part

SHOWN = {
    "bearer": "bearer",
    "x-api-key": "`x-api-key`",
    "api-key": "`api-key`",
    "x-goog-api-key": "`x-goog-api-key`",
    "sigv4": "signed by the function's role",
    "google": "a service account's token",
    "entra": "an Entra token",
}
LEAVING = {"drain": "read to its end", "estimate": "estimated", "free": "closed, costs nothing"}


def table() -> str:
    head = ["provider", "format", "embeddings", "address", "key", "left stream", "refused before a call"]
    rows = [head, ["---"] * len(head), *(_row(name, row) for name, row in sorted(ROWS.items()))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def _row(name: str, row: Row) -> list[str]:
    asked = SHOWN[row.auth] if row.keyed or row.auth == "sigv4" else "none"
    address = f"`{row.base_url}`" if row.base_url else "yours to say"
    embeddings = f"`{row.embeddings}`" if row.embeddings else ""
    return [f"`{name}`", f"`{row.wire}`", embeddings, address, asked, LEAVING[row.on_leave], ", ".join(f"`{lack}`" for lack in lacks(row))]


def lacks(row: Row) -> list[str]:
    """What its format has no word for, and what the provider itself does not take."""
    unsaid = set(CARRIED) - wire(row.wire).carries - CARRIED_BY_ALL - {"dimensions"}
    return sorted(unsaid | set(row.lacks))


PART = Part(Path(__file__).resolve().parents[1] / "docs" / "providers.md", "ops.providers", "the rows say", table)


if __name__ == "__main__":
    sys.exit(PART.main(sys.argv[1:]))
