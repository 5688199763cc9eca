"""An upstream that holds state: it serves what each target was told to, while a clock that only it moves goes on."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event

from signalbox.aws.http import Cut, TimedOut, TransportError
from signalbox.wire import HttpRequest

WAIT_S = 10  # nothing waits so long but what is broken


@dataclass
class Now:
    """Seconds; wall and monotonic alike."""

    s: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.s

    def sleep(self, s: float) -> None:
        self.slept.append(s)
        self.s += s


@dataclass
class Answer:
    """Served in order: a number is seconds of silence, bytes are a piece, an exception breaks the answer there.

    An event is waited for, in the thread that reads, until another sets it or gives the answer up.
    """

    status: int = 200
    parts: list = field(default_factory=list)
    headers: dict = field(default_factory=dict)


class FakeExchange:
    def __init__(self, answer: Answer, now: Now) -> None:
        self._answer, self._now = answer, now
        self.status, self.headers, self.closed = answer.status, answer.headers, False
        self._aborted = False

    def head(self, timeout_s: float) -> int:
        if timeout_s <= 0:
            raise TimedOut
        return self.status

    def read(self, timeout_s: float) -> bytes:
        return b"".join(self.pieces(lambda: timeout_s))

    def pieces(self, timeout_s: Callable[[], float]) -> Iterator[bytes]:
        for part in self._answer.parts:
            if isinstance(part, TransportError):
                raise part
            if isinstance(part, bytes):
                yield part
                continue
            if isinstance(part, Event):
                assert part.wait(WAIT_S), "nobody has set it"
                if self._aborted:
                    raise Cut("aborted")
                continue
            wait = timeout_s()
            self._now.s += min(part, max(wait, 0))
            if wait < part:
                raise TimedOut("silence")

    def abort(self) -> None:
        """From another thread: whoever reads is woken, and told that it was cut."""
        self._aborted = True
        for part in self._answer.parts:
            if isinstance(part, Event):
                part.set()

    def close(self) -> None:
        self.closed = True


class FakeUpstream:
    """`answers` by host; each is served once, in order."""

    def __init__(self, now: Now, **answers: list) -> None:
        self.now, self.answers = now, answers
        self.requests: list[tuple] = []
        self.exchanges: list[FakeExchange] = []

    def send(self, request: HttpRequest, timeout_s: float) -> FakeExchange:
        self.requests.append((request.url, json.loads(request.body), request.headers.get("authorization")))
        answer = self.answers[request.url.split("/")[2]].pop(0)
        if isinstance(answer, TransportError):
            raise answer
        self.exchanges.append(FakeExchange(answer, self.now))
        return self.exchanges[-1]


def event(**fields) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def delta(text: str) -> bytes:
    return event(choices=[{"index": 0, "delta": {"content": text}}])


def ending(input: int, output: int) -> list[bytes]:
    return [
        event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]),
        event(choices=[], usage={"prompt_tokens": input, "completion_tokens": output}),
        b"data: [DONE]\n\n",
    ]
