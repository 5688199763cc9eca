"""PutEvents, which can fail for one entry and answer 200."""

import json
from collections.abc import Mapping
from typing import Any

from .client import Call, Throttled

SOURCE = "signalbox"
USAGE_RECORDED = "UsageRecorded"


def put(bus: str, detail_type: str, detail: Mapping[str, Any] | str) -> Call:
    """One event. Its answer is nothing; Throttled where the bus did not take it, so that it is tried again."""
    text = detail if isinstance(detail, str) else json.dumps(detail, separators=(",", ":"))
    entry = {"EventBusName": bus, "Source": SOURCE, "DetailType": detail_type, "Detail": text}
    return Call("events", "PutEvents", {"Entries": [entry]}, _taken)


def _taken(answer: Any) -> None:
    if answer["FailedEntryCount"]:
        [entry] = answer["Entries"]
        raise Throttled(entry.get("ErrorCode", "FailedEntry"), entry.get("ErrorMessage", ""))
