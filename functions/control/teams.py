"""/admin/tenants/…/teams: the teams of a tenant, and whether their keys may be used. A team that was never made is active all the same."""

import groups
import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from groups import After, GroupChange, GroupView, Id, Most, NewGroup
from pydantic import BaseModel

from signalbox.aws import boto_tenants

router = Router()


class Team(GroupView):
    tenant: str


class Teams(BaseModel):
    teams: list[Team]


class DeletedTeam(BaseModel):
    tenant: str
    id: str
    deleted: bool = True


@router.post("/admin/tenants/<tenant>/teams", summary="Make a team of a tenant", status_code=201, tags=["tenants"])
def create(tenant: Id, new: NewGroup) -> Team:
    groups.found(boto_tenants.tenant(tenant))
    made = groups.create(boto_tenants.team(tenant, new.id), new, router.context["who"])
    router.append_context(changed=f"team {tenant}/{new.id} is made, and {new.status}", tenant=tenant)
    return Team(tenant=tenant, **made)


@router.get("/admin/tenants/<tenant>/teams", summary="List the teams of a tenant, by their ids", tags=["tenants"])
def list_teams(tenant: Id, limit: Most = 50, after: After = "") -> Teams:
    return Teams(teams=[Team(tenant=tenant, **record) for record in boto_tenants.page(stage.control(), limit, after, of=tenant)])


@router.get("/admin/tenants/<tenant>/teams/<team>", summary="Show a team", tags=["tenants"])
def show(tenant: Id, team: Id) -> Team:
    return Team(tenant=tenant, **groups.found(boto_tenants.team(tenant, team)))


@router.patch("/admin/tenants/<tenant>/teams/<team>", summary="Change a team; disable it, or make it active again", tags=["tenants"])
def change(tenant: Id, team: Id, change: GroupChange) -> Team:
    record, told = groups.change(boto_tenants.team(tenant, team), change)
    router.append_context(changed=f"team {tenant}/{team} {told}", tenant=tenant)
    return Team(tenant=tenant, **record)


@router.delete("/admin/tenants/<tenant>/teams/<team>", summary="Delete a team that has no keys", tags=["tenants"])
def delete(tenant: Id, team: Id) -> DeletedTeam:
    groups.delete(boto_tenants.team(tenant, team), tenant, team)
    router.append_context(changed=f"team {tenant}/{team} is deleted", tenant=tenant)
    return DeletedTeam(tenant=tenant, id=team)
