"""What the tests of complete live in: the handler as it is deployed, an embedded AWS over HTTP, and the simulated upstreams."""

import hashlib
import importlib.util
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ops.local.settings import DATA_KEY, DATA_ROW
from ops.simulators.server import Simulators
from signalbox.aws import capacity, jwks, kept, ledger, rates, secrets, snapshots
from signalbox.aws.boto_fields import Plain
from signalbox.aws.boto_versions import Versions
from signalbox.aws.secret_cache import SecretCache
from signalbox.completion import kept_near, kept_once, race
from signalbox.config.overrides import PREFIX
from signalbox.runtime.invocation import Context

ROOT = Path(__file__).resolve().parents[2]
KEY = DATA_KEY
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-central-1",
    "SIGNALBOX_AWS_TIMEOUT_S": "30",  # moto shares its processor with every other test: what it is slow to answer is not sent twice
    "SIGNALBOX_CONTROL_TABLE": "control",
    "SIGNALBOX_LEDGER_TABLE": "ledger",
    "SIGNALBOX_CACHE_TABLE": "cache",
    "SIGNALBOX_ANSWER_BUCKET": "answers",
    "SIGNALBOX_SAMPLE_QUEUE": "samples",
    "SIGNALBOX_BUS": "signalbox",
    "SIGNALBOX_CONFIG_BUCKET": "config",
    "SIGNALBOX_KEY_SECRET": "keys",
    "SIGNALBOX_PROVIDER_SECRETS": "providers/",
}
# A machine that has other things to do is no upstream, and no cache, that is down.
PATIENCE_S = 20
PATIENT = {"ttft_s": PATIENCE_S, "between_chunks_s": PATIENCE_S}
PATIENT_PARTS = (
    *((part, "TIMEOUT_S") for part in (capacity, jwks, secrets, snapshots)),
    *((part, "RELEASE_S") for part in (ledger, rates)),
    *((part, "PATIENCE_S") for part in (kept, kept_near)),
    *((kept_once, name) for name in ("SOON_S", "LARGE_S")),
    (race, "LOSER_S"),
)


def sample(name: str) -> dict:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


@cache
def session() -> Any:
    """One for all: to read what botocore knows of a service takes longer than most tests."""
    return boto3.session.Session("testing", "testing", region_name="eu-central-1")


@cache
def client(endpoint: str, service: str) -> Any:
    return session().client(service, endpoint_url=endpoint)


@cache
def resource(endpoint: str, service: str) -> Any:
    return session().resource(service, endpoint_url=endpoint)


class World:
    """What complete sees of the rest: AWS as boto3's clients, the upstreams, and the handler itself."""

    def __init__(self, endpoint: str, upstreams: Simulators) -> None:
        self.client = partial(client, endpoint)
        self.table = lambda name: resource(endpoint, "dynamodb").Table(name)
        self.upstreams = upstreams
        self.now_s = time.time() // 60 * 60 + 20  # neither the beginning nor the end of a minute
        self.module: Any = None
        self.versions: Any = None
        self.queue = ""

    def stand(self, patch: pytest.MonkeyPatch) -> None:
        """No minute, no day, and no few seconds in which something is fresh, end within a test that does not move `now_s` itself."""
        patch.setattr(time, "time", lambda: self.now_s)
        patch.setattr(
            ledger.Desk.__init__, "__kwdefaults__", (ledger.Desk.__init__.__kwdefaults__ or {}) | {"wall": time.time, "ticks": time.time}
        )
        for part in (SecretCache, jwks.Jwks):
            patch.setattr(part.__init__, "__defaults__", (time.time,))

    def ask(self, event: dict | None = None, *, timeout_s: float = 30, **body):
        """The answer with its body gathered, and the work after it done."""
        event = event or sample("complete_chat")
        if body:
            event["body"] = json.dumps(json.loads(event["body"]) | body)
        response = self.module.handler(event, Context("r", int((time.time() + timeout_s) * 1000)))
        gathered = response.body if isinstance(response.body, bytes) else b"".join(response.body)
        if response.after:
            response.after()
        return response._replace(body=gathered)

    def usage(self) -> list[dict]:
        """What the outbox's events said, from the bus's archive in the queue."""
        queue = self.queue
        messages = self.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["detail"] for message in messages]

    def pending(self) -> list[dict]:
        items = self.table("ledger").scan()["Items"]
        return [item for item in items if item["pk"].startswith("pending#")]


@pytest.fixture(scope="module")
def servers():
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with Simulators() as upstreams:
        yield f"http://{host}:{port}", upstreams
    moto.stop()


@contextmanager
def opened(
    servers: tuple[str, Simulators],
    document: str,
    overrides: Mapping[str, str],
    provider_keys: Mapping[str, str],
    *,
    stands: bool = True,
) -> Iterator[World]:
    """A world of its own, with this document live and these providers' keys in their secrets; gone without a trace at the end.

    Its clock stands still, unless it is to last for longer than one test.
    """
    endpoint, upstreams = servers
    world = World(endpoint, upstreams)
    dynamodb = world.client("dynamodb")
    for name in ("control", "ledger", "cache"):
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
    for name in ("config", "answers"):
        world.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    secrets = world.client("secretsmanager")
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    ring = {"mac_key": "x" * 32, "admin_keys": {}, "data_keys": {digest: DATA_ROW}}
    created = [secrets.create_secret(Name="keys", SecretString=json.dumps(ring))["ARN"]]
    created += [
        secrets.create_secret(Name=f"providers/{name}", SecretString=json.dumps({"keys": [key]}))["ARN"]
        for name, key in provider_keys.items()
    ]
    events, sqs = world.client("events"), world.client("sqs")
    events.create_event_bus(Name="signalbox")
    world.queue = sqs.create_queue(QueueName="usage")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=world.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="usage", EventBusName="signalbox", EventPattern=json.dumps({"detail-type": ["UsageRecorded"]}))
    events.put_targets(Rule="usage", EventBusName="signalbox", Targets=[{"Id": "queue", "Arn": arn}])
    world.versions = Versions(world.table("control"), world.client("s3"), "config", lambda *_: None, fields=Plain())
    world.versions.publish(document, author="test", message="seed", overrides=overrides)
    upstreams.faults.clear()
    upstreams.ledger.clear()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (SETTINGS | {"AWS_ENDPOINT_URL": endpoint}).items():
            patch.setenv(name, value)
        for part, name in PATIENT_PARTS:
            patch.setattr(part, name, PATIENCE_S)
        if stands:
            world.stand(patch)
        spec: Any = importlib.util.spec_from_file_location("complete_handler", ROOT / "functions" / "complete" / "handler.py")
        world.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(world.module)
        yield world
    world.module.shutdown()
    world.module.completions.means.pool.close()
    world.module.aws.close()
    for name in ("control", "ledger", "cache"):
        dynamodb.delete_table(TableName=name)
    for name in ("config", "answers"):
        bucket = resource(endpoint, "s3").Bucket(name)
        bucket.objects.delete()
        bucket.delete()
    for arn in created:
        secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    events.remove_targets(Rule="usage", EventBusName="signalbox", Ids=["queue"])
    events.delete_rule(Name="usage", EventBusName="signalbox")
    events.delete_event_bus(Name="signalbox")
    sqs.delete_queue(QueueUrl=world.queue)


@pytest.fixture
def world(servers):
    names = ("openai", "mistral")
    overrides = {f"{PREFIX}PROVIDERS__{name.upper()}__BASE_URL": f"{servers[1].url}/{name}/v1" for name in names}
    overrides |= {f"{PREFIX}TIMEOUTS__{name.upper()}": str(value) for name, value in PATIENT.items()}
    with opened(servers, (ROOT / "routing.yaml").read_text(), overrides, dict.fromkeys(names, "sk-sim")) as world:
        yield world
