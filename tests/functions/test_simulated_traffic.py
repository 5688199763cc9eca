"""What the handler recorded, as the traffic log keeps it, tried again: by what was live nothing changes and nothing costs otherwise."""

import json
from typing import Any

import pytest

from signalbox.routing.simulation.simulation import Simulation
from signalbox.usage.events import UsageRecorded

from .routes import LARGE, MINI, SMALL, Routed

LONG = {"messages": [{"role": "user", "content": "words=40"}]}


def simulated(draft: Any, then: Any, rows: list[Any]) -> Any:
    simulation = Simulation(draft._replace(digest="draft"), {then.digest: then}.get)
    for row in rows:
        simulation.add(row)
    return simulation.result()


class Traffic:
    """Asks, and keeps what was recorded as the log does."""

    def __init__(self, routed: Routed) -> None:
        self.routed = routed
        self.rows: list[Any] = []

    def ask(self, model: str = "chat", **asked: Any) -> int:
        status = self.routed.ask(model, **asked).status
        for detail in self.routed.usage:
            event = UsageRecorded.model_validate(detail)
            if event.inputs:
                self.rows.append(json.loads(event.model_dump_json(exclude_defaults=True)))
        return status


@pytest.fixture
def traffic(routed: Routed, monkeypatch: pytest.MonkeyPatch) -> Traffic:
    """Of every way to route, with failures on the way."""
    traffic = Traffic(routed)
    for asked in (
        {},
        {"stream": True},
        {"tags": "batch"},
        {"tags": "short", **LONG},
        {"tags": "watched"},
        {"tags": "thrifty", "max_tokens": None},
        {"headers": {"x-tier": "gold"}},
        {"model": "cheap"},
        {"model": LARGE},
        {"model": "calm"},
    ):
        assert traffic.ask(**asked) == 200, asked
    routed.fault("openai", status=500, times=1)
    assert traffic.ask() == 200
    routed.fault("openai", status=500, times=1)
    assert traffic.ask("retried") == 200
    routed.fault("openai", latency_ms=3_600_000)
    with monkeypatch.context() as hedged:
        routed.hear_when_both_are_asked(hedged)
        assert traffic.ask("hedged") == 200
    routed.fault("openai", status=413, times=1)
    assert traffic.ask("chained") == 200
    routed.fault("openai", status=400, times=1)
    assert traffic.ask() == 400
    return traffic


def test_a_draft_that_is_what_was_live_costs_what_was_billed_to_the_nano_dollar(routed: Routed, traffic: Traffic) -> None:
    live = routed.snapshot()
    found = simulated(live, live, traffic.rows)
    cost = found["cost_nanousd"]
    assert found["requests"] == 15
    assert cost["recorded"] == sum(row["cost_nanousd"] for row in traffic.rows) > 0
    assert cost["low"] == cost["expected"] == cost["high"] == cost["recorded"]
    latency = found["latency_ms"]
    assert latency["low"] == latency["high"] == latency["recorded"] > 0
    assert (found["changed"]["requests"], found["moved"], found["examples"], cost["unpriced_requests"]) == (0, [], [], 0)
    assert found["denials"]["new"]["high"] == found["unanswered"]["new"] == 0
    assert found["unanswered"]["recorded"] == found["unanswered"]["draft"] == 1
    assert all(row["recorded"] == row["low"] == row["high"] for row in found["providers"].values())


def test_a_draft_that_leads_elsewhere_is_reckoned_around_what_it_then_costs(routed: Routed, traffic: Traffic) -> None:
    """The interval of a request holds what the simulators bill once the draft is live: they write the same and count otherwise."""
    then = routed.snapshot()
    routes = routed.document()["routes"]
    routed.publish(routes=routes | {"chat": {"targets": [SMALL, MINI]}})
    routed.ask()
    found = simulated(routed.snapshot(), then, traffic.rows[:1])
    assert found["moved"] == [{"from": MINI, "to": SMALL, "requests": 1}]
    cost = found["cost_nanousd"]
    assert cost["low"] <= routed.billed <= cost["high"]


def test_without_the_fallback_that_helped_somebody_is_left_without_an_answer(routed: Routed, traffic: Traffic) -> None:
    then = routed.snapshot()
    routes = routed.document()["routes"]
    routed.publish(routes=routes | {"chat": {"targets": [MINI]}})
    routed.ask()  # sees what was published
    found = simulated(routed.snapshot(), then, traffic.rows)
    assert found["unanswered"] == {"recorded": 1, "draft": 2, "new": 1}
