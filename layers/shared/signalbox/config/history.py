"""The way back through the versions: what was live before what is live, and before that, however often somebody went back already."""

from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]


def further_back(live: Row, newest_first: Iterable[Row]) -> int | None:
    """The number of the newest version that was published before what is live now was, and says something else.

    A version that restores another counts as that one: who goes back twice goes two back, and not forward to what he fled from.
    """
    origin = live.get("restores") or live["version"]
    for row in newest_first:
        if row["version"] == origin:
            origin = row.get("restores") or origin
        elif row["version"] < origin and row["digest"] != live["digest"]:
            return int(row["version"])
    return None
