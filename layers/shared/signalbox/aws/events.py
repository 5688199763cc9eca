"""PutEvents, which can fail for one entry and answer 200."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .client import Call, Throttled

SOURCE = "signalbox"
USAGE_RECORDED = "UsageRecorded"
MOST, MOST_BYTES = 10, 200_000  # entries of a call: AWS counts 256 KB, names and all


def put(bus: str, detail_type: str, detail: Mapping[str, Any] | str) -> Call:
    """One event. Its answer is nothing; Throttled where the bus did not take it, so that it is tried again."""
    text = detail if isinstance(detail, str) else json.dumps(detail, separators=(",", ":"))
    return Call("events", "PutEvents", {"Entries": [_entry(bus, detail_type, text)]}, _taken)


def put_all(bus: str, detail_type: str, details: Sequence[str]) -> Call:
    """Up to `MOST` events of one kind. Its answer is for each why the bus did not take it, or None; where it took none, as of `put`."""

    def to_answer(answer: Any) -> list[Throttled | None]:
        if answer["FailedEntryCount"] == len(details):
            raise _error(answer["Entries"][0])
        entries = answer["Entries"] if answer["FailedEntryCount"] else [{}] * len(details)
        return [_error(entry) if "ErrorCode" in entry else None for entry in entries]

    return Call("events", "PutEvents", {"Entries": [_entry(bus, detail_type, detail) for detail in details]}, to_answer)


def _entry(bus: str, detail_type: str, detail: str) -> dict[str, str]:
    return {"EventBusName": bus, "Source": SOURCE, "DetailType": detail_type, "Detail": detail}


def _taken(answer: Any) -> None:
    if answer["FailedEntryCount"]:
        raise _error(answer["Entries"][0])


def _error(entry: Mapping[str, str]) -> Throttled:
    return Throttled(entry.get("ErrorCode", "FailedEntry"), entry.get("ErrorMessage", ""))
