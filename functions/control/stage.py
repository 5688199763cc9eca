"""What this stage's control functions stand on: its tables, bucket and bus, by the names in the environment."""

import os
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from signalbox.aws import boto_bus, boto_tables
from signalbox.aws.boto_versions import Versions

logger = Logger()


def control() -> Any:
    return boto_tables.table(os.environ["SIGNALBOX_CONTROL_TABLE"])


def ledger() -> Any:
    return boto_tables.table(os.environ["SIGNALBOX_LEDGER_TABLE"])


def usage() -> Any:
    return boto_tables.table(os.environ["SIGNALBOX_USAGE_TABLE"])


def versions() -> Versions:
    return Versions(control(), boto_bus.client("s3"), os.environ["SIGNALBOX_CONFIG_BUCKET"], announce)


def announce(name: str, detail: dict[str, Any]) -> None:
    """The change is made when it is told. A bus that does not take it is no reason to say that it failed."""
    try:
        boto_bus.publish(os.environ["SIGNALBOX_BUS"], [(name, detail)])
    except Exception:
        logger.exception("an event was not published", event_name=name, detail=detail)


def now() -> datetime:
    return datetime.now(UTC)


def now_ms() -> int:
    return int(now().timestamp() * 1000)
