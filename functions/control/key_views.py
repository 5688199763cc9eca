"""What /admin/keys takes and answers."""

from collections.abc import Mapping
from typing import Annotated, Any

import stage
from budgets import Period
from forms import LimitUsd, Switch, Whole
from grants import Granted, Grants, Standing, Status, to_granted, to_iso
from printable import Printable
from pydantic import BaseModel, ConfigDict, Field, model_validator
from usage import to_usd

from signalbox.admission.budgets import to_budgets
from signalbox.admission.keys import NAME
from signalbox.errors import Refusal

FOREVER_S = 366 * 86_400
EITHER_WORD = "`disabled`, true or false, may stand instead"

Name = Annotated[str, Field(pattern=NAME)]
Title = Annotated[Printable, Field(min_length=1, max_length=200, description="For people; a key is known by its id")]


class KeyBudget(BaseModel):
    model_config = ConfigDict(extra="forbid")

    period: Period
    limit_usd: LimitUsd
    hard: Switch = True


class Stated(Grants):
    @model_validator(mode="before")
    @classmethod
    def stated(cls, said: Any) -> Any:
        """By either word."""
        if not isinstance(said, dict) or "disabled" not in said:
            return said
        disabled = said["disabled"]
        if not isinstance(disabled, bool) or "status" in said:
            message = "disabled: it is true or false, and stands instead of status, not beside it."
            raise Refusal("invalid_request", message, param="disabled")
        return {name: value for name, value in said.items() if name != "disabled"} | {"status": "disabled" if disabled else "active"}


class NewKey(Stated):
    name: Title
    tenant: Name
    team: Name = "default"
    status: Annotated[Status, Field(description=EITHER_WORD)] = "active"
    budgets: Annotated[list[KeyBudget], Field(max_length=4, description="As POST /admin/budgets sets them, before the key is shown")] = []


class ShownBudget(BaseModel):
    period: str
    limit_usd: str
    hard: bool


class Key(Granted):
    """GET /admin/budgets says what is left of the budgets."""

    id: str
    name: str
    tenant: str
    team: Annotated[str, Field(description="Empty for a token's subject, whose team each token says")]
    status: Annotated[Standing, Field(description="expired: it is active, and its time is over; another `expires_at` lets it ask again")]
    budgets: list[ShownBudget] = []
    created_at: str
    created_by: str
    old_secret_until: Annotated[str | None, Field(description="When the one before the last rotation ends, if it still is good")] = None


class MintedKey(Key):
    secret: Annotated[str, Field(description="The key itself. It is shown this once and stored nowhere")]


class Keys(BaseModel):
    keys: list[Key]


class KeyChange(Stated):
    name: Title | None = None
    status: Annotated[Status | None, Field(description=EITHER_WORD)] = None


class Rotation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    overlap_s: Annotated[Whole, Field(ge=0, le=FOREVER_S, description="How long the old secret stays good; 0: not any more")] = 86_400


class Deleted(BaseModel):
    id: str
    deleted: bool


def said(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of its key, and nothing of its secrets."""
    budgets = [
        ShownBudget(period=budget.kind, limit_usd=to_usd(budget.limit_nanousd), hard=budget.hard) for budget in to_budgets("", record)
    ]
    old_ms = max((row["until_ms"] for row in record["secrets"] if row.get("until_ms", 0) > stage.now_ms()), default=None)
    return to_granted(record) | {"budgets": budgets, "old_secret_until": to_iso(old_ms)}
