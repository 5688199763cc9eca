"""Telling the bus and the people. An event that the bus did not take is an error here, not a line in its answer."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import boto3

from ..usage.events import SOURCE

ENTRIES = 10  # as many as one PutEvents takes


class NotPublished(Exception):
    """The bus refused an event. Whoever calls keeps it and tries again."""


@cache
def client(service: str) -> Any:
    return boto3.client(service)


def publish(bus: str, events: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """(name, detail) of each event."""
    entries = [{"EventBusName": bus, "Source": SOURCE, "DetailType": name, "Detail": json.dumps(detail)} for name, detail in events]
    for start in range(0, len(entries), ENTRIES):
        answer = client("events").put_events(Entries=entries[start : start + ENTRIES])
        if answer["FailedEntryCount"]:
            codes = sorted({entry["ErrorCode"] for entry in answer["Entries"] if "ErrorCode" in entry})
            raise NotPublished(f"the bus {bus} refused {answer['FailedEntryCount']} of {len(entries)} events: {', '.join(codes)}")


def notify(topic: str, subject: str, body: str, event: str) -> None:
    """`event` lets a subscription choose by a filter policy. The subject is cut to what SNS takes: 100 printable characters of ASCII."""
    attributes = {"event": {"DataType": "String", "StringValue": event}}
    subject = "".join(c for c in subject.encode("ascii", "replace").decode() if c.isprintable())[:100]
    client("sns").publish(TopicArn=topic, Subject=subject, Message=body, MessageAttributes=attributes)
