"""Who asks. A minted key carries its own identity under a MAC, so that a forgery dies without I/O; static keys are matched by digest."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import Refusal

PREFIX = "sk-sb-"
MAC_BYTES = 16
NOTHING: Mapping[str, Any] = MappingProxyType({})
IDENTITY = frozenset({"key_id", "tenant", "team"})  # of a static key's row; what else it says is granted


class Caller(NamedTuple):
    """`minted` keys must have a record in the control table; a static key is active without one.

    `grants` are what the credential itself says of the key, by the names of a key's record.
    """

    key_id: str
    tenant: str
    team: str
    minted: bool
    grants: Mapping[str, Any] = NOTHING


class KeyRing(NamedTuple):
    """The KeySecret, read once. Static keys are held by the sha256 of the key, never by the key."""

    mac_key: bytes
    data_keys: Mapping[str, Mapping[str, Any]]
    admin_keys: Mapping[str, str]

    @classmethod
    def parse(cls, secret: str) -> "KeyRing":
        fields = json.loads(secret)
        return cls(fields["mac_key"].encode(), fields.get("data_keys", {}), fields.get("admin_keys", {}))


def authenticate(bearer: str | None, ring: KeyRing) -> Caller:
    """The caller behind a bearer key (without `Bearer `). Refusal invalid_key for everything else; no I/O."""
    if not bearer:
        raise Refusal("invalid_key", "No API key was given: send it as `Authorization: Bearer <key>`.")
    if bearer.startswith(PREFIX):
        caller = _minted(bearer, ring.mac_key)
    else:
        row = _matched(bearer, ring.data_keys)
        caller = _static(row) if row else None
    if caller is None:
        raise Refusal("invalid_key", "This API key is not valid: check it, or ask for a new one.")
    return caller


def authenticate_admin(bearer: str | None, ring: KeyRing) -> str:
    """The name of the operator behind an admin key. Refusal invalid_key for everything else."""
    name = _matched(bearer, ring.admin_keys) if bearer else None
    if name is None:
        raise Refusal("invalid_key", "This needs an admin key: send it as `Authorization: Bearer <key>`.")
    return name


def mint(key_id: str, tenant: str, team: str, mac_key: bytes) -> str:
    """The key that `authenticate` will read these three from."""
    payload = _encode(json.dumps([key_id, tenant, team], separators=(",", ":"), ensure_ascii=False).encode())
    return f"{PREFIX}{payload}.{_encode(_mac(payload, mac_key))}"


def record_of(caller: Caller, records: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """What the key's record says, and what its credential grants where the record is silent."""
    record = records.get(f"key#{caller.key_id}", NOTHING)
    return {**caller.grants, **record} if caller.grants else record


def check_standing(caller: Caller, records: Mapping[str, Mapping[str, Any]]) -> None:
    """Refusal where the key was revoked, or its team or tenant disabled. `records` are the scope records, {} where there is none."""
    mine = records[f"key#{caller.key_id}"]
    if mine.get("status") == "disabled" or (caller.minted and not mine):
        raise Refusal("invalid_key", "This API key was revoked: ask for a new one.")
    for scope in (f"team#{caller.tenant}/{caller.team}", f"tenant#{caller.tenant}"):
        if records.get(scope, {}).get("status") == "disabled":
            raise Refusal("permission_denied", f"{scope} is disabled: ask its operators.")


def _minted(key: str, mac_key: bytes) -> Caller | None:
    payload, _, mac = key[len(PREFIX) :].partition(".")
    if not key.isascii() or not hmac.compare_digest(mac.encode(), _encode(_mac(payload, mac_key)).encode()):
        return None
    key_id, tenant, team = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return Caller(key_id, tenant, team, minted=True)


def _static(row: Mapping[str, Any]) -> Caller:
    grants = {name: value for name, value in row.items() if name not in IDENTITY}
    return Caller(row["key_id"], row["tenant"], row["team"], minted=False, grants=grants or NOTHING)


def _matched(key: str, rows: Mapping[str, Any]) -> Any:
    """Every row is compared, and in constant time, so that time tells nothing."""
    digest, found = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest(), None
    for known, row in rows.items():
        if hmac.compare_digest(digest, known):
            found = row
    return found


def _mac(payload: str, mac_key: bytes) -> bytes:
    return hmac.digest(mac_key, payload.encode(), "sha256")[:MAC_BYTES]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
