"""Samples of requests in their table: what was said is sealed, what is known of it beside that is not. Uses boto3."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from . import boto_tables
from .boto_fields import Fields, Unopened

SECRET = ("prompt", "answer")
KIND = "sample"


class Sample(BaseModel):
    """Redacted before it was stored: `redacted` says how often each redactor found something. `cut`: there was more."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id: str
    at_ms: Annotated[int, Field(description="Epoch")]
    expires_at: Annotated[int, Field(description="Epoch seconds, from when on nobody reads it")]
    tenant: str
    team: str
    key: str
    route: str
    target: str
    outcome: str
    status: int
    stream: bool
    prompt: Annotated[list[Any], Field(description="Messages with role, text and parts; of embeddings their texts")]
    answer: Annotated[list[Any], Field(description="Choices with text, tools, refusal and finish; none where the request failed")]
    cut: bool
    redacted: dict[str, int]


def store(table: Any, fields: Fields, sample: Sample) -> None:
    """Twice is once: a queue delivers at least once."""
    sealed = {name: fields.sealed(_bound(sample.id, name, getattr(sample, name)), **_context(sample.tenant)) for name in SECRET}
    table.put_item(Item=_key(sample.id) | sample.model_dump(include=set(Sample.model_fields) - set(SECRET)) | sealed)


def read(table: Any, fields: Fields, request_id: str, now_s: int) -> Sample | None:
    """None where there is none, or none any more: DynamoDB deletes what has expired within days. Raises boto_fields.Unopened."""
    key = _key(request_id)
    item = boto_tables.get(table, *key.values())
    if item is None or item["expires_at"] <= now_s:
        return None
    opened = {name: _unbound(request_id, name, fields.opened(item[name], **_context(item["tenant"]))) for name in SECRET}
    return Sample.model_validate({name: value for name, value in item.items() if name not in key} | opened)


def delete(table: Any, request_id: str) -> str | None:
    """Whose tenant's it was; None where there is none. One that is on its way yet is stored all the same."""
    gone = table.delete_item(Key=_key(request_id), ReturnValues="ALL_OLD").get("Attributes")
    return gone["tenant"] if gone else None


def _key(request_id: str) -> dict[str, str]:
    return {"pk": f"sample#{request_id}", "sk": KIND}


def _context(tenant: str) -> dict[str, str]:
    """Not the request, with which each would have a data key of its own, and cost a call to KMS: see `_bound`."""
    return {"what": KIND, "tenant": tenant}


def _bound(request_id: str, name: str, value: list[Any]) -> str:
    """With whose it is, under the seal: put into another request's place, or another field's, it is known for what it is."""
    return json.dumps([request_id, name, value], separators=(",", ":"))


def _unbound(request_id: str, name: str, text: str) -> list[Any]:
    found_id, found_name, value = json.loads(text)
    if (found_id, found_name) != (request_id, name):
        raise Unopened(f"The {found_name} of {found_id} stands in the place of the {name} of {request_id}.")
    return list(value)
