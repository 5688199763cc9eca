"""Outcomes of attempts open and close the circuits, and say how targets fare."""

import os
import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from signalbox.aws import boto_circuits, boto_health, boto_inbox, boto_snapshots, boto_tables
from signalbox.circuits.tracker import outcomes_of
from signalbox.routing.health import Sample
from signalbox.routing.samples import samples_of

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    events, answer = boto_inbox.read(event, logger)
    details = [usage.model_dump() for usage in events.values()]
    outcomes = [outcome for detail in details for outcome in outcomes_of(detail)]
    metrics.add_metric("OutcomesTracked", MetricUnit.Count, len(outcomes))
    control = boto_tables.table(os.environ["SIGNALBOX_CONTROL_TABLE"])
    settings = boto_snapshots.circuit_settings(control, os.environ["SIGNALBOX_CONFIG_BUCKET"])
    now_ms = int(time.time() * 1000)
    for transition in boto_circuits.fold(control, os.environ["SIGNALBOX_BUS"], outcomes, now_ms, settings):
        metrics.add_metric(transition.name, MetricUnit.Count, 1)
        logger.warning(transition.name, target=transition.target, generation=transition.generation, reason=transition.reason)
    follow(control, [sample for detail in details for sample in samples_of(detail)], now_ms)
    return answer


def follow(control: Any, samples: list[Sample], now_ms: int) -> None:
    """After the circuits, which a failure here must not make wait: what is lost are a few attempts of an average."""
    try:
        boto_health.fold(control, samples, now_ms)
    except Exception:
        logger.exception("the health of targets could not be written")
        metrics.add_metric("HealthUnwritten", MetricUnit.Count, 1)
