"""Whether a call was slow, and whose it was, stands in its usage; that it was slow in its metric too."""

import json

import pytest

from signalbox.completion import record

from .routes import MINI, Routed
from .world import sample


def asked(**more):
    event = sample("complete_chat")
    return event | {"body": json.dumps(json.loads(event["body"]) | more)}


@pytest.mark.parametrize(("slow_ms", "slow"), [(0, True), (10**6, False)])
def test_a_call_is_slow_from_the_stages_threshold_on(world, monkeypatch, capsys, slow_ms, slow):
    monkeypatch.setattr(record, "SLOW_MS", slow_ms)
    assert world.ask(asked()).status == 200
    [usage] = world.usage()
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "request_id" in line]
    assert (usage["slow"], line.get("Slow", 0)) == (slow, int(slow))


def test_a_route_may_call_slow_what_the_stage_does_not_and_the_other_way_round(routed: Routed, monkeypatch):
    eager, patient = {"targets": [MINI], "slow_after_s": 0.0001}, {"targets": [MINI], "slow_after_s": 100}
    routed.publish(routes=routed.document()["routes"] | {"eager": eager, "patient": patient})
    monkeypatch.setattr(record, "SLOW_MS", 10**6)
    assert [routed.world.ask(asked(model=name)).status for name in ("eager", "patient", "chat")] == [200] * 3
    monkeypatch.setattr(record, "SLOW_MS", 0)
    assert [routed.world.ask(asked(model=name)).status for name in ("eager", "patient", "chat")] == [200] * 3
    found = [(usage["route"], usage["slow"]) for usage in routed.world.usage()]
    assert found == [("eager", True), ("patient", False), ("chat", False), ("eager", True), ("patient", False), ("chat", True)]


def test_the_end_user_stands_in_the_usage_cut_to_200_characters(world):
    assert world.ask(asked(user="u" * 300)).status == 200
    assert world.usage()[0]["user"] == "u" * 200
