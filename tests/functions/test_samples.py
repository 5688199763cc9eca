"""Each sample event of `complete` is answered, in the dialect of its path, and charged."""

import json

import pytest

from signalbox.data_api import DIALECTS

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
