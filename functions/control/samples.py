"""/admin/requests/{id}/sample: what was asked and answered, where the route's `capture` took it. Reading and deleting are audited."""

import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from forms import RequestId
from pydantic import BaseModel

from signalbox.aws import boto_samples
from signalbox.aws.boto_samples import Sample
from signalbox.errors import Refusal

router = Router()


class Deleted(BaseModel):
    id: str
    deleted: bool


@router.get("/admin/requests/<request_id>/sample", summary="What was asked and answered, redacted", tags=["usage"])
def show_sample(request_id: RequestId) -> Sample:
    sample = boto_samples.read(stage.samples(), stage.fields(), request_id, stage.now_ms() // 1000)
    if sample is None:
        raise _none(request_id)
    router.append_context(read=True, tenant=sample.tenant)
    return sample


@router.delete("/admin/requests/<request_id>/sample", summary="Delete what was asked and answered", tags=["usage"])
def delete_sample(request_id: RequestId) -> Deleted:
    tenant = boto_samples.delete(stage.samples(), request_id)
    if tenant is None:
        raise _none(request_id)
    router.append_context(changed=f"the sample of {request_id[:100]}: deleted", tenant=tenant)
    return Deleted(id=request_id, deleted=True)


def _none(request_id: str) -> Refusal:
    why = "its route captures none, or others, or it has expired or been deleted"
    return Refusal("not_found", f"There is no sample of {request_id[:100]}: {why}. New ones take seconds.")
