"""One invocation on its way: the event goes to a worker, and what the worker answers comes back part by part."""

import asyncio
import time
from dataclasses import dataclass
from uuid import uuid4

PARTS_AHEAD = 64  # what a worker may be ahead of a slow client


@dataclass(frozen=True, slots=True)
class Begin:
    """The worker has begun to answer. `content_type` is that of its POST to the Runtime API."""

    content_type: str
    streamed: bool


@dataclass(frozen=True, slots=True)
class End:
    pass


@dataclass(frozen=True, slots=True)
class Failure:
    """The invocation failed, before its answer or midway. `kind` is Lambda's error type."""

    kind: str


Part = Begin | bytes | End | Failure


class Invocation:
    def __init__(self, event: bytes, trace_id: str) -> None:
        self.id = str(uuid4())
        self.event = event
        self.trace_id = trace_id
        self.deadline_ms = 0
        self.over = False
        self._parts: asyncio.Queue[Part] = asyncio.Queue()
        self._room = asyncio.Semaphore(PARTS_AHEAD)

    def start(self, timeout_s: float) -> None:
        self.deadline_ms = int((time.time() + timeout_s) * 1000)

    async def put(self, part: Begin | bytes) -> None:
        """Waits while the client is far behind. Once it is over, nothing more is taken."""
        await self._room.acquire()
        if not self.over:
            self._parts.put_nowait(part)

    def finish(self, part: End | Failure) -> None:
        """The first end counts: a worker that dies after its answer does not spoil it."""
        if not self.over:
            self.over = True
            self._parts.put_nowait(part)

    @property
    def drained(self) -> bool:
        return self.over and self._parts.empty()

    async def get(self) -> Part:
        part = await self._parts.get()
        self._room.release()
        return part
