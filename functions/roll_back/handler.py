"""The steps of the roll-back workflow (workflow.asl.json beside this file), one Lambda for all. Each can be repeated."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from signalbox.aws import boto_bus, boto_rollbacks, boto_tables
from signalbox.aws.boto_rollbacks import ChangedSince
from signalbox.rollback.actions import ACTIONS, Change, change_of, in_force, undo_of
from signalbox.rollback.request import InvalidRequest, to_request

Step = dict[str, Any]
MOST_CHARS = 1_000  # of what is told of an error, which may quote an input that was never checked

logger = Logger()
tracer = Tracer()
metrics = Metrics()


class VerificationFailed(Exception):
    """The change was made, and what is read afterwards is something else."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: Step, context: LambdaContext) -> Step:
    metrics.add_metric(f"RollBack{event['step']}", MetricUnit.Count, 1)
    return STEPS[event["step"]](event)


def take_lock(event: Step) -> Step:
    """EventBridge delivers more than once and cannot name an execution: the request's id is the lock."""
    request = to_request(event["input"])
    id = request.id or event["name"]
    record = {
        "action": request.name,
        "reason": request.reason,
        "requested_by": request.requested_by,
        "at_ms": _now_ms(),
        "undo": request.undo,
    }
    if not boto_rollbacks.take(_control(), id, event["execution"], record):
        logger.info("this roll-back was requested before", rollback_id=id)
        return {"rollback_id": id, "taken": False}
    _publish("RollbackStarted", id, record)
    return {"rollback_id": id, "taken": True}


def snapshot(event: Step) -> Step:
    """Remembers what is there, before anything is changed."""
    id, record = _record(event)
    if "change" not in record:
        boto_rollbacks.note(_control(), id, change=_change(id, record).to_plain())
    return _state(id, record)


def apply(event: Step) -> Step:
    id, record = _record(event)
    boto_rollbacks.make(_control(), Change(**record["change"]))
    return _state(id, record)


def verify(event: Step) -> Step:
    id, record = _record(event)
    if not boto_rollbacks.holds(_control(), Change(**record["change"])):
        raise VerificationFailed(f"{record['action']} was applied, and {record['change']['pk']}/{record['change']['sk']} does not show it")
    return _state(id, record)


def notify(event: Step) -> Step:
    id, record = _record(event)
    remains = ""
    if record["undo"]:
        boto_rollbacks.note(_control(), record["undo"], status="undone", undone_by=id)
        remains = in_force(Change(**record["change"]))
    boto_rollbacks.note(_control(), id, status="succeeded", **({"remains": remains} if remains else {}))
    _publish("RollbackSucceeded", id, record)
    undo = json.dumps({"undo": id})
    then = f"Rollback {id} is in force. To take it back, start the workflow with {undo}"
    _tell("RollbackSucceeded", record, f"{then}\n\nMind: {remains}. Undo that one too, unless it is meant to hold." if remains else then)
    return _state(id, record) | {"status": "succeeded"}


def compensate(event: Step) -> Step:
    """Takes back what was applied. What somebody else has set since is theirs, and stays."""
    id, record = _record(event)
    outcome = "nothing was changed"
    if "change" in record:
        try:
            boto_rollbacks.make(_control(), Change(**record["change"]).backwards())
            outcome = "all is as it was before"
        except ChangedSince as error:
            outcome = str(error)
    boto_rollbacks.note(_control(), id, compensation=outcome)
    return {"compensation": outcome}


def notify_failure(event: Step) -> Step:
    """The lock may be what failed: then there may be no record of ours, and the input, which nobody has checked, is all that is known."""
    state = event["state"]
    id = state["rollback_id"] if "rollback_id" in state else _asked_id(state["input"], event["name"])
    error = state.get("error", {})
    why = _plain(f"{error.get('Error', 'unknown error')}: {_message(error)}")
    record = boto_rollbacks.record_of(_control(), id)
    if record and not _is_ours(id, record, event):
        id, record = event["name"], None
    if record:
        boto_rollbacks.note(_control(), id, status="failed", error=why)
    told = record or {"action": _asked_action(state.get("input")), "requested_by": "unknown"}
    _publish("RollbackFailed", id, told | {"reason": why})
    compensation = (record or {}).get("compensation", "nothing was changed")
    if "compensation_error" in state:
        compensation = f"taking it back failed too ({_plain(_message(state['compensation_error']))}): look at the setting itself"
    _tell("RollbackFailed", told | {"reason": why}, f"Rollback {id} failed; {compensation}. Mend the cause, then ask again.")
    return {"rollback_id": id, "status": "failed", "error": why}


STEPS: dict[str, Callable[[Step], Step]] = {
    "TakeLock": take_lock,
    "Snapshot": snapshot,
    "Apply": apply,
    "Verify": verify,
    "Notify": notify,
    "Compensate": compensate,
    "NotifyFailure": notify_failure,
}


def _change(id: str, record: dict[str, Any]) -> Change:
    if record["undo"]:
        return undo_of(record["undo"], boto_rollbacks.record_of(_control(), record["undo"]))
    action = ACTIONS[record["action"]]
    at = datetime.fromtimestamp(record["at_ms"] / 1000, UTC).isoformat(timespec="seconds")
    return change_of(action, boto_tables.get(_control(), action.pk, action.sk) or {}, record["reason"], id, at)


def _record(event: Step) -> tuple[str, dict[str, Any]]:
    id = event["rollback_id"]
    record = boto_rollbacks.record_of(_control(), id)
    if record is None:
        raise LookupError(f"the record of roll-back {id} is gone from the control table")
    return id, record


def _state(id: str, record: dict[str, Any]) -> Step:
    return {"rollback_id": id, "action": record["action"]}


def _publish(name: str, id: str, record: dict[str, Any]) -> None:
    detail = {"version": 1, "id": f"{name}#{id}", "at_ms": _now_ms(), "rollback_id": id}
    boto_bus.publish(os.environ["SIGNALBOX_BUS"], [(name, detail | {"action": record["action"], "reason": record["reason"]})])


def _tell(event: str, record: dict[str, Any], then: str) -> None:
    body = f"Action        {record['action']}\nReason        {record['reason']}\nRequested by  {record['requested_by']}\n\n{then}"
    boto_bus.notify(os.environ["SIGNALBOX_ALERT_TOPIC"], f"Signalbox: {record['action']}: {event}", body, event)


def _is_ours(id: str, record: dict[str, Any], event: Step) -> bool:
    """What no execution has taken yet belongs to the one that was named after it."""
    return record["execution"] == event["execution"] if "execution" in record else id == event["name"]


def _asked_id(input: Any, name: str) -> str:
    try:
        return to_request(input).id or name
    except InvalidRequest:
        return name


def _asked_action(input: Any) -> str:
    asked = input if isinstance(input, dict) else {}
    asked = asked["detail"] if isinstance(asked.get("detail"), dict) else asked
    return _plain(str(asked.get("action") or ("undo" if "undo" in asked else "unknown")))[:100]


def _message(error: dict[str, Any]) -> str:
    """Lambda's errors come as JSON in the cause."""
    cause = error.get("Cause", "")
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause


def _plain(text: str) -> str:
    """What may be put on the bus and into a mail, wherever it comes from."""
    return "".join(c for c in text[:MOST_CHARS] if c.isprintable()) or "unknown"


def _control() -> Any:
    return boto_tables.table(os.environ["SIGNALBOX_CONTROL_TABLE"])


def _now_ms() -> int:
    return int(time.time() * 1000)
