"""Samples in their table: sealed by field, for their days."""

import json
import time
from typing import Any

import pytest

from functions.store_sample.handler import handler
from signalbox.aws import boto_fields, boto_samples
from signalbox.aws.boto_bus import client

from .messages import failed, poison

SAID = b"Which card is"


@pytest.fixture
def kms(stage: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The calls to it."""
    calls: list[str] = []
    monkeypatch.setenv("SIGNALBOX_STAGE", "test")
    monkeypatch.setenv("SIGNALBOX_FIELD_KEY", client("kms").create_key()["KeyMetadata"]["Arn"])
    boto_fields._masking.cache_clear()
    own = client("kms")
    own.meta.events.register("before-call.kms", lambda model, **_: calls.append(model.name), unique_id="counted")
    of = boto_fields.of
    monkeypatch.setattr(boto_fields, "of", lambda environ: of(environ, own))
    yield calls
    own.meta.events.unregister("before-call.kms", unique_id="counted")


@pytest.fixture
def event(sample: Any) -> Any:
    return sample("store_sample_captured")


def changed(event: Any, **over: Any) -> Any:
    [record] = event["Records"]
    return record | {"messageId": over.get("id", "m"), "body": json.dumps(json.loads(record["body"]) | over)}


def fields() -> Any:
    import os

    return boto_fields.of(os.environ)


def items(stage: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.samples.scan()["Items"]
    return found


def test_a_sample_is_stored_sealed_and_read_as_it_was(stage, context, event, kms):
    assert handler(event, context) == {"batchItemFailures": []}
    [item] = items(stage)
    sent = json.loads(event["Records"][0]["body"])
    assert SAID not in str(item).encode()
    assert [name for name, value in item.items() if str(value).startswith(boto_fields.SEALED)] == list(boto_samples.SECRET)
    sample = boto_samples.read(stage.samples, fields(), sent["id"], int(time.time()))
    assert sample
    assert {"version": 1} | sample.model_dump() == sent


def test_many_samples_of_a_tenant_cost_a_call_to_kms_each_way(stage, context, event, kms):
    handler({"Records": [changed(event, id=f"r{number}") for number in range(10)]}, context)
    assert len(items(stage)) == 10
    assert all(boto_samples.read(stage.samples, fields(), f"r{number}", 0) for number in range(10))
    assert kms == ["GenerateDataKey", "Decrypt"]
    boto_fields._masking.cache_clear()  # another container
    assert all(boto_samples.read(stage.samples, fields(), f"r{number}", 0) for number in range(10))
    assert kms == ["GenerateDataKey", "Decrypt", "Decrypt"]


def test_one_that_was_put_elsewhere_opens_no_more(stage, context, event, kms):
    handler(event, context)
    [item] = items(stage)
    stage.samples.put_item(Item=item | {"tenant": "other"})
    with pytest.raises(boto_fields.Unopened):
        boto_samples.read(stage.samples, fields(), item["id"], 0)
    stage.samples.put_item(Item=item | {"prompt": item["prompt"][:-8] + "AAAAAAA="})
    with pytest.raises(boto_fields.Unopened):
        boto_samples.read(stage.samples, fields(), item["id"], 0)


@pytest.mark.parametrize(
    ("into", "field", "of", "was"),
    [("a", "prompt", "b", "prompt"), ("a", "answer", "b", "answer"), ("a", "prompt", "a", "answer"), ("a", "answer", "b", "prompt")],
)
def test_what_was_put_into_anothers_place_opens_no_more(stage, context, event, kms, into, field, of, was):
    """Of one tenant, whose samples are under one data key and one context."""
    handler({"Records": [changed(event, id="a"), changed(event, id="b")]}, context)
    stored = {item["id"]: item for item in items(stage)}
    assert boto_samples.read(stage.samples, fields(), into, 0)
    stage.samples.put_item(Item=stored[into] | {field: stored[of][was]})
    with pytest.raises(boto_fields.Unopened, match="in the place of"):
        boto_samples.read(stage.samples, fields(), into, 0)
    stage.samples.put_item(Item=stored[of] | {"pk": "sample#c"})
    with pytest.raises(boto_fields.Unopened):
        boto_samples.read(stage.samples, fields(), "c", 0)


def test_twice_is_once_and_what_has_expired_is_not_stored_or_read(stage, context, event, kms):
    now_s = int(time.time())
    handler({"Records": [changed(event, id="a"), changed(event, id="a"), changed(event, id="b", expires_at=now_s - 1)]}, context)
    assert [item["id"] for item in items(stage)] == ["a"]
    handler({"Records": [changed(event, id="c", expires_at=now_s + 60)]}, context)
    assert boto_samples.read(stage.samples, fields(), "c", now_s + 59)
    assert boto_samples.read(stage.samples, fields(), "c", now_s + 60) is None


def test_what_is_no_sample_is_set_aside_and_not_told(stage, context, event, kms, capsys, caplog):
    bad = json.dumps(json.loads(event["Records"][0]["body"]) | {"extra": "planted-prompt"})
    answer = handler({"Records": [poison(event, "bad", bad), poison(event, "worse", "planted-prompt"), changed(event, id="good")]}, context)
    assert sorted(failed(answer)) == ["bad", "worse"]
    assert [item["id"] for item in items(stage)] == ["good"]
    assert "planted-prompt" not in capsys.readouterr().out + caplog.text


def test_without_a_word_on_the_key_nothing_is_stored(stage, context, event, monkeypatch):
    monkeypatch.delenv("SIGNALBOX_FIELD_KEY")
    assert failed(handler(event, context)) == [event["Records"][0]["messageId"]]
    assert items(stage) == []
    monkeypatch.setenv("SIGNALBOX_FIELD_KEY", "none")
    assert failed(handler(event, context)) == []
    assert SAID in str(items(stage)).encode()


def test_what_is_sealed_is_not_read_by_one_without_a_key(stage, context, event, kms):
    handler(event, context)
    [item] = items(stage)
    with pytest.raises(boto_fields.Unopened):
        boto_samples.read(stage.samples, boto_fields.Plain(), item["id"], 0)
