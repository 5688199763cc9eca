"""Each minute: what containers began and did not finish. Their requests are settled and published, and expired leases go back.

And what budgets wait for: raises whose time is over end, and the stack's daily alert is there.
"""

import os
import time
from decimal import Decimal
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from signalbox.aws import boto_daily_alert, boto_raises
from signalbox.aws.boto_raises import Ended
from signalbox.aws.boto_tables import table
from signalbox.aws.client import Aws
from signalbox.aws.sweep import Sweep
from signalbox.aws.tables import Tables

SPARE_MS = 9_000  # what was begun last may be tried until nobody waits for an answer any more

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    kept = upkeep()
    swept = Sweep(Aws(os.environ), Tables.from_env(os.environ), now_ms).run(
        until_ms=now_ms() + context.get_remaining_time_in_millis() - SPARE_MS
    )
    metrics.add_metric("RequestsEstimated", MetricUnit.Count, swept.estimated)
    metrics.add_metric("UsagePublishedLate", MetricUnit.Count, swept.published)
    metrics.add_metric("SweepFailures", MetricUnit.Count, swept.failed)
    if swept.estimated or swept.failed:
        logger.warning("swept", estimated=swept.estimated, published=swept.published, failed=swept.failed)
    if kept.failures:  # a raise that does not end is worth an alarm
        undone = f"{len(kept.failures)} of what budgets wait for was not done: {', '.join(kept.failures)}"
        raise RuntimeError(f"{undone}. Lambda and the next minute try again; the log says why")
    return {"estimated": swept.estimated, "published": swept.published, "failed": swept.failed, "lowered": kept.lowered}


def upkeep() -> Ended:
    """What fails holds up nothing else, and is tried again by the next run."""
    control, ledger = table(os.environ["SIGNALBOX_CONTROL_TABLE"]), table(os.environ["SIGNALBOX_LEDGER_TABLE"])
    try:
        done = boto_raises.end_due(control, ledger, now_ms())
    except Exception as error:
        done = Ended(0, {"the raises": error})
    try:
        boto_daily_alert.keep(control, ledger, Decimal(os.environ.get("SIGNALBOX_DAILY_ALERT_USD", "0")), now_ms())
    except Exception as error:
        done.failures["the daily alert"] = error
    for what, why in done.failures.items():
        logger.error("what budgets wait for was not done", of=what, exc_info=why)
    metrics.add_metric("BudgetRaisesEnded", MetricUnit.Count, done.lowered)
    metrics.add_metric("BudgetUpkeepFailures", MetricUnit.Count, len(done.failures))
    return done


def now_ms() -> int:
    return int(time.time() * 1000)
