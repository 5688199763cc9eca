"""What lies in a queue of SQS, as whoever looks after it reads it: each message once, and none of it lost."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

AT_ONCE = 10
WAIT_S = 1  # without it SQS asks some of its servers alone, and may find nothing where there is something
TOLD = ("id", "tenant", "outcome")
HIDDEN_S = 30  # or a look would find the same ones again and again

Message = dict[str, Any]


def messages(sqs: Any, url: str) -> Iterator[Message]:
    """Each once."""
    seen: set[str] = set()
    while True:
        answer = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=AT_ONCE, VisibilityTimeout=HIDDEN_S, WaitTimeSeconds=WAIT_S, MessageAttributeNames=["All"]
        )
        if not answer.get("Messages"):
            return
        new = [message for message in answer["Messages"] if message["MessageId"] not in seen]  # the others were hidden for long enough
        seen |= {message["MessageId"] for message in new}
        yield from new


def looked_at(sqs: Any, url: str) -> list[Message]:
    """All of them, before any is let go, which would come again."""
    found = list(messages(sqs, url))
    let_go(sqs, url, found)
    return found


def let_go(sqs: Any, url: str, found: Iterable[Message]) -> None:
    """They are there for others again: those that are not yet by themselves."""
    for message in found:
        with suppress(sqs.exceptions.MessageNotInflight):
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)


def move(sqs: Any, message: Message, source: str, to: str) -> None:
    """Sent before it is deleted: consumers count what comes twice once."""
    sqs.send_message(QueueUrl=to, MessageBody=message["Body"])
    sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])


def event_of(message: Message) -> dict[str, Any] | None:
    """Its detail; None of what is no event."""
    detail = _fields(message).get("detail")
    return detail if isinstance(detail, dict) else None


def told(message: Message) -> tuple[str, str, str]:
    """What is in a message, by the names that events and samples have; of one that is neither, that."""
    fields = _fields(message)
    said = event_of(message) or (fields if fields.keys() >= set(TOLD) else None)
    if said is None:
        return f"neither event nor sample, {len(message['Body'])} characters", "-", "-"
    event, tenant, outcome = (str(said.get(name, "?"))[:64] for name in TOLD)
    return event, tenant, outcome


def _fields(message: Message) -> dict[str, Any]:
    try:
        fields = json.loads(message["Body"])
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def depth(sqs: Any, url: str) -> int:
    return int(_attribute(sqs, url, "ApproximateNumberOfMessages"))


def taken(sqs: Any, url: str) -> int:
    """Neither there for others nor gone."""
    return int(_attribute(sqs, url, "ApproximateNumberOfMessagesNotVisible"))


def arn(sqs: Any, url: str) -> str:
    return _attribute(sqs, url, "QueueArn")


def _attribute(sqs: Any, url: str, name: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
