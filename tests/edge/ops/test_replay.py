"""`signalbox replay` against a stage of an account: what was recorded there is decided again, and nothing else is believed."""

import gzip
import hashlib
import json
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from ops import cli
from signalbox.aws import boto_traffic
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
        outputs = {"ConfigBucketName": {"Value": CONFIG}, "TrafficBucketName": {"Value": TRAFFIC}, "UsageTableName": {"Value": "usage"}}
        template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs}
        boto3.client("cloudformation").create_stack(StackName="signalbox-dev", TemplateBody=json.dumps(template))
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        self.usage = boto3.resource("dynamodb").create_table(
            TableName="usage",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        self.at_ms = int(datetime.now(UTC).timestamp() * 1000) - 3_600_000

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


@pytest.fixture
def stage(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Stage()


def test_traffic_is_decided_again_by_the_snapshot_of_its_time(stage, capsys):
    stage.asked(stage.published(COMPILED), "r1", "r2", "r3")
    stage.asked(stage.published(COMPILED | {"routes": {"chat": ROUTE | {"targets": ["a/y"]}}}), "r4")
    assert cli.main(["replay", "--stage", "dev"]) == 0
    assert capsys.readouterr().out == "4 requests decided again, each as it was recorded, bit for bit\n"


def test_what_was_not_decided_so_is_named_and_fails_the_command(stage, capsys):
    snapshot = stage.published(COMPILED)
    stage.asked(snapshot, "r1")
    stage.asked(snapshot, "r2", decided="something else", strategy="weighted")
    assert cli.main(["replay", "--from", "2", "--stage", "dev"]) == 1
    said = capsys.readouterr()
    assert said.out == "r2: strategy: was 'weighted', is 'round_robin'\n"
    assert said.err == "signalbox: 1 of 2 requests were not decided as they were recorded\n"


@pytest.mark.parametrize("body", [None, b"{}"])
def test_a_snapshot_that_is_gone_or_was_changed_proves_nothing(stage, capsys, body):
    snapshot = stage.published(COMPILED)
    stage.asked(snapshot, "r1")
    key = f"snapshots/{snapshot.digest}.json.gz"
    stage.s3.delete_object(Bucket=CONFIG, Key=key)
    if body:
        stage.s3.put_object(Bucket=CONFIG, Key=key, Body=gzip.compress(body))
    assert cli.main(["replay", "--stage", "dev"]) == 1
    assert f"r1: its snapshot {snapshot.digest[:12]} is not there any more, or is damaged" in capsys.readouterr().out


def test_one_request_is_shown_with_its_decision(stage, capsys):
    stage.asked(stage.published(COMPILED), "r1", "r2")
    assert cli.main(["replay", "--request", "r2", "--stage", "dev"]) == 0
    said = capsys.readouterr().out
    assert json.loads(said[: said.rindex("}") + 1])["targets"] == ["a/y", "a/x"]
    assert "1 requests decided again" in said
    assert cli.main(["replay", "--request", "r9", "--stage", "dev"]) == 1
    assert "r9: no such request is recorded" in capsys.readouterr().err


def test_a_day_is_a_day_of_utc(stage, capsys):
    stage.asked(stage.published(COMPILED), "r1")
    day = f"{datetime.fromtimestamp(stage.at_ms / 1000, UTC):%Y-%m-%d}"
    assert cli.main(["replay", "--date", day, "--stage", "dev"]) == 0
    assert cli.main(["replay", "--date", "2020-01-01", "--stage", "dev"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("0 requests")
    assert cli.main(["replay", "--date", "yesterday", "--stage", "dev"]) == 1
