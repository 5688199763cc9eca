"""A stage of an account with a traffic log: what the commands read that decide recorded traffic again."""

import gzip
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime

import boto3
import pytest

from signalbox.aws import boto_traffic, boto_versions
from signalbox.aws.boto_fields import Plain
from signalbox.routing.catalog import to_snapshot
from signalbox.routing.inputs import Features, Inputs
from signalbox.usage.events import UsageRecorded
from tests.unit.routing import traffic

CONFIG, TRAFFIC = "signalbox-config", "signalbox-traffic"
TARGET = {
    "context_window": 8_000,
    "max_output_tokens": 100,
    "capabilities": [],
    "prices": None,
    "timeouts": traffic.TIMEOUTS,
    "capacity": {},
}
ROUTE = {"name": "chat", "strategy": "round_robin", "timeouts": {"total_s": 30.0}, "max_attempts": 2}
COMPILED = {
    "providers": {"a": {"name": "a", "wire": "openai", "base_url": "http://x", "secret": None}},
    "targets": {f"a/{name}": TARGET | {"id": f"a/{name}", "provider": "a", "model": name} for name in "xy"},
    "routes": {"chat": ROUTE | {"targets": ["a/x", "a/y"]}},
    "names": {"chat": "chat"},
}


class Stage:
    """signalbox-dev with its buckets; `asked` is what came an hour ago."""

    def __init__(self):
        self.s3 = boto3.client("s3")
        for name in (CONFIG, TRAFFIC):
            self.s3.create_bucket(Bucket=name)
        self.control, self.usage = self._table("control"), self._table("usage")
        self.at_ms = int(datetime.now(UTC).timestamp() * 1000) - 3_600_000

    def live(self, text, overrides=None):
        """Published as the control function does; the snapshot of it."""
        versions = boto_versions.Versions(self.control, self.s3, CONFIG, lambda name, detail: None, fields=Plain())
        digest = versions.publish(text, author="ann", message="", overrides=overrides).digest
        body = gzip.decompress(self.s3.get_object(Bucket=CONFIG, Key=f"snapshots/{digest}.json.gz")["Body"].read())
        return to_snapshot(json.loads(body), 0, digest)

    def published(self, compiled):
        body = json.dumps(compiled).encode()
        digest = hashlib.sha256(body).hexdigest()
        self.s3.put_object(Bucket=CONFIG, Key=f"snapshots/{digest}.json.gz", Body=gzip.compress(body))
        return to_snapshot(compiled, 1, digest)

    def asked(self, snapshot, *ids, **over):
        """Each in its turn."""
        inputs = [Inputs(Features(id, "acme", "", "k1", "chat"), turn=turn, now_ms=self.at_ms) for turn, id in enumerate(ids)]
        rows = [traffic.row_of(row, {}, snapshot, **over) for row in inputs]
        defaults = {"lease": "", "period_by_scope": {}, "refused_by": None}
        boto_traffic.write(self.s3, TRAFFIC, [UsageRecorded.model_validate(defaults | row) for row in rows])
        for row in rows:
            self.usage.put_item(Item={"pk": f"request#{row['id']}", "sk": "usage", "at_ms": row["at_ms"]})

    def _table(self, name):
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        return boto3.resource("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )


@pytest.fixture
def stage(deployed: Callable[..., None]) -> Stage:
    deployed(ConfigBucketName=CONFIG, TrafficBucketName=TRAFFIC, UsageTableName="usage", ControlTableName="control")
    return Stage()
