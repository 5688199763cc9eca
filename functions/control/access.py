"""Who calls: an operator by an admin key, or a caller by a data key. Which of them a path is for is one table, and closed by default."""

import os
from collections.abc import Mapping

import stage
from aws_lambda_powertools.utilities import parameters

from signalbox.admission.budgets import scopes_of
from signalbox.admission.keys import Caller, KeyRing, authenticate, authenticate_admin, check_standing
from signalbox.aws import boto_keys
from signalbox.errors import Refusal

SECRET_AGE_S = 60

Who = str | Caller | None


def ring() -> KeyRing:
    return KeyRing.parse(parameters.get_secret(os.environ["SIGNALBOX_KEY_SECRET"], max_age=SECRET_AGE_S))


def is_static(key_id: str) -> bool:
    """A row of the key secret, which needs no record."""
    return any(row["key_id"] == key_id for row in ring().data_keys.values())


def nobody(bearer: str | None) -> None:
    return None


def operator(bearer: str | None) -> str:
    """The operator's name. A data key is told that it is known and not enough."""
    keys = ring()
    try:
        return authenticate_admin(bearer, keys)
    except Refusal:
        _refuse_data_key(bearer, keys)
        raise


def caller(bearer: str | None) -> Caller:
    """As `complete` decides it."""
    caller = authenticate(bearer, ring())
    records = boto_keys.records(stage.control(), scopes_of(caller))
    check_standing(caller, records, stage.now_ms())
    return caller


FOR = (("/openapi.json", nobody), ("/v1/", caller), ("/", operator))


def identify(path: str, headers: Mapping[str, str]) -> Who:
    """Raises Refusal."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    bearer = key.strip() if scheme.lower() == "bearer" else None
    return next(who for prefix, who in FOR if path.startswith(prefix))(bearer)


def _refuse_data_key(bearer: str | None, keys: KeyRing) -> None:
    try:
        authenticate(bearer, keys)
    except Refusal:
        return
    raise Refusal("permission_denied", "A data key cannot do this. It needs an admin key.")
