"""A stage's traffic log, as the commands read it: the requests of a time, and the snapshots that they were decided by."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from signalbox.aws import boto_snapshots, boto_tables, boto_traffic, boto_versions
from signalbox.routing.catalog import Snapshot

from . import progress, stages
from .trouble import Trouble

DAY_MS = 86_400_000
MOST_DAYS = 400
SNAPSHOTS = 64  # kept at once: traffic comes in the order of its time, and its versions with it
LIVE = {name: {"S": value} for name, value in boto_versions.LIVE.items()}
READ = TypeDeserializer()


class Traffic:
    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._outputs = stages.outputs(stage)
        self._s3 = stages.client(stage, "s3")
        if "TrafficBucketName" not in self._outputs:
            raise Trouble(f"the stage {stage} keeps no traffic log yet: deploy it anew")
        self.snapshot = lru_cache(SNAPSHOTS)(self._snapshot)

    def rows(self, from_ms: int, to_ms: int, what: str) -> Iterator[dict[str, Any]]:
        bucket = self._outputs["TrafficBucketName"]
        names = list(boto_traffic.names(self._s3, bucket, from_ms, to_ms))
        for rows in progress.shown(boto_traffic.read(self._s3, bucket, names, from_ms, to_ms), len(names), what):
            yield from rows

    def row(self, request: str) -> dict[str, Any]:
        """Of one request, found by what the usage table says of its time. Trouble where it is not there."""
        key = {"pk": {"S": f"request#{request}"}, "sk": {"S": "usage"}}
        item = stages.client(self._stage, "dynamodb").get_item(TableName=self._outputs["UsageTableName"], Key=key).get("Item")
        at_ms = int(item["at_ms"]["N"]) if item else 0
        found = (row for row in self.rows(at_ms, at_ms + 1, "reading") if row["id"] == request) if item else iter(())
        row = next(found, None)
        if row is None:
            why = (
                "its hour of the traffic log does not hold it: it was refused before it was routed"
                if item
                else "no such request is recorded"
            )
            raise Trouble(f"{request}: {why}")
        return row

    def live(self) -> dict[str, Any]:
        """The pointer to the live version, with its overrides; {} before the first."""
        item = stages.client(self._stage, "dynamodb").get_item(TableName=self._outputs["ControlTableName"], Key=LIVE).get("Item", {})
        return boto_tables.to_plain({name: READ.deserialize(value) for name, value in item.items()})

    def _snapshot(self, digest: str) -> Snapshot | None:
        return boto_snapshots.stored(self._s3, self._outputs["ConfigBucketName"], digest)


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def day(date: str) -> tuple[int, int]:
    """From when to when, of a day as 2026-11-21, in UTC."""
    try:
        from_ms = int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError as error:
        raise Trouble(f"{date!r} is no day: write it as 2026-11-21") from error
    return from_ms, from_ms + DAY_MS


def read_days(text: str) -> float:
    """Of an argument: so many days, up to today."""
    try:
        days = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("not a number") from error
    if not 0 < days <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"more than 0 and at most {MOST_DAYS}: traffic is kept for {MOST_DAYS} days")
    return days
