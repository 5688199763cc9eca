"""Outcomes of attempts open and close the circuits."""

import os
import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from signalbox.aws import boto_circuits, boto_inbox, boto_snapshots, boto_tables
from signalbox.circuits.tracker import outcomes_of

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    events, answer = boto_inbox.read(event, logger)
    outcomes = [outcome for usage in events.values() for outcome in outcomes_of(usage.model_dump())]
    metrics.add_metric("OutcomesTracked", MetricUnit.Count, len(outcomes))
    control = boto_tables.table(os.environ["SIGNALBOX_CONTROL_TABLE"])
    settings = boto_snapshots.circuit_settings(control, os.environ["SIGNALBOX_CONFIG_BUCKET"])
    for transition in boto_circuits.fold(control, os.environ["SIGNALBOX_BUS"], outcomes, int(time.time() * 1000), settings):
        metrics.add_metric(transition.name, MetricUnit.Count, 1)
        logger.warning(transition.name, target=transition.target, generation=transition.generation, reason=transition.reason)
    return answer
