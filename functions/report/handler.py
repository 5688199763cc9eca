"""Each night: the reports of the day before, of every tenant and every team that had any traffic. Of another day or one tenant when asked.

A day is summed by what the totals hold: the same again, and where usage came late, what it is now.
"""

import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from signalbox.aws import boto_bus, boto_snapshots, boto_tables
from signalbox.aws.boto_reports import Kept, Totals
from signalbox.routing.catalog import Snapshot

logger = Logger()
tracer = Tracer()
metrics = Metrics()

TENANTS_AT_ONCE = 16
SPARE_MS = 30_000


class NotAllReported(Exception):
    """Lambda tries again, and whoever minds the alarm: what is there already is written over with the same."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """`event` is the schedule's, or {"day": "2026-11-20"} with or without a "tenant"."""
    day = day_of(event, today())
    totals = Totals(boto_tables.table(os.environ["SIGNALBOX_USAGE_TABLE"]))
    tenants = [event["tenant"]] if event.get("tenant") else list(totals.tenants(day))
    made = publish_all(totals, day, tenants, context)
    published, failed = sum(count or 0 for count in made), sum(count is None for count in made)
    metrics.add_metric("ReportsPublished", MetricUnit.Count, published)
    metrics.add_metric("ReportTenantsFailed", MetricUnit.Count, failed)
    logger.info("reported", day=str(day), tenants=len(tenants), reports=published, failed=failed)
    if failed:
        raise NotAllReported(f'{failed} of {len(tenants)} tenants have no reports of {day}: {{"day": "{day}"}} makes them again')
    return {"day": str(day), "tenants": len(tenants), "reports": published}


def today() -> date:
    return datetime.now(UTC).date()


def day_of(event: dict[str, Any], today: date) -> date:
    """A schedule's event that comes late is still about the day before its own time."""
    if "day" in event:
        day = date.fromisoformat(event["day"])
    else:
        day = datetime.fromisoformat(event["time"]).astimezone(UTC).date() - timedelta(days=1)
    if day >= today:
        raise ValueError(f"{day} is not over: its reports are made the night after")
    return day


def publish_all(totals: Totals, day: date, tenants: Iterable[str], context: LambdaContext) -> list[int | None]:
    """How many reports of each; None where they could not be made, which holds up no other's."""
    kept, limit_s = Kept(boto_bus.client("s3"), os.environ["SIGNALBOX_REPORT_BUCKET"]), limit()

    def publish(tenant: str) -> int | None:
        if context.get_remaining_time_in_millis() < SPARE_MS:
            logger.error("no time was left for a tenant's reports", tenant=tenant)
            return None
        try:
            at_ms, until_s = int(time.time() * 1000), time.monotonic() + limit_s
            details = []
            for made in totals.reports(day, tenant, finished=True):
                if time.monotonic() > until_s:
                    raise TimeoutError(f"they take longer than the document's timeouts.report_s, {limit_s} s")
                details.append(kept.put(made, at_ms))
            boto_bus.publish(os.environ["SIGNALBOX_BUS"], (("ReportPublished", detail) for detail in details))
            return len(details)
        except Exception:
            logger.exception("a tenant's reports were not made", tenant=tenant)
            return None

    with ThreadPoolExecutor(TENANTS_AT_ONCE) as pool:
        return list(pool.map(publish, tenants))


def limit() -> float:
    """Seconds that one tenant's reports may take, by the live document: one that is ill does not take the night from all."""
    control, bucket = boto_tables.table(os.environ["SIGNALBOX_CONTROL_TABLE"]), os.environ["SIGNALBOX_CONFIG_BUCKET"]
    snapshot: Snapshot | None = boto_snapshots.live(control, bucket)
    return snapshot.report_s if snapshot else Snapshot._field_defaults["report_s"]
