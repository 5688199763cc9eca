"""Answers from the cache, as a caller meets them: what is kept, for whom, for how long, and what becomes of it where the cache is down."""

import hashlib
import json
from typing import Any

import pytest

from bench.cache import rates, workload
from signalbox.aws import kept as store
from signalbox.aws.http import TimedOut
from signalbox.completion import kept_lookup

from .routes import LARGE, MINI, SMALL, Routed, code
from .world import sample

Json = Any

EXACT: Json = {"temperature": 0}
EMBEDS = "openai/text-embedding-3-small"


@pytest.fixture
def caching(routed: Routed) -> Routed:
    publish(routed)
    return routed


def publish(routed: Routed, **cache: Json) -> None:
    routes = routed.document()["routes"]
    routes["chat"]["cache"] = {"ttl_s": 60} | cache
    routed.publish(routes=routes)


def cached(response: Json) -> str:
    told: str = response.headers["x-signalbox-cache"]
    return told


def content(response: Json) -> str:
    told: str = json.loads(response.body)["choices"][0]["message"]["content"]
    return told


def said(prompt: str) -> Json:
    return {"messages": [{"role": "user", "content": f"say: {prompt}"}]} | EXACT


def test_the_same_request_is_answered_from_the_cache_and_costs_nothing(caching):
    first = caching.ask(**EXACT)
    paid = caching.usage[0]
    again = caching.ask(**EXACT)
    [usage] = caching.usage
    assert (first.status, again.status, cached(first), cached(again)) == (200, 200, "miss", "hit")
    assert content(again) == content(first)
    assert json.loads(again.body)["usage"] == json.loads(first.body)["usage"]
    assert caching.calls == []
    assert again.headers["age"] == "0"
    assert again.headers["x-signalbox-target"] == MINI
    assert json.loads(again.body)["id"] != json.loads(first.body)["id"]  # another request, with its own record
    assert (usage["cache"], usage["cost_nanousd"], usage["attempts"], usage["target"]) == ("hit", 0, [], MINI)
    assert usage["id"] == again.headers["x-signalbox-request-id"]
    assert usage["compared"]
    assert usage["baseline_cost_nanousd"] == paid["cost_nanousd"] > 0
    assert paid["cache"] == "miss"


def test_a_hit_leaves_every_budget_as_it_was(caching):
    caching.permit(budgets={"total": {"limit_nanousd": 10**12, "hard": True, "version": 1}})
    caching.ask(**EXACT)
    before = settled(caching)
    assert cached(caching.ask(**EXACT)) == "hit"
    assert settled(caching) == before > 0
    assert caching.world.pending() == []


def settled(routed: Routed) -> int:
    items = routed.world.table("ledger").scan()["Items"]
    return sum(int(item["settled"]) for item in items if item["pk"] == "key#local" and "settled" in item)


def test_a_budget_that_is_used_up_does_not_stand_in_the_way_of_what_costs_nothing(caching):
    caching.ask(**EXACT)
    caching.permit(budgets={"total": {"limit_nanousd": 1, "hard": True, "version": 1}})
    assert cached(caching.ask(**EXACT)) == "hit"
    assert caching.ask(temperature=0, seed=5).status == 429


@pytest.mark.parametrize(("first", "second"), [(False, True), (True, False)])
def test_it_is_streamed_from_the_cache_and_from_a_stream_into_it(caching, first, second):
    texts = [streamed(caching, stream, **said("one two three")) for stream in (first, second)]
    assert texts == ["one two three", "one two three"]
    assert caching.usage[0]["cache"] == "hit"
    assert caching.calls == []


def streamed(routed: Routed, stream: bool, **body: Json) -> str:
    response = routed.ask(stream=stream, **body)
    if not stream:
        return content(response)
    lines = [line for line in response.body.decode().split("\n\n") if line.startswith("data: {")]
    assert response.body.decode().endswith("data: [DONE]\n\n")
    return "".join(json.loads(line[6:])["choices"][0]["delta"].get("content") or "" for line in lines)


@pytest.mark.parametrize("body", [{"temperature": 0.7}, {"temperature": None}])
def test_what_may_be_another_answer_each_time_is_not_kept_unless_asked(routed, body):
    publish(routed)
    assert [cached(routed.ask(**body)) for _ in range(2)] == ["none", "none"]
    young = {"cache-control": "max-age=30"}
    assert [cached(routed.ask(headers=young, **body)) for _ in range(2)] == ["miss", "hit"]
    publish(routed, any=True)
    assert [cached(routed.ask(**body)) for _ in range(2)] == ["miss", "hit"]


def test_a_seed_and_an_embedding_ask_for_the_same_each_time(caching):
    assert [cached(caching.ask(seed=7)) for _ in range(2)] == ["miss", "hit"]
    assert [cached(caching.ask(seed=8)) for _ in range(2)] == ["miss", "hit"]


def test_what_no_answer_depends_on_makes_no_other_request(caching):
    caching.ask(user="ann", metadata={"a": "b"}, **EXACT)
    assert cached(caching.ask(user="bob", temperature=0.0, stream=True)) == "hit"
    assert cached(caching.ask(model=MINI, **EXACT)) == "none"  # the model itself says nothing of a cache


@pytest.mark.parametrize("body", [{"max_tokens": 7}, {"seed": 1}, {"top_p": 0.5}, said("else"), {"stop": ["x"]}, {"logit_bias": {"1": 2}}])
def test_what_an_answer_depends_on_makes_another_request(caching, body):
    caching.ask(**EXACT)
    assert cached(caching.ask(**EXACT | body)) == "miss"


def test_no_store_keeps_nothing_and_no_cache_asks_anew(caching):
    assert cached(caching.ask(headers={"cache-control": "no-store"}, **EXACT)) == "none"
    assert cached(caching.ask(**EXACT)) == "miss"
    assert cached(caching.ask(headers={"cache-control": "no-store"}, **EXACT)) == "none"
    assert len(caching.calls) == 1
    assert cached(caching.ask(headers={"cache-control": "No-Cache"}, **EXACT)) == "miss"
    assert cached(caching.ask(headers={"cache-control": "max-age=0"}, **EXACT)) == "miss"
    assert cached(caching.ask(**EXACT)) == "hit"


def test_it_is_kept_for_as_long_as_is_said_and_not_given_older_than_is_asked_for(caching):
    caching.ask(**EXACT)
    older(caching, 10)
    assert cached(caching.ask(headers={"cache-control": "max-age=9"}, **EXACT)) == "miss"
    older(caching, 10)
    response = caching.ask(headers={"cache-control": "max-age=30"}, **EXACT)
    assert (cached(response), response.headers["age"]) == ("hit", "10")
    older(caching, 61)
    assert cached(caching.ask(**EXACT)) == "miss"


def older(routed: Routed, by_s: int) -> None:
    """As if so much time had gone by."""
    table = routed.world.table("cache")
    for item in table.scan()["Items"]:
        table.put_item(Item=item | {name: item[name] - by_s * 1000 for name in ("at_ms", "expires_ms")})


def test_what_is_larger_than_its_bound_is_not_kept(routed):
    publish(routed, max_kb=1)
    noise = " ".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(60))
    assert [cached(routed.ask(**said(noise))) for _ in range(2)] == ["miss", "miss"]
    assert [cached(routed.ask(**said("less"))) for _ in range(2)] == ["miss", "hit"]


def test_an_answer_that_was_cut_short_is_not_kept(caching):
    for _ in range(2):
        response = caching.ask(max_tokens=2, **said("one two three four five six"))
        assert (cached(response), json.loads(response.body)["choices"][0]["finish_reason"]) == ("miss", "length")


def test_an_answer_that_a_budget_may_have_shortened_is_not_kept(caching):
    caching.permit(budgets={"total": {"limit_nanousd": 2_000_000, "hard": True, "version": 1}})
    response = caching.ask(max_tokens=None, **EXACT)
    assert (response.headers["x-signalbox-clamped"], json.loads(response.body)["choices"][0]["finish_reason"]) == ("max_tokens", "stop")
    caching.permit()
    assert cached(caching.ask(max_tokens=None, **EXACT)) == "miss"
    assert cached(caching.ask(max_tokens=None, **EXACT)) == "hit"


def test_an_answer_that_broke_off_is_not_kept(caching):
    caching.fault("openai", cut_after_chunks=1, times=1)
    caching.ask(stream=True, **said("one two three"))
    assert cached(caching.ask(**said("one two three"))) == "miss"


def test_the_answer_of_a_target_that_was_fallen_back_to_is_not_kept(caching):
    caching.fault("openai", status=503, times=1)
    assert caching.ask(**EXACT).headers["x-signalbox-target"] == SMALL
    response = caching.ask(**EXACT)
    assert (cached(response), response.headers["x-signalbox-target"]) == ("miss", MINI)


@pytest.mark.parametrize("body", [{}, {"fallbacks": [LARGE]}])
def test_the_answer_of_a_target_that_stands_in_for_one_that_is_ill_is_not_kept(caching, body):
    caching.permit(fallbacks=True)
    ill = [MINI, SMALL] if body else [MINI]
    circuits(caching, ill)
    response = caching.ask(**EXACT, **body)
    assert (cached(response), response.headers["x-signalbox-target"]) == ("miss", LARGE if body else SMALL)
    circuits(caching, [])
    response = caching.ask(**EXACT)
    assert (cached(response), response.headers["x-signalbox-target"]) == ("miss", MINI)
    circuits(caching, ill)
    assert cached(caching.ask(**EXACT, **body)) == "hit"


def test_what_a_request_brings_along_poisons_no_answer_of_its_route(caching):
    """Where its own targets cannot serve it at all: nobody else who asks the same has an answer of that one."""
    models = caching.document()["models"]
    for id in (MINI, SMALL):
        models[id] = models[id] | {"capabilities": ["streaming"]}
    caching.publish(models=models, routes=caching.document()["routes"] | {"chat": {"targets": [MINI, SMALL], "cache": {"ttl_s": 60}}})
    caching.permit(fallbacks=True)
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    for _ in range(2):
        response = caching.ask(**EXACT, tools=[tool], fallbacks=[LARGE])
        assert (response.status, cached(response), response.headers["x-signalbox-target"]) == (200, "miss", LARGE)


def circuits(routed: Routed, ill: list[str]) -> None:
    targets = {id: {"state": "open", "generation": 3, "until_ms": 10**15} for id in ill}
    routed.world.table("control").put_item(Item={"pk": "circuits", "sk": "state", "targets": targets})


def test_a_policy_says_what_is_kept_where_the_route_says_nothing_or_otherwise(routed):
    policies = routed.document()["policies"]
    kept = {"status": "active", "continue": True, "priority": 1, "conditions": {"tags": "kept"}, "actions": {"cache": {"ttl_s": 60}}}
    not_kept = kept | {"conditions": {"tags": "fresh"}, "actions": {"cache": {"ttl_s": 0}}}
    routes = routed.document()["routes"]
    routes["cheap"]["cache"] = {"ttl_s": 60}
    routed.publish(policies={"keep": kept, "fresh": not_kept} | policies, routes=routes)
    assert [cached(routed.ask(**EXACT)) for _ in range(2)] == ["none", "none"]
    assert [cached(routed.ask(tags="kept", **EXACT)) for _ in range(2)] == ["miss", "hit"]
    assert [cached(routed.ask(model="cheap", **EXACT)) for _ in range(2)] == ["miss", "hit"]
    assert [cached(routed.ask(model="cheap", tags="fresh", **EXACT)) for _ in range(2)] == ["none", "none"]


def test_policies_that_lead_elsewhere_have_answers_of_their_own(caching):
    routes = caching.document()["routes"] | {"cheap": {"targets": [SMALL], "cache": {"ttl_s": 60}}}
    caching.publish(routes=routes)
    assert caching.ask(model="cheap", **EXACT).headers["x-signalbox-target"] == LARGE  # by policy
    response = caching.ask(tags="batch", **EXACT)
    assert (cached(response), response.headers["x-signalbox-target"]) == ("miss", SMALL)


def test_what_is_published_meanwhile_is_not_answered_from_before_and_what_is_rolled_back_to_is(caching):
    caching.ask(**EXACT)
    publish(caching, ttl_s=61)
    assert cached(caching.ask(**EXACT)) == "miss"
    publish(caching, ttl_s=60)
    assert cached(caching.ask(**EXACT)) == "hit"


def test_another_tenant_has_a_cache_of_its_own_and_another_key_of_the_same_one_has_not(caching, monkeypatch):
    caching.ask(**EXACT)
    keys = {"sk-two": ("two", "local"), "sk-other": ("other", "elsewhere")}
    let_in(caching, keys)
    assert cached(caching.ask(headers={"authorization": "Bearer sk-two"}, **EXACT)) == "hit"
    assert cached(caching.ask(headers={"authorization": "Bearer sk-other"}, **EXACT)) == "miss"


def let_in(routed: Routed, keys: dict[str, tuple[str, str]]) -> None:
    secrets = routed.world.client("secretsmanager")
    ring = json.loads(secrets.get_secret_value(SecretId="keys")["SecretString"])
    for key, (id, tenant) in keys.items():
        ring["data_keys"][hashlib.sha256(key.encode()).hexdigest()] = {"key_id": id, "tenant": tenant, "team": "default"}
    secrets.put_secret_value(SecretId="keys", SecretString=json.dumps(ring))
    caller_keys = routed.world.module.callers
    caller_keys._cache.__init__(caller_keys._cache._aws, caller_keys._cache._parse)


def test_who_may_not_ask_is_not_answered_from_the_cache_either(caching):
    caching.ask(**EXACT)
    caching.permit(status="disabled")
    assert code(caching.ask(**EXACT)) == "invalid_key"
    caching.permit(status="active")
    assert cached(caching.ask(**EXACT)) == "hit"


def test_a_switched_off_service_answers_nothing(caching):
    caching.ask(**EXACT)
    switch_off(caching)
    assert code(caching.ask(**EXACT)) == "llm_disabled"


def switch_off(routed: Routed) -> None:
    routed.world.table("control").update_item(
        Key={"pk": "config", "sk": "live"},
        UpdateExpression="SET llm_disabled = :why",
        ExpressionAttributeValues={":why": {"reason": "drill"}},
    )


@pytest.fixture
def full(routed: Routed) -> Routed:
    """Both targets take one request a minute, and have taken it; the first was EXACT."""
    document = routed.document()
    for id in (MINI, SMALL):
        document["models"][id]["capacity"] = {"requests_per_minute": 1}
    document["routes"]["chat"]["cache"] = {"ttl_s": 60}
    routed.publish(models=document["models"], routes=document["routes"])
    assert [routed.ask(**body).status for body in (EXACT, said("something else"))] == [200, 200]
    assert code(routed.ask(**said("nothing more"))) == "rate_limited"
    return routed


def test_what_nobody_can_serve_is_told_from_the_cache_all_the_same(full):
    response = full.ask(**EXACT)
    [usage] = full.usage
    assert (response.status, cached(response), full.calls) == (200, "hit", [])
    assert (usage["cache"], usage["cost_nanousd"], usage["outcome"], usage["target"]) == ("hit", 0, "ok", MINI)
    assert cached(full.ask(headers={"cache-control": "no-cache"}, **EXACT)) == "none"
    once = {"idempotency-key": "k"}
    assert [cached(full.ask(headers=once, **EXACT)) for _ in range(2)] == ["hit", "replay"]


def test_nor_is_it_told_to_who_may_not_ask(full):
    assert code(full.ask(tags="forbidden", **EXACT)) == "permission_denied"
    let_in(full, {"sk-other": ("other", "elsewhere")})
    assert code(full.ask(headers={"authorization": "Bearer sk-other"}, **EXACT)) == "rate_limited"
    full.permit(status="disabled")
    assert code(full.ask(**EXACT)) == "invalid_key"
    full.permit(status="active")
    switch_off(full)
    assert code(full.ask(**EXACT)) == "llm_disabled"


REPLIES = {
    "throttled": (400, {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}),
    "down": (500, {"__type": "InternalServerError"}),
    "without its key": (400, {"__type": "AccessDeniedException", "message": "KMS key access denied"}),
    "of another form": (200, {"Item": {"answer": {"S": "text"}}}),
    "hanging": None,
}


class Said:
    """What a table answers; nothing at all is a connection that hangs."""

    def __init__(self, reply: Json, timeouts: list[float]) -> None:
        self._reply, self._timeouts = reply, timeouts

    def head(self, timeout_s: float) -> int:
        self._timeouts.append(timeout_s)
        if self._reply is None:
            raise TimedOut("no answer in time")
        return self._reply[0]

    def read(self, timeout_s: float) -> bytes:
        return json.dumps(self._reply[1]).encode()


@pytest.mark.parametrize("semantic", [False, True], ids=["exact", "by meaning"])
@pytest.mark.parametrize("reply", REPLIES)
def test_whatever_its_table_says_the_request_is_answered_in_time(routed, monkeypatch, reply, semantic):
    document = routed.document()
    document["models"][EMBEDS] = routed.shipped(EMBEDS)
    document["routes"]["chat"]["cache"] = {"ttl_s": 60} | ({"semantic": {"route": EMBEDS}} if semantic else {})
    routed.publish(models=document["models"], routes=document["routes"])
    pool, waited = routed.world.module.aws._pool, []
    send = pool.send
    told = lambda request, timeout_s: (  # noqa: E731
        Said(REPLIES[reply], waited) if b'"TableName":"cache"' in request.body else send(request, timeout_s)
    )
    monkeypatch.setattr(pool, "send", told)
    with monkeypatch.context() as within:  # what the world has changed as well is to be restored before the world does
        within.setattr(store, "PATIENCE_S", 0.3)
        first, again = routed.ask(**EXACT), routed.ask(stream=True, **EXACT)
    assert (first.status, cached(first), again.status, cached(again)) == (200, "miss", 200, "miss")
    assert max(waited) <= 0.3
    assert len(waited) <= 2 or reply == "of another form"  # where it failed nobody asks again for a while


def test_a_cache_that_is_down_is_no_error_and_is_left_alone_for_a_while(caching, monkeypatch):
    sent = []
    send = caching.world.module.aws._pool.send

    def counting(request, timeout_s):
        if b'"TableName":"cache"' in request.body:
            sent.append(timeout_s)
        return send(request, timeout_s)

    monkeypatch.setattr(caching.world.module.aws._pool, "send", counting)
    dynamodb = caching.world.client("dynamodb")
    dynamodb.delete_table(TableName="cache")
    try:
        assert [caching.ask(**EXACT).status for _ in range(3)] == [200, 200, 200]
        assert len(sent) == 1
        caching.world.now_s += kept_lookup.SILENCE_S
        assert caching.ask(**EXACT).status == 200
        assert len(sent) == 2
    finally:
        dynamodb.create_table(
            TableName="cache",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
    caching.world.now_s += kept_lookup.SILENCE_S
    assert [cached(caching.ask(**EXACT)) for _ in range(2)] == ["miss", "hit"]


def test_what_another_release_wrote_is_not_read(caching):
    caching.ask(**EXACT)
    table = caching.world.table("cache")
    [item] = table.scan()["Items"]
    table.put_item(Item=item | {"answer": b"2" + bytes(item["answer"])[1:]})
    assert cached(caching.ask(**EXACT)) == "miss"


def test_nothing_of_a_prompt_or_an_answer_can_be_read_from_a_name_or_a_log(caching, capsys):
    caching.ask(**said("the secret of the line"))
    assert cached(caching.ask(**said("the secret of the line"))) == "hit"
    [item] = caching.world.table("cache").scan()["Items"]
    assert "secret" not in json.dumps({name: repr(value) for name, value in item.items()})
    assert "the secret" not in capsys.readouterr().out


def test_hits_and_misses_are_metrics_of_their_route(caching, capsys):
    for body in (EXACT, EXACT, {}):
        caching.ask(**body)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [{name for name in ("CacheHits", "CacheMisses") if name in line} for line in lines if line.get("Route") == "chat"]
    assert told == [{"CacheMisses"}, {"CacheHits"}, set()]
    named = [metric["Name"] for line in lines for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    assert {"CacheHits", "CacheMisses"} <= set(named)


def test_a_guardrail_has_its_say_of_what_is_kept(routed):
    routes = routed.document()["routes"]
    routes["chat"]["cache"] = {"ttl_s": 60}
    guards = {"mail": {"use": "redact", "options": {"patterns": ["email"], "on": ["output"]}}}
    routed.publish(routes=routes, guardrails=guards)
    answers = [routed.ask(**said("write to ann@example.com")) for _ in range(2)]
    assert [cached(answer) for answer in answers] == ["miss", "hit"]
    assert [content(answer) for answer in answers] == 2 * ["write to [email]"]


def test_tool_calls_are_kept_and_what_the_provider_would_run_is_not(caching):
    weather = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    body = {"messages": [{"role": "user", "content": "call weather"}], "tools": [weather]} | EXACT
    answers = [caching.ask(**body) for _ in range(2)]
    assert [cached(answer) for answer in answers] == ["miss", "hit"]
    calls = [json.loads(answer.body)["choices"][0]["message"]["tool_calls"] for answer in answers]
    assert calls[0] == calls[1]
    assert calls[0][0]["function"]["name"] == "weather"
    assert cached(caching.ask(web_search_options={}, **EXACT)) == "none"


def test_one_dialect_is_answered_what_another_asked(caching):
    caching.ask(max_tokens=64, **said("one two"))
    event = sample("complete_messages")
    event["body"] = json.dumps({"model": "chat", "max_tokens": 64} | said("one two"))
    response = caching.world.ask(event)
    assert (cached(response), json.loads(response.body)["content"]) == ("hit", [{"type": "text", "text": "one two", "citations": None}])


def test_where_nothing_is_kept_nothing_is_asked(routed, monkeypatch):
    sent = []
    send = routed.world.module.aws._pool.send
    monkeypatch.setattr(
        routed.world.module.aws._pool, "send", lambda request, timeout_s: sent.append(request.body) or send(request, timeout_s)
    )
    assert cached(routed.ask(**EXACT)) == "none"
    assert not [body for body in sent if b'"TableName":"cache"' in body]


def test_of_questions_that_are_asked_as_questions_are_most_are_answered_from_the_cache(caching, capsys):
    """Few often and many seldom: bench/cache.py shows it at length, and through the whole stack."""
    asked = list(workload(questions=15, requests=60, seed=7))
    told = [cached(caching.ask(**said(f"answer {number}"))) for number in asked]
    assert told == ["hit" if number in asked[:place] else "miss" for place, number in enumerate(asked)]
    early, late = rates([one == "hit" for one in told], (0, 40))
    assert early > 0.3
    assert late > 0.8
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    counted = [sum(line.get(name, 0) for line in lines if line.get("Route") == "chat") for name in ("CacheHits", "CacheMisses")]
    assert counted == [told.count("hit"), told.count("miss")]
