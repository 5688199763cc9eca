"""Samples of requests in their table: what was said is sealed, what is known of it beside that is not. Uses boto3."""

import json
from collections.abc import Mapping
from typing import Any

from . import boto_tables
from .boto_fields import Fields

SECRET = ("prompt", "answer")
KIND = "sample"


def store(table: Any, fields: Fields, sample: Mapping[str, Any]) -> None:
    """Twice is once: a queue delivers at least once."""
    context = _context(sample)
    sealed = {name: fields.sealed(json.dumps(sample[name], separators=(",", ":")), **context) for name in SECRET}
    head = {name: value for name, value in sample.items() if name not in SECRET}
    table.put_item(Item={"pk": _pk(sample["id"]), "sk": KIND} | head | sealed)


def read(table: Any, fields: Fields, request_id: str, now_s: int) -> dict[str, Any] | None:
    """None where there is none, or none any more: DynamoDB deletes what has expired within days. Raises boto_fields.Unopened."""
    item = boto_tables.get(table, _pk(request_id), KIND)
    if item is None or item["expires_at"] <= now_s:
        return None
    opened = {name: json.loads(fields.opened(item[name], **_context(item))) for name in SECRET}
    return {name: value for name, value in item.items() if name not in ("pk", "sk")} | opened


def _pk(request_id: str) -> str:
    return f"sample#{request_id}"


def _context(sample: Mapping[str, Any]) -> dict[str, str]:
    """Not the request, with which each would have a data key of its own, and cost a call to KMS."""
    return {"what": KIND, "tenant": sample["tenant"]}
