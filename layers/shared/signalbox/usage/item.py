"""How the usage table keeps one request: packed, below 1 KB, because it is written in a transaction and each begun KB counts twice."""

import json
from collections.abc import Mapping
from typing import Any

from .events import UsageRecorded
from .packed import DETAIL, pack, unpack

KEEP_S = 400 * 86_400  # longer than a dead-letter queue (14 days) and the bus's archive (30) can bring an event back
BESIDE = ("tenant", "at_ms", "outcome", "cost_nanousd")  # told plainly too, for whoever looks at the table
KEPT = "detail"


def usage_item(event: UsageRecorded) -> dict[str, Any]:
    """Without the inputs, which the traffic log keeps, and without what reads the same when it is missing or stands beside it."""
    detail = json.loads(event.model_dump_json(exclude_defaults=True, exclude={"inputs"}))
    if features := detail.pop("features", None):
        detail["features"] = {name: value for name, value in features.items() if name not in detail and name != "request"}
    beside = {name: getattr(event, name) for name in BESIDE}
    return {"pk": f"request#{event.id}", "sk": "usage", "expires_at": event.at_ms // 1000 + KEEP_S, KEPT: pack(detail, DETAIL)} | beside


def to_detail(item: Mapping[str, Any]) -> dict[str, Any]:
    """The detail of the event. One written before they were packed stands in the item as it was."""
    if KEPT in item:
        return unpack(bytes(item[KEPT]))
    return {name: value for name, value in item.items() if name not in ("pk", "sk", "expires_at")}
