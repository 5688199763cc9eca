"""The samples' SQS messages, taken apart and put together again."""

import json
from typing import Any


def details(event: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(record["body"])["detail"] for record in event["Records"]]


def batch(event: dict[str, Any], *details: dict[str, Any]) -> dict[str, Any]:
    """Messages like those of `event`, numbered m0, m1, …, with these details."""
    first = event["Records"][0]
    body = json.loads(first["body"])
    return {
        "Records": [
            first | {"messageId": f"m{number}", "body": json.dumps(body | {"detail": detail})} for number, detail in enumerate(details)
        ]
    }


def poison(event: dict[str, Any], message_id: str, body: str) -> dict[str, Any]:
    return event["Records"][0] | {"messageId": message_id, "body": body}


def failed(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
