"""What this stage's control functions stand on: its tables, bucket and bus, by the names in the environment."""

import os
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from signalbox.aws import boto_bus, boto_fields, boto_tables
from signalbox.aws.boto_drafts import Drafts
from signalbox.aws.boto_fields import Fields
from signalbox.aws.boto_versions import Versions
from signalbox.config import announcement

logger = Logger()


def control() -> Any:
    return boto_tables.table(os.environ["SIGNALBOX_CONTROL_TABLE"])


def ledger() -> Any:
    return boto_tables.table(os.environ["SIGNALBOX_LEDGER_TABLE"])


def usage() -> Any:
    return boto_tables.table(os.environ["SIGNALBOX_USAGE_TABLE"])


def versions() -> Versions:
    return Versions(control(), boto_bus.client("s3"), os.environ["SIGNALBOX_CONFIG_BUCKET"], announce, ledger=ledger(), fields=fields())


def drafts() -> Drafts:
    return Drafts(control(), boto_bus.client("s3"), os.environ["SIGNALBOX_CONFIG_BUCKET"], fields())


def samples() -> Any:
    return boto_tables.table(os.environ["SIGNALBOX_SAMPLE_TABLE"])


def fields() -> Fields:
    return boto_fields.of(os.environ)


def announce(name: str, detail: dict[str, Any]) -> None:
    """To the bus, and of what people are told to the topic too. The change is made by then: what does not get through undoes nothing."""
    try:
        boto_bus.publish(os.environ["SIGNALBOX_BUS"], [(name, detail)])
    except Exception:
        _not_told("an event was not published", name, detail)
    topic = os.environ.get("SIGNALBOX_ALERT_TOPIC")
    if not topic or name != announcement.NAME:
        return
    try:
        boto_bus.notify(topic, *announcement.to_message(detail, os.environ.get("SIGNALBOX_STAGE", "")), event=name)
    except Exception:
        _not_told("nobody was notified", name, detail)


def _not_told(what: str, name: str, detail: dict[str, Any]) -> None:
    logger.exception(what, event_name=name, detail=detail)
    with single_metric("AnnouncementsFailed", MetricUnit.Count, 1, namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Signalbox")):
        pass


def now() -> datetime:
    return datetime.now(UTC)


def now_ms() -> int:
    return int(now().timestamp() * 1000)
