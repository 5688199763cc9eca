"""Answers to what means the same, as a caller meets them. The simulated embeddings are near where words are the same."""

import json
from typing import Any

import pytest

from signalbox.aws.http import TimedOut
from signalbox.completion import kept_lookup, kept_near

from .routes import MINI, Routed
from .test_complete_cache import EXACT, cached, circuits, content, let_in, settled

Json = Any

EMBEDS = "openai/text-embedding-3-small"
NEXT = "mistral/mistral-embed"
SAME = "say: which platform does the train to Leeds leave from today"
LIKE = "say: which platform does the train to Leeds leave from today please"
OTHER = "say: how much is a return ticket to York in the first class"


def publish(routed: Routed, **semantic: Json) -> None:
    document = routed.document()
    document["models"] |= {id: routed.shipped(id) for id in (EMBEDS, NEXT)}
    document["routes"]["vectors"] = {"targets": [EMBEDS, NEXT]}
    document["routes"]["chat"]["cache"] = {"ttl_s": 60, "semantic": {"route": EMBEDS, "threshold": 0.9} | semantic}
    routed.publish(models=document["models"], routes=document["routes"])


@pytest.fixture
def near(routed: Routed) -> Routed:
    publish(routed)
    return routed


def ask(routed: Routed, text: str, **more: Json) -> Json:
    messages = [*more.pop("before", []), {"role": "user", "content": text}]
    return routed.ask(messages=messages, **EXACT | more)


def purposes(routed: Routed) -> list[tuple[str, str]]:
    return [(attempt["target"], attempt["purpose"]) for attempt in routed.usage[0]["attempts"]]


def test_what_means_the_same_is_told_the_same_for_the_price_of_a_vector(near: Routed) -> None:
    first = ask(near, SAME)
    assert (cached(first), purposes(near)) == ("miss", [(MINI, ""), (EMBEDS, "cache")])
    assert near.usage[0]["cost_nanousd"] == near.billed
    again = ask(near, LIKE)
    [usage] = near.usage
    assert (cached(again), content(again)) == ("hit", content(first))
    assert 0.9 <= float(again.headers["x-signalbox-cache-similarity"]) < 1
    assert purposes(near) == [(EMBEDS, "cache")]
    assert 0 < usage["cost_nanousd"] == near.billed < usage["baseline_cost_nanousd"]
    assert (usage["cache"], usage["target"], usage["outcome"]) == ("hit", MINI, "ok")
    assert json.loads(again.body)["id"] != json.loads(first.body)["id"]


def test_what_is_the_same_to_the_letter_needs_no_vector(near: Routed) -> None:
    ask(near, SAME)
    again = ask(near, SAME)
    assert (cached(again), near.calls, "x-signalbox-cache-similarity" in again.headers) == ("hit", [], False)


def test_what_means_something_else_is_asked_and_kept_beside_it(near: Routed) -> None:
    ask(near, SAME)
    assert cached(ask(near, OTHER)) == "miss"
    assert purposes(near) == [(MINI, ""), (EMBEDS, "cache")]
    assert [cached(ask(near, text)) for text in (LIKE, OTHER + " please")] == ["hit", "hit"]


@pytest.mark.parametrize(
    "body",
    [
        {"max_tokens": 7},
        {"seed": 1},
        {"before": [{"role": "system", "content": "Be brief."}]},
        {"tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]},
    ],
    ids=["max_tokens", "seed", "system", "tools"],
)
def test_all_but_the_last_text_must_be_the_same_to_the_letter(near: Routed, body: Json) -> None:
    ask(near, SAME)
    assert cached(ask(near, LIKE, **body)) == "miss"


def test_another_tenant_is_given_none_of_it(near: Routed) -> None:
    ask(near, SAME)
    let_in(near, {"sk-two": ("two", "local"), "sk-other": ("other", "elsewhere")})
    assert cached(ask(near, LIKE, headers={"authorization": "Bearer sk-other"})) == "miss"
    assert cached(ask(near, LIKE, headers={"authorization": "Bearer sk-two"})) == "hit"


def test_no_cache_asks_anew_and_no_store_makes_no_vector(near: Routed) -> None:
    ask(near, SAME)
    assert cached(ask(near, LIKE, headers={"cache-control": "no-cache"})) == "miss"
    assert cached(ask(near, LIKE + " now", headers={"cache-control": "no-store"})) == "none"
    assert purposes(near) == [(MINI, "")]


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 401}, {"cut_after_chunks": 0}])
def test_a_vector_that_cannot_be_had_is_no_error(near: Routed, fault: Json) -> None:
    ask(near, SAME)
    near.fault("openai", times=1, **fault)
    response = ask(near, LIKE)
    assert (response.status, cached(response)) == (200, "miss")


@pytest.fixture
def two(routed: Routed) -> Routed:
    """Another model embeds where the first cannot."""
    publish(routed, route="vectors")
    return routed


def ended(routed: Routed) -> list[tuple[str, str]]:
    """How each attempt to embed did."""
    return [(attempt["target"], attempt["outcome"]) for attempt in routed.usage[0]["attempts"] if attempt["purpose"] == "cache"]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [({"status": 500}, "server"), ({"status": 401}, "auth"), ({"status": 429}, "rate_limited"), ({"cut_after_chunks": 0}, "cut")],
)
def test_where_the_first_cannot_embed_the_next_does_and_compares_with_its_own_alone(two: Routed, fault: Json, outcome: str) -> None:
    ask(two, SAME)
    two.fault("openai", times=1, **fault)
    assert cached(ask(two, LIKE)) == "miss"  # what is known of it was embedded by the first
    assert ended(two) == [(EMBEDS, outcome), (NEXT, "ok")]
    assert two.usage[0]["cost_nanousd"] >= two.billed > 0
    two.fault("openai", times=1, **fault)
    assert cached(ask(two, LIKE + " now")) == "hit"
    assert ended(two) == [(EMBEDS, outcome), (NEXT, "ok")]
    assert two.usage[0]["cost_nanousd"] >= two.billed > 0
    assert cached(ask(two, SAME + " please then")) == "hit"
    assert ended(two) == [(EMBEDS, "ok")]


def test_what_is_the_requests_own_fault_no_other_is_asked(two: Routed) -> None:
    ask(two, SAME)
    two.fault("openai", times=1, status=400)
    assert cached(ask(two, LIKE)) == "miss"
    assert ended(two) == [(EMBEDS, "bad_request")]


def test_one_that_hangs_leaves_the_next_its_share_of_the_time_and_is_not_ill_for_it(two: Routed, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is waited for it goes by on the clock alone."""
    ask(two, SAME)
    completions = two.world.module.completions
    pool, waited_s = completions.means.pool, list[float]()
    send = pool.send

    class Hanging:
        def head(self, timeout_s: float) -> int:
            waited_s.append(timeout_s)
            raise TimedOut("no answer in time")

        def close(self) -> None:
            pass

    monkeypatch.setattr(
        pool, "send", lambda request, timeout_s: Hanging() if "/openai/v1/embeddings" in request.url else send(request, timeout_s)
    )
    clock = completions.means.clock._replace(monotonic=lambda: sum(waited_s))
    completions.means = completions.means._replace(clock=clock)
    assert (cached(ask(two, LIKE)), ended(two)) == ("miss", [(EMBEDS, "deadline"), (NEXT, "ok")])
    assert waited_s == [kept_near.PATIENCE_S / 2]


@pytest.mark.parametrize(("ill", "asked"), [([EMBEDS], [NEXT]), ([NEXT], [EMBEDS]), ([EMBEDS, NEXT], [])])
def test_whose_circuit_is_open_is_not_asked(two: Routed, ill: list[str], asked: list[str]) -> None:
    circuits(two, ill)
    assert cached(ask(two, SAME)) == "miss"
    assert ended(two) == [(id, "ok") for id in asked]


def test_what_is_held_covers_all_who_may_be_asked_to_embed(two: Routed) -> None:
    two.permit(budgets={"total": {"limit_nanousd": 10**12, "hard": True, "version": 1}})
    ask(two, SAME)
    spent = settled(two)
    two.fault("openai", times=1, cut_after_chunks=0)
    assert cached(ask(two, LIKE)) == "miss"
    assert settled(two) - spent == two.usage[0]["cost_nanousd"] >= two.billed
    assert two.world.pending() == []


def of_mistral(routed: Routed, limit_nanousd: int) -> None:
    """Who embeds, and nothing else, has a hard budget."""
    document = routed.document()
    row = {"limit_nanousd": limit_nanousd, "hard": True, "version": 1}
    routed.world.table("control").put_item(Item={"pk": "provider#mistral", "sk": "scope", "budgets": {"total": row}})
    document["models"] |= {NEXT: routed.shipped(NEXT)}
    document["routes"]["chat"] = {"targets": [MINI], "cache": {"ttl_s": 60, "semantic": {"route": NEXT, "threshold": 0.9}}}
    routed.publish(models=document["models"], routes=document["routes"])


def test_a_budget_of_whoever_embeds_that_is_used_up_refuses_nobody(routed: Routed) -> None:
    of_mistral(routed, 1)
    for expected in ("miss", "hit"):
        response = ask(routed, SAME)
        assert (response.status, cached(response), ended(routed)) == (200, expected, [])


def test_a_budget_of_whoever_embeds_that_is_short_cuts_no_answer(routed: Routed) -> None:
    of_mistral(routed, 600_000)
    response = ask(routed, SAME, max_tokens=1_000)
    assert (response.status, purposes(routed), "x-signalbox-clamped" in response.headers) == (200, [(MINI, "")], False)


def test_a_budget_of_who_may_follow_that_is_short_keeps_nobody_from_looking(near: Routed) -> None:
    row = {"limit_nanousd": 600_000, "hard": True, "version": 1}
    near.world.table("control").put_item(Item={"pk": "provider#mistral", "sk": "scope", "budgets": {"total": row}})
    assert [cached(ask(near, text, max_tokens=1_000)) for text in (SAME, LIKE)] == ["miss", "hit"]


def test_a_budget_of_whoever_embeds_is_no_reason_to_refuse_what_has_no_bound(routed: Routed) -> None:
    of_mistral(routed, 10**12)
    assert [cached(ask(routed, text)) for text in (SAME, LIKE)] == ["miss", "hit"]
    for _ in range(2):
        response = ask(routed, OTHER, service_tier="priority")
        assert (response.status, ended(routed)) == (200, [])
    told = ask(routed, SAME, service_tier="priority", headers={"x-signalbox-explain": "true"})
    assert json.loads(told.body)["refused"] is None


def test_a_vector_that_is_none_is_no_error(near: Routed, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(near, SAME)
    monkeypatch.setattr("ops.simulators.providers.openai_embeddings.vector", lambda *_: [float("nan"), float("inf")])
    response = ask(near, LIKE)
    assert (response.status, cached(response)) == (200, "miss")


def test_a_fault_of_ours_in_a_look_up_is_no_error(two: Routed, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> bytes:
        raise LookupError("a fault of ours")

    ask(two, SAME)
    monkeypatch.setattr(kept_near, "quantised", failing)
    assert (ask(two, LIKE).status, ended(two)) == (200, [(EMBEDS, "ok"), (NEXT, "ok")])
    assert two.usage[0]["cost_nanousd"] == two.billed


def test_the_budget_is_charged_what_the_vector_cost_and_what_is_held_covers_both(near: Routed) -> None:
    near.permit(budgets={"total": {"limit_nanousd": 10**12, "hard": True, "version": 1}})
    ask(near, SAME)
    spent = near.billed
    assert settled(near) == spent
    assert cached(ask(near, LIKE)) == "hit"
    assert settled(near) == spent + near.billed
    assert near.world.pending() == []


def test_a_budget_that_is_short_is_kept_for_the_answer(near: Routed) -> None:
    ask(near, SAME)
    near.permit(budgets={"total": {"limit_nanousd": 600_000, "hard": True, "version": 1}})
    response = ask(near, LIKE, max_tokens=None)
    assert (response.status, cached(response), purposes(near)) == (200, "miss", [(MINI, "")])


def test_only_so_many_are_looked_through(routed: Routed) -> None:
    publish(routed, most=1)
    ask(routed, SAME)
    ask(routed, OTHER)
    assert cached(ask(routed, OTHER + " please")) == "hit"
    assert cached(ask(routed, LIKE)) == "miss"


def test_where_the_cache_is_down_no_vector_is_made(near: Routed, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(near, SAME)
    monkeypatch.setattr(kept_lookup.Cache, "is_silent", True)
    response = ask(near, LIKE)
    assert (response.status, purposes(near)) == (200, [(MINI, "")])


def test_an_idempotency_key_replays_what_was_found_by_meaning(near: Routed) -> None:
    ask(near, SAME)
    once = {"idempotency-key": "k"}
    first = ask(near, LIKE, headers=once)
    again = ask(near, LIKE, headers=once)
    assert (cached(first), cached(again), again.body) == ("hit", "replay", first.body)


def test_it_is_streamed_as_well(near: Routed) -> None:
    ask(near, SAME)
    response = ask(near, LIKE, stream=True)
    assert cached(response) == "hit"
    assert response.body.decode().endswith("data: [DONE]\n\n")
