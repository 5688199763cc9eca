"""What `complete` says to CloudWatch: JSON lines, some of which are metrics too. Never a body, a prompt or a key.

Embedded metric format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import os
import sys
import time
from typing import Any

from ..runtime.failures import places
from ..runtime.log import log as say
from ..usage.record import UsageRecord

__all__ = ["completion", "count", "error", "measure", "say"]

NAMESPACE = "Signalbox"
SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "signalbox")  # tells the stages apart, as in the other functions
UNITS = {"DurationMs": "Milliseconds"}


def error(message: str, cause: BaseException) -> None:
    """The kind of error and where it arose; not its text, which may quote what a client sent."""
    say("ERROR", message, error=type(cause).__name__, code=getattr(cause, "code", None), where=places(cause)[-8:])
    count("Errors")


def count(metric: str, value: int = 1, **dimensions: str) -> None:
    measure({metric: value}, dimensions)


def measure(values: dict[str, int], dimensions: dict[str, str], **fields: Any) -> None:
    dimensions = {"service": SERVICE} | dimensions
    metrics = [{"Name": name, "Unit": UNITS.get(name, "Count")} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": metrics}
    line = {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}} | dimensions | values | fields
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()


LOOKUPS = {"hit": {"CacheHits": 1}, "miss": {"CacheMisses": 1}}  # a route's hit rate is of those that could have been one


def completion(record: UsageRecord) -> None:
    """One line a request: a metric, and what an operator looks for in the log."""
    measure(
        {"Requests": 1, "DurationMs": record.duration_ms, "CostNanousd": record.cost_nanousd}
        | LOOKUPS.get(record.cache, {})
        | ({"Slow": 1} if record.slow else {}),
        {"Route": record.route or "none"},
        request_id=record.id,
        tenant=record.tenant,
        team=record.team,
        agent=record.agent,
        key=record.key,
        prompt_chars=record.prompt_chars,
        tokens={"input": record.tokens.input, "output": record.tokens.output},
        target=record.target,
        attempts=len(record.attempts),
        outcome=record.outcome,
        ttft_ms=record.ttft_ms,
        cache=record.cache,
    )
