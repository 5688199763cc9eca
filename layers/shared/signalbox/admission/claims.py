"""What a token's claims grant: permissions to an operator, a tenant and a team to a caller. That the token is good was seen before."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import Refusal
from .grants import GRANTS, unfit
from .keys import NAMED, NOTHING, Caller
from .operators import Operator, known

Claims = Mapping[str, Any]

PREFIX = "jwt:"  # what no admin key's name and no minted key's id begins with
SUBJECT = re.compile(r"[^#/\s]{1,200}")  # `#` and `/` part the names of scopes
DEFAULT_TEAM = "default"


class ClaimNames(NamedTuple):
    """Where a token says it. Without the name of a tenant's claim the data API takes no tokens."""

    permissions: str = "permissions"
    tenant: str = ""
    team: str = ""
    grants: str = ""


def is_token(bearer: str | None) -> bool:
    """Whether it has the form of a JWT: three parts, and the first an encoded JSON object. No key of ours has."""
    return bearer is not None and bearer.startswith("ey") and bearer.count(".") == 2


def tenant_of(key_id: str) -> str | None:
    """Of the key that a token's caller asks as; None for any other."""
    prefix, tenant, subject = [*key_id.split(":", 2), "", ""][:3]
    fits = f"{prefix}:" == PREFIX and NAMED.fullmatch(tenant) and SUBJECT.fullmatch(subject) and subject.isprintable()
    return tenant if fits else None


def operator_of(claims: Claims, names: ClaimNames) -> Operator:
    """Raises Refusal permission_denied."""
    return Operator(f"{PREFIX}{_subject(claims)}", known(claims.get(names.permissions)))


def caller_of(claims: Claims, names: ClaimNames) -> Caller:
    """Raises Refusal permission_denied, which says what is missing."""
    tenant = _named(claims, names.tenant)
    team = _named(claims, names.team) if names.team in claims else DEFAULT_TEAM
    # With the tenant, which has no colon: who asks for two tenants is two keys, and neither spends or sees anything of the other.
    return Caller(f"{PREFIX}{tenant}:{_subject(claims)}", tenant, team, minted=False, grants=_grants(claims, names.grants))


def _subject(claims: Claims) -> str:
    subject: str = claims["sub"]
    if not (SUBJECT.fullmatch(subject) and subject.isprintable()):
        raise _denied("its claim sub must have up to 200 printable characters, and no space, # or / among them")
    return subject


def _named(claims: Claims, claim: str) -> str:
    value = claims.get(claim)
    if value is None:
        raise _denied(f"it lacks the claim {claim}, which says whose requests these are")
    if not (isinstance(value, str) and NAMED.fullmatch(value)):
        raise _denied(f"its claim {claim} must be a name of up to 64 letters, digits and . _ -")
    return value


def _grants(claims: Claims, claim: str) -> Mapping[str, Any]:
    said = claims.get(claim) if claim else None
    if said is None:
        return NOTHING
    if not isinstance(said, Mapping):
        raise _denied(f"its claim {claim} must be an object")
    if unfit(said, GRANTS) is not None:
        raise _denied(f"its claim {claim} may have {', '.join(GRANTS)}, each as the record of a key has it")
    return said


def _denied(why: str) -> Refusal:
    return Refusal("permission_denied", f"This token is good, and not enough: {why}. Ask whoever issues it.")
