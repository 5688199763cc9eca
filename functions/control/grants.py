"""What a key may: asked for when it is minted or changed, kept in its record, and shown."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import stage
from forms import TAG, Switch
from moments import Moment, future_ms
from printable import Printable
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from signalbox.admission.rates import MOST
from signalbox.aws import boto_snapshots
from signalbox.completion.permits import means
from signalbox.errors import Refusal

LIMITS = "Names that are left out have their default, null is no limit, and 0 suspends"
MODELS = "What `model` may name: ids of models, aliases, or provider/*. With `routes` beside it, either; null: whatever `routes` says"
OVER = "To end a key now, disable or delete it."
MOST_AT_ONCE = 10_000  # they are one item, which has no room for many more
EXPIRES = "When it ends, as 2027-01-31T00:00:00Z; null: never"

LimitName = Literal["requests_per_minute", "requests_per_hour", "tokens_per_minute", "concurrency"]
Limits = Annotated[dict[LimitName, int | None], Field(description=LIMITS)]


def _countable(limits: dict[LimitName, int | None]) -> dict[LimitName, int | None]:
    for name, limit in limits.items():
        most = MOST_AT_ONCE if name == "concurrency" else MOST
        if limit is not None and limit > most:
            raise PydanticCustomError("countable", f"{name} may be {most:,} at the most, as no more are counted; null is no limit")
    return limits


NewLimits = Annotated[
    dict[LimitName, Annotated[int, Field(ge=0, strict=True, json_schema_extra={"maximum": MOST})] | None],
    Field(description=f"{LIMITS}. `concurrency` is {MOST_AT_ONCE:,} at the most"),
    AfterValidator(_countable),
]
Model = Annotated[str, Field(min_length=1, max_length=200)]
Models = Annotated[list[Model], Field(max_length=100)]
Headed = Annotated[list[Annotated[Printable, Field(min_length=1, max_length=200)]], Field(max_length=100)]
Tag = Annotated[Printable, Field(pattern=TAG)]
Status = Literal["active", "disabled"]
Standing = Literal["active", "disabled", "expired"]


class Grants(BaseModel):
    """What is left out has its default, or stays as it is; null is the default."""

    model_config = ConfigDict(extra="forbid")

    expires_at: Annotated[Moment | None, Field(description=EXPIRES)] = None
    models: Annotated[Models | None, Field(description=MODELS)] = None
    routes: Annotated[Models | None, Field(description="The routes that `model` may name; with neither, whatever there is")] = None
    agents: Annotated[Headed | None, Field(description="Who may be named by x-signalbox-agent; * is whoever")] = None
    teams: Annotated[Headed | None, Field(description="Its tenant's teams that may be named by x-signalbox-team, and count; * is any")] = (
        None
    )
    tags: Annotated[list[Tag] | None, Field(max_length=16, description="Each of its requests has these, whatever else it brings")] = None
    fallbacks: Annotated[Switch | None, Field(description="Whether its requests may bring `fallbacks` of their own")] = None
    limits: NewLimits | None = None

    def to_record(self) -> dict[str, Any]:
        """What is said, by the names of the record; None where it is to have none. Refusal for what could never be used."""
        said = {name: value for name, value in self.model_dump(exclude_unset=True).items() if name in Grants.model_fields}
        if "expires_at" in said:
            at = said.pop("expires_at")
            said["expires_ms"] = None if at is None else future_ms(at, "expires_at", OVER, "Leave it out for a key that never ends.")
        if named := [(field, name) for field in ("models", "routes") for name in said.get(field) or ()]:
            _known(named)
        return said


class Granted(BaseModel):
    """Without `models` and `routes` it may name whatever there is."""

    expires_at: str | None = None
    models: list[str] | None = None
    routes: list[str] | None = None
    agents: list[str] = []
    teams: list[str] = []
    tags: list[str] = []
    fallbacks: bool = False
    limits: Limits = {}


def to_granted(record: Mapping[str, Any]) -> dict[str, Any]:
    """As it is shown; the rest of the record as it is."""
    expires_ms, status = record.get("expires_ms"), record["status"]
    if status == "active" and expires_ms is not None and expires_ms <= stage.now_ms():
        status = "expired"
    return {**record, "expires_at": to_iso(expires_ms), "status": status}


def to_iso(at_ms: int | None) -> str | None:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds") if at_ms is not None else None


def _known(named: list[tuple[str, str]]) -> None:
    """By the live configuration, if there is one: who mistypes a name makes a key that nobody can use."""
    snapshot = boto_snapshots.live(stage.control(), os.environ["SIGNALBOX_CONFIG_BUCKET"])
    for field, name in named:
        if snapshot and not means(name, snapshot):
            message = f"{field}: there is no {name[:100]!r} in the live configuration. GET /v1/models lists what can be named."
            raise Refusal("invalid_request", message, param=field)
