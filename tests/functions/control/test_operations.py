"""Circuits as routing sees them, and roll-backs as the workflow is asked for them."""

import json
import time
from typing import Any

from signalbox.aws import boto_bus

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

    key = {"pk": f"rollback#{asked['id']}", "sk": "rollback"}
    facts = {name: request[name] for name in ("action", "reason", "requested_by", "at_ms")}
    stage.control.put_item(Item=key | facts | {"status": "succeeded", "undo": None, "execution": "e", "change": {"pk": "config"}})
    status, undoing = api("POST", f"/admin/rollbacks/{asked['id']}/undo")
    assert status == 202
    execution = boto_bus.client("stepfunctions").describe_execution(executionArn=undoing["execution_arn"])
    assert json.loads(execution["input"])["undo"] == asked["id"]
    rows = api("GET", "/admin/rollbacks")[1]["rollbacks"]
    assert {(row["id"], row["status"], row["undo"]) for row in rows} == {
        (asked["id"], "succeeded", None),
        (undoing["id"], "requested", asked["id"]),
    }


def test_an_unknown_rollback_is_not_found(api: Api) -> None:
    refused(api("GET", "/admin/rollbacks/none"), "not_found")
    refused(api("POST", "/admin/rollbacks/none/undo"), "not_found")
