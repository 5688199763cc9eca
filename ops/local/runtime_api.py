"""The Lambda Runtime API and the registration of internal extensions, as one execution environment sees them.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

import asyncio
import json
import re
from collections.abc import Awaitable
from typing import Protocol
from uuid import uuid4

import h11

from .http1 import Peer
from .invocation import Begin, End, Failure, Invocation

ANSWER = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")
MAX_ERROR_BYTES = 262_144
JSON = [("content-type", "application/json")]
ACCEPTED = b'{"status":"OK"}\n'


class Environment(Protocol):
    """Whose Runtime API it is."""

    arn: str
    current: Invocation | None
    gone: asyncio.Event

    def next(self) -> Awaitable[Invocation]: ...

    def init_failed(self, kind: str) -> None: ...


class RuntimeApi:
    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    async def exchange(self, peer: Peer, request: h11.Request) -> None:
        path = request.target.decode()
        if path == "/2018-06-01/runtime/invocation/next":
            await peer.body(0)
            await self._next(peer)
        elif found := ANSWER.fullmatch(path):
            await self._answered(peer, request, *found.groups())
        elif path == "/2018-06-01/runtime/init/error":
            await peer.body(MAX_ERROR_BYTES)
            self.environment.init_failed(_header(request, "lambda-runtime-function-error-type") or "Runtime.Unknown")
            await peer.answer(202, JSON, ACCEPTED)
        elif path == "/2020-01-01/extension/register":
            await peer.body(MAX_ERROR_BYTES)
            await peer.answer(200, [*JSON, ("lambda-extension-identifier", str(uuid4()))], b"{}")
        elif path == "/2020-01-01/extension/event/next":
            await peer.body(0)
            await self.environment.gone.wait()  # an internal extension is told of nothing: its end comes as SIGTERM
            raise ConnectionResetError
        else:
            await peer.body(0)
            await peer.answer(404, JSON, b'{"errorMessage":"no such path","errorType":"NotFound"}')

    async def _next(self, peer: Peer) -> None:
        invocation = await self.environment.next()
        headers = [
            ("lambda-runtime-aws-request-id", invocation.id),
            ("lambda-runtime-deadline-ms", str(invocation.deadline_ms)),
            ("lambda-runtime-invoked-function-arn", self.environment.arn),
            ("lambda-runtime-trace-id", invocation.trace_id),
        ]
        await peer.answer(200, JSON + headers, invocation.event)

    async def _answered(self, peer: Peer, request: h11.Request, id: str, kind: str) -> None:
        invocation = self.environment.current
        if invocation is None or invocation.id != id:
            await peer.body(0)
            error = {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}
            await peer.answer(400, JSON, json.dumps(error).encode())
            return
        if kind == "error":
            await peer.body(MAX_ERROR_BYTES)
            invocation.finish(Failure(_header(request, "lambda-runtime-function-error-type") or "Runtime.Unknown"))
        else:
            await self._response(peer, request, invocation)
        await peer.answer(202, JSON, ACCEPTED)

    async def _response(self, peer: Peer, request: h11.Request, invocation: Invocation) -> None:
        streamed = _header(request, "lambda-runtime-function-response-mode").lower() == "streaming"
        await invocation.put(Begin(_header(request, "content-type"), streamed))
        try:
            async for event in peer.chunks():
                if isinstance(event, h11.Data):
                    await invocation.put(bytes(event.data))
                else:
                    error = dict(event.headers).get(b"lambda-runtime-function-error-type")
                    invocation.finish(Failure(error.decode()) if error else End())
        except (ConnectionError, h11.RemoteProtocolError):
            invocation.finish(Failure("Runtime.TruncatedResponse"))
            raise


def _header(request: h11.Request, name: str) -> str:
    return dict(request.headers).get(name.encode(), b"").decode()
