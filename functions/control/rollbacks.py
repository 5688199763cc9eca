"""/admin/rollbacks: asks the workflow for a roll-back, or for the undoing of one, and tells what came of it."""

import json
import os
from secrets import token_hex
from typing import Annotated

import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from signalbox.aws import boto_bus, boto_rollbacks
from signalbox.errors import Refusal
from signalbox.rollback.actions import ACTIONS
from signalbox.rollback.request import InvalidRequest, to_request

router = Router()

RollbackId = Annotated[str, Path(max_length=200)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class NewRollback(BaseModel):
    model_config = ConfigDict(extra="forbid")

    action: Annotated[str, Field(description="One of: " + ", ".join(ACTIONS))]
    reason: Reason


class Undo(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason | None = None


class Requested(BaseModel):
    """The workflow has begun. GET /admin/rollbacks/{id} tells how it ended."""

    id: str
    execution_arn: str


class Rollback(BaseModel):
    id: str
    action: str
    status: Annotated[str, Field(description="requested, started, succeeded, failed or undone")]
    reason: str
    requested_by: str
    at_ms: int
    undo: Annotated[str | None, Field(description="The roll-back that this one takes back")] = None
    undone_by: str | None = None
    remains: Annotated[str | None, Field(description="Of an undo: what is in force all the same, and by which one")] = None
    error: str | None = None
    compensation: str | None = None


class Rollbacks(BaseModel):
    rollbacks: list[Rollback]


@router.post("/admin/rollbacks", summary="Ask for a roll-back", status_code=202, tags=["rollbacks"])
def create(new: NewRollback) -> Requested:
    return _start(action=new.action, reason=new.reason)


@router.get("/admin/rollbacks", summary="Roll-backs, whoever asked for them, newest first", tags=["rollbacks"])
def list_rollbacks(limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Rollbacks:
    return Rollbacks(rollbacks=[Rollback(id=id, **record) for id, record in boto_rollbacks.newest(stage.control(), limit)])


@router.get("/admin/rollbacks/<rollback_id>", summary="One roll-back and how it ended", tags=["rollbacks"])
def show(rollback_id: RollbackId) -> Rollback:
    return _known(rollback_id)


@router.post("/admin/rollbacks/<rollback_id>/undo", summary="Ask for a roll-back to be taken back", status_code=202, tags=["rollbacks"])
def undo(rollback_id: RollbackId, asked: Annotated[Undo | None, Body()] = None) -> Requested:
    rollback = _known(rollback_id)
    if rollback.status != "succeeded":
        raise Refusal("invalid_request", f"Only what has succeeded can be undone; the status of {rollback.id} is {rollback.status}.")
    return _start(undo=rollback.id, **(asked.model_dump(exclude_none=True) if asked else {}))


def _start(**asked: str) -> Requested:
    """The execution has the request's id for its name: the same request never runs twice."""
    at_ms = stage.now_ms()
    id = f"r{at_ms:012x}{token_hex(5)}"
    try:
        request = to_request({"version": 1, "id": id, "at_ms": at_ms, "requested_by": router.context["who"]} | asked)
    except InvalidRequest as error:
        raise Refusal("invalid_request", f"{error}.", param="action") from error
    record = {"action": request.name, "reason": request.reason, "requested_by": request.requested_by, "at_ms": at_ms, "undo": request.undo}
    boto_rollbacks.begin(stage.control(), id, record | {"status": "requested"})  # first: nothing runs of which nobody knows
    try:
        answer = boto_bus.client("stepfunctions").start_execution(
            stateMachineArn=os.environ["SIGNALBOX_ROLL_BACK_WORKFLOW"], name=id, input=json.dumps(request.model_dump(exclude_none=True))
        )
    except Exception:
        boto_rollbacks.give_up(stage.control(), id, "the workflow could not be started")
        raise
    router.append_context(changed=f"roll-back {id}: {request.name}{f' {request.undo}' if request.undo else ''}")
    return Requested(id=id, execution_arn=answer["executionArn"])


def _known(id: str) -> Rollback:
    record = boto_rollbacks.record_of(stage.control(), id)
    if record is None:
        raise Refusal("not_found", f"There is no roll-back {id[:100]}. GET /admin/rollbacks lists them.")
    return Rollback(id=id, **record)
