"""Usage events as SQS delivers them. A message that is none is reported as failed, and ends in the dead-letter queue after its tries."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.parser.models import SqsRecordModel
from pydantic import ConfigDict, Json

from ..usage.events import Envelope, UsageRecorded


class UsageMessage(SqsRecordModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    body: Json[Envelope[UsageRecorded]]


def processor(logger: Logger) -> BatchProcessor:
    """A batch in which nothing succeeds is answered like any other: an exception would make Lambda count an error of ours."""
    return BatchProcessor(EventType.SQS, model=UsageMessage, raise_on_entire_batch_failure=False, logger=logger)  # type: ignore[arg-type]


def read(event: dict[str, Any], logger: Logger) -> tuple[dict[str, UsageRecorded], PartialItemFailureResponse]:
    """The events of a batch that is handled as a whole, by message, and the answer that names the messages that hold none."""
    events: dict[str, UsageRecorded] = {}
    batch = processor(logger)
    with batch(event["Records"], handler=lambda record: events.update({record.messageId: record.body.detail})):
        batch.process()
    return events, batch.response()
