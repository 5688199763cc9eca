"""`signalbox usage redrive` over queues that hold messages."""

import json

import boto3
import pytest
from moto import mock_aws

from ops import cli, queues, stages, usage

EVENT = json.dumps({"detail-type": "UsageRecorded", "detail": {"id": "req_1", "tenant": "acme", "outcome": "ok"}})


@pytest.fixture
def stage(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(queues, "WAIT_S", 0)
    with mock_aws():
        sqs = boto3.client("sqs")
        outputs = {}
        for name in usage.QUEUES:
            outputs[f"{name}DeadLetterQueueUrl"] = dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
            outputs[f"{name}QueueUrl"] = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"]
        outputs["UndeliveredQueueUrl"] = sqs.create_queue(QueueName="undelivered")["QueueUrl"]
        monkeypatch.setattr(stages, "client", lambda stage, service: sqs)
        monkeypatch.setattr(stages, "outputs", lambda stage: outputs)
        for body in (EVENT, "my prompt"):
            sqs.send_message(QueueUrl=outputs["UsageDeadLetterQueueUrl"], MessageBody=body)
        yield sqs, outputs


def depth(stage, name):
    sqs, outputs = stage
    return queues.depth(sqs, outputs[f"{name}Url"])


def test_each_action_is_described_and_takes_its_stage_before_or_after(stage, monkeypatch, capsys):
    for action, said in (("redrive", "list the dead-letter queues"), ("report", "what a tenant or a team used")):
        with pytest.raises(SystemExit):
            cli.main(["usage", action, "--help"])
        assert said in capsys.readouterr().out
    asked = []
    outputs = stages.outputs(None)
    monkeypatch.setattr(stages, "outputs", lambda name: asked.append(name) or outputs)
    for words in (["redrive"], ["--stage", "prod", "redrive"], ["redrive", "--stage", "prod"], ["--stage", "x", "redrive", "--stage", "y"]):
        assert cli.main(["usage", *words]) == 0
    assert asked == ["local", "prod", "prod", "y"]


def test_the_queues_and_how_much_is_dead_are_listed(stage, capsys):
    assert cli.main(["usage", "redrive"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["usage", "2", "0", "0"]


def test_what_a_consumer_has_in_hand_is_told_beside_what_waits(stage, capsys):
    sqs, outputs = stage
    for _ in range(3):
        sqs.send_message(QueueUrl=outputs["UsageQueueUrl"], MessageBody=EVENT)
    sqs.receive_message(QueueUrl=outputs["UsageQueueUrl"], MaxNumberOfMessages=1)
    sqs.receive_message(QueueUrl=outputs["UsageDeadLetterQueueUrl"], MaxNumberOfMessages=1)
    assert cli.main(["usage", "redrive"]) == 0
    heading, *rows, _ = capsys.readouterr().out.splitlines()
    assert heading.split("  ")[-1].strip() == "under way"
    assert rows[0].split() == ["usage", "1", "2", "2"]
    assert rows[-1].split() == ["undelivered", "0", "-", "0"]


def test_messages_are_looked_at_and_stay_and_what_is_no_event_is_not_quoted(stage, capsys):
    assert cli.main(["usage", "redrive", "usage", "--show"]) == 0
    said = capsys.readouterr().out
    assert "req_1" in said
    assert "acme" in said
    assert "neither event nor sample, 9 characters" in said
    assert "my prompt" not in said
    assert depth(stage, "UsageDeadLetterQueue") == 2


def test_samples_too_are_looked_at_without_what_people_wrote_and_moved_back(stage, capsys, monkeypatch):
    sqs, outputs = stage
    monkeypatch.setattr(stages, "client", lambda of, service: WithoutMoves(sqs))
    sample = json.dumps({"version": 1, "id": "req_2", "tenant": "acme", "outcome": "ok", "prompt": ["my prompt"], "answer": ["an answer"]})
    sqs.send_message(QueueUrl=outputs["SampleDeadLetterQueueUrl"], MessageBody=sample)
    assert cli.main(["usage", "redrive", "sample", "--show"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[1].split()[1:] == ["req_2", "acme", "ok"]
    assert "my prompt" not in said
    assert "an answer" not in said
    assert cli.main(["usage", "redrive", "sample"]) == 0
    assert [message["Body"] for message in queues.messages(sqs, outputs["SampleQueueUrl"])] == [sample]
    assert depth(stage, "SampleDeadLetterQueue") == 0


@pytest.mark.parametrize("body", ["my prompt", "[]", "7", '{"detail": "my prompt"}', '{"id": "my prompt"}', "[" * 100_000])
def test_what_is_neither_event_nor_sample_is_counted_and_not_quoted(body):
    assert queues.told({"Body": body}) == (f"neither event nor sample, {len(body)} characters", "-", "-")


def test_more_messages_than_come_at_once_are_looked_at_too_and_can_be_taken_right_after(stage, capsys):
    sqs, outputs = stage
    for number in range(25):
        sqs.send_message(QueueUrl=outputs["UsageDeadLetterQueueUrl"], MessageBody=EVENT.replace("req_1", f"req_m{number}"))
    assert cli.main(["usage", "redrive", "usage", "--show"]) == 0
    assert capsys.readouterr().out.count("req_m") == 25
    assert depth(stage, "UsageDeadLetterQueue") == 27
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


class Slow:
    """A queue whose messages come again before all of them were there."""

    def __init__(self, *batches):
        self.batches = list(batches)

    def receive_message(self, **asked):
        return {"Messages": [{"MessageId": id} for id in self.batches.pop(0)]} if self.batches else {}


def test_those_that_come_again_keep_none_from_being_looked_at():
    assert [message["MessageId"] for message in queues.messages(Slow("ab", "ab", "c"), "url")] == ["a", "b", "c"]


def test_those_that_are_there_for_others_by_themselves_need_not_be_let_go(stage):
    sqs, outputs = stage
    url = outputs["UsageDeadLetterQueueUrl"]
    found = list(queues.messages(sqs, url))
    queues.let_go(sqs, url, found)
    queues.let_go(sqs, url, found)
    assert depth(stage, "UsageDeadLetterQueue") == 2


def test_all_of_them_are_moved_back_where_sqs_does_not_move_by_itself(stage, capsys, monkeypatch):
    monkeypatch.setattr(stages, "client", lambda of, service: WithoutMoves(stage[0]))
    assert cli.main(["usage", "redrive", "usage"]) == 0
    assert capsys.readouterr().out == "2 messages of usage moved back\n"
    assert (depth(stage, "UsageDeadLetterQueue"), depth(stage, "UsageQueue")) == (0, 2)


def test_one_is_thrown_away_by_its_id_and_all_by_name(stage, capsys):
    assert cli.main(["usage", "redrive", "usage", "--show"]) == 0
    ids = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert cli.main(["usage", "redrive", "usage", "--discard", ids[0]]) == 0
    assert depth(stage, "UsageDeadLetterQueue") == 1
    assert cli.main(["usage", "redrive", "usage", "--discard", "no-such"]) != 0
    assert cli.main(["usage", "redrive", "usage", "--discard", "all"]) == 0
    assert cli.main(["usage", "redrive", "usage", "--discard", "all"]) == 0  # none is left, which is what was wanted
    assert depth(stage, "UsageDeadLetterQueue") == 0
    assert cli.main(["usage", "redrive", "--show"]) != 0


def undelivered(stage, target, body=EVENT):
    """As EventBridge leaves it; `target` is an output's name, or an ARN."""
    sqs, outputs = stage
    arn = queues.arn(sqs, outputs[f"{target}Url"]) if target.endswith("Queue") else target
    said = {"RULE_ARN": "arn:aws:events:us-east-1:1:rule/signalbox/usage", "TARGET_ARN": arn, "ERROR_CODE": "NO_PERMISSIONS"}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in said.items() if value}
    sqs.send_message(QueueUrl=outputs["UndeliveredQueueUrl"], MessageBody=body, MessageAttributes=attributes)


def test_what_was_not_delivered_comes_to_the_queue_that_it_was_meant_for(stage, capsys):
    for number in range(12):
        undelivered(stage, "UsageQueue", EVENT.replace("req_1", f"req_{number}"))
    undelivered(stage, "BudgetQueue")
    assert cli.main(["usage", "redrive"]) == 0
    assert capsys.readouterr().out.splitlines()[-2].split() == ["undelivered", "13", "-", "0"]
    assert cli.main(["usage", "redrive", "undelivered"]) == 0
    assert capsys.readouterr().out == "13 messages brought to the queues that they were meant for\n"
    assert [depth(stage, f"{name}Queue") for name in ("Undelivered", "Usage", "Budget", "Circuit")] == [0, 12, 1, 0]
    sqs, outputs = stage
    assert [message["Body"] for message in queues.messages(sqs, outputs["BudgetQueueUrl"])] == [EVENT]
    assert cli.main(["usage", "redrive", "undelivered"]) == 0
    assert capsys.readouterr().out == "0 messages brought to the queues that they were meant for\n"


STAYS = {
    "no event": ("UsageQueue", "my prompt", "it is no event"),
    "an event without a detail": ("UsageQueue", json.dumps({"detail": "my prompt"}), "it is no event"),
    "meant for a workflow": ("arn:aws:states:us-east-1:1:stateMachine:roll-back", EVENT, "stateMachine:roll-back"),
    "meant for a queue that is none of ours": ("arn:aws:sqs:us-east-1:1:others", EVENT, "meant for arn:aws:sqs:us-east-1:1:others"),
    "of which nobody said": ("", EVENT, "meant for nobody knows whom"),
}


@pytest.mark.parametrize("which", STAYS)
def test_what_cannot_be_brought_anywhere_stays_and_is_told_of(stage, capsys, which):
    target, body, why = STAYS[which]
    undelivered(stage, target, body)
    undelivered(stage, "CircuitQueue")
    assert cli.main(["usage", "redrive", "undelivered"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("1 message brought to the queues that they were meant for\n1 message not, which stay")
    assert why in said
    assert "my prompt" not in said
    assert [depth(stage, f"{name}Queue") for name in ("Undelivered", "Usage", "Circuit")] == [1, 0, 1]


def test_what_was_not_delivered_is_looked_at_and_thrown_away(stage, capsys):
    undelivered(stage, "CircuitQueue")
    assert cli.main(["usage", "redrive", "undelivered", "--show"]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["message", "event", "tenant", "outcome", "meant", "for", "error"]
    assert row.split()[1:] == ["req_1", "acme", "ok", "Circuit", "NO_PERMISSIONS"]
    assert depth(stage, "UndeliveredQueue") == 1
    assert cli.main(["usage", "redrive", "undelivered", "--discard", row.split()[0]]) == 0
    assert depth(stage, "UndeliveredQueue") == 0
    assert cli.main(["usage", "redrive", "undelivered", "--show"]) == 0
    assert capsys.readouterr().out.endswith("nothing is undelivered\n")
