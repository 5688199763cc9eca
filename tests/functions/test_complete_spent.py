"""A provider whose budget is used up is passed over where others can serve the request; it is the caller's budget that refuses."""

import json

import pytest

from .routes import LARGE, MINI, SMALL, Routed, code

NOTHING, LITTLE, PLENTY = 1, 600_000, 10**12  # a little is for some 200 tokens of an answer


@pytest.fixture
def budget(routed: Routed):
    def budget(scope: str, limit_nanousd: int) -> None:
        row = {"limit_nanousd": limit_nanousd, "hard": True, "version": 1}
        routed.world.table("control").put_item(Item={"pk": scope, "sk": "scope", "status": "active", "budgets": {"total": row}})

    return budget


def test_the_next_providers_target_serves(routed: Routed, budget):
    budget("provider#openai", NOTHING)
    response = routed.ask()
    assert (response.status, response.headers["x-signalbox-target"]) == (200, SMALL)
    assert json.loads(routed.usage[0]["inputs"])["spent"] == ["openai"]
    assert [call["provider"] for call in routed.calls] == ["mistral"]
    assert (routed.usage[0]["refused_by"], routed.usage[0]["passed_over"]) == (None, [["provider#openai", "total"]])


def settled(routed: Routed, scope: str) -> int:
    """With nothing held any more."""
    routed.world.module.shutdown()
    [item] = [item for item in routed.world.table("ledger").scan()["Items"] if item["pk"] == scope]
    assert item["settled"] + item["remaining"] == item["limit"]
    return int(item["settled"])


@pytest.mark.parametrize(("model", "tags"), [("chat", ""), ("raced", ""), ("alone", "watched")])
def test_who_may_follow_rival_or_mirror_cuts_no_answer(routed: Routed, budget, model, tags):
    new = {"raced": {"targets": [MINI, SMALL], "hedge_after_s": 4.9}, "alone": {"targets": [MINI]}}
    routed.publish(routes=routed.document()["routes"] | new)
    budget("provider#mistral", LITTLE)
    budget("key#local", PLENTY)
    response = routed.ask(model, tags=tags, max_tokens=1_000)
    assert (response.status, response.headers["x-signalbox-target"]) == (200, MINI)
    assert "x-signalbox-clamped" not in response.headers
    assert json.loads(routed.usage[0]["inputs"])["spent"] == []
    assert settled(routed, "key#local") == routed.usage[0]["cost_nanousd"]


def test_the_answer_of_who_follows_is_cut_to_its_own_budget(routed: Routed, budget):
    budget("provider#mistral", LITTLE)
    budget("provider#openai", PLENTY)
    routed.fault("openai", status=500, times=9)
    response = routed.ask(max_tokens=10_000)
    assert (response.status, response.headers["x-signalbox-target"]) == (200, SMALL)
    assert response.headers["x-signalbox-clamped"] == "max_tokens"
    assert 0 < settled(routed, "provider#mistral") <= LITTLE


@pytest.mark.parametrize("scope", ["provider#openai", "key#local"])
def test_the_first_ones_own_budget_and_the_callers_cut_its_answer(routed: Routed, budget, scope):
    budget(scope, LITTLE)
    response = routed.ask(max_tokens=10_000)
    assert (response.headers["x-signalbox-target"], response.headers["x-signalbox-clamped"]) == (MINI, "max_tokens")
    assert 0 < settled(routed, scope) <= LITTLE


def test_nothing_stays_held_and_it_is_counted_once(routed: Routed, budget):
    budget("provider#openai", NOTHING)
    budget("provider#mistral", PLENTY)
    budget("key#local", PLENTY)
    assert routed.ask().status == 200
    [usage] = routed.usage
    routed.world.module.shutdown()
    accounts = {item["pk"]: item for item in routed.world.table("ledger").scan()["Items"] if "settled" in item}
    for pk, item in accounts.items():
        assert item["settled"] + item["remaining"] == item["limit"], pk
    settled = {pk: int(item["settled"]) for pk, item in accounts.items() if "#rate" not in pk}
    assert {pk: amount for pk, amount in settled.items() if amount} == dict.fromkeys(
        ("key#local", "provider#mistral"), usage["cost_nanousd"]
    )


def test_who_has_nobody_left_is_told_of_the_budget(routed: Routed, budget):
    budget("provider#openai", NOTHING)
    budget("provider#mistral", NOTHING)
    response = routed.ask()
    assert (response.status, code(response)) == (429, "budget_exceeded")
    assert "The total budget of provider" in json.loads(response.body)["error"]["message"]
    assert int(response.headers["retry-after"]) > 0
    assert routed.calls == []


def test_a_route_of_one_provider_is_refused(routed: Routed, budget):
    budget("provider#openai", NOTHING)
    response = routed.ask("chained")  # whose chain leads to both
    assert (response.status, code(response)) == (429, "budget_exceeded")
    assert routed.ask("cheap").status == 200


def test_the_callers_budget_refuses_whoever_could_serve(routed: Routed, budget):
    budget("provider#openai", NOTHING)
    budget("key#local", NOTHING)
    response = routed.ask()
    assert (response.status, code(response)) == (429, "budget_exceeded")
    assert "key local" in json.loads(response.body)["error"]["message"]
    assert routed.usage[0]["refused_by"] == ["key#local", "total"]


def test_a_policys_refusal_is_told_as_such(routed: Routed, budget):
    budget("provider#openai", NOTHING)
    assert code(routed.ask(tags="forbidden")) == "permission_denied"


def test_who_is_left_and_full_says_so(routed: Routed, budget):
    models = routed.document()["models"]
    models[SMALL] |= {"capacity": {"requests_per_minute": 1}}
    routed.publish(models=models)
    budget("provider#openai", NOTHING)
    served, refused = routed.ask(), routed.ask()
    assert (served.status, code(refused)) == (200, "rate_limited")


def test_what_is_kept_meanwhile_is_not_what_is_usual(routed: Routed, budget):
    document = routed.document()
    routes = document["routes"] | {"chat": {"targets": [MINI, LARGE], "cache": {"ttl_s": 60}}}
    routed.publish(routes=routes)
    budget("provider#openai", NOTHING)
    assert [routed.ask(temperature=0).headers["x-signalbox-cache"] for _ in range(2)] == ["miss", "miss"]


def explained(routed: Routed, **asked):
    response = routed.ask(headers={"x-signalbox-explain": "true"}, **asked)
    assert (response.status, routed.calls, routed.usage) == (200, [], [])
    return json.loads(response.body)


def ledger(routed: Routed):
    items = routed.world.table("ledger").scan()["Items"]
    return {(item["pk"], item["sk"]): item for item in items if not item["pk"].startswith("rates#")}


@pytest.mark.parametrize("begun", [True, False])
def test_what_is_explained_is_decided_as_it_would_be_and_nothing_is_held(routed: Routed, budget, begun):
    budget("provider#mistral", PLENTY)
    if begun:
        budget("provider#openai", PLENTY)
        assert routed.ask().headers["x-signalbox-target"] == MINI
        settled(routed, "provider#openai")
        [item] = [item for (scope, _), item in ledger(routed).items() if scope == "provider#openai"]
        routed.world.table("ledger").put_item(Item=item | {"settled": item["limit"], "remaining": 0})
    else:
        budget("provider#openai", NOTHING)
    before = ledger(routed)
    decision = explained(routed)
    assert [row["target"] for row in decision["targets"]] == [SMALL]
    assert (decision["refused"], decision["known"]["spent"]) == (None, ["openai"])
    assert ledger(routed) == before
    assert routed.ask().headers["x-signalbox-target"] == SMALL
    [usage] = routed.usage
    assert json.loads(usage["inputs"])["spent"] == ["openai"]


@pytest.mark.parametrize("spent", [("key#local",), ("provider#openai", "provider#mistral"), ("key#local", "provider#openai")])
def test_who_would_be_refused_by_a_budget_is_told_so(routed: Routed, budget, spent):
    for scope in spent:
        budget(scope, NOTHING)
    refused = explained(routed)["refused"]
    response = routed.ask()
    assert (refused["status"], refused["code"]) == (response.status, code(response)) == (429, "budget_exceeded")
    assert refused["message"] == json.loads(response.body)["error"]["message"]


def test_who_would_only_mirror_is_passed_over_in_what_is_explained(routed: Routed, budget):
    routed.publish(routes=routed.document()["routes"] | {"alone": {"targets": [MINI]}})
    budget("provider#mistral", NOTHING)
    decision = explained(routed, model="alone", tags="watched")
    assert (decision["refused"], decision["mirror"], decision["known"]["spent"]) == (None, None, ["mistral"])
