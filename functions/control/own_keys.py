"""/admin/tenants/…/own_keys: which providers a tenant brings its own keys for. The keys themselves never pass through here."""

import os
from typing import Annotated

import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import BaseModel, ConfigDict, Field

from signalbox.admission.keys import NAME
from signalbox.aws import boto_snapshots, boto_tenants
from signalbox.errors import Refusal

router = Router()

Tenant = Annotated[str, Path(pattern=NAME)]
Providers = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=100)]


class NewOwnKeys(BaseModel):
    model_config = ConfigDict(extra="forbid")

    own_keys: Annotated[Providers, Field(description="Providers, as routing.yaml names them. Theirs are the tenant's keys or none")]
    expected: Annotated[Providers | None, Field(description="What you looked at: refused with 409 where it is otherwise now")] = None


class OwnKeys(BaseModel):
    tenant: str
    own_keys: list[str]
    secrets: Annotated[dict[str, str], Field(description="Each provider that asks for a key, and the name of the secret that holds it")]


@router.get("/admin/tenants/<tenant>/own_keys", summary="Which providers a tenant brings its own keys for", tags=["tenants"])
def own_keys(tenant: Tenant) -> OwnKeys:
    return OwnKeys(tenant=tenant, own_keys=boto_tenants.own_keys(stage.control(), tenant), secrets=_secrets())


@router.put(
    "/admin/tenants/<tenant>/own_keys",
    summary="Say which providers a tenant brings its own keys for; store those first: signalbox secrets set PROVIDER --tenant TENANT",
    tags=["tenants"],
)
def set_own_keys(tenant: Tenant, new: NewOwnKeys) -> OwnKeys:
    wanted, seen, secrets = sorted(set(new.own_keys)), boto_tenants.own_keys(stage.control(), tenant), _secrets()
    for name in wanted:
        if name not in seen and name not in secrets:  # one that has gone from the document since may stay
            known = ", ".join(sorted(secrets)) or "none"
            raise Refusal(
                "invalid_request", f"own_keys: no provider {name!r} asks for a key here; those that do: {known}.", param="own_keys"
            )
    as_expected = new.expected is None or sorted(new.expected) == seen
    if not as_expected or not boto_tenants.set_own_keys(stage.control(), tenant, wanted, seen):
        message = f"Others changed the own_keys of {tenant} first. Look at them, then try again."
        raise Refusal("request_in_progress", message, retry_after_s=1)
    router.append_context(changed=f"tenant {tenant} brings its own keys for: {', '.join(wanted) or 'none'}", tenant=tenant)
    return OwnKeys(tenant=tenant, own_keys=wanted, secrets=secrets)


def _secrets() -> dict[str, str]:
    snapshot = boto_snapshots.live(stage.control(), os.environ["SIGNALBOX_CONFIG_BUCKET"])
    providers = snapshot.providers if snapshot else {}
    return {name: row.secret for name, row in sorted(providers.items()) if row.secret}
