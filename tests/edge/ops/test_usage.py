"""`signalbox usage redrive` over queues that hold messages."""

import json

import boto3
import pytest
from moto import mock_aws

from ops import cli, stages, usage

EVENT = json.dumps({"detail-type": "UsageRecorded", "detail": {"id": "req_1", "tenant": "acme", "outcome": "ok"}})


@pytest.fixture
def queues(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(usage, "WAIT_S", 0)
    with mock_aws():
        sqs = boto3.client("sqs")
        outputs = {}
        for name in usage.QUEUES:
            outputs[f"{name}DeadLetterQueueUrl"] = dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
            outputs[f"{name}QueueUrl"] = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"]
        monkeypatch.setattr(stages, "client", lambda stage, service: sqs)
        monkeypatch.setattr(stages, "outputs", lambda stage: outputs)
        for body in (EVENT, "my prompt"):
            sqs.send_message(QueueUrl=outputs["UsageDeadLetterQueueUrl"], MessageBody=body)
        yield sqs, outputs


def depth(queues, name):
    sqs, outputs = queues
    return usage._depth(sqs, outputs[f"{name}Url"])


def test_the_queues_and_how_much_is_dead_are_listed(queues, capsys):
    assert cli.main(["usage", "redrive"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["usage", "2", "0"]


def test_messages_are_looked_at_and_stay_and_what_is_no_event_is_not_quoted(queues, capsys):
    assert cli.main(["usage", "redrive", "usage", "--show"]) == 0
    said = capsys.readouterr().out
    assert "req_1" in said
    assert "acme" in said
    assert "no event, 9 characters" in said
    assert "my prompt" not in said
    assert depth(queues, "UsageDeadLetterQueue") == 2


def test_more_messages_than_come_at_once_are_looked_at_too_and_can_be_taken_right_after(queues, capsys):
    sqs, outputs = queues
    for number in range(25):
        sqs.send_message(QueueUrl=outputs["UsageDeadLetterQueueUrl"], MessageBody=EVENT.replace("req_1", f"req_m{number}"))
    assert cli.main(["usage", "redrive", "usage", "--show"]) == 0
    assert capsys.readouterr().out.count("req_m") == 25
    assert depth(queues, "UsageDeadLetterQueue") == 27
    assert cli.main(["usage", "redrive", "usage", "--discard", "all"]) == 0
    assert capsys.readouterr().out.startswith("27 messages of usage")


class WithoutMoves:
    """An SQS that has no tasks which move."""

    def __init__(self, sqs):
        self.sqs = sqs

    def __getattr__(self, name):
        if name != "start_message_move_task":
            return getattr(self.sqs, name)
        raise usage.ClientError({"Error": {"Code": "UnsupportedOperation", "Message": "?"}}, "StartMessageMoveTask")


def test_all_of_them_are_moved_back_where_sqs_does_not_move_by_itself(queues, capsys, monkeypatch):
    monkeypatch.setattr(stages, "client", lambda stage, service: WithoutMoves(queues[0]))
    assert cli.main(["usage", "redrive", "usage"]) == 0
    assert capsys.readouterr().out == "2 messages of usage moved back\n"
    assert (depth(queues, "UsageDeadLetterQueue"), depth(queues, "UsageQueue")) == (0, 2)


def test_one_is_thrown_away_by_its_id_and_all_by_name(queues, capsys):
    assert cli.main(["usage", "redrive", "usage", "--show"]) == 0
    ids = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert cli.main(["usage", "redrive", "usage", "--discard", ids[0]]) == 0
    assert depth(queues, "UsageDeadLetterQueue") == 1
    assert cli.main(["usage", "redrive", "usage", "--discard", "no-such"]) != 0
    assert cli.main(["usage", "redrive", "usage", "--discard", "all"]) == 0
    assert cli.main(["usage", "redrive", "usage", "--discard", "all"]) == 0  # none is left, which is what was wanted
    assert depth(queues, "UsageDeadLetterQueue") == 0
    assert cli.main(["usage", "redrive", "--show"]) != 0
