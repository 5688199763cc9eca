"""What routes, policies, chains, flags, caps, hedges and mirrors do to a request, through the handler as it is deployed."""

import json
import threading
import time
from typing import Any

import pytest

from signalbox.completion.race import NAME
from signalbox.routing.inputs import digest_of
from signalbox.routing.replay import holds
from signalbox.runtime.invocation import Context

from .routes import LARGE, MINI, SMALL, SMALLER, Routed, code
from .world import sample

NEVER_MS = 3_600_000


def served_by(response) -> str:
    assert response.status == 200, response.body
    return response.headers["x-signalbox-target"]


@pytest.mark.parametrize(
    ("asked", "target", "policy"),
    [
        ({}, MINI, "default"),
        ({"tags": "a,batch"}, SMALL, "by-tag"),
        ({"headers": {"x-tier": "gold"}}, LARGE, "by-header"),
        ({"headers": {"x-tier": "silver"}}, MINI, "default"),
        ({"model": "cheap"}, LARGE, "by-model"),
        ({"tags": "hidden"}, MINI, "default"),
    ],
)
def test_a_policy_leads_a_request_elsewhere(routed: Routed, asked, target, policy):
    response = routed.ask(**asked)
    assert (served_by(response), response.headers["x-signalbox-policy"]) == (target, policy)
    [usage] = routed.usage
    assert (usage["policy"], usage["policies"], usage["target"]) == (policy, [policy] if policy != "default" else [], target)
    assert usage["cost_nanousd"] == routed.billed > 0


def test_what_is_recorded_says_how_it_was_decided_and_nothing_of_the_prompt(routed: Routed):
    routed.ask(tags="batch", headers={"x-tier": "tin", "x-other": "unread"})
    [usage] = routed.usage
    features = usage["features"]
    assert (features["tags"], features["headers"], features["model"]) == (["batch"], {"x-tier": "tin"}, "chat")
    assert (usage["strategy"], usage["route"], usage["default_target"]) == ("sequential", "cheap", MINI)
    assert usage["baseline_cost_nanousd"] > usage["cost_nanousd"]  # the small one costs less than the default would have
    assert {"fallback", "routing_policies"} <= set(usage["flags"])
    assert "unfinished" not in usage["flags"]
    assert (digest_of(usage["inputs"]), holds(usage, routed.snapshot())) == (usage["decision"], True)
    said = json.loads(sample("complete_chat")["body"])["messages"][-1]["content"]
    assert said not in json.dumps(usage)


def test_each_route_goes_round_by_itself_whoever_is_asked_between(routed: Routed):
    """Also where a policy leads to it, and where a request was only explained."""
    document = routed.document()
    round_robin = {name: {"targets": [MINI, SMALL], "strategy": "round_robin"} for name in ("left", "right")}
    document["policies"]["led"] = {"status": "active", "conditions": {"tags": "led"}, "actions": {"route": "left"}}
    routed.publish(routes=document["routes"] | round_robin, policies=document["policies"])
    asked = [("left", ""), ("right", ""), ("chat", "led"), ("chat", ""), ("right", ""), ("left", ""), ("chat", "led")]
    served = []
    for model, tags in asked:
        routed.ask(model, tags=tags, headers={"x-signalbox-explain": "true"})
        served.append(served_by(routed.ask(model, tags=tags)))
        [usage] = routed.usage
        assert holds(usage, routed.snapshot())
    left, right = [served[place] for place in (0, 2, 5, 6)], [served[place] for place in (1, 4)]
    assert left[0::2] == [left[0]] * 2
    assert left[1::2] == [left[1]] * 2
    assert {*left} == {*right} == {MINI, SMALL}


def test_a_denied_request_is_told_by_whom_and_why_and_costs_nothing(routed: Routed):
    response = routed.ask(tags="forbidden")
    assert (response.status, code(response)) == (403, "permission_denied")
    message = json.loads(response.body)["error"]["message"]
    assert "closed" in message
    assert "Nothing of that kind goes out." in message
    assert routed.calls == []
    [usage] = routed.usage
    assert (usage["outcome"], usage["policy"], usage["policies"], usage["route"]) == ("permission_denied", "closed", ["closed"], "chat")
    assert "routing_policies" in usage["flags"]
    assert response.headers["x-signalbox-policy"] == "closed"
    assert holds(usage, routed.snapshot())


def test_whatever_refuses_a_request_that_was_decided_its_record_says_how(routed: Routed):
    routed.permit(budgets={"total": {"limit_nanousd": 1, "hard": True, "version": 1}})
    for model, tags, outcome, route in (("chat", "batch", "budget_exceeded", "cheap"), ("dear", "", "permission_denied", "dear")):
        assert code(routed.ask(model, tags=tags)) == outcome
        [usage] = routed.usage
        assert (usage["outcome"], usage["route"]) == (outcome, route)
        assert holds(usage, routed.snapshot())
    assert code(routed.ask("no-such")) == "model_not_found"
    [usage] = routed.usage
    assert (usage["route"], usage["policy"], usage["inputs"]) == ("", "", "")


@pytest.mark.parametrize("asked", [None, 50])
def test_a_policy_may_shorten_answers_and_says_so(routed: Routed, asked):
    response = routed.ask(tags="short", max_tokens=asked, messages=[{"role": "user", "content": "words=40"}])
    assert served_by(response) == MINI
    assert response.headers["x-signalbox-clamped"] == "max_tokens"
    answer = json.loads(response.body)
    assert (answer["usage"]["completion_tokens"], answer["choices"][0]["finish_reason"]) == (3, "length")
    assert "x-signalbox-clamped" not in routed.ask(tags="short", max_tokens=2).headers


def test_a_ceiling_shortens_the_answer_or_refuses_it(routed: Routed):
    response = routed.ask(tags="thrifty", max_tokens=None)
    assert (served_by(response), response.headers["x-signalbox-clamped"]) == (MINI, "max_tokens")
    assert routed.usage[0]["cost_nanousd"] <= 2_000_000
    refused = routed.ask("dear")
    assert (refused.status, code(refused)) == (403, "permission_denied")
    assert "max_tokens" in json.loads(refused.body)["error"]["message"]
    assert routed.calls == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/completions"])
def test_a_request_may_bring_fallbacks_where_its_key_permits(routed: Routed, path):
    said = {"/v1/responses": {"input": "hello"}, "/v1/completions": {"prompt": "hello"}}
    body: dict[str, Any] = {"model": "cheap", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}
    if path in said:
        body = {"model": "cheap"} | said[path]
    event = sample("complete_chat")
    event["path"] = path
    event["body"] = json.dumps(body | {"fallbacks": [MINI]})
    refused = routed.world.ask(event)
    told = json.loads(refused.body)["error"]
    assert (refused.status, told["code"], told["param"]) == (403, "permission_denied", "fallbacks")
    routed.permit(fallbacks=True)
    routed.fault("mistral", status=500)
    routed.world.usage()
    response = routed.world.ask(event)
    assert served_by(response) == MINI
    [usage] = routed.world.usage()
    assert [(attempt["target"], attempt["outcome"]) for attempt in usage["attempts"]] == [(LARGE, "server"), (MINI, "ok")]
    assert usage["features"]["fallbacks"] == [MINI]


@pytest.mark.parametrize(
    ("fallbacks", "code_", "status"),
    [
        ("chat", "invalid_request", 400),
        ([1], "invalid_request", 400),
        (["chat"] * 9, "invalid_request", 400),
        (["no-such"], "model_not_found", 404),
    ],
)
def test_fallbacks_that_mean_nothing_are_refused(routed: Routed, fallbacks, code_, status):
    routed.permit(fallbacks=True)
    response = routed.ask(fallbacks=fallbacks)
    assert (response.status, code(response), json.loads(response.body)["error"]["param"]) == (status, code_, "fallbacks")


def test_an_empty_list_of_fallbacks_needs_no_permission(routed: Routed):
    assert served_by(routed.ask(fallbacks=[])) == MINI


def test_a_failure_is_tried_again_at_the_same_target_as_often_as_the_route_says(routed: Routed):
    completions = routed.world.module.completions
    completions.means = completions.means._replace(clock=completions.means.clock._replace(sleep=lambda seconds: None))
    routed.fault("openai", status=500, times=2)
    assert served_by(routed.ask("retried")) == MINI
    assert routed.attempts == [(MINI, "server", ""), (MINI, "server", ""), (MINI, "ok", "")]
    routed.fault("openai", status=500)
    assert routed.ask("retried").status == 502
    assert len(routed.attempts) == 3
    routed.world.upstreams.faults.clear()


def test_what_is_too_long_goes_to_the_larger_window(routed: Routed):
    routed.fault("openai", status=413, times=1)
    assert served_by(routed.ask("chained")) == MINI
    assert routed.attempts == [(SMALLER, "context_too_long", ""), (MINI, "ok", "")]


def test_what_is_filtered_goes_to_the_chain_for_that(routed: Routed):
    routed.fault("openai", status=400, echo=True, times=1)
    response = routed.ask("chained", messages=[{"role": "user", "content": "content filtering policy"}])
    assert served_by(response) == LARGE
    assert routed.attempts == [(SMALLER, "content_filtered", ""), (LARGE, "ok", "")]


def test_a_flag_that_is_switched_off_takes_effect_with_the_next_request(routed: Routed):
    routed.publish(flags={"unfinished": {}, "fallback": {"enabled": False}})
    response = routed.ask(tags="hidden")
    assert (served_by(response), response.headers["x-signalbox-policy"]) == (SMALL, "hidden")
    routed.fault("openai", status=404, times=1)
    assert routed.ask().status == 502
    assert routed.attempts == [(MINI, "not_found", "")]
    routed.publish(flags={"unfinished": {}, "fallback": {}})
    routed.fault("openai", status=404, times=1)
    assert served_by(routed.ask()) == SMALL


@pytest.mark.parametrize("stream", [False, True])
def test_a_hedge_that_wins_is_the_answer_and_the_loser_is_charged_from_above(routed: Routed, monkeypatch, stream):
    routed.hear_when_both_are_asked(monkeypatch)
    routed.fault("openai", latency_ms=NEVER_MS)
    response = routed.ask("hedged", stream=stream)
    assert served_by(response) == SMALL
    assert response.headers["x-signalbox-attempts"] == "2"
    assert routed.attempts == [(MINI, "outrun", ""), (SMALL, "ok", "hedge")]
    assert NAME not in {thread.name for thread in threading.enumerate()}
    [usage] = routed.usage
    assert usage["estimated"]
    lost, won = usage["attempts"]
    routed.world.upstreams.faults.clear()
    assert won["cost_nanousd"] == sum(call["cost_nanousd"] for call in routed.calls if call["provider"] == "mistral")
    assert lost["cost_nanousd"] >= sum(call["cost_nanousd"] for call in routed.calls if call["provider"] == "openai")
    assert (usage["target"], usage["ttft_ms"]) == (SMALL, won["ttft_ms"])


def test_a_hedge_that_is_not_needed_is_not_made(routed: Routed):
    assert served_by(routed.ask("calm")) == MINI
    assert routed.attempts == [(MINI, "ok", "")]
    assert routed.usage[0]["cost_nanousd"] == routed.billed


def test_a_hedge_that_loses_is_charged_from_above(routed: Routed, monkeypatch):
    routed.hear_when_both_are_asked(monkeypatch)
    routed.fault("mistral", latency_ms=NEVER_MS)
    assert served_by(routed.ask("hedged")) == MINI
    assert routed.attempts == [(MINI, "ok", ""), (SMALL, "outrun", "hedge")]
    assert routed.usage[0]["cost_nanousd"] >= routed.billed
    routed.world.upstreams.faults.clear()


def test_a_client_that_leaves_a_hedged_stream_pays_for_both_and_leaves_nothing_open(routed: Routed, monkeypatch):
    """The winner is drained to its count, the loser's is estimated from above."""
    routed.hear_when_both_are_asked(monkeypatch)
    routed.fault("openai", latency_ms=NEVER_MS)
    event = sample("complete_chat")
    event["body"] = json.dumps(json.loads(event["body"]) | {"model": "hedged", "stream": True})
    routed.world.upstreams.ledger.clear()
    response = routed.world.module.handler(event, Context("r", int((time.time() + 30) * 1000)))
    next(response.body)
    response.body.close()
    response.after()
    routed.world.upstreams.faults.clear()
    [usage] = routed.world.usage()
    lost, won = usage["attempts"]
    assert [(row["target"], row["outcome"]) for row in (lost, won)] == [(MINI, "outrun"), (SMALL, "ok")]
    assert won["cost_nanousd"] == sum(call["cost_nanousd"] for call in routed.calls if call["provider"] == "mistral") > 0
    assert lost["cost_nanousd"] >= sum(call["cost_nanousd"] for call in routed.calls if call["provider"] == "openai")
    assert usage["cost_nanousd"] == lost["cost_nanousd"] + won["cost_nanousd"]
    assert NAME not in {thread.name for thread in threading.enumerate()}


def test_where_both_of_a_hedge_fail_the_caller_is_told(routed: Routed, monkeypatch):
    routed.hear_when_both_are_asked(monkeypatch)
    routed.fault("openai", status=500)
    routed.fault("mistral", status=503)
    response = routed.ask("hedged")
    assert (response.status, code(response)) == (502, "upstream_failed")
    assert {target: outcome for target, outcome, _ in routed.attempts} == {MINI: "server", SMALL: "overloaded"}
    assert routed.usage[0]["cost_nanousd"] == routed.billed == 0
    routed.world.upstreams.faults.clear()


def test_a_hedge_is_paid_by_one_hold(routed: Routed, monkeypatch):
    """The whole of both, in the budget's own account."""
    routed.hear_when_both_are_asked(monkeypatch)
    limit = 10**12
    routed.permit(budgets={"total": {"limit_nanousd": limit, "hard": True, "version": 1}})
    routed.fault("openai", latency_ms=NEVER_MS)
    assert served_by(routed.ask("hedged", max_tokens=50)) == SMALL
    routed.world.upstreams.faults.clear()
    routed.world.module.shutdown()
    items = routed.world.table("ledger").scan()["Items"]
    [account] = [item for item in items if "settled" in item and item["pk"].startswith("key#local")]
    assert int(account["settled"]) == routed.usage[0]["cost_nanousd"] > 0
    assert int(account["remaining"]) == limit - int(account["settled"])


@pytest.mark.parametrize("stream", [False, True])
def test_a_mirror_is_asked_after_the_answer_and_charged_to_the_request(routed: Routed, stream):
    response = routed.ask(tags="watched", stream=stream)
    assert served_by(response) == MINI
    assert response.headers["x-signalbox-attempts"] == "1"
    assert routed.attempts == [(MINI, "ok", ""), (SMALL, "ok", "mirror")]
    assert [call["provider"] for call in routed.calls] == ["openai", "mistral"]
    [usage] = routed.usage
    assert usage["cost_nanousd"] == routed.billed
    assert (usage["target"], usage["estimated"]) == (MINI, False)
    assert usage["baseline_cost_nanousd"] == usage["attempts"][0]["cost_nanousd"]


def test_the_time_that_a_mirror_takes_is_none_of_the_clients(routed: Routed, monkeypatch):
    completions = routed.world.module.completions
    pool, now_s = completions.means.pool, [0]
    send = pool.send

    def sent(request, timeout_s):
        now_s[0] += 2 if "/mistral/" in request.url else 1
        return send(request, timeout_s)

    monkeypatch.setattr(pool, "send", sent)
    completions.means = completions.means._replace(clock=completions.means.clock._replace(monotonic=lambda: now_s[0]))
    routed.ask(tags="watched")
    [usage] = routed.usage
    assert (usage["duration_ms"], usage["attempts"][1]["duration_ms"]) == (1_000, 2_000)


def test_a_mirror_that_fails_is_seen_by_nobody_but_the_record(routed: Routed):
    routed.fault("mistral", status=500)
    assert served_by(routed.ask(tags="watched")) == MINI
    assert routed.attempts == [(MINI, "ok", ""), (SMALL, "server", "mirror")]
    assert routed.usage[0]["outcome"] == "ok"
    routed.world.upstreams.faults.clear()


@pytest.mark.parametrize(("hard", "mirrors"), [(True, 0), (False, 1)])
def test_a_mirror_whose_price_is_unknown_is_not_asked_where_a_budget_may_not_be_overspent(routed: Routed, hard, mirrors):
    document = routed.document()
    unpriced = {name: value for name, value in document["models"][SMALL].items() if name != "prices"} | {"capabilities": ["streaming"]}
    document["policies"]["watched"]["actions"]["mirror"]["target"] = "mistral/unpriced"
    routed.publish(models=document["models"] | {"mistral/unpriced": unpriced}, policies=document["policies"])
    routed.permit(budgets={"total": {"limit_nanousd": 10**12, "hard": hard, "version": 1}})
    assert served_by(routed.ask(tags="watched")) == MINI
    assert [purpose for _, _, purpose in routed.attempts] == ["", *["mirror"] * mirrors]
