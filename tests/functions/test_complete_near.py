"""Answers to what means the same, as a caller meets them. The simulated embeddings are near where words are the same."""

import json
from typing import Any

import pytest

from signalbox.completion import kept_lookup

from .routes import MINI, Routed
from .test_complete_cache import EXACT, cached, content, let_in, unhurried  # noqa: F401

Json = Any

EMBEDS = "openai/text-embedding-3-small"
SAME = "say: which platform does the train to Leeds leave from today"
LIKE = "say: which platform does the train to Leeds leave from today please"
OTHER = "say: how much is a return ticket to York in the first class"


def publish(routed: Routed, **semantic: Json) -> None:
    document = routed.document()
    document["models"][EMBEDS] = routed.shipped(EMBEDS)
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


def test_the_budget_is_charged_what_the_vector_cost_and_what_is_held_covers_both(near: Routed) -> None:
    near.permit(budgets={"total": {"limit_nanousd": 10**12, "hard": True, "version": 1}})
    ask(near, SAME)
    spent = near.billed
    assert settled(near) == spent
    assert cached(ask(near, LIKE)) == "hit"
    assert settled(near) == spent + near.billed
    assert near.world.pending() == []


def settled(routed: Routed) -> int:
    items = routed.world.table("ledger").scan()["Items"]
    return sum(int(item["settled"]) for item in items if item["pk"] == "key#local" and "settled" in item)


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
