"""What callers and operators see of the usage that was recorded."""

import json
import time
from typing import Any

import pytest

from signalbox.aws import boto_sums, boto_usage
from signalbox.usage.events import UsageRecorded

from .client import DATA, Api, refused


@pytest.fixture
def used(stage: Any, sample: Any, still: float) -> UsageRecorded:
    """One request of tenant acme, recorded just now."""
    detail = json.loads(sample("record_usage_sqs")["Records"][0]["body"])["detail"]
    event = UsageRecorded.model_validate(detail | {"tenant": "acme", "key": "static", "at_ms": int(still * 1000)})
    assert boto_usage.record(stage.usage, [event], shard=3) == (1, {})
    return event


def test_a_caller_sees_what_its_key_has_used(api: Api, used: UsageRecorded) -> None:
    status, usage = api("GET", "/v1/usage", key=DATA)
    assert (status, usage["dimension"], usage["id"]) == (200, "key", "static")
    for period in ("today", "month"):
        totals = usage[period]
        assert (totals["requests"], totals["input"], totals["output"]) == (1, used.tokens.input, used.tokens.output)
        assert totals["cost_nanousd"] == used.cost_nanousd
        assert totals["by_model"][used.target]["cost_nanousd"] == used.cost_nanousd
        assert float(totals["cost_usd"]) == used.cost_nanousd / 1e9


def test_however_much_of_it_is_asked_for_the_log_is_read_once_a_call(api: Api, used: UsageRecorded, monkeypatch: Any) -> None:
    reads, unfolded = iter(range(10)), boto_sums.unfolded
    monkeypatch.setattr(boto_sums, "unfolded", lambda table: (next(reads), unfolded(table))[1])
    query = {"key": "static", "from": time.strftime("%Y-%m-%d", time.gmtime(used.at_ms / 1000))}
    for _ in range(2):
        answer = api("GET", "/admin/usage", query=query)[1]
        assert [answer[part]["requests"] for part in ("hour", "today", "month")] + [answer["range"]["total"]["requests"]] == [1] * 4
    assert next(reads) == 2


def test_a_key_that_has_used_nothing_sees_zeros(api: Api) -> None:
    usage = api("GET", "/v1/usage", key=DATA)[1]
    assert (usage["today"]["requests"], usage["month"]["cost_usd"]) == (0, "0.00")


def test_an_operator_sees_any_dimension(api: Api, used: UsageRecorded) -> None:
    for dimension, id in (("tenant", "acme"), ("key", "static"), ("model", used.target), ("provider", used.provider)):
        assert api("GET", "/admin/usage", query={dimension: id})[1]["today"]["requests"] == 1


def test_a_caller_sees_a_request_of_its_tenant_and_no_other(api: Api, used: UsageRecorded) -> None:
    status, request = api("GET", f"/v1/requests/{used.id}", key=DATA)
    assert (status, request["id"], request["cost_nanousd"]) == (200, used.id, used.cost_nanousd)
    other = api("POST", "/admin/keys", {"name": "robot", "tenant": "other"})[1]["secret"]
    stranger = refused(api("GET", f"/v1/requests/{used.id}", key=other), "not_found")
    nothing = refused(api("GET", "/v1/requests/req_none", key=other), "not_found")
    assert stranger.replace(used.id, "req_none") == nothing


def test_an_operator_sees_users_tags_agents_and_teams_of_a_tenant_and_no_others(api: Api, stage: Any, used: UsageRecorded) -> None:
    mine = used.model_copy(update={"id": "r2", "user": "u1", "tags": ["web"], "agent": "bot", "team": "search", "slow": True})
    other = mine.model_copy(update={"id": "r3", "tenant": "other"})
    assert boto_usage.record(stage.usage, [mine, other], shard=3) == (2, {})
    for dimension, id in (("user", "u1"), ("tag", "web"), ("agent", "bot"), ("team", "search")):
        answer = api("GET", "/admin/usage", query={dimension: id, "tenant": "acme"})[1]
        assert (answer["id"], answer["today"]["requests"], answer["month"]["requests"], answer["month"]["slow"]) == (f"acme/{id}", 1, 1, 1)
        assert (answer["hour"] is None) == (dimension in ("user", "tag"))
    assert api("GET", "/admin/usage", query={"team": "acme/search"})[1]["hour"]["requests"] == 1
    for dimension in ("user", "tag", "agent", "team"):
        assert "?tenant=" in refused(api("GET", "/admin/usage", query={dimension: "u1"}), "invalid_request")
    refused(api("GET", "/admin/usage", query={"user": "acme/u1"}), "invalid_request")
    refused(api("GET", "/admin/usage", query={"user": "u1", "tenant": "acme", "each": "hour"}), "invalid_request")
    refused(api("GET", "/admin/usage", query={"user": "u1", "key": "static"}), "invalid_request")


def test_models_are_told_of_a_key_and_of_nothing_else(api: Api, used: UsageRecorded) -> None:
    asked = {"from": time.strftime("%Y-%m-%d", time.gmtime(used.at_ms / 1000)), "each": "day"}
    for dimension, id, models in (("key", "static", {used.target}), ("tenant", "acme", None), ("model", used.target, None)):
        answer = api("GET", "/admin/usage", query={dimension: id} | asked)[1]
        for totals in (answer["hour"], answer["today"], answer["month"], *answer["range"]["each"]):
            assert (totals["by_model"] and {*totals["by_model"]}) == models


def test_a_range_is_summed_and_told_by_hour_day_and_month(api: Api, stage: Any, used: UsageRecorded) -> None:
    hour_ms, at_ms = 3_600_000, 1_795_230_000_000  # 2026-11-21T03:00Z
    ago = [0, 1, 30, 24 * 40]  # hours
    events = [used.model_copy(update={"id": f"o{n}", "tenant": "old", "user": "u", "at_ms": at_ms - n * hour_ms}) for n in ago]
    assert boto_usage.record(stage.usage, events, shard=3) == (4, {})
    days = {"from": "2026-10-01", "to": "2026-11-21"}
    for dimension in ({"tenant": "old"}, {"tenant": "old", "user": "u"}):
        for each, periods in (("day", {"2026-10-12": 1, "2026-11-19": 1, "2026-11-21": 2}), ("month", {"2026-10": 1, "2026-11": 3})):
            found = api("GET", "/admin/usage", query=dimension | days | {"each": each})[1]["range"]
            assert {row["period"]: row["requests"] for row in found["each"]} == periods
            assert (found["total"]["requests"], found["total"]["cost_nanousd"]) == (4, 4 * used.cost_nanousd)
    by_hour = api("GET", "/admin/usage", query={"tenant": "old", "from": "2026-11-19", "to": "2026-11-21", "each": "hour"})[1]["range"]
    assert {row["period"]: row["requests"] for row in by_hour["each"]} == {"2026-11-19T21": 1, "2026-11-21T02": 1, "2026-11-21T03": 1}
