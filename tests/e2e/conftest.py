"""The local stack, as `make run` starts it, on free ports and with a state of its own; and what tests ask of it."""

import json
import time
import uuid
from pathlib import Path

import pytest

from tests.identity import Identity

from .stack import Stack
from .waiting import WITHIN_S


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    with Identity() as identity:  # whose tokens it takes
        stack = Stack(tmp_path_factory.mktemp("signalbox"), **identity.environment)
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()


def pytest_collection_modifyitems(items):
    """Each may wait for a message that is delivered anew, more than once."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(4 * WITHIN_S))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    running = item.funcargs.get("stack") if report.failed and hasattr(item, "funcargs") else None
    if isinstance(running, Stack):
        report.sections.append(("the local stack's logs", running.logs()))
    return report


@pytest.fixture(autouse=True)
def _closed(request):
    """What a test asked with is closed when it ends, however it ends."""
    yield
    if isinstance(stack := request.node.funcargs.get("stack"), Stack):
        stack.close_clients()


@pytest.fixture
def client(stack):
    """The official SDK, with the local data key."""
    return stack.client(stack.key)


@pytest.fixture
def faults(stack):
    """faults("openai", status=500): what the simulated provider does from now on; forgotten when the test ends."""

    def tell(provider, **fault):
        stack.http.put(f"{stack.sim_url}/faults/{provider}", json=fault).raise_for_status()

    yield tell
    stack.http.delete(f"{stack.sim_url}/faults").raise_for_status()


@pytest.fixture
def told_nothing_more(stack):
    """told_nothing_more("openai"): from now on it does what it should, and goes on with what it held back."""
    return lambda provider: stack.http.delete(f"{stack.sim_url}/faults/{provider}").raise_for_status()


@pytest.fixture
def upstream_ledger(stack):
    """The calls that the simulated providers took since the test began, with what each billed; not those that an earlier one left."""
    stack.http.delete(f"{stack.sim_url}/ledger").raise_for_status()
    began_ms = time.time_ns() // 1_000_000

    def calls():
        return [call for call in stack.http.get(f"{stack.sim_url}/ledger").raise_for_status().json()["calls"] if call["at_ms"] >= began_ms]

    return calls


@pytest.fixture
def new_key(stack):
    """A minted data key of its own: {"id", "secret", …}."""

    def mint(**fields):
        return stack.admin("POST", "/admin/keys", {"name": "e2e", "tenant": "e2e", "team": "default"} | fields).json()

    return mint


@pytest.fixture
def bus_events(stack):
    """All that is put on the bus since the test began, in a queue of the test's own."""
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    sqs, events = stack.aws("sqs"), stack.aws("events")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus = {"EventBusName": stack.outputs["BusName"]}
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["signalbox"]}), **bus)
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}], **bus)
    yield _collector(sqs, queue)
    events.remove_targets(Rule=name, Ids=["queue"], **bus)
    events.delete_rule(Name=name, **bus)
    sqs.delete_queue(QueueUrl=queue)


@pytest.fixture
def alerts(stack):
    """All that SNS was told since the test began: {"Subject", "Message", …}."""
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    sqs, sns = stack.aws("sqs"), stack.aws("sns")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allowed]})})
    subscription = sns.subscribe(TopicArn=stack.outputs["AlertTopicArn"], Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    yield _collector(sqs, queue)
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=queue)


def _collector(sqs, queue):
    seen = {}

    def look():
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                seen.setdefault(message["MessageId"], json.loads(message["Body"]))  # which may come twice
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return list(seen.values())

    return look
