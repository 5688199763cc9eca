"""/admin/tenants: who has teams and keys, and whether they may use them. A tenant that was never made is active all the same."""

import groups
import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from groups import After, GroupChange, GroupView, Id, Most, NewGroup
from pydantic import BaseModel

from signalbox.aws import boto_tenants
from signalbox.errors import Refusal

router = Router()


class Tenant(GroupView):
    own_keys: list[str] = []


class Tenants(BaseModel):
    tenants: list[Tenant]


class DeletedTenant(BaseModel):
    id: str
    deleted: bool = True


@router.post("/admin/tenants", summary="Make a tenant, so that it can be limited and disabled", status_code=201, tags=["tenants"])
def create(new: NewGroup) -> Tenant:
    made = groups.create(boto_tenants.tenant(new.id), new, router.context["who"])
    router.append_context(changed=f"tenant {new.id} is made, and {new.status}", tenant=new.id)
    return Tenant(**made)


@router.get("/admin/tenants", summary="List the tenants that were made, by their ids", tags=["tenants"])
def list_tenants(limit: Most = 50, after: After = "") -> Tenants:
    return Tenants(tenants=[Tenant(**record) for record in boto_tenants.page(stage.control(), limit, after)])


@router.get("/admin/tenants/<tenant>", summary="Show a tenant", tags=["tenants"])
def show(tenant: Id) -> Tenant:
    return Tenant(**groups.found(boto_tenants.tenant(tenant)))


@router.patch("/admin/tenants/<tenant>", summary="Change a tenant; disable it, or make it active again", tags=["tenants"])
def change(tenant: Id, change: GroupChange) -> Tenant:
    record, told = groups.change(boto_tenants.tenant(tenant), change)
    router.append_context(changed=f"tenant {tenant} {told}", tenant=tenant)
    return Tenant(**record)


@router.delete("/admin/tenants/<tenant>", summary="Delete a tenant that has neither teams nor keys", tags=["tenants"])
def delete(tenant: Id) -> DeletedTenant:
    if boto_tenants.page(stage.control(), 1, of=tenant):
        raise Refusal("conflict", f"The tenant {tenant} has teams. Delete them first: GET /admin/tenants/{tenant}/teams lists them.")
    groups.delete(boto_tenants.tenant(tenant), tenant)
    router.append_context(changed=f"tenant {tenant} is deleted", tenant=tenant)
    return DeletedTenant(id=tenant)
