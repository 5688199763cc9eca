"""Tenants and teams alike: what is kept of one, and how it is made, looked at, changed and deleted. One without a record is active, too."""

from typing import Annotated, Any

import access
import stage
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from grants import Limits, NewLimits, Status
from key_views import Title
from pydantic import BaseModel, ConfigDict, Field, model_validator

from signalbox.admission.keys import NAME, static_callers
from signalbox.aws import boto_keys, boto_tenants
from signalbox.errors import Refusal

Id = Annotated[str, Path(pattern=NAME)]
Most = Annotated[int, Query(ge=1, le=100)]
After = Annotated[str, Query(max_length=64)]
SHUT = "Where it is disabled, all its keys are refused with 403 within 5 s"


class NewGroup(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(pattern=NAME, description="As keys name it; the name where it is left out")]
    name: Annotated[Title | None, Field(description="For people; the id where it is left out")] = None
    status: Annotated[Status, Field(description=SHUT)] = "active"
    limits: NewLimits = {}

    @model_validator(mode="before")
    @classmethod
    def named(cls, said: Any) -> Any:
        return {"id": said["name"]} | said if isinstance(said, dict) and "name" in said else said


class GroupView(BaseModel):
    id: str
    name: str
    status: Annotated[Status, Field(description=SHUT)]
    limits: Limits = {}
    created_at: str
    created_by: str


class GroupChange(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Title | None = None
    status: Annotated[Status | None, Field(description=SHUT)] = None
    limits: Annotated[NewLimits | None, Field(description="All of them anew; null: none of its own")] = None


def create(group: boto_tenants.Group, new: NewGroup, who: str) -> dict[str, Any]:
    made = {"name": new.name or new.id, "status": new.status, "limits": new.limits, "created_by": who}
    if not boto_tenants.create(stage.control(), group, made | {"created_at": stage.now().isoformat(timespec="seconds")}):
        if boto_tenants.find(stage.control(), group) is None:
            raise _contended(group)
        raise Refusal("conflict", f"There is a {group.kind} {group.id} already. Change it with PATCH, or take another id.", param="id")
    return found(group)


def found(group: boto_tenants.Group) -> dict[str, Any]:
    record = boto_tenants.find(stage.control(), group)
    if record is None:
        named = group.scope.partition("#")[2]
        message = f"No {group.kind} {named} was made here. Keys may name it all the same; make it, so that it can be limited and disabled:"
        message += f" POST, or `signalbox tenants create {named}`."
        raise Refusal("not_found", message)
    return record


def change(group: boto_tenants.Group, change: GroupChange) -> tuple[dict[str, Any], str]:
    """The record as it is then, and what is said of the change."""
    said = change.model_dump(exclude_unset=True)
    new = {name: value for name, value in said.items() if value is not None or name == "limits"}
    if new and not boto_tenants.change(stage.control(), group, new):
        found(group)
        raise _contended(group)
    others = sorted(new.keys() - {"status"})
    told = ([f"is {change.status}"] if change.status else []) + ([f"has another {', '.join(others)}"] if others else [])
    return found(group), " and ".join(told) or "stays as it is"


def delete(group: boto_tenants.Group, tenant: str, team: str = "") -> None:
    """Refused while anybody has a key to it."""
    record = found(group)
    asked = f"?tenant={tenant}" + (f"&team={team}" if team else "")
    if boto_keys.page(stage.control(), 1, tenant=tenant, team=team):
        message = f"The {group.kind} {group.id} has keys. Delete them first (GET /admin/keys{asked} lists them), or disable it."
        raise Refusal("conflict", message)
    if any(caller.tenant == tenant and team in ("", caller.team) for caller in static_callers(access.ring())):
        message = f"Static keys name the {group.kind} {group.id}. Take them out of the key secret first, or disable it."
        raise Refusal("conflict", message)
    if not boto_tenants.delete(stage.control(), group, record):
        raise _contended(group)


def _contended(group: boto_tenants.Group) -> Refusal:
    return Refusal("request_in_progress", f"Others changed the {group.kind} {group.id} first. Look at it, then try again.", retry_after_s=1)
