"""What was decided is in the traffic log before it counts in the table, and reads back as often as one likes, each request once."""

import json

import pytest
from botocore.exceptions import ClientError

from functions.record_usage.handler import handler
from signalbox.aws import boto_traffic, boto_usage
from signalbox.aws.boto_bus import client

from .conftest import TRAFFIC
from .messages import batch, details

HOUR_MS = 3_600_000
MONTH = "month#2026-11"


@pytest.fixture
def event(sample):
    return sample("record_usage_sqs")


@pytest.fixture
def one(event):
    """The detail of a request, with inputs."""
    first = details(event)[0]

    def detail(id="r1", hours=0, **over):
        features = {"tenant": first["tenant"], "model": "chat", "input_tokens": 3, "complexity": 7}
        named = {"inputs": json.dumps({"draw": 0.25, "request": id}), "decision": "d1", "decided": "d2", "features": features}
        return first | named | {"id": id, "at_ms": first["at_ms"] + hours * HOUR_MS} | over

    return detail


def names(hours=1):
    return list(boto_traffic.names(client("s3"), TRAFFIC, 1_795_230_000_000, 1_795_230_000_000 + hours * HOUR_MS))


def logged(found, hours=1):
    from_ms = 1_795_230_000_000
    return [row for rows in boto_traffic.read(client("s3"), TRAFFIC, found, from_ms, from_ms + hours * HOUR_MS) for row in rows]


def test_a_request_that_was_decided_is_logged_with_its_inputs_word_by_word(stage, context, event, one):
    handler(batch(event, one(), one("r2", inputs="", decision="")), context)
    [row] = logged(names())
    assert (row["id"], row["inputs"], row["decided"], row["cost_nanousd"]) == ("r1", one()["inputs"], "d2", one()["cost_nanousd"])
    assert row["attempts"][0]["target"] == one()["attempts"][0]["target"]


def test_the_table_keeps_the_digests_and_what_the_features_alone_say(stage, context, event, one):
    handler(batch(event, one()), context)
    item = boto_usage.request(stage.usage, "r1")
    assert "inputs" not in item
    assert (item["decision"], item["decided"]) == ("d1", "d2")
    assert item["features"] == {"input_tokens": 3, "complexity": 7}


def test_each_hour_has_its_own_folder_and_each_batch_its_own_object(stage, context, event, one):
    handler(batch(event, one(), one("r2", hours=2), one("r3")), context)
    assert [name.rpartition("/")[0] for name in names(3)] == ["traffic/2026/11/21/03", "traffic/2026/11/21/05"]
    assert [row["id"] for row in logged(names(3), 3)] == ["r1", "r3", "r2"]
    assert [row["id"] for row in logged(names(3), 1)] == ["r1", "r3"]


def test_what_is_delivered_again_is_read_once(stage, context, event, one):
    handler(batch(event, one(), one("r2")), context)
    before = names()
    handler(batch(event, one("r2"), one()), context)
    assert names() == before  # the same requests are the same object, in whatever order they come
    handler(batch(event, one("r2"), one("r3")), context)
    assert len(names()) == 2
    assert sorted(row["id"] for row in logged(names())) == ["r1", "r2", "r3"]


def test_a_log_that_takes_nothing_leaves_the_batch_in_the_queue_and_out_of_the_table(stage, context, event, one, monkeypatch):
    monkeypatch.setenv("SIGNALBOX_TRAFFIC_BUCKET", "no-such-bucket")
    with pytest.raises(ClientError):
        handler(batch(event, one()), context)
    assert boto_usage.totals(stage.usage, "key", "local", [MONTH])[MONTH] == {}
    monkeypatch.setenv("SIGNALBOX_TRAFFIC_BUCKET", TRAFFIC)
    assert handler(batch(event, one()), context) == {"batchItemFailures": []}
    assert [row["id"] for row in logged(names())] == ["r1"]


def test_a_sample_takes_objects_by_their_digests_wherever_their_hours_are(stage, context, event, one):
    for hours in range(6):
        handler(batch(event, one(f"r{hours}", hours=hours)), context)
    found = names(6)
    drawn = boto_traffic.drawn(found)
    assert drawn != found
    assert sorted(drawn) == sorted(found)
    assert sorted(row["id"] for row in logged(drawn[:3], 6)) == sorted(row["id"] for name in drawn[:3] for row in logged([name], 6))
