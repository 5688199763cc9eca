"""/admin/policies: who is routed otherwise than a route says, and when. Each change is a version of the configuration."""

from typing import Annotated, Any, Literal

import rows
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from noun import Noun, RowChange
from pydantic import BaseModel, ConfigDict, Field
from rows import AskedExpected, AskedMessage, Change, Live, OfVersion

from signalbox.config.plain import to_data, to_json
from signalbox.config.rules import Actions, Policy
from signalbox.errors import Refusal
from signalbox.routing.conditions import FIELDS

router = Router()
POLICIES = Noun(router, "policies", "policy", "id")

Id = Annotated[str, Path(max_length=64, description="As routing.yaml names it")]
Status = Annotated[Literal["draft", "active", "disabled"], Field(description="Only an active one decides anything")]


class PolicyRow(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    name: Annotated[str, Field(max_length=200, description="For people")] = ""
    status: Status = "draft"
    priority: Annotated[int, Field(strict=True, description="The smallest is looked at first; of the same, the first by id")] = 100
    flag: Annotated[str | None, Field(description="It holds for those alone for whom this flag is on")] = None
    goes_on: Annotated[bool, Field(strict=True, alias="continue", description="The next one that matches counts as well")] = False
    conditions: Annotated[
        dict[str, Any], Field(description=f"All have to hold; none always hold. all, any, not, or of: {', '.join(FIELDS)}")
    ] = {}
    actions: Annotated[dict[str, Any], Field(description=f"Of: {', '.join(Actions.model_fields)}")]


class PolicyView(PolicyRow):
    id: str


class Policies(OfVersion):
    """In the order they are looked at, whatever their status."""

    policies: list[PolicyView]


class ShownPolicy(OfVersion):
    policy: PolicyView


class WholePolicy(PolicyRow, Change):
    """What is left out is at its default, the status as well."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    id: Annotated[str | None, Field(description="As the path has it, or left out")] = None


class NewPolicy(PolicyRow, Change):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    id: Annotated[str, Field(max_length=200)]


class ChangedPolicy(rows.ChangedRow):
    policy: PolicyView


class RemovedPolicy(rows.RemovedRow):
    id: str


@router.get("/admin/policies", summary="All policies, in the order they are looked at", tags=["policies"])
def list_policies() -> Policies:
    live = rows.live()
    ordered = sorted(live.document.policies.items(), key=lambda row: (row[1].priority, row[0]))
    return Policies(version=live.version, policies=[_view(id, policy) for id, policy in ordered])


@router.post("/admin/policies", summary="Add a policy; a draft, unless it says otherwise", status_code=201, tags=["policies"])
def create(new: NewPolicy) -> ChangedPolicy:
    live = rows.live(new.expected_version)
    if new.id in live.document.policies:
        there = f"There is a policy {new.id} already. Give another id, or replace it: PUT /admin/policies/{new.id}."
        raise Refusal("idempotency_conflict", there, param="id")
    return _store(live, new.id, new)


@router.get("/admin/policies/<policy_id>", summary="One policy", tags=["policies"])
def show(policy_id: Id) -> ShownPolicy:
    live = rows.live()
    return ShownPolicy(version=live.version, policy=_view(policy_id, POLICIES.known(live, policy_id)))


@router.put("/admin/policies/<policy_id>", summary="Put a whole policy, instead of the one of this id if there is one", tags=["policies"])
def put(policy_id: Id, new: WholePolicy) -> ChangedPolicy:
    if new.id not in (None, policy_id):
        raise Refusal("invalid_request", f"id: the path says {policy_id}. A policy is not renamed; add another.", param="id")
    return _store(rows.live(new.expected_version), policy_id, new)


@router.delete("/admin/policies/<policy_id>", summary="Remove a policy", tags=["policies"])
def remove(policy_id: Id, expected_version: AskedExpected = None, message: AskedMessage = "") -> RemovedPolicy:
    live = rows.live(expected_version)
    POLICIES.known(live, policy_id)
    published = POLICIES.remove(live, policy_id, message)
    POLICIES.tell(policy_id, "is removed", published)
    return RemovedPolicy(id=policy_id, **published.model_dump())


@router.post("/admin/policies/<policy_id>/activate", summary="Let a policy decide, from now on", tags=["policies"])
def activate(policy_id: Id, asked: Annotated[Change | None, Body()] = None) -> ChangedPolicy:
    return _set_status(policy_id, "active", asked or Change())


@router.post("/admin/policies/<policy_id>/disable", summary="Let a policy decide nothing any more", tags=["policies"])
def disable(policy_id: Id, asked: Annotated[Change | None, Body()] = None) -> ChangedPolicy:
    return _set_status(policy_id, "disabled", asked or Change())


def _store(live: Live, id: str, new: WholePolicy | NewPolicy) -> ChangedPolicy:
    row = new.model_dump(by_alias=True, exclude={"id", *Change.model_fields})
    return _changed(id, POLICIES.store(live, id, row, new.message))


def _set_status(id: str, status: str, asked: Change) -> ChangedPolicy:
    live = rows.live(asked.expected_version)
    POLICIES.known(live, id)
    return _changed(id, POLICIES.set_value(live, id, "status", status, asked.message or f"policy {id} {status}"))


def _changed(id: str, change: RowChange) -> ChangedPolicy:
    POLICIES.tell(id, f"is {change.row.status}", change.published)
    return ChangedPolicy(policy=_view(id, change.row), **change.published.model_dump())


def _view(id: str, policy: Policy) -> PolicyView:
    brief = to_json(to_data(policy))
    return PolicyView(
        id=id,
        name=policy.name,
        status=policy.status,
        priority=policy.priority,
        flag=policy.flag,
        goes_on=policy.goes_on,
        conditions=brief.get("conditions", {}),
        actions=brief["actions"],
    )
