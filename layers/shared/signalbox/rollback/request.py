"""What may be asked of the roll-back workflow: an action, or the undoing of an earlier roll-back."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .actions import ACTIONS

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:#-]{1,120}$")]


class InvalidRequest(Exception):
    """Says what is wrong with the input, field by field. Asking again as it stands cannot help."""


class RollbackRequest(BaseModel):
    """The input of the workflow, and the detail of a `RollbackRequested`. `id` makes two deliveries of one request the same."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    version: Literal[1] = 1
    id: Id | None = None
    at_ms: int | None = None
    action: str | None = None
    undo: Id | None = None
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    requested_by: Annotated[str, Field(min_length=1, max_length=200)] = "unnamed"

    @model_validator(mode="before")
    @classmethod
    def _undoing_explains_itself(cls, input: Any) -> Any:
        return {"reason": f"undo of {input['undo']}"} | input if isinstance(input, dict) and "undo" in input else input

    @model_validator(mode="after")
    def _one_thing_is_asked(self) -> "RollbackRequest":
        if (self.action is None) == (self.undo is None):
            raise ValueError("give either `action` or `undo`")
        if self.action is not None and self.action not in ACTIONS:
            raise ValueError(f"`action` must be one of {', '.join(ACTIONS)}")
        return self

    @property
    def name(self) -> str:
        return self.action or "undo"


def to_request(input: Any) -> RollbackRequest:
    """`input` is the request itself, or an event of the bus that holds one, as template.yaml hands it over."""
    if isinstance(input, dict) and set(input) == {"event_id", "detail"}:
        input = _of_event(input["event_id"], input["detail"])
    try:
        return RollbackRequest.model_validate(input)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, problem['loc'])) or 'input'}: {problem['msg']}" for problem in error.errors(include_input=False))
        raise InvalidRequest("; ".join(problems)) from None


def _of_event(event_id: Any, detail: Any) -> Any:
    """However often the bus delivers an event, its id is the same."""
    return detail | {"id": event_id} if isinstance(detail, dict) and detail.get("id") is None else detail
