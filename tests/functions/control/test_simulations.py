"""Drafts over traffic that record_usage has logged: what is told, what is kept, and what gates keep from going live."""

import json
from decimal import Decimal
from typing import Any

import pytest
import yaml

from functions.record_usage.handler import handler as record_usage
from signalbox.aws import boto_bus, boto_snapshots
from signalbox.money import Tokens
from signalbox.routing.inputs import Features, Inputs
from signalbox.usage.record import Attempt
from tests.functions.conftest import BUCKET
from tests.functions.messages import batch
from tests.unit.routing import traffic

from .client import MODULES, Api, refused

BIG, HALF = "openai/big", "mistral/half"
COST = 1_400_000  # nano-dollars of these tokens at the big one
TOKENS = Tokens(input=1_000, output=100)
GATED = "Nothing goes live. The live version stays.\n"


def document(*targets: str, **over: Any) -> str:
    def model(input: float, output: float) -> Any:
        prices = {"input": input, "output": output, "source": "s", "as_of": "2026-01-02"}
        return {"context_window": 9000, "max_output_tokens": 2000, "prices": prices}

    known = {
        "version": 1,
        "providers": {"openai": {}, "mistral": {}},
        "models": {BIG: model(1, 4), HALF: model(0.5, 2)},
        "routes": {"chat": {"targets": list(targets)}},
    }
    return yaml.safe_dump(known | over)


LIVE, CHEAPER = document(BIG, HALF), document(HALF, BIG)


@pytest.fixture
def live(api: Api) -> Api:
    assert api("POST", "/admin/config/publish", {"document": LIVE})[0] == 200
    return api


@pytest.fixture
def asked(live: Api, stage: Any, sample: Any, context: Any) -> Any:
    """Requests an hour ago, each batch an object of the log."""

    def asked(*batches: list[str], **over: Any) -> None:
        pointer = stage.control.get_item(Key={"pk": "config", "sk": "live"})["Item"]
        snapshot = boto_snapshots.stored(boto_bus.client("s3"), BUCKET, pointer["digest"])
        assert snapshot
        at_ms = MODULES["stage"].now_ms() - 3_600_000
        answer = Attempt(BIG, "ok", at_ms, 200, 80, tokens=TOKENS, cost_nanousd=COST)
        known = {"attempts": (answer,), "target": BIG, "provider": "openai", "cost_nanousd": COST, "tokens": TOKENS}
        event = sample("record_usage_sqs")
        for ids in batches:
            inputs = [Inputs(Features(id, "acme", "", "k1", "chat"), now_ms=at_ms, deadline_ms=at_ms + 30_000) for id in ids]
            rows = [traffic.row_of(one, {}, snapshot, **known | over) for one in inputs]
            defaults: dict[str, Any] = {"agent": "", "lease": "", "period_by_scope": {}, "refused_by": None}
            record_usage(batch(event, *(defaults | row for row in rows)), context)

    return asked


def simulated(api: Api, text: str, **more: Any) -> Any:
    status, answer = api("POST", "/admin/simulations", {"document": text} | more)
    assert status == 201, answer
    return answer


def test_what_is_live_costs_what_it_did_exactly_and_changes_nothing(live: Api, asked: Any) -> None:
    asked(["r1", "r2"], ["r3"])
    found = simulated(live, LIVE, gates=["cost<=+0%", "changed<=0", "denials.high<=0"])
    even = {"recorded": 3 * COST, "low": 3 * COST, "expected": 3 * COST, "high": 3 * COST, "unpriced_requests": 0}
    assert (found["requests"], found["cost_nanousd"], found["changed"]["requests"], found["holds"]) == (3, even, 0, True)
    assert (found["objects"], found["live_version"], found["author"]) == ({"read": 2, "of": 2}, 1, "ann")


def test_a_draft_is_told_in_ends_with_what_they_assume_and_publishes_nothing(live: Api, asked: Any, stage: Any) -> None:
    asked(["r1"])
    live("PUT", "/admin/config/draft", {"document": CHEAPER})
    stage.heard()
    status, found = live("POST", "/admin/simulations", {"draft": True, "days": 0.5, "examples": 1, "gates": ["cost<=-60%"]})
    cost = {name: found["cost_nanousd"][name] for name in ("low", "expected", "high")}
    assert (status, cost) == (201, {"low": 500_000, "expected": COST // 2, "high": 1_050_000})
    assert found["providers"]["mistral"]["requests"] == {"recorded": 0, "low": 0, "expected": 1, "high": 1}
    assert found["examples"][0] == {"request": "r1", "from": BIG, "to": HALF, "why": f"{HALF}: as declared", "policy": "default"}
    assert found["moved"] == [{"from": BIG, "to": HALF, "requests": 1}]
    [gate] = found["gates"]
    assert (found["holds"], gate["holds"], gate["figures"]) == (False, False, "$0.0007 against $0.0014 recorded (-50.00 %)")
    assert any("times the output" in said for said in found["assumptions"])
    assert live("GET", "/admin/config")[1]["version"] == 1
    assert live("GET", "/admin/config/draft")[0] == 200
    assert stage.heard() == []


def test_simulations_are_kept_for_a_while_and_listed_the_newest_first(live: Api, asked: Any, stage: Any) -> None:
    asked(["r1"])
    made = [simulated(live, text) for text in (LIVE, CHEAPER, LIVE)]
    status, page = live("GET", "/admin/simulations", query={"limit": "2"})
    assert (status, [row["id"] for row in page["simulations"]]) == (200, [made[2]["id"], made[1]["id"]])
    rest = live("GET", "/admin/simulations", query={"limit": "2", "before": made[1]["id"]})[1]["simulations"]
    assert [row["id"] for row in rest] == [made[0]["id"]]
    assert {name: made[0][name] for name in rest[0]} == rest[0]
    assert live("GET", f"/admin/simulations/{made[1]['id']}") == (200, made[1])
    refused(live("GET", "/admin/simulations/s1"), "not_found")
    for pk, sk in ((f"simulation#{made[0]['id']}", "simulation"), ("simulations", made[0]["id"])):
        assert stage.control.get_item(Key={"pk": pk, "sk": sk})["Item"]["expires_at"] > Decimal(0)


def test_what_the_time_does_not_do_for_is_a_sample_and_says_of_how_much(live: Api, asked: Any, context: Any) -> None:
    asked(*([f"r{number}"] for number in range(12)))
    left = iter([20_000] * 12 + [20_000, 20_000, 5_999])  # listing, then reading
    context.get_remaining_time_in_millis = lambda: next(left)
    found = simulated(live, CHEAPER)
    assert (found["objects"], found["requests"], found["cost_nanousd"]["recorded"]) == ({"read": 3, "of": 12}, 3, 3 * COST)
    left = iter([20_000] * 12 + [20_000, 5_999])
    body = {"document": CHEAPER, "gates": ["changed<=0"]}
    message = refused(live("POST", "/admin/config/publish", body), "invalid_request")
    assert "The time did for a sample of the traffic: 2 of its 12 objects.\nchanged<=0 does not hold: 2 of 2 requests" in message
    context.get_remaining_time_in_millis = lambda: 5_999
    message = refused(live("POST", "/admin/simulations", {"document": CHEAPER}), "invalid_request")
    assert "days: 1 objects of traffic and more were listed when the time was up. Ask for fewer days" in message


def test_what_cannot_be_simulated_is_refused_in_words(live: Api, asked: Any) -> None:
    ask = lambda **body: live("POST", "/admin/simulations", body)  # noqa: E731
    assert "no traffic was recorded in the last 1 days" in refused(ask(document=CHEAPER), "invalid_request")
    asked(["r1"])
    wrong = "version: 2\nmodels: {}\n"
    message = refused(ask(document=wrong), "invalid_request")
    for row in live("POST", "/admin/config/check", {"document": wrong})[1]["problems"]:
        assert f"line {row['line']}: {row['path']}: {row['message']}" in message
    assert "there is no metric 'price'. Known are cost" in refused(ask(document=LIVE, gates=["price<=5"]), "invalid_request")
    assert "not both" in refused(ask(document=LIVE, draft=True), "invalid_request")
    refused(ask(), "invalid_request")
    refused(ask(draft=True), "not_found")
    refused(ask(document=LIVE, days=0), "invalid_request")
    assert live("GET", "/admin/simulations")[1] == {"simulations": []}


def test_a_gate_keeps_a_version_from_going_live_and_says_by_how_much(live: Api, asked: Any) -> None:
    asked(["r1", "r2"])
    publish = lambda **body: live("POST", "/admin/config/publish", {"document": CHEAPER} | body)  # noqa: E731
    message = refused(publish(gates=["cost<=+5%", "changed<=20%"]), "invalid_request")
    assert message == f"{GATED}changed<=20% does not hold: 2 of 2 requests are decided otherwise (100.00 %)"
    assert "there is no metric" in refused(publish(gates=["price<=5"]), "invalid_request")
    assert "gate_days: no traffic" in refused(publish(gates=["cost<=+5%"], gate_days=0.01), "invalid_request")
    assert live("GET", "/admin/config")[1]["version"] == 1
    assert publish(gates=["cost<=+5%", "share:mistral>=50%"], gate_days=7)[1]["version"] == 2


def test_what_was_published_meanwhile_is_not_published_over(live: Api, asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate was held against another version than the one that is live by then."""
    asked(["r1"])
    gates = MODULES["gates"]
    held = gates.hold

    def meanwhile(*arguments: Any) -> None:
        held(*arguments)
        MODULES["stage"].versions().publish(document(BIG), author="bob", message="")

    monkeypatch.setattr(gates, "hold", meanwhile)
    body = {"document": CHEAPER, "gates": ["cost<=+5%"]}
    assert "Version 2 by bob came first" in refused(live("POST", "/admin/config/publish", body), "request_in_progress")


def test_nothing_of_a_prompt_or_a_key_is_kept(live: Api, asked: Any, stage: Any) -> None:
    asked(["r1"])
    simulated(live, CHEAPER)
    kept = json.dumps([item for item in stage.control.scan()["Items"] if item["pk"].startswith("simulation")], default=str)
    assert "k1" not in kept


def test_what_is_found_of_a_document_with_a_thousand_warnings_is_kept_all_the_same(live: Api, asked: Any) -> None:
    asked(["r1"])
    plain = {"context_window": 9000, "max_output_tokens": 2000}
    models = yaml.safe_load(LIVE)["models"] | {f"openai/{'m' * 110}{number:0>4}": dict(plain) for number in range(1_700)}
    found = simulated(live, yaml.safe_dump(yaml.safe_load(LIVE) | {"models": models}))
    assert len(found["warnings"]) == 100
    assert live("GET", f"/admin/simulations/{found['id']}") == (200, found)
