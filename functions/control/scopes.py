"""What a budget is for, as operators name it; and whether any request can ever count in it."""

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import access
import stage
from forms import IN_A_KEY, NO_PARTING
from printable import Printable
from pydantic import BeforeValidator, Field

from signalbox.admission.budgets import GLOBAL
from signalbox.admission.keys import NAME
from signalbox.aws import boto_keys, boto_snapshots
from signalbox.errors import Refusal

Scope = Literal["key", "team", "tenant", "agent", "route", "provider", "global"]
ScopeId = Annotated[
    Printable,
    Field(
        max_length=300,
        pattern=NO_PARTING,
        description="Of the key, tenant, …; a team is `tenant/team`, an agent `tenant/agent`; none for `global`",
    ),
    IN_A_KEY,
    BeforeValidator(lambda said: "" if said is None else said),
]
PARTED = ("team", "agent")  # named with their tenant
GROUP = NAME.strip("^$")
FORMS = {"tenant": GROUP, "team": f"{GROUP}/{GROUP}", "agent": f"{GROUP}/.+"}  # an agent's own name may have slashes


def scope_name(kind: str, id: str) -> str:
    """The scope's name in the tables."""
    if kind == "global":
        if id:
            raise Refusal("invalid_request", "id: the global budget has none; leave it out.", param="id")
        return GLOBAL
    if not id:
        raise Refusal("invalid_request", f"id: name the {kind} that the budget is for.", param="id")
    if kind in PARTED and not re.fullmatch("[^/]+/.+", id):
        raise Refusal("invalid_request", f"id: name the {kind} as tenant/{kind}.", param="id")
    return f"{kind}#{id}"


def tenant_of(scope: str, record: Mapping[str, Any] | None = None) -> str:
    """Whose it is, by the scope's name in the tables; empty where it is no tenant's, or nobody knows the key any more.

    `record` is the scope's, where it is at hand.
    """
    kind, _, id = scope.partition("#")
    if kind == "key":
        if caller := access.unminted(id):
            return caller.tenant
        known: str = ((boto_keys.find(stage.control(), id) if record is None else record) or {}).get("tenant", "")
        return known
    return id.partition("/")[0] if kind in FORMS else ""


def check_known(kind: str, id: str) -> None:
    """Refusal for what no request ever counts in: a budget that holds nothing is worse than none. Before a first version all may come."""
    if kind in FORMS and not re.fullmatch(FORMS[kind], id):
        raise _wrong(f"no {kind} is named {id!r}: names are letters, digits and . _ -, up to 64")
    snapshot = boto_snapshots.live(stage.control(), os.environ["SIGNALBOX_CONFIG_BUCKET"]) if kind in ("route", "provider") else None
    if snapshot is None:
        return
    route = snapshot.route(id)
    if kind == "route" and route and route.name != id:
        raise _wrong(f"{id} is another name of the route {route.name}, and its requests count there")
    if id not in snapshot.providers if kind == "provider" else route is None:
        raise _wrong(f"there is no {kind} {id!r} in the live configuration: publish one that has it first, or look at GET /admin/config")


def _wrong(what: str) -> Refusal:
    return Refusal("invalid_request", f"id: {what}.", param="id")
