"""`signalbox usage`: what lies in the dead-letter queues, and back with it into the queues that it came from; reports are in `reports`."""

import argparse
from collections.abc import Iterator
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from . import queues, reports, stages, undelivered
from .table import columns, counted
from .trouble import Trouble

QUEUES = ("Usage", "Budget", "Circuit", "Sample")  # by the names of the stack's outputs
NOT_THERE = {"UnsupportedOperation", "InvalidAction", "AWS.SimpleQueueService.UnsupportedOperation", "UnknownOperation"}


class Pair(NamedTuple):
    """A queue and where its messages end that nobody could take. Addresses; no `source` where each message names its own."""

    name: str
    source: str
    dead: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    stages.add_argument(parser)
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    help = "list the dead-letter queues; move what is in one back, look at it, or throw it away"
    row = actions.add_parser("redrive", help=help, description=help)
    row.add_argument("queue", nargs="?", choices=[*map(str.lower, QUEUES), undelivered.NAME], help="whose; without it they are listed")
    deed = row.add_mutually_exclusive_group()
    deed.add_argument("--show", action="store_true", help="look at the messages, which stay: their ids, and nothing that people wrote")
    deed.add_argument("--discard", metavar="MESSAGE", help="throw this one away for good, or `all`")
    stages.add_argument(row, below=True)
    row.set_defaults(does=redrive)
    help = "what a tenant or a team used and spent on a day, as a table, JSON, CSV or a page"
    row = actions.add_parser("report", help=help, description=help)
    reports.add_arguments(row)
    row.set_defaults(does=reports.run)


def run(arguments: argparse.Namespace) -> None:
    arguments.does(arguments)


def redrive(arguments: argparse.Namespace) -> None:
    sqs, outputs = stages.client(arguments.stage, "sqs"), stages.outputs(arguments.stage)
    pairs = [Pair(name.lower(), outputs[f"{name}QueueUrl"], outputs[f"{name}DeadLetterQueueUrl"]) for name in QUEUES]
    pairs.append(Pair(undelivered.NAME, "", outputs["UndeliveredQueueUrl"]))
    if arguments.queue is None:
        if arguments.show or arguments.discard:
            raise Trouble(f"say of which queue: {', '.join(pair.name for pair in pairs)}")
        print("\n".join(depths(sqs, pairs)))
        return
    [pair] = [pair for pair in pairs if pair.name == arguments.queue]
    if arguments.show:
        print("\n".join(shown(sqs, pair) if pair.source else undelivered.shown(sqs, pair.dead)))
    elif arguments.discard:
        print(f"{counted(discard(sqs, pair, arguments.discard), 'message')} of {pair.name} thrown away for good")
    elif pair.source:
        print(moved(sqs, pair))
    else:
        meant_for = {queues.arn(sqs, other.source): other.source for other in pairs if other.source}
        print("\n".join(undelivered.delivered(sqs, pair.dead, meant_for)))


def depths(sqs: Any, pairs: list[Pair]) -> Iterator[str]:
    rows = [(pair.name, *_counts(sqs, pair)) for pair in pairs]
    yield from columns([("queue", "dead", "waiting", "under way"), *rows])
    yield "signalbox usage redrive QUEUE moves what is dead back; --show looks at it"


def _counts(sqs: Any, pair: Pair) -> tuple[str, str, str]:
    """Under way is what somebody has taken out of either and not brought to its end yet: a consumer, or who looks at it."""
    taken = sum(queues.taken(sqs, url) for url in (pair.dead, pair.source) if url)
    return str(queues.depth(sqs, pair.dead)), str(queues.depth(sqs, pair.source)) if pair.source else "-", str(taken)


def shown(sqs: Any, pair: Pair) -> Iterator[str]:
    rows = [(message["MessageId"], *queues.told(message)) for message in queues.looked_at(sqs, pair.dead)]
    yield from columns([("message", "event", "tenant", "outcome"), *rows]) if rows else [f"nothing in the dead-letter queue of {pair.name}"]


def discard(sqs: Any, pair: Pair, wanted: str) -> int:
    """Of those that are there now; Trouble where none is meant."""
    if wanted == "all":
        meant = queues.messages(sqs, pair.dead)
    else:
        meant = (row for row in queues.looked_at(sqs, pair.dead) if row["MessageId"] == wanted)
    gone = 0
    for message in meant:
        sqs.delete_message(QueueUrl=pair.dead, ReceiptHandle=message["ReceiptHandle"])
        gone += 1
    if not gone and wanted != "all":
        raise Trouble(f"no such message among what is dead of {pair.name}: --show lists them")
    return gone


def moved(sqs: Any, pair: Pair) -> str:
    """By SQS itself; message by message where it cannot."""
    depth = queues.depth(sqs, pair.dead)
    try:
        task = sqs.start_message_move_task(SourceArn=queues.arn(sqs, pair.dead), DestinationArn=queues.arn(sqs, pair.source))
        if task.get("TaskHandle"):
            return f"{counted(depth, 'message')} of {pair.name}: SQS moves them back now"
    except ClientError as error:
        if error.response["Error"]["Code"] not in NOT_THERE:
            raise
    count = 0
    for message in queues.messages(sqs, pair.dead):
        queues.move(sqs, message, pair.dead, pair.source)
        count += 1
    return f"{counted(count, 'message')} of {pair.name} moved back"
