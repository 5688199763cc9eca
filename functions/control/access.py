"""Who calls, and whether they may: an operator by an admin key or a token, or a caller by a data key or a token.

Which of them an endpoint is for, and with which permission, is one table. It is closed: what has no row is answered to nobody.
"""

import os
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import stage
from aws_lambda_powertools.utilities import parameters

from signalbox import data_api
from signalbox.admission.budgets import scopes_of
from signalbox.admission.claims import caller_of, is_token, operator_of, tenant_of
from signalbox.admission.keys import Caller, KeyRing, authenticate, check_standing, static_callers
from signalbox.admission.operators import OPERATIONS, ROUTING, TENANTS, USAGE, Operator, authenticate_admin
from signalbox.aws import boto_tables
from signalbox.aws.http import Pool
from signalbox.aws.issuer import Issuer, Settings
from signalbox.errors import Refusal

SECRET_AGE_S = 60
LOOK_AGAIN_S = 5.0

_looked_s = float("-inf")  # when an unknown admin key was last looked for in the secret itself

Who = str | Caller | None  # an operator is known by the name alone

EVERYBODY, CALLERS = "everybody", "callers"
READ = ("GET",)
ANY = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Row(NamedTuple):
    """`path`, in which * is any one part, and whatever lies below it. `who` is a permission, or EVERYBODY or CALLERS. The first counts."""

    path: str
    methods: tuple[str, ...]
    who: str


ROWS = (
    Row("/openapi.json", READ, EVERYBODY),
    Row("/v1/usage", ANY, CALLERS),
    Row("/v1/requests", ANY, CALLERS),
    Row("/admin/config", ANY, ROUTING),
    Row("/admin/policies", ANY, ROUTING),
    Row("/admin/flags", ANY, ROUTING),
    Row("/admin/segments", ANY, ROUTING),
    Row("/admin/routes", READ, ROUTING),
    Row("/admin/simulations", ANY, ROUTING),
    Row("/admin/tenants", ANY, TENANTS),
    Row("/admin/keys", ANY, TENANTS),
    Row("/admin/budgets", ANY, TENANTS),
    Row("/admin/usage", READ, USAGE),
    Row("/admin/analytics", READ, USAGE),
    Row("/admin/savings", READ, USAGE),
    Row("/admin/requests/*/sample", ("GET", "DELETE"), OPERATIONS),  # whoever counts need not read what people wrote
    Row("/admin/requests", READ, USAGE),
    Row("/admin/reports", READ, USAGE),
    Row("/admin/circuits", ANY, OPERATIONS),
    Row("/admin/rollbacks", ANY, OPERATIONS),
    Row("/admin/audit", READ, OPERATIONS),  # not the others': the record is on them too, and names what was read of what people wrote
)


def identify(method: str, path: str, headers: Mapping[str, str]) -> Who:
    """Raises Refusal: 401 before 403, and both before anything is said of what there is."""
    who = who_may(method, path)
    if who in KINDS:
        return KINDS[who](data_api.bearer(headers))
    operator = authenticated(data_api.bearer(headers))
    if who is None:
        raise _nothing_for(method, path)
    if who not in operator.permissions:
        raise Refusal("permission_denied", f"This needs the permission {who}, which {operator.name} does not have. Ask whoever gives them.")
    return operator.name


def who_may(method: str, path: str) -> str | None:
    """None: nobody."""
    return next((row.who for row in ROWS if _covers(row, path) and method in row.methods), None)


def authenticated(bearer: str | None) -> Operator:
    """A data key is told that it is known and not enough."""
    issued = issuer()
    if issued and bearer and is_token(bearer):
        return operator_of(issued.claims(bearer), issued.names)
    keys = ring()
    try:
        return authenticate_admin(bearer, keys)
    except Refusal:
        _refuse_data_key(bearer, keys)
        newer = _newer_ring() if bearer else None
        if newer is None:
            raise
    return authenticate_admin(bearer, newer)


def caller(bearer: str | None) -> Caller:
    """As `complete` decides it."""
    issued = issuer()
    if issued and issued.names.tenant and bearer and is_token(bearer):
        caller = caller_of(issued.claims(bearer), issued.names)
    else:
        caller = authenticate(bearer, ring())
    table = stage.control()
    records = {scope: boto_tables.get(table, scope, "scope") or {} for scope in scopes_of(caller)[:3]}  # its key, team and tenant
    check_standing(caller, records, stage.now_ms())
    return caller


KINDS: Mapping[str | None, Callable[[str | None], Who]] = {EVERYBODY: lambda bearer: None, CALLERS: caller}


def ring(*, anew: bool = False) -> KeyRing:
    """Refusal ledger_unavailable, as callers are told, where it cannot be had or is not as it should be."""
    try:
        return KeyRing.parse(parameters.get_secret(os.environ["SIGNALBOX_KEY_SECRET"], max_age=SECRET_AGE_S, force_fetch=anew))
    except (parameters.GetParameterError, ValueError, KeyError, TypeError, AttributeError) as error:
        stage.logger.error("the key secret cannot be read", error=type(error).__name__)  # what it says may be in the error's own words
        raise Refusal("ledger_unavailable", "Keys cannot be checked right now. Try again.", retry_after_s=1) from None


def _newer_ring() -> KeyRing | None:
    """A key drawn a moment ago is not in what is kept. None within seconds of the last look: forged keys shall not cost one each."""
    global _looked_s
    now_s = time.monotonic()
    if now_s - _looked_s < LOOK_AGAIN_S:
        return None
    _looked_s = now_s
    return ring(anew=True)


def unminted(key_id: str) -> Caller | None:
    """Of a row of the key secret, or of a token, whose team each token says anew: neither needs a record. None for any other."""
    if tenant := tenant_of(key_id):
        return Caller(key_id, tenant, "", minted=False)
    return next((caller for caller in static_callers(ring()) if caller.key_id == key_id), None)


def issuer() -> Issuer | None:
    """Of tokens, where the stage takes any."""
    settings = Settings.from_env(os.environ)
    return _issuer(settings) if settings else None


@cache
def _issuer(settings: Settings) -> Issuer:
    return Issuer(settings, Pool())


def _covers(row: Row, path: str) -> bool:
    wanted, said = row.path.split("/"), path.split("/")
    return len(wanted) <= len(said) and all(part in ("*", other) for part, other in zip(wanted, said, strict=False))


def _nothing_for(method: str, path: str) -> Refusal:
    methods = sorted({method for row in ROWS if _covers(row, path) for method in row.methods})
    if methods:
        return Refusal("method_not_allowed", f"{path[:200]} takes {', '.join(methods)}, not {method[:20]}.")
    return Refusal("not_found", f"There is nothing at {path[:200]}. GET /openapi.json lists what there is.")


def _refuse_data_key(bearer: str | None, keys: KeyRing) -> None:
    try:
        authenticate(bearer, keys)
    except Refusal:
        return
    raise Refusal("permission_denied", "A data key cannot do this. It needs an admin key.")
