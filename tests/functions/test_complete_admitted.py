"""Between what a container knows and what the admission finds: the decision that counts is the one on the view that admitted."""

import json

import pytest

from signalbox.admission import leases
from signalbox.aws import rates, records

from .routes import MINI, SMALL, SMALLER, Routed, code

LIMIT = 10**12


@pytest.fixture
def aged(routed: Routed, monkeypatch):
    """What was known at a first request is known still, and the next one's admission reads all of it anew."""
    monkeypatch.setattr(records, "FRESH_S", 60)
    routed.permit(agents=["robot"], fallbacks=True, budgets={"total": {"limit_nanousd": LIMIT, "hard": True, "version": 1}})
    assert routed.ask(headers={"x-signalbox-agent": "robot"}).status == 200
    monkeypatch.setattr(records, "FRESH_S", -1)
    return routed


def circuits(routed: Routed, **states):
    targets = {id: {"state": "open", "generation": 3, "until_ms": 10**15} for id in states.values()}
    routed.world.table("control").put_item(Item={"pk": "circuits", "sk": "state", "targets": targets})


def held(routed: Routed) -> int:
    """What is neither spent nor free."""
    routed.world.module.shutdown()
    items = routed.world.table("ledger").scan()["Items"]
    [account] = [item for item in items if "settled" in item and item["pk"].startswith("key#local")]
    return LIMIT - int(account["settled"]) - int(account["remaining"])


def test_a_circuit_that_has_opened_meanwhile_is_passed_over(aged: Routed):
    circuits(aged, first=MINI)
    response = aged.ask()
    assert (response.status, response.headers["x-signalbox-target"]) == (200, SMALL)
    [usage] = aged.usage
    assert json.loads(usage["inputs"])["circuits"] == {MINI: ["open", 3, 10**15]}
    assert held(aged) == 0


def test_what_is_denied_by_what_is_known_now_is_refused_and_nothing_stays_held(aged: Routed):
    document = aged.document()
    document["policies"]["closed"] = {
        "status": "active",
        "conditions": {"circuits": {MINI: "open"}},
        "actions": {"deny": "Not while it is ill."},
    }
    aged.publish(policies=document["policies"])
    assert aged.ask().status == 200
    circuits(aged, first=MINI)
    response = aged.ask()
    assert (response.status, code(response)) == (403, "permission_denied")
    assert aged.calls == []
    assert held(aged) == 0


def test_a_permission_that_was_withdrawn_counts_no_more(aged: Routed):
    aged.permit()
    response = aged.ask(fallbacks=[SMALLER])
    assert (response.status, code(response)) == (403, "permission_denied")
    assert aged.ask(headers={"x-signalbox-agent": "robot"}).status == 200
    assert aged.usage[0]["agent"] == ""


def test_a_version_that_was_published_meanwhile_decides(aged: Routed):
    aged.publish(routes={"chat": {"targets": [SMALL]}, "cheap": {"targets": [SMALL]}})
    response = aged.ask()
    assert (response.headers["x-signalbox-target"], response.headers["x-signalbox-config-version"]) == (SMALL, "2")
    assert held(aged) == 0


@pytest.mark.parametrize("before", [None, False], ids=["no budget", "a soft budget"])
def test_a_budget_that_has_become_hard_meanwhile_holds_what_has_no_bound(routed: Routed, monkeypatch, before):
    monkeypatch.setattr(records, "FRESH_S", 60)
    budget = {"limit_nanousd": LIMIT, "version": 1}
    routed.permit(**({} if before is None else {"budgets": {"total": budget | {"hard": before}}}))
    assert routed.ask(service_tier="priority").status == 200
    monkeypatch.setattr(records, "FRESH_S", -1)
    routed.permit(budgets={"total": budget | {"hard": True, "version": 2}})
    refused = routed.ask(service_tier="priority")
    assert (refused.status, code(refused)) == (400, "unsupported_parameter")
    assert routed.calls == []
    assert routed.ask().status == 200
    assert held(routed) == 0


def test_a_budget_that_has_become_hard_meanwhile_refuses_nothing_that_has_a_bound(routed: Routed, monkeypatch):
    monkeypatch.setattr(records, "FRESH_S", 60)
    routed.permit()
    assert routed.ask().status == 200
    monkeypatch.setattr(records, "FRESH_S", -1)
    routed.permit(budgets={"total": {"limit_nanousd": LIMIT, "hard": True, "version": 1}})
    response = routed.ask()
    assert (response.status, response.headers["x-signalbox-target"], len(routed.calls)) == (200, MINI, 1)
    assert held(routed) == 0


def test_a_target_at_its_capacity_is_passed_over_and_then_the_caller_is_told_to_wait(routed: Routed):
    narrow = routed.document()["models"][MINI] | {"id": "gpt-4.1-mini", "capacity": {"requests_per_minute": 1}}
    document = routed.document()
    routed.publish(
        models=document["models"] | {"openai/narrow": narrow},
        routes=document["routes"] | {"both": {"targets": ["openai/narrow", SMALL]}, "narrow": {"targets": ["openai/narrow"]}},
    )
    assert [routed.ask("both").headers["x-signalbox-target"] for _ in range(2)] == ["openai/narrow", SMALL]
    refused = routed.ask("narrow")
    assert (refused.status, code(refused)) == (429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) <= 60


def test_the_guardrails_of_the_route_that_serves_hold_as_well(routed: Routed):
    """A policy leads past no guardrail."""
    routed.publish(guardrails={"mail": {"use": "redact", "options": {"patterns": ["email"]}, "routes": ["cheap"]}})
    said = [{"role": "user", "content": "say: write to ann@example.com now"}]
    through = json.loads(routed.ask(tags="batch", messages=said).body)["choices"][0]["message"]["content"]
    assert through == "write to [email] now"
    assert "ann@example.com" in json.loads(routed.ask(messages=said).body)["choices"][0]["message"]["content"]


def test_a_place_and_a_claim_last_as_long_as_what_it_was_routed_to_anew(routed: Routed, monkeypatch):
    """By what was known it may last 21 s; by the version that its admission read, 24."""

    def publish(target: str, total_s: int):
        chat = {"targets": [target], "timeouts": {"ttft_s": 20, "between_chunks_s": 20, "total_s": total_s}}
        routed.publish(routes=routed.document()["routes"] | {"chat": chat})

    monkeypatch.setattr(records, "FRESH_S", 60)
    publish(MINI, 21)
    routed.permit(limits={"concurrency": 1})
    assert routed.ask().status == 200
    monkeypatch.setattr(records, "FRESH_S", -1)
    publish(SMALL, 24)
    pool, kept = routed.world.module.completions.means.pool, []
    send = pool.send

    def sent(request, timeout_s):
        kept.append([routed.world.table(name).scan()["Items"] for name in ("ledger", "cache")])
        return send(request, timeout_s)

    monkeypatch.setattr(pool, "send", sent)
    response = routed.ask(headers={"idempotency-key": "k-1"})
    assert (response.status, response.headers["x-signalbox-target"]) == (200, SMALL)
    [[ledger, cache]] = kept
    [slots] = [item["slots"] for item in ledger if item["pk"] == "rates#key#local"]
    [claim] = [item for item in cache if item["pk"].startswith("once#")]
    over_ms = int(routed.world.now_s * 1000) + 24_000
    assert [int(ms) for ms in slots.values()] == [over_ms + rates.GRACE_MS]
    assert int(claim["until_ms"]) == over_ms + leases.GRACE_MS
