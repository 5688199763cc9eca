"""Limits of keys, teams and tenants, as callers meet them: who is let in, what headers say, and what a refused one is told."""

import json
import re
import time

import pytest

from .routes import Routed, code
from .world import sample

OPENAI = ("x-ratelimit-limit-{}", "x-ratelimit-remaining-{}", "x-ratelimit-reset-{}")
ANTHROPIC = ("anthropic-ratelimit-{}-limit", "anthropic-ratelimit-{}-remaining", "anthropic-ratelimit-{}-reset")
DURATION = re.compile(r"\d+ms|(\d+h)?(\d+m)?\d+s")
MESSAGE = {"model": "chat", "max_tokens": 20, "messages": [{"role": "user", "content": "say: hi"}]}


def limit(routed: Routed, scope: str = "key#local", **limits) -> None:
    routed.world.table("control").put_item(Item={"pk": scope, "sk": "scope", "status": "active", "limits": limits})


def told(response, names, what):
    return tuple(response.headers[name.format(what)] for name in names)


def stored(routed: Routed, scope: str = "key#local"):
    return routed.world.table("ledger").get_item(Key={"pk": f"rates#{scope}", "sk": "window"}).get("Item")


def messages(routed: Routed, **body):
    event = sample("complete_chat") | {"path": "/v1/messages", "body": json.dumps(MESSAGE | body)}
    return routed.world.ask(event)


@pytest.mark.parametrize("scope", ["key#local", "team#local/default", "tenant#local"])
def test_one_more_than_a_minute_has_is_told_when_to_come_back_and_nobody_is_asked(routed: Routed, scope):
    limit(routed, scope, requests_per_minute=2)
    assert [routed.ask().status for _ in range(3)] == [200, 200, 429]
    response = routed.ask()
    assert (code(response), routed.calls) == ("rate_limited", [])
    assert 1 <= int(response.headers["retry-after"]) <= 60
    message = json.loads(response.body)["error"]["message"]
    assert scope.replace("#", " ") in message
    assert "2 requests a minute" in message
    assert told(response, OPENAI, "requests")[:2] == ("2", "0")
    [usage] = routed.usage
    assert (usage["outcome"], usage["status"], usage["refused_by"]) == ("rate_limited", 429, [scope, "requests_per_minute"])
    assert (usage["attempts"], usage["cost_nanousd"]) == ([], 0)


def test_a_request_that_is_only_explained_counts_as_one_and_uses_no_tokens(routed: Routed):
    limit(routed, requests_per_minute=2, tokens_per_minute=60, concurrency=1)
    responses = [routed.ask(headers={"x-signalbox-explain": "true"}, max_tokens=40) for _ in range(3)]
    assert [response.status for response in responses] == [200, 200, 429]
    assert told(responses[0], OPENAI, "requests")[:2] == ("2", "1")
    assert code(responses[2]) == "rate_limited"
    assert "requests a minute" in json.loads(responses[2].body)["error"]["message"]
    assert (routed.calls, routed.usage) == ([], [])


def test_a_request_that_is_explained_for_a_team_counts_for_that_team(routed: Routed):
    """Also where nobody has asked for that team here before."""
    routed.permit(teams=["blue"])
    limit(routed, "team#local/blue", requests_per_minute=1)
    headers = {"x-signalbox-explain": "true", "x-signalbox-team": "blue"}
    assert [routed.ask(headers=headers).status for _ in range(2)] == [200, 429]


def test_a_fault_of_ours_in_explaining_gives_the_place_back(routed: Routed, monkeypatch):
    limit(routed, concurrency=1)
    with monkeypatch.context() as failing:
        failing.setattr("signalbox.completion.explained.explain", lambda *_: int("a fault of ours"))
        assert routed.ask(headers={"x-signalbox-explain": "true"}).status == 500
    assert routed.ask().status == 200


@pytest.mark.parametrize(("limited", "again"), [("requests_per_minute", None), ("requests_per_hour", "false")])
def test_who_would_have_to_wait_for_longer_than_clients_do_is_told_not_to_try_again(routed: Routed, monkeypatch, limited, again):
    """They would come back within a second, and twice."""
    monkeypatch.setattr("signalbox.data_api.LONGEST_WAIT_S", 60 if again is None else 0)  # no hour ends within a test
    limit(routed, scope="key#local", **{limited: 1})
    responses = [routed.ask() for _ in range(2)]
    assert [response.status for response in responses] == [200, 429]
    assert responses[1].headers.get("x-should-retry") == again


@pytest.mark.parametrize("stream", [False, True])
def test_answers_tell_of_the_tightest_limit(routed: Routed, stream):
    limit(routed, requests_per_minute=100, requests_per_hour=1_000)
    limit(routed, "tenant#local", requests_per_minute=7, tokens_per_minute=10_000)
    response = routed.ask(stream=stream, max_tokens=50)
    assert told(response, OPENAI, "requests")[:2] == ("7", "6")
    most, remaining, reset = told(response, OPENAI, "tokens")
    assert (most, DURATION.fullmatch(reset) is not None) == ("10000", True)
    assert 9_900 < int(remaining) < 9_950  # what was asked for at the most, and the input


def test_anthropics_clients_are_told_in_their_own_words(routed: Routed):
    limit(routed, requests_per_minute=1, tokens_per_minute=5_000)
    for response, remaining in ((messages(routed), "0"), (messages(routed), "0")):
        most, left, reset = told(response, ANTHROPIC, "requests")
        assert (most, left) == ("1", remaining)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z", reset)
        assert told(response, ANTHROPIC, "tokens")[0] == "5000"
        assert not any(name.startswith("x-ratelimit") for name in response.headers)
    assert (response.status, json.loads(response.body)["error"]["type"]) == (429, "rate_limit_error")
    assert 1 <= int(response.headers["retry-after"]) <= 60


def test_without_limits_no_header_speaks_of_any(routed: Routed):
    limit(routed, requests_per_minute=None, requests_per_hour=None, tokens_per_minute=None)
    response = routed.ask()
    assert response.status == 200
    assert not any("ratelimit" in name for name in response.headers)
    assert stored(routed) is None


def test_tokens_are_corrected_to_what_was_used(routed: Routed):
    limit(routed, tokens_per_minute=1_000, requests_per_minute=None, requests_per_hour=None)
    routed.ask(max_tokens=900)
    [usage] = routed.usage
    used = usage["tokens"]["input"] + usage["tokens"]["output"]
    assert stored(routed)["tokens"] == used < 100
    response = routed.ask(max_tokens=5)
    assert response.status == 200
    assert int(response.headers["x-ratelimit-remaining-tokens"]) > 900 - used


def test_who_wants_more_tokens_than_are_left_waits(routed: Routed):
    limit(routed, tokens_per_minute=60)
    statuses = [routed.ask(max_tokens=40).status for _ in range(4)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert routed.usage[0]["refused_by"] == ["key#local", "tokens_per_minute"]


def test_more_input_than_a_minute_has_is_too_large_and_not_worth_another_try(routed: Routed):
    limit(routed, tokens_per_minute=10)
    response = routed.ask(messages=[{"role": "user", "content": "word " * 50}])
    assert (response.status, code(response), "retry-after" in response.headers) == (413, "request_too_large", False)


def test_a_suspended_team_is_told_so_and_not_to_try_again(routed: Routed):
    limit(routed, "team#local/default", requests_per_hour=0)
    response = routed.ask()
    assert (response.status, code(response), "retry-after" in response.headers) == (403, "permission_denied", False)
    assert "team local/default is suspended" in json.loads(response.body)["error"]["message"]


def test_places_are_taken_while_a_request_is_under_way_and_free_when_it_is_over(routed: Routed):
    limit(routed, concurrency=1)
    assert [routed.ask().status for _ in range(3)] == [200, 200, 200]
    assert stored(routed)["slots"] == {}
    elsewhere = {"pk": "rates#key#local", "sk": "window", "slots": {"elsewhere": int(time.time() * 1000) + 60_000}}
    routed.world.table("ledger").put_item(Item=stored(routed) | elsewhere)
    response = routed.ask()
    assert (response.status, code(response), response.headers["retry-after"]) == (429, "rate_limited", "1")
    assert routed.usage[0]["refused_by"] == ["key#local", "concurrency"]
    limit(routed, concurrency=2)
    assert routed.ask().status == 200
    assert list(stored(routed)["slots"]) == ["elsewhere"]


def test_a_request_that_a_budget_refuses_counts_as_a_request_but_gives_its_place_and_tokens_back(routed: Routed):
    spent = {"total": {"limit_nanousd": 1, "hard": True, "version": 1}}
    routed.permit(budgets=spent, limits={"requests_per_minute": 10, "tokens_per_minute": 1_000, "concurrency": 1})
    response = routed.ask(max_tokens=700)
    assert (response.status, code(response)) == (429, "budget_exceeded")
    assert told(response, OPENAI, "requests")[0] == "10"
    item = stored(routed)
    assert (item["requests"], item["tokens"], item["slots"]) == (1, 0, {})


def test_a_request_that_is_routed_anew_for_another_team_counts_once(routed: Routed, monkeypatch):
    monkeypatch.setattr("signalbox.aws.records.FRESH_S", 60)
    limits = {"requests_per_minute": 10, "tokens_per_minute": 100_000}
    routed.permit(limits=limits)
    blue = {"x-signalbox-team": "blue"}
    assert told(routed.ask(headers=blue), OPENAI, "requests")[:2] == ("10", "9")
    routed.permit(teams=["blue"], limits=limits)
    monkeypatch.setattr("signalbox.aws.records.FRESH_S", -1)
    response = routed.ask(headers=blue)
    assert routed.usage[0]["team"] == "blue"
    assert told(response, OPENAI, "requests")[:2] == ("10", "8")


def test_a_raised_limit_is_seen_by_the_next_request(routed: Routed):
    limit(routed, requests_per_minute=1)
    assert [routed.ask().status for _ in range(2)] == [200, 429]
    limit(routed, requests_per_minute=3)
    assert [routed.ask().status for _ in range(3)] == [200, 200, 429]


def test_a_container_that_ends_leaves_the_rest_of_its_hour_to_others(routed: Routed):
    limit(routed, requests_per_hour=10_000)
    for _ in range(5):
        routed.ask()
    assert stored(routed)["hourly"] == 8
    routed.world.module.shutdown()
    assert stored(routed)["hourly"] == 5


def test_a_rates_table_that_does_not_answer_holds_nobody_back(routed: Routed, capsys):
    limit(routed, requests_per_minute=1)
    routed.world.module.completions.means.rates.ledger = "no such table"
    assert [routed.ask().status for _ in range(3)] == [200] * 3
    assert capsys.readouterr().err.count("rates cannot be counted") == 1
