"""Kept answers in DynamoDB. Another store stands beside it with the same two calls; `aws.client.Call` is what a wave sends."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from . import dynamodb
from .client import Call

SK = "answer"
SOON_S = 0.3  # an answer that has to be waited for longer is asked for upstream
PATIENCE_S = float(os.environ.get("SIGNALBOX_CACHE_PATIENCE_S") or SOON_S)  # with the table; an emulator of it may pause


class Entry(NamedTuple):
    """Times are epoch milliseconds."""

    answer: bytes
    at_ms: int
    expires_ms: int


class Store(Protocol):
    def get(self, name: str) -> Call:
        """Answers an Entry, also one that has expired, or None."""

    def put(self, name: str, entry: Entry) -> Call:
        """Over whatever was there."""


class DynamoDbStore:
    def __init__(self, table: str) -> None:
        self._table = table

    def get(self, name: str) -> Call:
        call = dynamodb.get(self._table, f"cache#{name}", SK)
        return call._replace(  # half the price, and an answer of a moment ago may be missed
            payload={**call.payload, "ConsistentRead": False},
            to_answer=lambda answer: _entry(call.to_answer(answer)),
            patience_s=PATIENCE_S,
        )

    def put(self, name: str, entry: Entry) -> Call:
        times = {"at_ms": entry.at_ms, "expires_ms": entry.expires_ms, "expires_at": entry.expires_ms // 1000 + 1}
        call = dynamodb.put(self._table, {"pk": f"cache#{name}", "sk": SK, "answer": entry.answer} | times)
        return call._replace(patience_s=PATIENCE_S)


def _entry(item: Mapping[str, Any] | None) -> Entry | None:
    """None of what is not of this form."""
    if not item or not all(isinstance(item.get(name), kind) for name, kind in Entry.__annotations__.items()):
        return None
    return Entry(*(item[name] for name in Entry._fields))
