"""/admin/keys: data keys are minted and renewed here, and shown once."""

import re
from datetime import UTC, datetime
from secrets import token_hex
from typing import Annotated, Any

import access
import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from forms import KeyId
from grants import Grants
from key_views import Deleted, Key, KeyBudget, KeyChange, Keys, MintedKey, NewKey, Rotation, said

from signalbox.admission.keys import digest_of, mint
from signalbox.aws import boto_budgets, boto_keys
from signalbox.errors import Refusal
from signalbox.money import NANOUSD_PER_USD

router = Router()

MINTED = re.compile("k0[0-9a-f]{21}")  # as `create` has it, up to the year 2527
MOST_SECRETS = 8  # of one key, at once
SAID = {"expires_ms", "budgets", *Grants.model_fields}  # of a record, beside whose it is

AskedTenant = Annotated[str, Query(max_length=64, description="Only those of this tenant")]
AskedTeam = Annotated[str, Query(max_length=64, description="And of this team of it")]


@router.post("/admin/keys", summary="Mint a data key", status_code=201, tags=["keys"])
def create(new: NewKey) -> MintedKey:
    if len({budget.period for budget in new.budgets}) < len(new.budgets):
        raise Refusal("invalid_request", "budgets: one period is there twice; keep one of them.", param="budgets")
    now = stage.now()
    key_id = f"k{int(now.timestamp() * 1000):012x}{token_hex(5)}"  # begins with the time, so that ids sort by it
    secret, stored = _minted(key_id, new.tenant, new.team)
    record = {name: value for name, value in new.to_record().items() if value is not None}
    status = "disabled" if new.budgets else new.status  # until they are there: what breaks off in between leaves a key that may nothing
    record |= {"name": new.name, "tenant": new.tenant, "team": new.team, "status": status, "secrets": [stored]}
    record |= {"created_at": now.isoformat(timespec="seconds"), "created_by": router.context["who"]}
    boto_keys.create(stage.control(), key_id, record)
    try:
        if new.budgets:
            _set_budgets(key_id, new.budgets)
            boto_keys.change(stage.control(), key_id, {"status": new.status})
    except Exception:
        boto_keys.delete(stage.control(), key_id)  # rather than one that may spend what it was not to
        raise
    told = ", disabled" if new.status == "disabled" else ""
    router.append_context(changed=f"key {key_id} of {new.tenant}/{new.team}{told}", tenant=new.tenant)
    return MintedKey(**said(_found(key_id)), secret=secret)


@router.get("/admin/keys", summary="List minted keys, oldest first", tags=["keys"])
def list_keys(
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    after: Annotated[str, Query(max_length=100)] = "",
    tenant: AskedTenant = "",
    team: AskedTeam = "",
) -> Keys:
    if team and not tenant:
        raise Refusal("invalid_request", "team: name its tenant too: ?tenant=…&team=….", param="team")
    return Keys(keys=[Key(**said(record)) for record in boto_keys.page(stage.control(), limit, after, tenant=tenant, team=team)])


@router.get("/admin/keys/<key_id>", summary="Show a minted key", tags=["keys"])
def show(key_id: KeyId) -> Key:
    return Key(**said(_found(key_id)))


@router.patch("/admin/keys/<key_id>", summary="Change what a minted key may; disable it, or make it active again", tags=["keys"])
def change(key_id: KeyId, change: KeyChange) -> Key:
    new = change.to_record() | change.model_dump(include={"name", "status"}, exclude_none=True)
    if new and not boto_keys.change(stage.control(), key_id, new):
        _adopt(key_id)
        if not boto_keys.change(stage.control(), key_id, new):
            raise _unknown(key_id)
    others = sorted(change.model_fields_set - {"status"})
    told = ([f"is {change.status}"] if change.status else []) + ([f"has another {', '.join(others)}"] if others else [])
    shown = show(key_id)
    router.append_context(changed=f"key {key_id} {' and '.join(told) or 'stays as it is'}", tenant=shown.tenant)
    return shown


@router.post("/admin/keys/<key_id>/rotate", summary="Give a minted key a new secret; the old one stays good for a while", tags=["keys"])
def rotate(key_id: KeyId, asked: Rotation | None = None) -> MintedKey:
    record, overlap_s = _found(key_id), (asked or Rotation()).overlap_s
    if not record["secrets"]:
        raise Refusal("conflict", f"Key {key_id} was not minted here: its row of the key secret, or its issuer, gives it another.")
    secret, stored = _minted(key_id, record["tenant"], record["team"])
    now_ms = stage.now_ms()
    old = [row | {"until_ms": min(row.get("until_ms", now_ms + overlap_s * 1000), now_ms + overlap_s * 1000)} for row in record["secrets"]]
    secrets = [stored, *(row for row in old if row["until_ms"] > now_ms)]
    if len(secrets) > MOST_SECRETS:
        message = f"This key has {len(secrets) - 1} secrets that still are good. End them with a smaller overlap_s, or wait."
        raise Refusal("conflict", message)
    if not boto_keys.change(stage.control(), key_id, {"secrets": secrets}, {"secrets": record["secrets"]}):
        raise _contended(key_id)
    old_one = f"for {overlap_s} s more" if overlap_s else "no more"
    router.append_context(changed=f"key {key_id} has a new secret, and the old one {old_one}", tenant=record["tenant"])
    return MintedKey(**said(record | {"secrets": secrets}), secret=secret)


@router.delete("/admin/keys/<key_id>", summary="Delete a minted key for good", tags=["keys"])
def delete(key_id: KeyId) -> Deleted:
    record = _found(key_id)
    if not record["secrets"] and (said := _said_of(record)):  # it is good without a record, and would be let in again
        message = f"Key {key_id} was not minted here, and is as its own row or token says once it is deleted. Take back first: {said}."
        raise Refusal("conflict", message)
    if not boto_keys.delete(stage.control(), key_id, bare=not record["secrets"]):
        raise _contended(key_id)
    router.append_context(changed=f"key {key_id} is deleted", tenant=record["tenant"])
    return Deleted(id=key_id, deleted=True)


def _minted(key_id: str, tenant: str, team: str) -> tuple[str, dict[str, Any]]:
    """The key, and what is stored of it."""
    mac_key = access.ring().mac_key
    secret = mint(key_id, tenant, team, mac_key)
    return secret, {"hash": digest_of(secret, mac_key)}


def _adopt(key_id: str) -> None:
    """A key that was not minted has a record once it is to be otherwise than its own row or token says."""
    caller = access.unminted(key_id)
    if caller is None:
        raise _unknown(key_id)
    record = {"tenant": caller.tenant, "team": caller.team, "name": key_id, "status": "active", "secrets": []}
    made = {"created_at": stage.now().isoformat(timespec="seconds"), "created_by": router.context["who"]}
    boto_keys.adopt(stage.control(), key_id, record | made)


def _said_of(record: dict[str, Any]) -> str:
    said = {"status": record["status"] != "active", **{name: bool(value) for name, value in record.items() if name in SAID}}
    return ", ".join(name for name, is_said in said.items() if is_said)


def _set_budgets(key_id: str, budgets: list[KeyBudget]) -> None:
    for row in budgets:
        limit_nanousd, scope = int(row.limit_usd * NANOUSD_PER_USD), boto_keys.scope(key_id)
        boto_budgets.change(stage.control(), stage.ledger(), scope, row.period, limit_nanousd, row.hard, stage.now_ms(), minted=True)


def _found(key_id: str) -> dict[str, Any]:
    record = boto_keys.find(stage.control(), key_id)
    if record is None:
        raise _unknown(key_id)
    return record


def _contended(key_id: str) -> Refusal:
    return Refusal("request_in_progress", f"Others changed key {key_id} first. Look at it, then try again.", retry_after_s=1)


def _unknown(key_id: str) -> Refusal:
    if MINTED.fullmatch(key_id):
        day = datetime.fromtimestamp(int(key_id[1:13], 16) / 1000, UTC).date()
        message = (
            f"Key {key_id} is not here: by its id it was minted on {day}; it has been deleted since, or is another stage's."
            f" GET /admin/audit?path=/admin/keys/{key_id}&from={day} says who deleted it."
        )
        return Refusal("not_found", message)
    return Refusal(
        "not_found",
        f"No key {key_id[:100]} was minted here. GET /admin/keys lists them; static keys are rows of the key secret, and of them and of"
        " tokens there is something to show once PATCH has changed it.",
    )
