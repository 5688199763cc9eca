"""`signalbox usage`: what lies in the dead-letter queues, and back with it into the queues that it came from; reports are in `reports`."""

import argparse
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from . import reports, stages
from .table import columns, counted
from .trouble import Trouble

QUEUES = ("Usage", "Budget", "Circuit")  # by the names of the stack's outputs
AT_ONCE = 10
WAIT_S = 1  # without it SQS asks some of its servers alone, and may find nothing where there is something
HIDDEN_S = 30  # or a look would find the same ones again and again
NOT_THERE = {"UnsupportedOperation", "InvalidAction", "AWS.SimpleQueueService.UnsupportedOperation", "UnknownOperation"}


class Pair(NamedTuple):
    """A queue and where its messages end that nobody could take. Addresses."""

    name: str
    source: str
    dead: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    row = actions.add_parser("redrive", help="list the dead-letter queues; move what is in one back, look at it, or throw it away")
    row.add_argument("queue", nargs="?", choices=[name.lower() for name in QUEUES], help="whose; without it they are listed")
    deed = row.add_mutually_exclusive_group()
    deed.add_argument("--show", action="store_true", help="look at the messages, which stay: ids and what is wrong; events hold no prompt")
    deed.add_argument("--discard", metavar="MESSAGE", help="throw this one away for good, or `all`")
    stages.add_argument(row)
    row.set_defaults(does=redrive)
    row = actions.add_parser("report", help="what a tenant or a team used and spent on a day, as a table, JSON, CSV or a page")
    reports.add_arguments(row)
    row.set_defaults(does=reports.run)


def run(arguments: argparse.Namespace) -> None:
    arguments.does(arguments)


def redrive(arguments: argparse.Namespace) -> None:
    sqs, outputs = stages.client(arguments.stage, "sqs"), stages.outputs(arguments.stage)
    pairs = [Pair(name.lower(), outputs[f"{name}QueueUrl"], outputs[f"{name}DeadLetterQueueUrl"]) for name in QUEUES]
    if arguments.queue is None:
        if arguments.show or arguments.discard:
            raise Trouble(f"say of which queue: {', '.join(pair.name for pair in pairs)}")
        print("\n".join(depths(sqs, pairs)))
        return
    [pair] = [pair for pair in pairs if pair.name == arguments.queue]
    if arguments.show:
        print("\n".join(shown(sqs, pair)))
    elif arguments.discard:
        print(f"{counted(discard(sqs, pair, arguments.discard), 'message')} of {pair.name} thrown away for good")
    else:
        print(moved(sqs, pair))


def depths(sqs: Any, pairs: list[Pair]) -> Iterator[str]:
    yield from columns(
        [("queue", "dead", "waiting"), *((pair.name, str(_depth(sqs, pair.dead)), str(_depth(sqs, pair.source))) for pair in pairs)]
    )
    yield "signalbox usage redrive QUEUE moves what is dead back; --show looks at it"


def shown(sqs: Any, pair: Pair) -> Iterator[str]:
    rows = [(message["MessageId"], *_told(message["Body"])) for message in _looked_at(sqs, pair.dead)]
    yield from columns([("message", "event", "tenant", "outcome"), *rows]) if rows else [f"nothing in the dead-letter queue of {pair.name}"]


def discard(sqs: Any, pair: Pair, wanted: str) -> int:
    """Of those that are there now; Trouble where none is meant."""
    meant = [row for row in _looked_at(sqs, pair.dead) if row["MessageId"] == wanted] if wanted != "all" else _messages(sqs, pair.dead)
    gone = 0
    for message in meant:
        sqs.delete_message(QueueUrl=pair.dead, ReceiptHandle=message["ReceiptHandle"])
        gone += 1
    if not gone and wanted != "all":
        raise Trouble(f"no such message in the dead-letter queue of {pair.name}: --show lists them")
    return gone


def moved(sqs: Any, pair: Pair) -> str:
    """By SQS itself; message by message where it cannot, sent before it is deleted: consumers count what comes twice once."""
    depth = _depth(sqs, pair.dead)
    try:
        arns = {url: _attribute(sqs, url, "QueueArn") for url in (pair.dead, pair.source)}
        task = sqs.start_message_move_task(SourceArn=arns[pair.dead], DestinationArn=arns[pair.source])
        if task.get("TaskHandle"):
            return f"{counted(depth, 'message')} of {pair.name}: SQS moves them back now"
    except ClientError as error:
        if error.response["Error"]["Code"] not in NOT_THERE:
            raise
    count = 0
    for message in _messages(sqs, pair.dead):
        sqs.send_message(QueueUrl=pair.source, MessageBody=message["Body"])
        sqs.delete_message(QueueUrl=pair.dead, ReceiptHandle=message["ReceiptHandle"])
        count += 1
    return f"{counted(count, 'message')} of {pair.name} moved back"


def _looked_at(sqs: Any, url: str) -> list[dict[str, Any]]:
    """All of them, before any is let go, which would come again."""
    found = list(_messages(sqs, url))
    for message in found:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    return found


def _messages(sqs: Any, url: str) -> Iterator[dict[str, Any]]:
    """Each once."""
    seen: set[str] = set()
    while True:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=AT_ONCE, VisibilityTimeout=HIDDEN_S, WaitTimeSeconds=WAIT_S)
        new = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
        if not new:
            return
        seen |= {message["MessageId"] for message in new}
        yield from new


def _told(body: str) -> tuple[str, str, str]:
    """What is in a message, by the names that events have; of one that is no event, that."""
    try:
        detail = json.loads(body)["detail"]
        return tuple(str(detail.get(name, "?"))[:64] for name in ("id", "tenant", "outcome"))  # type: ignore[return-value]
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"no event, {len(body)} characters", "-", "-"


def _depth(sqs: Any, url: str) -> int:
    return int(_attribute(sqs, url, "ApproximateNumberOfMessages"))


def _attribute(sqs: Any, url: str, name: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
