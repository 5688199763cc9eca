"""Circuits as routing sees them, and roll-backs as the workflow is asked for them."""

import json
import time
from typing import Any

import pytest

from signalbox.aws import boto_bus, boto_rollbacks, boto_tables

from .client import Api, refused


def test_circuits_are_shown_as_routing_sees_them(api: Api, stage: Any) -> None:
    assert api("GET", "/admin/circuits") == (200, {"circuits": []})
    now_ms = int(time.time() * 1000)
    targets = {
        "openai/a": {"state": "open", "generation": 2, "until_ms": now_ms + 60_000, "openings": 1},
        "openai/b": {"state": "open", "generation": 1, "until_ms": now_ms - 1, "openings": 1},
    }
    stage.control.put_item(Item={"pk": "circuits", "sk": "state", "version": 1, "targets": targets})
    [a, b] = api("GET", "/admin/circuits")[1]["circuits"]
    assert (a["target"], a["state"], a["generation"], a["open_until"] is None) == ("openai/a", "open", 2, False)
    assert (b["state"], b["open_until"]) == ("half_open", None)


def test_a_rollback_is_asked_for_and_undone(api: Api, stage: Any) -> None:
    status, asked = api("POST", "/admin/rollbacks", {"action": "disable_llm", "reason": "fire"})
    assert status == 202
    execution = boto_bus.client("stepfunctions").describe_execution(executionArn=asked["execution_arn"])
    assert execution["name"] == asked["id"]
    request = json.loads(execution["input"])
    assert {name: request[name] for name in ("id", "action", "reason", "requested_by")} == {
        "id": asked["id"],
        "action": "disable_llm",
        "reason": "fire",
        "requested_by": "ann",
    }
    assert api("GET", f"/admin/rollbacks/{asked['id']}")[1]["status"] == "requested"
    assert "requested" in refused(api("POST", f"/admin/rollbacks/{asked['id']}/undo"), "invalid_request")

    facts = {name: request[name] for name in ("action", "reason", "requested_by", "at_ms")}
    assert boto_rollbacks.take(stage.control, asked["id"], asked["execution_arn"], facts | {"undo": None})
    boto_rollbacks.note(stage.control, asked["id"], status="succeeded", change={"pk": "config"})
    status, undoing = api("POST", f"/admin/rollbacks/{asked['id']}/undo")
    assert status == 202
    execution = boto_bus.client("stepfunctions").describe_execution(executionArn=undoing["execution_arn"])
    assert json.loads(execution["input"])["undo"] == asked["id"]
    rows = api("GET", "/admin/rollbacks")[1]["rollbacks"]
    assert [(row["id"], row["status"], row["undo"]) for row in rows] == [
        (undoing["id"], "requested", asked["id"]),
        (asked["id"], "succeeded", None),
    ]


def test_a_rollback_that_was_asked_for_by_an_event_is_shown_too(api: Api, stage: Any) -> None:
    record = {"action": "disable_llm", "reason": "alarm", "requested_by": "alarms", "at_ms": 5, "undo": None}
    boto_rollbacks.take(stage.control, "315c1398-40ff", "arn:e", record)
    [row] = api("GET", "/admin/rollbacks")[1]["rollbacks"]
    assert (row["id"], row["status"], row["requested_by"]) == ("315c1398-40ff", "started", "alarms")


def test_a_rollback_that_cannot_be_started_has_failed_and_is_shown(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_ROLL_BACK_WORKFLOW", "arn:aws:states:us-east-1:123456789012:stateMachine:gone")
    refused(api("POST", "/admin/rollbacks", {"action": "disable_llm", "reason": "fire"}), "internal_error")
    [row] = api("GET", "/admin/rollbacks")[1]["rollbacks"]
    assert (row["status"], row["error"]) == ("failed", "the workflow could not be started")


def test_a_rollback_that_cannot_be_written_down_is_not_started(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(boto_bus.client("stepfunctions"), "start_execution", lambda **asked: started.append(asked))
    monkeypatch.setattr(boto_tables.table("control").meta.client, "transact_write_items", _down)
    refused(api("POST", "/admin/rollbacks", {"action": "disable_llm", "reason": "fire"}), "internal_error")
    assert started == []


def test_an_unknown_rollback_is_not_found(api: Api) -> None:
    refused(api("GET", "/admin/rollbacks/none"), "not_found")
    refused(api("POST", "/admin/rollbacks/none/undo"), "not_found")


def _down(**arguments: Any) -> None:
    raise ConnectionError("down")
