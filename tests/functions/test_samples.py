"""Each sample event of `complete` is answered, in the dialect of its path, and charged; and what samples tell of decisions holds."""

import json

import pytest

from signalbox.config.compiler import compile_text
from signalbox.data_api import DIALECTS
from signalbox.routing.catalog import to_snapshot
from signalbox.routing.inputs import digest_of
from signalbox.routing.replay import differences
from signalbox.usage.record import UsageRecord

from .messages import details
from .world import ROOT, sample

SAMPLES = [path.stem for path in sorted((ROOT / "events").glob("complete_*.json")) if sample(path.stem)["body"]]


def test_every_dialect_has_one():
    assert {sample(name)["path"] for name in SAMPLES} == set(DIALECTS)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_answered_and_charged(world, name):
    event = sample(name)
    response = world.ask(event)
    assert response.status == 200
    assert response.headers["content-type"].startswith("text/event-stream" if name.endswith("_stream") else "application/json")
    (usage,) = world.usage()
    assert usage["model"] == json.loads(event["body"])["model"]
    assert usage["cost_nanousd"] == sum(call["cost_nanousd"] for call in world.upstreams.ledger.to_json()["calls"]) > 0


USAGE = [path.stem for path in sorted((ROOT / "events").glob("*_sqs.json"))]


@pytest.mark.parametrize("name", USAGE)
def test_a_sample_of_usage_tells_all_that_is_recorded_and_decides_again_as_it_says(name):
    """By the shipped document: where that decides otherwise now, the sample is to be recorded anew."""
    compiled = compile_text((ROOT / "routing.yaml").read_text())
    snapshot = to_snapshot(json.loads(compiled.json), 1, compiled.digest)
    for detail in details(sample(name)):
        assert set(detail) == {"version", *UsageRecord._fields}
        assert digest_of(detail["inputs"]) == detail["decision"]
        assert list(differences(detail, snapshot)) == []
        assert detail["features"] == json.loads(detail["inputs"])["features"]
        assert detail["cost_nanousd"] == sum(attempt["cost_nanousd"] for attempt in detail["attempts"])
        assert detail["compared"] == (detail["outcome"] == "ok")


def test_a_sample_shows_policies_at_work():
    assert {detail["policy"] for detail in details(sample("record_usage_routed_sqs"))} == {"auto-easy", "batch-may-wait"}
