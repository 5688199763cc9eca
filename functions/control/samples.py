"""/admin/requests/{id}/sample: what was asked and answered, of a request that its route's `capture` took. Each reading is audited."""

import stage
from aws_lambda_powertools.event_handler.api_gateway import Router

from signalbox.aws import boto_samples
from signalbox.aws.boto_samples import Sample
from signalbox.errors import Refusal

router = Router()


@router.get("/admin/requests/<request_id>/sample", summary="What was asked and answered, redacted", tags=["usage"])
def show_sample(request_id: str) -> Sample:
    sample = boto_samples.read(stage.samples(), stage.fields(), request_id, stage.now_ms() // 1000)
    if sample is None:
        message = f"There is no sample of {request_id[:100]}: its route captures none, or others, or it has expired. New ones take seconds."
        raise Refusal("not_found", message)
    router.append_context(read=True)
    return sample
