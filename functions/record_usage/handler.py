"""Usage events into the traffic log and the usage table: a batch at a time, each event once in the table and at least once in the log.

On a schedule, without a batch: what the writers left unfolded is folded into the totals.
"""

import os
import random
from collections.abc import Callable, Iterable
from typing import Any
from zlib import crc32

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from signalbox.aws import boto_bus, boto_calls, boto_inbox, boto_sums, boto_tables, boto_traffic, boto_usage

logger = Logger()
tracer = Tracer()
metrics = Metrics()

ENOUGH_MS = 12_000  # for one more fold, of as many totals as it may have


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse | None:
    if "Records" not in event:
        _fold_all(context)
        return None
    events, answer = boto_inbox.read(event, logger)
    metrics.add_metric("UsageUnreadable", MetricUnit.Count, len(answer["batchItemFailures"]))
    # Before the table, which takes an event once: what failed here would never be written later. An error leaves the batch in the queue.
    written = boto_traffic.write(boto_bus.client("s3"), os.environ["SIGNALBOX_TRAFFIC_BUCKET"], events.values())
    metrics.add_metric("TrafficWritten", MetricUnit.Count, written)
    shard = crc32(context.log_stream_name.encode()) % boto_usage.SHARDS  # one container, one shard
    boto_calls.write(_table(), events.values())
    new, refused = boto_usage.record(_table(), events.values(), shard)
    for message_id, usage in events.items():
        if usage.id in refused:
            logger.error("the usage table takes this event in no company", message_id=message_id, usage=usage.id, why=refused[usage.id])
            answer["batchItemFailures"].append({"itemIdentifier": message_id})
    metrics.add_metric("UsageRecorded", MetricUnit.Count, new)
    metrics.add_metric("UsageRefused", MetricUnit.Count, len(refused))
    metrics.add_metric("UsageKnown", MetricUnit.Count, len(events) - len(refused) - new)
    _fold([shard], context, of=lambda shard: boto_sums.mark(_table(), shard).is_due)
    return answer


def _fold_all(context: LambdaContext) -> None:
    """Begins where nobody began before: a shard that takes all the time, or fails, keeps no other from its turn for long."""
    first = random.randrange(boto_sums.SHARDS)
    shards = [(first + number) % boto_sums.SHARDS for number in range(boto_sums.SHARDS)]
    if failed := _fold(shards, context):
        raise RuntimeError(f"sums of the shards {failed} were not folded: the log says why")  # an alarm is told of errors


def _fold(shards: Iterable[int], context: LambdaContext, of: Callable[[int], bool] = lambda shard: True) -> list[int]:
    """Returns those that failed. Their events are recorded by now, and read from the log until the schedule comes to fold them."""
    failed = []
    for shard in shards:
        try:
            if of(shard):
                folded = boto_sums.fold_all(_table(), shard, lambda: context.get_remaining_time_in_millis() >= ENOUGH_MS)
                metrics.add_metric("SumsFolded", MetricUnit.Count, folded)
        except Exception:
            logger.exception("sums were not folded", shard=shard)
            metrics.add_metric("SumsNotFolded", MetricUnit.Count, 1)
            failed.append(shard)
    return failed


def _table() -> Any:
    return boto_tables.table(os.environ["SIGNALBOX_USAGE_TABLE"])
