"""All that is put on a local stack's bus, from the beginning on, each event once."""

import json
import threading
from typing import Any

from ..e2e.stack import Stack

NAME = "equality"


class Overheard:
    """The usage events by their id, as long as it is used as a context; `unlike` were told twice, and not with the same words."""

    def __init__(self, stack: Stack) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.unlike: set[str] = set()
        self._sqs, events = stack.aws("sqs"), stack.aws("events")
        self._queue = self._sqs.create_queue(QueueName=NAME)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        bus = {"EventBusName": stack.outputs["BusName"]}
        pattern = {"source": ["signalbox"], "detail-type": ["UsageRecorded"]}
        events.put_rule(Name=NAME, EventPattern=json.dumps(pattern), **bus)
        events.put_targets(Rule=NAME, Targets=[{"Id": "queue", "Arn": arn}], **bus)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "Overheard":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._ended.is_set():
            messages = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", [])
            for message in messages:
                detail = json.loads(message["Body"])["detail"]
                if self.events.setdefault(detail["id"], detail) != detail:
                    self.unlike.add(detail["id"])
            if messages:
                rows = [{"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]} for place, message in enumerate(messages)]
                self._sqs.delete_message_batch(QueueUrl=self._queue, Entries=rows)
            else:
                self._ended.wait(0.2)
