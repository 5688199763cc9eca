"""x-signalbox-explain: what would become of a request, told instead of done."""

import json
import time
from typing import Any

import pytest

from signalbox.aws.control import HEALTH
from signalbox.routing.health import Sample, folded
from signalbox.routing.strategies import RECENT_MS

from .routes import LARGE, MINI, SMALL, SMALLER, Routed, code
from .world import PATIENCE_S, sample


def explained(routed: Routed, model: str = "chat", *, headers=None, **asked):
    response = routed.ask(model, headers={"x-signalbox-explain": "true"} | (headers or {}), **asked)
    assert routed.calls == []
    assert routed.usage == []
    assert routed.world.pending() == []
    return response


def told(routed: Routed, model: str = "chat", **asked):
    response = explained(routed, model, **asked)
    assert response.status == 200, response.body
    assert response.headers["content-type"] == "application/json"
    return json.loads(response.body)


@pytest.mark.parametrize("stream", [False, True])
def test_the_order_its_reasons_and_what_it_may_cost_are_told_and_nothing_is_done(routed: Routed, stream):
    decision = told(routed, stream=stream, max_tokens=100)
    assert decision["object"] == "signalbox.decision"
    assert [row["target"] for row in decision["targets"]] == [MINI, SMALL]
    assert [row["reason"] for row in decision["targets"]] == ["as declared", "as declared"]
    first = decision["targets"][0]
    assert 0 < first["expected_cost"]["nanousd"] <= first["worst_cost"]["nanousd"]
    assert first["expected_latency_ms"] is None
    assert first["timeouts"] == {"ttft_s": PATIENCE_S, "between_chunks_s": PATIENCE_S, "total_s": 120.0}
    worst = decision["worst_case"]
    assert worst["cost"]["nanousd"] == sum(row["worst_cost"]["nanousd"] for row in decision["targets"])
    assert worst["attempts"] == decision["limits"]["max_attempts"] == 3
    assert worst["total_s"] == 25  # what the container has left
    assert decision["baseline"]["target"] == MINI
    assert (decision["refused"], decision["config_version"], decision["policy"]) == (None, 1, "default")


def test_how_targets_fared_of_late_is_told_where_it_is_known(routed: Routed):
    now_ms = int(time.time() * 1000)
    samples = [Sample(MINI, now_ms, True, 900, 300), Sample(SMALL, now_ms - 2 * RECENT_MS, True, 500, 100)]
    targets = folded({}, samples, now_ms)
    routed.world.table("control").put_item(Item=dict(zip(("pk", "sk"), HEALTH, strict=True)) | {"version": 1, "targets": targets})
    rows = {row["target"]: row["expected_latency_ms"] for row in told(routed)["targets"]}
    assert rows == {MINI: {"ttft": 300, "duration": 900}, SMALL: None}


def test_the_time_that_the_caller_allows_and_the_answer_that_a_policy_allows_are_reckoned_with(routed: Routed):
    decision = told(routed, tags="short", max_tokens=100, headers={"x-signalbox-timeout-ms": "1500"})
    assert decision["worst_case"]["total_s"] == 1.5
    assert decision["baseline"] == {"target": MINI, "expected_cost": decision["targets"][0]["expected_cost"]}


STRICT, LOOSE, TIGHT = ({"timeouts": timeouts} for timeouts in ({"profile": "strict"}, {"total_s": 60}, {"ttft_s": 2}))


@pytest.mark.parametrize(
    ("route", "policy", "allowed_ms", "total_s"),
    [
        ({}, {}, None, 120),
        ({}, {}, 60_000, 60),
        ({}, {}, 600_000, 120),
        (STRICT, {}, None, 5),
        (STRICT, {}, 60_000, 5),
        (STRICT, {}, 300, 0.3),
        (STRICT, TIGHT, None, 5),
        ({}, STRICT, None, 5),
        (LOOSE, STRICT, 60_000, 5),
        (LOOSE, {"timeouts": {"total_s": 240}}, None, 240),  # what a policy sets is set, not only tightened
        (STRICT, LOOSE, None, 60),
        (STRICT, LOOSE, 1_000, 1),
    ],
)
def test_who_says_how_long_all_of_it_may_take(routed: Routed, route, policy, allowed_ms, total_s):
    """A policy before the route, both before the model; and the caller may only allow less."""
    document = routed.document()
    document["routes"]["chat"] |= route
    document["policies"]["timed"] = {
        "status": "active",
        "priority": 1,
        "conditions": {"tags": "timed"},
        "actions": policy or {"max_tokens": 9},
    }
    routed.publish(routes=document["routes"], policies=document["policies"])
    event = sample("complete_chat")
    allowed = {"x-signalbox-timeout-ms": str(allowed_ms)} if allowed_ms else {}
    event["headers"] |= {"x-signalbox-explain": "true", "x-signalbox-tags": "timed"} | allowed
    response = routed.world.ask(event, model="chat", timeout_s=900)
    assert json.loads(response.body)["worst_case"]["total_s"] == total_s


def test_no_budget_is_touched(routed: Routed):
    routed.permit(budgets={"total": {"limit_nanousd": 10**12, "hard": True, "version": 1}})
    told(routed)
    assert [item["pk"] for item in routed.world.table("ledger").scan()["Items"]] == ["rates#key#local"]


def test_what_is_told_is_what_is_done(routed: Routed):
    """The same request for real: its record's features, policy and first target."""
    routed.permit(fallbacks=True)
    asked: dict[str, Any] = {"tags": "batch", "headers": {"x-tier": "tin"}, "max_tokens": 9, "fallbacks": [LARGE]}
    decision = told(routed, **asked)
    response = routed.ask(**asked)
    [usage] = routed.usage
    same = ("tags", "headers", "input_tokens", "input_bound", "complexity", "uses", "fallbacks", "conversation")
    assert {name: usage["features"][name] for name in same} == {name: decision["features"][name] for name in same}
    assert response.headers["x-signalbox-target"] == decision["targets"][0]["target"]
    assert (usage["policy"], usage["route"], usage["strategy"], usage["flags"]) == tuple(
        decision[name] for name in ("policy", "route", "strategy", "flags")
    )
    assert usage["cost_nanousd"] <= decision["worst_case"]["cost"]["nanousd"]


def test_the_policies_that_were_tried_are_named(routed: Routed):
    rows = {row["id"]: row["matched"] for row in told(routed, tags="batch")["policies"]}
    assert rows["by-tag"] is True
    assert rows.get("by-header", False) is False


def test_a_denied_request_is_told_and_not_refused(routed: Routed):
    decision = told(routed, tags="forbidden")
    assert decision["deny"] == "Nothing of that kind goes out."
    assert (decision["refused"]["status"], decision["refused"]["code"]) == (403, "permission_denied")
    assert decision["targets"] == []


def test_those_passed_over_are_named_with_the_reason(routed: Routed):
    decision = told(routed, "dear")
    assert decision["passed"][0]["target"] == MINI
    assert "nano-dollars" in decision["passed"][0]["why"]
    assert decision["refused"]["code"] == "permission_denied"


def test_what_stands_behind_a_target_is_told(routed: Routed):
    decision = told(routed, "chained")
    assert decision["behind"] == {SMALLER: {"context_too_long": [MINI], "content_filtered": [LARGE]}}
    assert {row["target"] for row in decision["only_behind"]} == {MINI, LARGE}
    each = [row["worst_cost"]["nanousd"] for row in decision["targets"] + decision["only_behind"]]
    assert decision["worst_case"]["cost"]["nanousd"] == sum(each)


def test_the_prompt_is_nowhere_in_it(routed: Routed):
    said = "my password is hunter2"
    assert said not in json.dumps(told(routed, messages=[{"role": "user", "content": said}], user="ann@example.com"))


@pytest.mark.parametrize(("model", "expected"), [("no-such", "model_not_found")])
def test_where_there_is_nothing_to_decide_the_error_is_as_ever(routed: Routed, model, expected):
    assert code(explained(routed, model)) == expected


def test_a_hard_budget_that_could_not_be_kept_is_told(routed: Routed):
    routed.permit(budgets={"total": {"limit_nanousd": 10**12, "hard": True, "version": 1}})
    decision = told(routed, service_tier="priority", n=1, model="chained")
    assert decision["refused"] == {
        "status": 400,
        "code": "unsupported_parameter",
        "message": decision["refused"]["message"],
    }


def test_false_is_no_wish(routed: Routed):
    event = sample("complete_chat")
    event["headers"]["x-signalbox-explain"] = "false"
    assert "choices" in json.loads(routed.world.ask(event).body)
