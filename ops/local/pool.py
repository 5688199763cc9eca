"""The execution environments of one function: grown on demand, reused (the latest first), ended when idle."""

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any

from .invocation import Invocation
from .worker import Function, Worker

IDLE_S = 300.0
MOST_WORKERS = 64  # what one machine carries; past it an invocation waits, where Lambda would go on growing


class Throttled(Exception):
    """The function's reserved concurrency is in use."""


class Pool:
    def __init__(self, function: Function, idle_s: float = IDLE_S) -> None:
        self.function = function
        self.workers: set[Worker] = set()
        self._idle_s = idle_s
        self._idle: list[Worker] = []
        self._ends: dict[Worker, asyncio.TimerHandle] = {}
        self._waiting: deque[Invocation] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def invoke(self, event: bytes, trace_id: str) -> Invocation:
        invocation = Invocation(event, trace_id)
        if self._idle:
            worker = self._idle.pop()
            self._ends.pop(worker).cancel()
            worker.give(invocation)
            return invocation
        reserved = self.function.reserved
        if reserved is not None and len(self.workers) >= reserved:
            raise Throttled(self.function.name)
        self._waiting.append(invocation)
        self._grow()
        return invocation

    async def close(self) -> None:
        self._closed = True
        for handle in self._ends.values():
            handle.cancel()
        await asyncio.gather(*self._tasks)
        await asyncio.gather(*(worker.stop() for worker in list(self.workers)))

    def _grow(self) -> None:
        """A worker for each invocation that waits; whichever is free first, new or old, takes the one that has waited longest."""
        starting = sum(not worker.ready for worker in self.workers)
        if starting < len(self._waiting) and len(self.workers) < MOST_WORKERS and not self._closed:
            worker = Worker(self.function, self._on_idle, self._on_exit)
            self.workers.add(worker)
            self._do(self._start(worker))

    async def _start(self, worker: Worker) -> None:
        try:
            await worker.start()
        except OSError as error:
            print(f"{self.function.name} cannot be started: {error}", flush=True)
            self._waiting.popleft().finish(worker.failure)
            self.workers.discard(worker)

    def _do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_idle(self, worker: Worker) -> None:
        while self._waiting:
            invocation = self._waiting.popleft()
            if not invocation.over:
                worker.give(invocation)
                return
        if self._closed:  # frozen, it could not give back what it holds
            return
        if time.monotonic() >= worker.ends_s:
            self._do(worker.stop())
            return
        worker.freeze()
        self._idle.append(worker)
        self._ends[worker] = asyncio.get_running_loop().call_later(self._idle_s, self._retire, worker)

    def _retire(self, worker: Worker) -> None:
        self._idle.remove(worker)
        del self._ends[worker]
        self._do(worker.stop())

    def _on_exit(self, worker: Worker) -> None:
        self.workers.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
            self._ends.pop(worker).cancel()
        if not worker.ready and self._waiting:  # it did not start, and so fails an invocation, as Lambda's would
            self._waiting.popleft().finish(worker.failure)
        self._grow()
