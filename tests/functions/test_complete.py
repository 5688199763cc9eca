"""complete, fed from events/: the handler as it is deployed, an embedded AWS over HTTP, and the simulated upstreams."""

import hashlib
import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ops.simulators.faults import to_fault
from ops.simulators.server import Simulators
from signalbox.aws import ledger
from signalbox.aws.boto_versions import Versions
from signalbox.config.overrides import PREFIX
from signalbox.runtime.invocation import Context

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-signalbox-local"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-central-1",
    "SIGNALBOX_CONTROL_TABLE": "control",
    "SIGNALBOX_LEDGER_TABLE": "ledger",
    "SIGNALBOX_BUS": "signalbox",
    "SIGNALBOX_CONFIG_BUCKET": "config",
    "SIGNALBOX_KEY_SECRET": "keys",
    "SIGNALBOX_PROVIDER_SECRETS": "providers/",
}


def sample(name: str) -> dict:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


class World:
    """What complete sees of the rest: AWS as boto3's clients, the upstreams, and the handler itself."""

    def __init__(self, endpoint: str, upstreams: Simulators) -> None:
        session = boto3.session.Session("testing", "testing", region_name="eu-central-1")
        self.client = lambda service: session.client(service, endpoint_url=endpoint)
        self.table = lambda name: session.resource("dynamodb", endpoint_url=endpoint).Table(name)
        self.upstreams = upstreams
        self.module: Any = None
        self.queue = ""

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


@pytest.fixture
def world(servers, monkeypatch):
    endpoint, upstreams = servers
    world = World(endpoint, upstreams)
    dynamodb = world.client("dynamodb")
    for name in ("control", "ledger"):
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
    world.client("s3").create_bucket(Bucket="config", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    secrets = world.client("secretsmanager")
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    ring = {"mac_key": "x" * 32, "admin_keys": {}, "data_keys": {digest: {"key_id": "local", "tenant": "local", "team": "default"}}}
    created = [secrets.create_secret(Name="keys", SecretString=json.dumps(ring))["ARN"]]
    created += [
        secrets.create_secret(Name=f"providers/{name}", SecretString=json.dumps({"keys": ["sk-sim"]}))["ARN"]
        for name in ("openai", "mistral")
    ]
    events, sqs = world.client("events"), world.client("sqs")
    events.create_event_bus(Name="signalbox")
    world.queue = sqs.create_queue(QueueName="usage")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=world.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="usage", EventBusName="signalbox", EventPattern=json.dumps({"detail-type": ["UsageRecorded"]}))
    events.put_targets(Rule="usage", EventBusName="signalbox", Targets=[{"Id": "queue", "Arn": arn}])
    overrides = {f"{PREFIX}PROVIDERS__{name.upper()}__BASE_URL": f"{upstreams.url}/{name}/v1" for name in ("openai", "mistral")}
    world.versions = Versions(world.table("control"), world.client("s3"), "config", lambda *_: None)
    world.versions.publish((ROOT / "routing.yaml").read_text(), author="test", message="seed", overrides=overrides)
    for name, value in (SETTINGS | {"AWS_ENDPOINT_URL": endpoint}).items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("complete_handler", ROOT / "functions" / "complete" / "handler.py")
    world.module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(world.module)
    upstreams.faults.clear()
    upstreams.ledger.clear()
    yield world
    world.module.shutdown()
    world.module.completions._pool.close()
    world.module.aws.close()
    for name in ("control", "ledger"):
        dynamodb.delete_table(TableName=name)
    bucket = boto3.session.Session("testing", "testing", region_name="eu-central-1").resource("s3", endpoint_url=endpoint).Bucket("config")
    bucket.objects.delete()
    bucket.delete()
    for arn in created:
        secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    events.remove_targets(Rule="usage", EventBusName="signalbox", Ids=["queue"])
    events.delete_rule(Name="usage", EventBusName="signalbox")
    events.delete_event_bus(Name="signalbox")
    sqs.delete_queue(QueueUrl=world.queue)


def billed(world) -> int:
    return sum(call["cost_nanousd"] for call in world.upstreams.ledger.to_json()["calls"])


def fault(world, told: dict) -> None:
    world.upstreams.faults.tell("openai", to_fault(told))


def budget(world, limit_nanousd: int) -> None:
    row = {"limit_nanousd": limit_nanousd, "hard": True, "version": 1}
    world.table("control").put_item(Item={"pk": "key#local", "sk": "scope", "status": "active", "budgets": {"total": row}})


def test_an_answer_and_its_usage(world):
    response = world.ask()
    answer = ChatCompletion.model_validate_json(response.body)
    assert response.status == 200
    assert response.headers["x-signalbox-target"] == "openai/gpt-4.1-mini"
    (usage,) = world.usage()
    assert usage["id"] == response.headers["x-signalbox-request-id"]
    assert usage["tokens"]["output"] == answer.usage.completion_tokens
    assert usage["cost_nanousd"] == billed(world) > 0
    assert (usage["tenant"], usage["key"], usage["outcome"], usage["estimated"]) == ("local", "local", "ok", False)
    assert world.pending() == []
    assert "Say hello" not in json.dumps(usage)


def test_a_stream_and_its_usage(world):
    response = world.ask(sample("complete_chat_stream"))
    *chunks, end = response.body.decode().strip().split("\n\n")
    assert [ChatCompletionChunk.model_validate_json(chunk.removeprefix("data: ")) for chunk in chunks]
    assert end == "data: [DONE]"
    assert world.usage()[0]["cost_nanousd"] == billed(world) > 0


def test_a_client_that_leaves_is_charged_what_the_upstream_bills(world):
    response = world.module.handler(sample("complete_chat_stream"), Context("r", int((time.time() + 30) * 1000)))
    stream = iter(response.body)
    next(stream)
    response.body.close()
    response.after()
    (usage,) = world.usage()
    assert usage["cost_nanousd"] == billed(world) > 0
    assert not usage["estimated"]


def test_the_upstreams_connection_is_used_again(world):
    seen = {world.ask() and id(world.module.completions._pool._idle[origin][-1][0]) for origin in 2 * [("http", world.upstreams.url[7:])]}
    assert len(seen) == 1


def test_the_models_are_listed(world):
    names = [row["id"] for row in json.loads(world.ask(sample("complete_models")).body)["data"]]
    assert {"chat", "smart", "gpt-5.2", "openai/gpt-5.2"} <= set(names)


def test_a_request_takes_no_round_trip_to_aws_when_a_lease_is_in_hand(world, monkeypatch):
    """The second request's calls before its upstream call: the intent alone, which nobody waits for."""
    budget(world, 10**12)
    world.ask()
    order = []
    pool, aws_pool = world.module.completions._pool, world.module.aws._pool
    for mine, name in ((pool, "upstream"), (aws_pool, "aws")):

        def send(request, timeout_s, mine=mine, name=name, send=mine.send):
            order.append((name, request.headers.get("x-amz-target", "").partition(".")[2]))
            return send(request, timeout_s)

        monkeypatch.setattr(mine, "send", send)
    world.ask()
    before = [call for name, call in order[: order.index(("upstream", ""))]]
    assert before == ["PutItem"]


def test_a_budget_refuses_what_it_does_not_cover_and_the_refusal_is_an_event(world):
    budget(world, 1_000)
    response = world.ask()
    error = json.loads(response.body)["error"]
    assert (response.status, error["code"]) == (429, "budget_exceeded")
    (usage,) = world.usage()
    assert usage["outcome"] == "budget_exceeded"
    assert usage["refused_by"] == ["key#local", "total"]
    assert billed(world) == 0


def test_a_budget_is_kept_to_the_nanodollar(world):
    budget(world, 300_000)
    answers = [world.ask(max_tokens=64) for _ in range(12)]
    item = world.table("ledger").get_item(Key={"pk": "key#local", "sk": "total#00"})["Item"]
    held = sum(lease["held"] for lease in item["leases"].values())
    assert {answer.status for answer in answers} == {200, 429}
    assert item["settled"] == billed(world) <= 300_000
    assert item["settled"] + held + item["remaining"] == 300_000


def test_an_answer_is_clamped_where_the_budget_is_short_and_says_so(world):
    budget(world, 5_000_000)
    response = world.ask(model="gpt-5.2", max_tokens=None, max_completion_tokens=None)
    assert response.headers["x-signalbox-clamped"] == "max_tokens"
    assert response.status == 200


def test_what_has_no_bound_is_refused_under_a_hard_budget(world):
    budget(world, 10**12)
    sound = [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}]
    response = world.ask(messages=sound)
    assert json.loads(response.body)["error"]["code"] == "unsupported_parameter"
    assert billed(world) == 0


def test_a_switched_off_service_says_so(world):
    world.table("control").update_item(
        Key={"pk": "config", "sk": "live"},
        UpdateExpression="SET llm_disabled = :why",
        ExpressionAttributeValues={":why": {"reason": "drill", "at": "now", "rollback_id": "r1"}},
    )
    response = world.ask()
    assert (response.status, json.loads(response.body)["error"]["code"]) == (503, "llm_disabled")
    assert billed(world) == 0


def test_without_a_configuration_there_is_no_route(world):
    world.table("control").delete_item(Key={"pk": "config", "sk": "live"})
    response = world.ask()
    assert (response.status, json.loads(response.body)["error"]["code"]) == (503, "no_route")


def test_failures_lead_to_the_second_target_and_are_all_recorded(world):
    fault(world, {"status": 503, "times": 1})
    response = world.ask()
    assert response.headers["x-signalbox-target"] == "mistral/mistral-small-latest"
    (usage,) = world.usage()
    assert [(attempt["target"], attempt["outcome"]) for attempt in usage["attempts"]] == [
        ("openai/gpt-4.1-mini", "overloaded"),
        ("mistral/mistral-small-latest", "ok"),
    ]
    assert usage["cost_nanousd"] == billed(world)


def test_a_cut_stream_ends_in_an_error_event_and_is_charged_by_what_is_known(world):
    budget(world, 10**12)
    fault(world, {"cut_after_chunks": 4, "times": 1})
    response = world.ask(sample("complete_chat_stream"))
    *_, error, end = response.body.decode().strip().split("\n\n")
    assert json.loads(error.removeprefix("data: "))["error"]["code"] == "upstream_failed"
    assert end == "data: [DONE]"
    (usage,) = world.usage()
    assert usage["estimated"]
    assert usage["cost_nanousd"] >= billed(world) > 0


@pytest.mark.parametrize("timeout_ms", ["0", "-5", "soon", "1.5", "²"])
def test_a_timeout_that_means_nothing_is_refused(world, timeout_ms):
    event = sample("complete_chat")
    event["headers"]["x-signalbox-timeout-ms"] = timeout_ms
    assert json.loads(world.ask(event).body)["error"]["code"] == "invalid_request"


def test_a_deadline_is_kept(world):
    fault(world, {"latency_ms": 20_000, "times": 1})
    event = sample("complete_chat")
    event["headers"]["x-signalbox-timeout-ms"] = "150"
    began = time.monotonic()
    response = world.ask(event)
    assert (response.status, json.loads(response.body)["error"]["code"]) == (504, "deadline_exceeded")
    assert time.monotonic() - began < 5
    assert world.usage()[0]["attempts"][0]["outcome"] == "deadline"


def test_a_deadline_that_is_too_short_for_anything_is_a_504(world):
    event = sample("complete_chat")
    event["headers"]["x-signalbox-timeout-ms"] = "1"
    codes = {json.loads(world.ask(event).body)["error"]["code"] for _ in range(5)}
    assert codes == {"deadline_exceeded"}


def publish_route(world, name: str) -> None:
    document = (ROOT / "routing.yaml").read_text().replace("routes:\n", f"routes:\n  {name}:\n    targets: [openai/gpt-4o-mini]\n")
    world.versions.publish(document, author="test", message="another route")


def test_a_route_that_was_just_published_is_found_by_who_was_refused_it_before(world, monkeypatch):
    assert json.loads(world.ask(model="new").body)["error"]["code"] == "model_not_found"
    publish_route(world, "new")
    monkeypatch.setattr(ledger, "FRESH_S", -1)  # five seconds later
    assert world.ask(model="new").status == 200
    assert "new" in [row["id"] for row in json.loads(world.ask(sample("complete_models")).body)["data"]]


def test_a_snapshot_that_cannot_be_fetched_leaves_the_last_one_serving(world, monkeypatch):
    world.ask()
    publish_route(world, "new")
    for row in world.client("s3").list_objects_v2(Bucket="config", Prefix="snapshots/")["Contents"]:
        world.client("s3").delete_object(Bucket="config", Key=row["Key"])
    monkeypatch.setattr(ledger, "FRESH_S", -1)
    assert [world.ask().status for _ in range(2)] == [200, 200]


def test_a_revoked_key_lists_no_models(world, monkeypatch):
    world.table("control").put_item(Item={"pk": "key#local", "sk": "scope", "status": "disabled"})
    assert world.ask(sample("complete_models")).status == 401


@pytest.mark.parametrize("digits", [10, 400, 5000])
def test_a_timeout_of_many_digits_is_refused(world, digits):
    event = sample("complete_chat")
    event["headers"]["x-signalbox-timeout-ms"] = "9" * digits
    assert json.loads(world.ask(event).body)["error"]["code"] == "invalid_request"


@pytest.mark.parametrize("header", ["idempotency-key", "x-signalbox-explain"])
def test_what_a_caller_relies_on_is_not_passed_over_in_silence(world, header):
    event = sample("complete_chat")
    event["headers"][header] = "true"
    assert json.loads(world.ask(event).body)["error"]["code"] == "unsupported_parameter"
    assert billed(world) == 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("cut", [0, 1, 5])
def test_a_broken_reasoning_answer_is_never_charged_less_than_it_is_billed(world, stream, n, cut):
    fault(world, {"cut_after_chunks": cut, "times": 1})
    world.ask(model="openai/gpt-5.2", stream=stream, n=n, reasoning_effort="high", max_tokens=None, max_completion_tokens=4000)
    (usage,) = world.usage()
    assert usage["cost_nanousd"] >= billed(world) > 0
    assert usage["estimated"]


def test_no_key_reaches_a_log_or_an_event(world, capsys):
    fault(world, {"status": 401, "times": 1})
    world.ask(messages=[{"role": "user", "content": "say: hunter2"}])
    written = capsys.readouterr()
    said = written.out + written.err + json.dumps(world.usage())
    assert "an attempt failed" in said
    assert not [secret for secret in (KEY, "sk-sim", "hunter2", "x" * 32) if secret in said]
