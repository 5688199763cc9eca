"""/admin/policies: who is routed otherwise than a route says, and when. Each change is a version of the configuration."""

from typing import Annotated, Any, Literal

import rows
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from pydantic import BaseModel, ConfigDict, Field
from rows import AskedExpected, AskedMessage, Change, Live, RowChange

from signalbox.config.plain import to_data, to_json
from signalbox.config.rules import Actions, Policy
from signalbox.errors import Refusal
from signalbox.routing.conditions import FIELDS

router = Router()

SECTION = "policies"
Id = Annotated[str, Path(max_length=64, description="As routing.yaml names it")]
Status = Annotated[Literal["draft", "active", "disabled"], Field(description="Only an active one decides anything")]


class PolicyRow(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    name: Annotated[str, Field(max_length=200, description="For people")] = ""
    status: Status = "draft"
    priority: Annotated[int, Field(description="The smallest is looked at first; of the same, the first by id")] = 100
    flag: Annotated[str | None, Field(description="It holds for those alone for whom this flag is on")] = None
    goes_on: Annotated[bool, Field(alias="continue", description="The next one that matches counts as well")] = False
    conditions: Annotated[
        dict[str, Any], Field(description=f"All have to hold; none always hold. all, any, not, or of: {', '.join(FIELDS)}")
    ] = {}
    actions: Annotated[dict[str, Any], Field(description=f"Of: {', '.join(Actions.model_fields)}")]


class PolicyView(PolicyRow):
    id: str


class Policies(BaseModel):
    """In the order they are looked at, whatever their status."""

    version: Annotated[int, Field(description="Of the configuration: what `expected_version` may name")]
    policies: list[PolicyView]


class ShownPolicy(BaseModel):
    version: int
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


class RemovedPolicy(rows.ChangedRow):
    id: str
    deleted: bool


@router.get("/admin/policies", summary="All policies, in the order they are looked at", tags=["policies"])
def list_policies() -> Policies:
    live = rows.live()
    ordered = sorted(live.document.policies.items(), key=lambda row: (row[1].priority, row[0]))
    return Policies(version=live.version, policies=[_view(id, policy) for id, policy in ordered])


@router.post("/admin/policies", summary="Add a policy; a draft, unless it says otherwise", status_code=201, tags=["policies"])
def create(new: NewPolicy) -> ChangedPolicy:
    live = _live(new)
    if new.id in live.document.policies:
        there = f"There is a policy {new.id} already. Give another id, or replace it: PUT /admin/policies/{new.id}."
        raise Refusal("idempotency_conflict", there, param="id")
    return _store(live, new.id, new)


@router.get("/admin/policies/<policy_id>", summary="One policy", tags=["policies"])
def show(policy_id: Id) -> ShownPolicy:
    live = rows.live()
    return ShownPolicy(version=live.version, policy=_view(policy_id, _known(live, policy_id)))


@router.put("/admin/policies/<policy_id>", summary="Put a whole policy, instead of the one of this id if there is one", tags=["policies"])
def put(policy_id: Id, new: WholePolicy) -> ChangedPolicy:
    if new.id not in (None, policy_id):
        raise Refusal("invalid_request", f"id: the path says {policy_id}. A policy is not renamed; add another.", param="id")
    return _store(_live(new), policy_id, new)


@router.delete("/admin/policies/<policy_id>", summary="Remove a policy", tags=["policies"])
def remove(policy_id: Id, expected_version: AskedExpected = None, message: AskedMessage = "") -> RemovedPolicy:
    live = rows.live()
    rows.expected(live, expected_version)
    _known(live, policy_id)
    change = rows.remove(live, SECTION, policy_id, who=router.context["who"], message=message or f"policy {policy_id} removed")
    router.append_context(changed=f"policy {policy_id} is removed: configuration version {change.published.version}")
    return RemovedPolicy(id=policy_id, deleted=True, **change.published.model_dump())


@router.post("/admin/policies/<policy_id>/activate", summary="Let a policy decide, from now on", tags=["policies"])
def activate(policy_id: Id, asked: Annotated[Change | None, Body()] = None) -> ChangedPolicy:
    return _set_status(policy_id, "active", asked or Change())


@router.post("/admin/policies/<policy_id>/disable", summary="Let a policy decide nothing any more", tags=["policies"])
def disable(policy_id: Id, asked: Annotated[Change | None, Body()] = None) -> ChangedPolicy:
    return _set_status(policy_id, "disabled", asked or Change())


def _store(live: Live, id: str, new: WholePolicy | NewPolicy) -> ChangedPolicy:
    row = new.model_dump(by_alias=True, exclude={"id", *Change.model_fields})
    return _changed(id, rows.store(live, SECTION, id, row, who=router.context["who"], message=new.message or f"policy {id}"))


def _set_status(id: str, status: str, asked: Change) -> ChangedPolicy:
    live = _live(asked)
    _known(live, id)
    message = asked.message or f"policy {id} {status}"
    return _changed(id, rows.set_value(live, SECTION, id, "status", status, who=router.context["who"], message=message))


def _changed(id: str, change: RowChange) -> ChangedPolicy:
    version = change.published.version
    router.append_context(changed=f"policy {id} is {change.row.status}: configuration version {version}")
    return ChangedPolicy(policy=_view(id, change.row), **change.published.model_dump())


def _live(change: Change) -> Live:
    live = rows.live()
    rows.expected(live, change.expected_version)
    return live


def _known(live: Live, id: str) -> Policy:
    if id not in live.document.policies:
        raise Refusal("not_found", f"There is no policy {id[:100]}. GET /admin/policies lists them.")
    return live.document.policies[id]


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
