"""What a rule of the bus could not hand to its queue, and back with it to the queue that each was meant for."""

from collections.abc import Iterator
from typing import Any

from . import queues
from .queues import Message
from .table import columns, counted

NAME = "undelivered"


def shown(sqs: Any, url: str) -> Iterator[str]:
    rows = [
        (message["MessageId"], *queues.told(message), _target(message).rpartition(":")[2] or "?", _said(message, "ERROR_CODE"))
        for message in queues.looked_at(sqs, url)
    ]
    if rows:
        yield from columns([("message", "event", "tenant", "outcome", "meant for", "error"), *rows])
    else:
        yield "nothing is undelivered"


def delivered(sqs: Any, url: str, meant_for: dict[str, str]) -> Iterator[str]:
    """`meant_for`: each queue's address by its ARN. What is no event, or was meant for something else, stays and is told of."""
    count = 0
    stay: list[tuple[Message, str]] = []
    try:
        for message in queues.messages(sqs, url):
            to = meant_for.get(_target(message))
            if to and queues.event_of(message) is not None:
                queues.move(sqs, message, url, to)
                count += 1
            else:
                stay.append((message, "it is no event" if to else f"meant for {_target(message) or 'nobody knows whom'}"))
    finally:
        queues.let_go(sqs, url, (message for message, _ in stay))
    yield f"{counted(count, 'message')} brought to the queues that they were meant for"
    if stay:
        yield f"{counted(len(stay), 'message')} not, which stay; --discard MESSAGE throws one away:"
        yield from columns([("message", "why"), *((message["MessageId"], why) for message, why in stay)], "  ")
        yield "a roll-back that was asked for by an event and did not begin is not begun late: ask for it again, POST /admin/rollbacks"


def _target(message: Message) -> str:
    return _said(message, "TARGET_ARN")


def _said(message: Message, name: str) -> str:
    """In the words of EventBridge."""
    return message.get("MessageAttributes", {}).get(name, {}).get("StringValue", "")
