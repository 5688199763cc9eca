"""Each minute: what containers began and did not finish. Their requests are settled and published, and expired leases go back."""

import os
import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from signalbox.aws.client import Aws
from signalbox.aws.reconcile import Reconciler
from signalbox.aws.tables import Tables

SPARE_MS = 5_000

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    swept = Reconciler(Aws(os.environ), Tables.from_env(os.environ), now_ms).sweep(
        until_ms=now_ms() + context.get_remaining_time_in_millis() - SPARE_MS
    )
    metrics.add_metric("RequestsEstimated", MetricUnit.Count, swept.estimated)
    metrics.add_metric("UsagePublishedLate", MetricUnit.Count, swept.published)
    metrics.add_metric("SweepFailures", MetricUnit.Count, swept.failed)
    if swept.estimated or swept.failed:
        logger.warning("swept", estimated=swept.estimated, published=swept.published, failed=swept.failed)
    return {"estimated": swept.estimated, "published": swept.published, "failed": swept.failed}


def now_ms() -> int:
    return int(time.time() * 1000)
