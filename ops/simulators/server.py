"""Every provider under its own path on one port, and beside them the faults and the ledger."""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from types import TracebackType
from typing import Self

from .control import control
from .delivery import Delivery
from .exchange import Rejected, Stamp
from .faults import Faults
from .http import BadHttp, Connection, Request, WatchedReader
from .ledger import Ledger
from .prompt_cache import PromptCache
from .providers import PROVIDERS
from .providers.provider import Provider

HOST = "127.0.0.1"
BACKLOG = 1024
JSON = {"content-type": "application/json"}


class Simulators:
    """`with Simulators() as simulators:` serves from a thread at `simulators.url`; `serve` does so in the caller's own loop."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.faults = Faults(PROVIDERS)
        self.ledger = Ledger(PROVIDERS)
        self._cache = PromptCache()
        self._came = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        """OSError where it cannot listen."""
        listening: list[OSError | None] = []
        heard = threading.Event()

        def hear(error: OSError | None = None) -> None:
            listening.append(error)
            heard.set()

        async def run() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            try:
                await self.serve(self._stop, hear)
            except OSError as error:
                hear(error)
            while coming := asyncio.all_tasks() - {asyncio.current_task()}:  # as it ended; cancelled, they would leave their sockets open
                await asyncio.wait(coming)

        self._thread = threading.Thread(target=asyncio.run, args=(run(),), name="simulators")
        self._thread.start()
        heard.wait()
        if listening[0] is not None:
            self._thread.join()
            raise listening[0]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def serve(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Until `stop` is set; then whoever is still being answered is cut off."""
        talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        loop = asyncio.get_running_loop()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if stop.is_set():
                return writer.transport.abort()
            task = loop.create_task(self._talk(Connection(reader, writer), writer))  # type: ignore[arg-type]
            talks[task] = writer
            task.add_done_callback(talks.pop)

        server = await loop.create_server(
            lambda: asyncio.StreamReaderProtocol(WatchedReader(), connected), HOST, self.port, backlog=BACKLOG
        )
        self.port = server.sockets[0].getsockname()[1]
        ready()
        await stop.wait()
        for listening in server.sockets:
            loop.remove_reader(listening.fileno())
        await asyncio.sleep(0)  # asyncio forgets to close whom it has accepted, and not looked at when the server is closed
        server.close()
        for task, writer in list(talks.items()):
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()

    async def _talk(self, connection: Connection, writer: asyncio.StreamWriter) -> None:
        try:
            while not connection.over and (request := await connection.read_request()):
                await self._answer(connection, request)
                await connection.drain()
        except BadHttp as bad:
            connection.over = True
            connection.send_json(bad.status, {"error": "this is not HTTP/1.1 as the simulators read it"})
        finally:
            writer.close()

    async def _answer(self, connection: Connection, request: Request) -> None:
        try:
            name, _, path = request.path.removeprefix("/").partition("/")
            if name in PROVIDERS:
                await self._provide(connection, PROVIDERS[name], f"/{path}", request)
            else:
                connection.send_json(*control(request, self.faults, self.ledger))
        except Exception as error:
            # Where it happened, never what was being handled: a message may quote a prompt.
            place = traceback.extract_tb(error.__traceback__)[-1]
            print(f"simulators: {type(error).__name__} at {place.filename}:{place.lineno}", file=sys.stderr)
            if connection.answering:
                connection.cut()
            else:
                connection.send_json(500, {"error": f"the simulator failed: {type(error).__name__}"})

    async def _provide(self, connection: Connection, provider: Provider, path: str, request: Request) -> None:
        self._came += 1
        stamp = Stamp(f"{self._came}.{sha256(request.body).hexdigest()}", int(time.time()))
        headers = {**JSON, **provider.headers(stamp)}
        if found := provider.operation(request.method, path):
            operation, named = found
            request = replace(request, named=named)
            fault = self.faults.take(provider.name)
            at_ms = time.time_ns() // 1_000_000
            held = self.faults.held(provider.name)
            await Delivery(connection, provider, operation, request, stamp, at_ms, fault, held, self.ledger, self._cache).run()
        elif request.method == "GET" and path in provider.pages:
            try:
                connection.send(200, headers, provider.pages[path](request))
            except Rejected as rejected:
                connection.send(rejected.status, headers, rejected.body)
        else:
            connection.send(404, headers, provider.not_found(request))
