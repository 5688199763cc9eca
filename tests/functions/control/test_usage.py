"""What callers and operators see of the usage that was recorded."""

import json
import time
from typing import Any

import pytest

from signalbox.aws import boto_usage
from signalbox.usage.events import UsageRecorded

from .client import DATA, Api, refused


@pytest.fixture
def used(stage: Any, sample: Any) -> UsageRecorded:
    """One request of tenant acme, recorded just now."""
    detail = json.loads(sample("record_usage_sqs")["Records"][0]["body"])["detail"]
    event = UsageRecorded.model_validate(detail | {"tenant": "acme", "key": "static", "at_ms": int(time.time() * 1000)})
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
