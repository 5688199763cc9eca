"""One stage of Signalbox in moto: tables, bus, topic and bucket, with a queue that hears all that is said."""

import json
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters
from moto import mock_aws

from signalbox.aws import boto_tables
from signalbox.aws.boto_bus import client

from .every_provider import all_of_it, providers  # noqa: F401  fixtures
from .routes import routed  # noqa: F401  fixture
from .world import servers, world  # noqa: F401  fixtures

EVENTS = Path(__file__, "../../../events").resolve()


BUCKET = "signalbox-config"
TRAFFIC = "signalbox-traffic"
REPORTS = "signalbox-reports"


@cache
def resource(service: str) -> Any:
    return boto3.resource(service)


class Stage:
    def __init__(self) -> None:
        self.control, self.ledger, self.usage, self.samples = (self._table(name) for name in ("control", "ledger", "usage", "samples"))
        for bucket in (BUCKET, TRAFFIC, REPORTS):
            client("s3").create_bucket(Bucket=bucket)
        events = client("events")
        events.create_event_bus(Name="signalbox")
        self.topic = client("sns").create_topic(Name="alerts")["TopicArn"]
        self._heard, arn = self._queue("heard")
        events.put_rule(Name="all", EventBusName="signalbox", EventPattern=json.dumps({"source": ["signalbox"]}))
        events.put_targets(Rule="all", EventBusName="signalbox", Targets=[{"Id": "heard", "Arn": arn}])
        self._mailed, arn = self._queue("mailed")
        client("sns").subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        """(name, detail) of each event since the last look."""
        return [(body["detail-type"], body["detail"]) for body in self._received(self._heard)]

    def mailed(self) -> list[tuple[str, str]]:
        """(subject, body) of each notification since the last look."""
        return [(body["Subject"], body["Message"]) for body in self._received(self._mailed)]

    def _table(self, name: str) -> Any:
        return resource("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )

    def _queue(self, name: str) -> tuple[Any, str]:
        queue = resource("sqs").create_queue(QueueName=name)
        return queue, queue.attributes["QueueArn"]

    def _received(self, queue: Any) -> list[Any]:
        bodies = []
        while messages := queue.receive_messages(MaxNumberOfMessages=10):
            bodies += [json.loads(message.body) for message in messages]
            for message in messages:
                message.delete()
        return bodies


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(boto_tables, "pause", lambda attempt: None)
    with mock_aws():
        parameters.clear_caches()
        stage = Stage()
        monkeypatch.setenv("SIGNALBOX_CONTROL_TABLE", "control")
        monkeypatch.setenv("SIGNALBOX_LEDGER_TABLE", "ledger")
        monkeypatch.setenv("SIGNALBOX_USAGE_TABLE", "usage")
        monkeypatch.setenv("SIGNALBOX_BUS", "signalbox")
        monkeypatch.setenv("SIGNALBOX_ALERT_TOPIC", stage.topic)
        monkeypatch.setenv("SIGNALBOX_CONFIG_BUCKET", BUCKET)
        monkeypatch.setenv("SIGNALBOX_TRAFFIC_BUCKET", TRAFFIC)
        monkeypatch.setenv("SIGNALBOX_REPORT_BUCKET", REPORTS)
        monkeypatch.setenv("SIGNALBOX_SAMPLE_TABLE", "samples")
        monkeypatch.setenv("SIGNALBOX_FIELD_KEY", "none")
        monkeypatch.setenv("SIGNALBOX_PROVIDER_SECRETS", "signalbox/test/providers/")
        yield stage


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> float:
    """The wall clock stands: neither a day nor a wait ends within a test, however busy the machine is. Epoch seconds."""
    now_s = int(time.time())
    monkeypatch.setattr(time, "time", lambda: float(now_s))
    monkeypatch.setattr(time, "time_ns", lambda: now_s * 10**9)
    return float(now_s)


@pytest.fixture
def context() -> Any:
    return SimpleNamespace(
        function_name="f",
        function_version="1",
        memory_limit_in_mb=256,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:f",
        aws_request_id="7b0c2c6e",
        log_group_name="/signalbox/test/f",
        log_stream_name="2026/11/21/[1]abc",
        get_remaining_time_in_millis=lambda: 30_000,
    )


@pytest.fixture
def sample() -> Callable[[str], Any]:
    """An event of events/, by its name."""
    return lambda name: json.loads((EVENTS / f"{name}.json").read_text())
