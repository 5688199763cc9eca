"""The wire between a process and its DynamoDB: answers are lost, requests late, refused or never sent, and their senders die.

No call fails twice: of a request that nobody could send at all there is nothing to know. And an intent is never refused or unsent: whose
machine dies in that very moment has lost it, see docs/decisions.md.
"""

import json
import os
import signal
from collections.abc import Callable, Mapping
from random import Random

from signalbox.aws.http import Exchange, Pool, TimedOut, Unreachable
from signalbox.wire import HttpRequest

LATE_S = 1.5  # at most; with a clock ten times as fast fifteen seconds
THROTTLED = json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "slow down"})
# kind: how often
FAULTS = {"lost": 0.01, "late": 0.005, "throttled": 0.01, "unsent": 0.005}
TORN = "died between two writes of a settling"
NEVER_OF_AN_INTENT = ("throttled", "unsent")


class Wire(Pool):
    """Events go to the bus, all else where it is addressed to."""

    def __init__(self, bus: str) -> None:
        super().__init__()
        self.bus = bus

    def send(self, request: HttpRequest, timeout_s: float) -> Exchange:
        if _action(request).startswith("AWSEvents"):
            return super().send(request._replace(url=self.bus), timeout_s)
        return super().send(request, timeout_s)


class RoughWire(Wire):
    """`tell` hears of each fault before anything else happens."""

    def __init__(self, bus: str, draw: Random, dies: float, tell: Callable[[str], None] = lambda fault: None) -> None:
        super().__init__(bus)
        self._draw = draw
        self._dies = dies
        self._tell = tell
        self._failed: set[bytes] = set()
        self._settling = False  # the settled item was sent, and nothing since of what belongs to it

    def send(self, request: HttpRequest, timeout_s: float) -> Exchange:
        self._perhaps_die()
        exchange = self._send(request, timeout_s)
        self._settling = _stores(request, "settled")
        self._perhaps_die()
        return exchange

    def _perhaps_die(self) -> None:
        if self._draw.random() < self._dies / 2:
            self._tell(TORN if self._settling else "died")
            die()

    def _send(self, request: HttpRequest, timeout_s: float) -> Exchange:
        fault = self._fault(request)
        if fault == "unsent":
            raise Unreachable("nobody is there")
        if fault == "throttled":
            return Said(400, THROTTLED.encode())
        if fault == "late":
            headers = {**request.headers, "x-late-for": request.url, "x-late-s": f"{self._draw.uniform(0, LATE_S):.3f}"}
            return Lost(super().send(request._replace(url=f"{self.bus}/late", headers=headers), timeout_s))
        exchange = super().send(request, timeout_s)
        return Lost(exchange) if fault == "lost" else exchange

    def _fault(self, request: HttpRequest) -> str | None:
        if request.body in self._failed or not _action(request).startswith("DynamoDB"):
            return None
        drawn, found = self._draw.random(), None
        for fault, often in FAULTS.items():
            if 0 <= drawn < often:
                found = fault
            drawn -= often
        if found in NEVER_OF_AN_INTENT and _stores(request, "intent"):
            return None
        if found:
            self._tell(found)
            self._failed.add(request.body)
        return found


class Lost(Exchange):
    """It was done, or taken to be done later, and nobody ever hears of it."""

    def __init__(self, real: Exchange) -> None:
        self._real = real

    def head(self, timeout_s: float) -> int:
        self._real.head(timeout_s)
        self._real.read(timeout_s)
        raise TimedOut("the answer is lost")

    def close(self) -> None:
        self._real.close()


class Said(Exchange):
    """An answer that came from no DynamoDB."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self._body = body

    def head(self, timeout_s: float) -> int:
        return self.status

    def read(self, timeout_s: float) -> bytes:
        return self._body

    def close(self) -> None:
        pass


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _action(request: HttpRequest) -> str:
    headers: Mapping[str, str] = request.headers
    return headers.get("x-amz-target", "")


def _stores(request: HttpRequest, state: str) -> bool:
    return _action(request).endswith("PutItem") and f'"state":{{"S":"{state}"}}'.encode() in request.body
