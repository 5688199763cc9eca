"""/admin/requests/{id}/sample: what was asked and answered, of a request that its route's `capture` took. Each reading is audited."""

from typing import Annotated, Any

import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from pydantic import BaseModel, Field

from signalbox.aws import boto_fields, boto_samples
from signalbox.errors import Refusal

router = Router()


class Sample(BaseModel):
    """Redacted before it was stored: `redacted` says how often each redactor found something. `cut`: there was more."""

    id: str
    at_ms: Annotated[int, Field(description="Epoch")]
    expires_at: Annotated[int, Field(description="Epoch seconds, from when on nobody reads it")]
    tenant: str
    team: str
    key: str
    route: str
    target: str
    outcome: str
    status: int
    stream: bool
    prompt: Annotated[list[Any], Field(description="Messages with role, text and parts; of embeddings their texts")]
    answer: Annotated[list[Any], Field(description="Choices with text, tools, refusal and finish; none where the request failed")]
    cut: bool
    redacted: dict[str, int]


@router.get("/admin/requests/<request_id>/sample", summary="What was asked and answered, redacted", tags=["usage"])
def show_sample(request_id: str) -> Sample:
    try:
        sample = boto_samples.read(stage.samples(), stage.fields(), request_id, stage.now_ms() // 1000)
    except boto_fields.Unopened as error:
        raise Refusal("not_found", f"The sample of {request_id[:100]} cannot be opened any more. {error}") from error
    if sample is None:
        message = f"There is no sample of {request_id[:100]}: its route captures none, or others, or it has expired. New ones take seconds."
        raise Refusal("not_found", message)
    router.append_context(read=True)
    return Sample(**sample)
