"""Samples that `complete` took, redacted already, into their table: sealed by field, and gone after their route's days."""

import os
import time
from typing import Any, Literal

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.parser.models import SqsRecordModel
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ConfigDict, Json

from signalbox.aws import boto_fields, boto_samples, boto_tables

logger = Logger()
tracer = Tracer()
metrics = Metrics()


class Sent(boto_samples.Sample):
    """As `complete` sends it."""

    version: Literal[1]


class Message(SqsRecordModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    body: Json[Sent]


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    batch = BatchProcessor(EventType.SQS, model=Message, raise_on_entire_batch_failure=False, logger=logger)  # type: ignore[arg-type]
    answer = process_partial_response(event, store, batch, context)
    failed = len(answer["batchItemFailures"])
    metrics.add_metric("SamplesStored", MetricUnit.Count, len(event["Records"]) - failed)
    metrics.add_metric("SamplesFailed", MetricUnit.Count, failed)
    return answer


def store(record: Message) -> None:
    """What has waited past its time is not stored any more."""
    sample = record.body
    if sample.expires_at > time.time():
        boto_samples.store(boto_tables.table(os.environ["SIGNALBOX_SAMPLE_TABLE"]), boto_fields.of(os.environ), sample)
