"""The execution environments of one function: grown on demand, reused (the latest first), ended when idle."""

import asyncio
from collections import deque

from .invocation import Invocation
from .worker import Function, Worker

IDLE_S = 300.0
MOST_WORKERS = 64  # what one machine carries; past it an invocation waits, where Lambda would go on growing


class Throttled(Exception):
    """The function's reserved concurrency is in use."""


class Pool:
    def __init__(self, function: Function, idle_s: float = IDLE_S) -> None:
        self.function = function
        self.workers: dict[Worker, Invocation] = {}  # each with the invocation it was started for
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
        if len(self.workers) < MOST_WORKERS:
            self._grow(invocation)
        return invocation

    async def close(self) -> None:
        self._closed = True
        for handle in self._ends.values():
            handle.cancel()
        await asyncio.gather(*self._tasks)
        await asyncio.gather(*(worker.stop() for worker in list(self.workers)))

    def _grow(self, invocation: Invocation) -> None:
        worker = Worker(self.function, self._on_idle, self._on_exit)
        self.workers[worker] = invocation
        self._spawn(worker)

    def _spawn(self, worker: Worker) -> None:
        task = asyncio.create_task(worker.start())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_idle(self, worker: Worker) -> None:
        while self._waiting:
            invocation = self._waiting.popleft()
            if not invocation.over:
                worker.give(invocation)
                return
        worker.freeze()
        self._idle.append(worker)
        self._ends[worker] = asyncio.get_running_loop().call_later(self._idle_s, self._retire, worker)

    def _retire(self, worker: Worker) -> None:
        self._idle.remove(worker)
        del self._ends[worker]
        task = asyncio.create_task(worker.stop())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_exit(self, worker: Worker) -> None:
        started_for = self.workers.pop(worker)
        if worker in self._idle:
            self._idle.remove(worker)
            self._ends.pop(worker).cancel()
        if not worker.ready and started_for in self._waiting:
            self._waiting.remove(started_for)
            started_for.finish(worker.failure)
        if self._waiting and not self._closed and len(self.workers) < MOST_WORKERS:
            starting = sum(not other.ready for other in self.workers)
            if starting < len(self._waiting):
                self._grow(self._waiting[-1])
