"""Samples of what was asked and answered: of routes that say so, redacted, and never in the client's way."""

import json
from collections import Counter
from typing import Any

import pytest

from functions.store_sample.handler import Sent
from signalbox.aws import client as aws_client

from .routes import Routed

Json = Any

PROMPT = "My name is Ada Lovelace, ada@example.com, card 4111 1111 1111 1111, key sk-abcdefghijklmnop1234"
PLANTED = ("Ada", "Lovelace", "ada@example.com", "4111", "sk-abcdefghijklmnop1234")


@pytest.fixture
def queue(routed: Routed) -> Any:
    """What has been sent to it since the last look."""
    world = routed.world
    sqs = world.client("sqs")
    url = sqs.create_queue(QueueName="samples")["QueueUrl"]
    world.module.completions.means.sampler.queue = url

    def received() -> list[Json]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    yield received
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each service of AWS is called."""
    counted: Counter[str] = Counter()
    begin = aws_client.Aws.begin

    def counting(self: Any, call: Any, **more: Any) -> Any:
        counted[call.service] += 1
        return begin(self, call, **more)

    monkeypatch.setattr(aws_client.Aws, "begin", counting)
    return counted


def publish(routed: Routed, **more: Json) -> None:
    routes = routed.document()["routes"]
    routes["chat"] |= {"capture": {"share": 1, "days": 3}} | more
    routed.publish(routes=routes)


def said(text: str = PROMPT) -> Json:
    return {"messages": [{"role": "user", "content": f"say: {text}"}]}


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_asked_and_answered_is_sampled_without_what_is_private(routed, queue, stream):
    publish(routed)
    response = routed.ask(**said(), stream=stream)
    assert response.status == 200
    assert stream or b"Lovelace" in response.body  # the client has it whole
    [taken] = queue()
    [usage] = routed.usage
    Sent.model_validate(taken, strict=True)  # as whoever stores it takes it
    text = "My name is [name], [email], card [card], key [key]"
    assert taken["prompt"] == [{"role": "user", "text": f"say: {text}"}]
    assert taken["answer"][0]["text"] == text
    assert not [word for word in PLANTED if word in json.dumps(taken)]
    assert (taken["id"], taken["tenant"], taken["route"], taken["outcome"]) == (usage["id"], usage["tenant"], "chat", "ok")
    assert taken["expires_at"] == usage["at_ms"] // 1000 + 3 * 86_400


def test_nothing_is_taken_where_it_is_off(routed, queue, called):
    assert routed.ask(**said()).status == 200
    publish(routed)
    assert routed.ask(**said(), model="cheap").status == 200
    assert (queue(), called["sqs"]) == ([], 0)


def test_a_sample_is_one_call_and_none_is_to_kms(routed, queue, called):
    publish(routed)
    assert routed.ask(**said()).status == 200
    assert called["sqs"] == 1
    assert set(called) <= {"dynamodb", "events", "s3", "secretsmanager", "sqs"}
    assert "kms" not in aws_client.PROTOCOLS


def test_it_is_redacted_as_the_route_says(routed, queue):
    routes = routed.document()["routes"]
    routes["chat"]["capture"] = {"share": 1, "redact": ["email"], "own": {"merger": "Zanzibar"}}
    routed.publish(routes=routes)
    routed.ask(**said("Zanzibar by ada@example.com, 4111 1111 1111 1111"))
    [taken] = queue()
    assert taken["answer"][0]["text"] == "[merger] by [email], 4111 1111 1111 1111"
    assert taken["redacted"] == {"merger": 2, "email": 2}


def test_a_failed_request_keeps_what_was_asked_and_what_there_was(routed, queue):
    publish(routed)
    routed.fault("openai", error_after_chunks=3)
    response = routed.ask(**said("one two three four five six seven"), stream=True)
    assert b'"error"' in response.body
    [taken] = queue()
    assert taken["outcome"] != "ok"
    assert taken["prompt"]
    assert "one" in taken["answer"][0]["text"]
    assert "seven" not in taken["answer"][0]["text"]


def test_neither_a_refused_request_nor_an_answer_from_the_cache_is_taken(routed, queue):
    publish(routed, cache={"ttl_s": 60})
    assert routed.ask(**said(), temperature=0).status == 200
    assert len(queue()) == 1
    again = routed.ask(**said(), temperature=0)
    assert again.headers["x-signalbox-cache"] == "hit"
    assert routed.ask(**said(), model="dear").status >= 400
    assert queue() == []


def test_a_sample_that_is_lost_fails_nothing_and_is_told(routed, queue, capsys):
    publish(routed)
    routed.world.module.completions.means.sampler.queue = "https://sqs.eu-central-1.amazonaws.com/123456789012/none"
    assert routed.ask(**said()).status == 200
    told = capsys.readouterr().out
    assert '"SamplesLost": 1' in told
    assert not [word for word in PLANTED if word in told]
    assert len(routed.usage) == 1


def test_the_share_is_of_requests_by_their_ids(routed, queue):
    routes = routed.document()["routes"]
    routes["chat"]["capture"] = {"share": 1e-9, "days": 3}
    routed.publish(routes=routes)
    assert routed.ask().status == 200
    assert queue() == []
