"""/admin/keys: data keys are minted here and shown once."""

from secrets import token_hex
from typing import Annotated, Literal

import access
import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, ConfigDict, Field

from signalbox.admission.keys import mint
from signalbox.aws import boto_keys
from signalbox.errors import Refusal

router = Router()

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"  # no `#` and no `/`: they part the names of scopes and of secrets
Name = Annotated[str, Field(pattern=NAME)]


class NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200, description="For people; a key is known by its id")]
    tenant: Name
    team: Name = "default"
    fallbacks: Annotated[bool, Field(description="Whether its requests may bring `fallbacks` of their own")] = False


class Key(BaseModel):
    id: str
    name: str
    tenant: str
    team: str
    fallbacks: bool = False
    status: Literal["active", "disabled"]
    created_at: str
    created_by: str


class MintedKey(Key):
    secret: Annotated[str, Field(description="The key itself. It is shown this once and stored nowhere")]


class Keys(BaseModel):
    keys: list[Key]


class KeyChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: Literal["active", "disabled"]


class Deleted(BaseModel):
    id: str
    deleted: bool


@router.post("/admin/keys", summary="Mint a data key", status_code=201, tags=["keys"])
def create(new: NewKey) -> MintedKey:
    now = stage.now()
    key_id = f"k{int(now.timestamp() * 1000):012x}{token_hex(5)}"  # begins with the time, so that ids sort by it
    record = new.model_dump() | {"status": "active", "created_at": now.isoformat(timespec="seconds"), "created_by": router.context["who"]}
    boto_keys.create(stage.control(), key_id, record)
    router.append_context(changed=f"key {key_id} of {new.tenant}/{new.team}")
    return MintedKey(id=key_id, secret=mint(key_id, new.tenant, new.team, access.ring().mac_key), **record)


@router.get("/admin/keys", summary="List minted keys, oldest first", tags=["keys"])
def list_keys(limit: Annotated[int, Query(ge=1, le=100)] = 50, after: Annotated[str, Query(max_length=100)] = "") -> Keys:
    return Keys(keys=[Key(**record) for record in boto_keys.page(stage.control(), limit, after)])


@router.get("/admin/keys/<key_id>", summary="Show a minted key", tags=["keys"])
def show(key_id: str) -> Key:
    record = boto_keys.find(stage.control(), key_id)
    if record is None:
        raise _unknown(key_id)
    return Key(**record)


@router.patch("/admin/keys/<key_id>", summary="Disable a minted key, or make it active again", tags=["keys"])
def change(key_id: str, change: KeyChange) -> Key:
    if not boto_keys.set_status(stage.control(), key_id, change.status):
        raise _unknown(key_id)
    router.append_context(changed=f"key {key_id} is {change.status}")
    return show(key_id)


@router.delete("/admin/keys/<key_id>", summary="Delete a minted key for good", tags=["keys"])
def delete(key_id: str) -> Deleted:
    if not boto_keys.delete(stage.control(), key_id):
        raise _unknown(key_id)
    router.append_context(changed=f"key {key_id} is deleted")
    return Deleted(id=key_id, deleted=True)


def _unknown(key_id: str) -> Refusal:
    return Refusal(
        "not_found", f"No key {key_id[:100]} was minted here. GET /admin/keys lists them; static keys are rows of the key secret."
    )
