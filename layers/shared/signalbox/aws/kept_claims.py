"""Who runs what an `idempotency-key` names, and what came of it: an item that one request claims, and answers where it can."""

from typing import Any

from . import dynamodb
from .client import Call
from .dynamodb import Expression

SK = "claim"
KEPT_S = 86_400
MOST_BYTES = 350 * 1024  # an item takes 400 KB, names and all; what is larger goes to S3


def claim(table: str, name: str, *, body: str, request: str, at_ms: int, until_ms: int) -> Call:
    """ConditionFailed, with the item, where it is another's. What has expired is nobody's: DynamoDB deletes it days later."""
    item = {"pk": f"once#{name}", "sk": SK, "body": body, "request": request, "at_ms": at_ms, "until_ms": until_ms}
    condition = Expression(condition="attribute_not_exists(#pk) OR #expires_at < :now", values={"now": at_ms // 1000})
    return dynamodb.put(table, item | {"expires_at": at_ms // 1000 + KEPT_S}, condition)


def last(table: str, name: str, request: str, until_ms: int) -> Call:
    """The request's own claim, until then."""
    expression = Expression("SET #until_ms = :until_ms", "#request = :request", values={"until_ms": until_ms, "request": request})
    return dynamodb.update(table, f"once#{name}", SK, expression)


def answer(table: str, name: str, request: str, packed: bytes | None) -> Call:
    """What came of it; None: it is in S3."""
    expression = Expression("SET #answer = :answer" if packed else "SET #is_large = :yes", "#request = :request")
    values: dict[str, Any] = {"answer": packed, "yes": True, "request": request}
    call = dynamodb.update(table, f"once#{name}", SK, expression._replace(values=values))
    return call._replace(payload={**call.payload, "ReturnValues": "NONE"}, to_answer=lambda _: None)


def free(table: str, name: str, request: str) -> Call:
    """As if it had never been asked for."""
    return dynamodb.delete(table, f"once#{name}", SK, Expression(condition="#request = :request", values={"request": request}))


def put_large(bucket: str, name: str, packed: bytes) -> Call:
    return Call("s3", "PutObject", {"Bucket": bucket, "Key": f"once/{name}", "Body": packed})


def get_large(bucket: str, name: str) -> Call:
    return Call("s3", "GetObject", {"Bucket": bucket, "Key": f"once/{name}"})
