"""Whether a call was slow, and whose it was, stands in its usage; that it was slow in its metric too."""

import json

import pytest

from signalbox.completion import record

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


def test_the_end_user_stands_in_the_usage_cut_to_200_characters(world):
    assert world.ask(asked(user="u" * 300)).status == 200
    assert world.usage()[0]["user"] == "u" * 200
