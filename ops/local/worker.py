"""One execution environment: a process that runs one function's runtime loop, frozen whenever it waits for work."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .http1 import close, serve
from .invocation import Failure, Invocation
from .processes import die_with_parent
from .runtime_api import RuntimeApi

INIT_S = 60.0  # Lambda begins anew after ten, with the function's own timeout; a busy machine takes longer than Lambda does
LIFE_S = 6 * 3600.0  # as Lambda ends its environments after some hours; the session of their role lasts twelve
SHUTDOWN_S = 0.5


@dataclass(frozen=True, slots=True)
class Function:
    """A deployed function, unpacked: what Lambda knows when it makes an environment. `session` draws the credentials of its role."""

    name: str
    arn: str
    command: tuple[str, ...]
    environment: dict[str, str]
    folder: Path
    timeout_s: float
    log: Path
    reserved: int | None = None
    session: Callable[[], dict[str, str]] = dict


class Worker:
    """`on_idle` is told when it asks for work, `on_exit` when its process is gone."""

    def __init__(self, function: Function, on_idle: Callable[["Worker"], None], on_exit: Callable[["Worker"], None]) -> None:
        self.arn = function.arn
        self.current: Invocation | None = None
        self.ready = False
        self.ends_s = time.monotonic() + LIFE_S
        self.gone = asyncio.Event()
        self._function = function
        self._on_idle = on_idle
        self._on_exit = on_exit
        self._work: asyncio.Future[Invocation] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._kind = "Runtime.ExitError"  # what its invocation fails with, should it end now

    async def start(self) -> None:
        api = RuntimeApi(self)
        self._server = await asyncio.start_server(lambda *streams: serve(api.exchange, *streams), "127.0.0.1", 0)
        try:
            self.process = await self._spawn("{}:{}".format(*self._server.sockets[0].getsockname()))
        except OSError:
            self._server.close()
            raise
        self._timer = asyncio.get_running_loop().call_later(INIT_S, self.kill, "Sandbox.Timedout")
        self._exit = asyncio.create_task(self._watch())

    async def next(self) -> Invocation:
        """Called as the loop asks for work: what came before is over, after-work included."""
        self._disarm()
        self.ready, self.current = True, None
        self._work = work = asyncio.get_running_loop().create_future()
        self._on_idle(self)
        return await work

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def give(self, invocation: Invocation) -> None:
        assert self._work is not None
        self._signal(signal.SIGCONT)
        invocation.start(self._function.timeout_s)
        self.current = invocation
        delay_s = invocation.deadline_ms / 1000 - time.time()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self.kill, "Sandbox.Timedout")
        self._work.set_result(invocation)
        self._work = None

    def init_failed(self, kind: str) -> None:
        self.kill(kind)

    def kill(self, kind: str = "Runtime.ExitError") -> None:
        self._kind = kind
        if self.current:
            self.current.finish(Failure(kind))
        self._signal(signal.SIGKILL)

    async def stop(self) -> None:
        """As Lambda ends an environment: a thawed SIGTERM, half a second, and SIGKILL."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._exit), SHUTDOWN_S)
        self._signal(signal.SIGKILL)
        await self._exit

    @property
    def failure(self) -> Failure:
        return Failure(self._kind)

    async def _spawn(self, api: str) -> asyncio.subprocess.Process:
        function = self._function
        environment = function.environment | await asyncio.to_thread(function.session)
        with function.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *function.command,
                cwd=function.folder,
                env=environment | {"AWS_LAMBDA_RUNTIME_API": api},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )

    def _signal(self, number: signal.Signals) -> None:
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def _disarm(self) -> None:
        if self._timer:
            self._timer.cancel()

    async def _watch(self) -> None:
        await self.process.wait()
        self._disarm()
        if self.current:
            self.current.finish(self.failure)
        if self._work:
            self._work.set_exception(ConnectionResetError())
        self.gone.set()
        self._on_exit(self)
        await close(self._server)
