"""Who asks. A minted key carries its own identity under a MAC, so that a forgery dies without I/O; static keys are matched by digest."""

import base64
import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import Refusal
from .grants import STATIC, unfit

PREFIX = "sk-sb-"
MAC_BYTES = 16
RANDOM_BYTES = 16
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"  # of a tenant or a team: no `#` and no `/`, which part the names of scopes and of secrets
NAMED = re.compile(NAME)
NOTHING: Mapping[str, Any] = MappingProxyType({})
FOREVER_MS = 2**63
ROTATED = "This secret was rotated and has ended: use the newer secret of its key, or ask the operators for another."
IDENTITY = {"key_id": re.compile(r"[^#\s]{1,300}"), "tenant": NAMED, "team": NAMED}  # of a static key's row; what else it says is granted

Records = Mapping[str, Mapping[str, Any]]  # by scope


class Caller(NamedTuple):
    """`minted` keys must have a record in the control table; a static key is active without one.

    `grants` are what the credential itself says of the key, by the names of a key's record. `digest` is the keyed hash of a minted one,
    by which its record knows the secrets that are good.
    """

    key_id: str
    tenant: str
    team: str
    minted: bool
    grants: Mapping[str, Any] = NOTHING
    digest: str = ""


class KeyRing(NamedTuple):
    """The KeySecret, read once. Static keys are held by the sha256 of the key, never by the key."""

    mac_key: bytes
    data_keys: Mapping[str, Any]  # rows as people wrote them; of admin_keys too, which `operators` reads
    admin_keys: Mapping[str, Any]

    @classmethod
    def parse(cls, secret: str) -> "KeyRing":
        """ValueError, KeyError or TypeError where it is not as it should be: then nobody is let in."""
        fields = json.loads(secret)
        mac_key, *rows = fields["mac_key"], fields.get("data_keys", {}), fields.get("admin_keys", {})
        if not (isinstance(mac_key, str) and mac_key and all(isinstance(named, dict) for named in rows)):
            raise ValueError("a mac_key, and rows by the digests of keys were expected")
        return cls(mac_key.encode(), *rows)


def authenticate(bearer: str | None, ring: KeyRing) -> Caller:
    """The caller behind a bearer key (without `Bearer `). Refusal invalid_key for everything else; no I/O."""
    if not bearer:
        raise Refusal("invalid_key", "No API key was given: send it as `Authorization: Bearer <key>`.")
    if bearer.startswith(PREFIX):
        caller = _minted(bearer, ring.mac_key)
    else:
        row = matched(bearer, ring.data_keys)
        caller = _static(row) if row is not None else None
    if caller is None:
        raise Refusal("invalid_key", "This API key is not valid: check it, or ask for a new one.")
    return caller


def static_callers(ring: KeyRing) -> Iterator[Caller]:
    """Those of the rows that let anybody in; one that is not understood is passed over."""
    for row in ring.data_keys.values():
        with suppress(Refusal):
            yield _static(row)


def mint(key_id: str, tenant: str, team: str, mac_key: bytes) -> str:
    """A key that `authenticate` will read these three from, another each time."""
    named = [key_id, tenant, team, _encode(os.urandom(RANDOM_BYTES))]
    payload = _encode(json.dumps(named, separators=(",", ":"), ensure_ascii=False).encode())
    return f"{PREFIX}{payload}.{_encode(_mac(payload, mac_key))}"


def digest_of(key: str, mac_key: bytes) -> str:
    """What is stored of a minted key: its keyed hash, of which nobody makes a key."""
    return hmac.digest(mac_key, key.encode(), "sha256").hex()


def record_of(caller: Caller, records: Records) -> Mapping[str, Any]:
    """What the key's record says, and what its credential grants where the record is silent: of limits, name by name."""
    record = records.get(f"key#{caller.key_id}", NOTHING)
    if not caller.grants:
        return record
    said = [row["limits"] for row in (caller.grants, record) if isinstance(row.get("limits"), Mapping)]
    limits = {name: limit for row in said for name, limit in row.items()}
    return {**caller.grants, **record, **({"limits": limits} if said else {})}


def knows(caller: Caller, records: Records, now_ms: int) -> bool:
    """Whether its record names this very secret; of a key that was never minted none is asked for."""
    secrets = record_of(caller, records).get("secrets", ())
    return not caller.minted or any(row["hash"] == caller.digest and now_ms < row.get("until_ms", FOREVER_MS) for row in secrets)


def check_standing(caller: Caller, records: Records, now_ms: int) -> None:
    """Refusal where the key was revoked or has expired, or its team or tenant is disabled. `records` are {} where there is none."""
    record = record_of(caller, records)
    if record.get("status") == "disabled":
        raise Refusal("invalid_key", "This API key is disabled: ask for a new one.")
    if not knows(caller, records, now_ms):
        ended = ROTATED if record.get("secrets") else "This API key was revoked: ask for a new one."
        raise Refusal("invalid_key", ended)
    if record.get("expires_ms", FOREVER_MS) <= now_ms:
        raise Refusal(
            "invalid_key",
            f"This API key expired on {datetime.fromtimestamp(record['expires_ms'] / 1000, UTC):%Y-%m-%d %H:%M} UTC: ask for a new one.",
        )
    check_active(f"team#{caller.tenant}/{caller.team}", records)
    check_active(f"tenant#{caller.tenant}", records)


def check_active(scope: str, records: Records) -> None:
    if records.get(scope, NOTHING).get("status") == "disabled":
        raise Refusal("permission_denied", f"{scope.replace('#', ' ')} is disabled: ask its operators.")


def _minted(key: str, mac_key: bytes) -> Caller | None:
    payload, _, mac = key[len(PREFIX) :].partition(".")
    if not key.isascii() or not hmac.compare_digest(mac.encode(), _encode(_mac(payload, mac_key)).encode()):
        return None
    key_id, tenant, team, *_ = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return Caller(key_id, tenant, team, minted=True, digest=digest_of(key, mac_key))


def _static(row: Any) -> Caller:
    """People write these rows by hand."""
    said = row if isinstance(row, Mapping) else {}
    grants = {name: value for name, value in said.items() if name not in IDENTITY}
    named = (name for name, form in IDENTITY.items() if not (isinstance(said.get(name), str) and form.fullmatch(said[name])))
    wrong = unfit(grants, STATIC) or next(named, None)
    if wrong is not None:
        raise not_understood(wrong)
    return Caller(row["key_id"], row["tenant"], row["team"], minted=False, grants=grants or NOTHING)


def matched(key: str, rows: Mapping[str, Any]) -> Any:
    """Every row is compared, and in constant time, so that time tells nothing."""
    digest, found = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest(), None
    for known, row in rows.items():
        if hmac.compare_digest(digest.encode(), known.encode(errors="surrogatepass")):
            found = row
    return found


def not_understood(what: str) -> Refusal:
    return Refusal("permission_denied", f"What the key secret says of this key is not understood: {what[:50]}. Ask the operators.")


def _mac(payload: str, mac_key: bytes) -> bytes:
    return hmac.digest(mac_key, payload.encode(), "sha256")[:MAC_BYTES]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
