"""The front door: API Gateway's part on this machine. It knows the Runtime API and the integration's format, and nothing of Signalbox."""

import asyncio
import contextlib
import os
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

import h11

from . import proxy
from .http1 import Peer, close, reason, serve
from .invocation import Begin, End, Failure, Invocation
from .pool import Pool, Throttled
from .rest_api import Match, RestApi

MAX_BODY_BYTES = 10 * 2**20
MAX_EVENT_BYTES = 6_291_556  # Lambda's own limit
IDLE_S = 300.0  # a regional API ends a stream that is silent for so long
STREAM_TYPE = "application/vnd.awslambda.http-integration-response"

Invoke = Callable[[str, bytes], Awaitable[bytes | None]]  # buffered: function and event; None where the function failed


class FrontDoor:
    """`pools` run what streams and `invoke` what does not, both by the logical id that the API names."""

    def __init__(self, api: RestApi, pools: Mapping[str, Pool], invoke: Invoke) -> None:
        self._api = api
        self._pools = pools
        self._invoke = invoke

    async def start(self, port: int) -> int:
        self._server = await asyncio.start_server(lambda *streams: serve(self._exchange, *streams), "127.0.0.1", port, backlog=512)
        return self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        await close(self._server)
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    async def _exchange(self, peer: Peer, request: h11.Request) -> None:
        request_id = str(uuid4())
        try:
            await self._answer(peer, request, request_id)
        except (ConnectionError, h11.RemoteProtocolError):  # the client's doing
            raise
        except TimeoutError:
            await self._refuse(peer, "INTEGRATION_TIMEOUT", request_id)
        except Throttled:
            await self._refuse(peer, "API_CONFIGURATION_ERROR", request_id)
        except Exception as error:
            if not isinstance(error, proxy.Malformed | h11.LocalProtocolError):  # which are the function's doing
                place = traceback.extract_tb(error.__traceback__)[-1]
                print(f"the front door: {type(error).__name__} at {place.filename}:{place.lineno}", flush=True)
            await self._refuse(peer, "INTEGRATION_FAILURE", request_id)

    async def _answer(self, peer: Peer, request: h11.Request, request_id: str) -> None:
        method, target = request.method.decode(), request.target.decode()
        body = await peer.body(MAX_BODY_BYTES)
        match = self._api.match(method, target.partition("?")[0])
        if body is None:
            return await self._refuse(peer, "REQUEST_TOO_LARGE", request_id)
        if match is None:
            return await self._refuse(peer, "MISSING_AUTHENTICATION_TOKEN", request_id)
        trace_id = f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()}"
        event = proxy.event(method, target, self._headers(request, trace_id), body, match, self._context(peer, request_id))
        if len(event) > MAX_EVENT_BYTES:
            return await self._refuse(peer, "REQUEST_TOO_LARGE", request_id)
        await (self._stream if match.integration.streams else self._buffer)(peer, match, event, request_id, trace_id)

    def _headers(self, request: h11.Request, trace_id: str) -> list[tuple[str, str]]:
        headers = [(name.decode(), value.decode("latin-1")) for name, value in request.headers.raw_items()]
        return [*headers, ("X-Amzn-Trace-Id", trace_id), ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Proto", "http")]

    def _context(self, peer: Peer, request_id: str) -> dict[str, str]:
        address = peer.writer.get_extra_info("peername")[0]
        return {"requestId": request_id, "apiId": self._api.logical_id, "stage": self._api.stage, "sourceIp": address}

    async def _refuse(self, peer: Peer, kind: str, request_id: str) -> None:
        if peer.http.our_state is not h11.SEND_RESPONSE:  # an answer has begun, and there can be no other
            return peer.cut()
        refusal = self._api.refuse(kind, request_id)
        headers = {"content-type": "application/json", "x-amzn-requestid": request_id, "x-amzn-errortype": kind}
        headers |= {name.lower(): value for name, value in refusal.headers}
        await peer.answer(refusal.status, list(headers.items()), refusal.body)

    async def _buffer(self, peer: Peer, match: Match, event: bytes, request_id: str, trace_id: str) -> None:
        async with asyncio.timeout(match.integration.timeout_s):
            payload = await self._invoke(match.integration.function, event)
        if payload is None:
            raise proxy.Malformed("the function failed")
        head, body = proxy.buffered(payload)
        await peer.answer(head.status, [*head.headers, ("x-amzn-requestid", request_id)], body)

    async def _stream(self, peer: Peer, match: Match, event: bytes, request_id: str, trace_id: str) -> None:
        invocation = self._pools[match.integration.function].invoke(event, trace_id)
        try:
            async with asyncio.timeout(match.integration.timeout_s):
                head, rest = await self._head(invocation)
            headers = [*head.headers, ("x-amzn-requestid", request_id), ("transfer-encoding", "chunked")]
            response = h11.Response(status_code=head.status, headers=headers, reason=reason(head.status))
        except (TimeoutError, proxy.Malformed, h11.LocalProtocolError):
            _let_go(invocation)
            raise
        try:
            await peer.send(response, h11.Data(data=rest))
            if await self._forward(peer, invocation):
                await peer.send(h11.EndOfMessage())  # without it the connection is closed midway, and the client sees that
        except (ConnectionError, TimeoutError):  # nobody interrupts a Lambda whose client has gone
            _let_go(invocation)
            peer.cut()

    async def _forward(self, peer: Peer, invocation: Invocation) -> bool:
        """False where the answer broke midway; TimeoutError where the function says, or the client takes, nothing for too long."""
        now = asyncio.get_running_loop().time
        async with asyncio.timeout(IDLE_S) as silence:
            while not isinstance(part := await invocation.get(), End | Failure):
                if isinstance(part, bytes):
                    await peer.send(h11.Data(data=part))
                    silence.reschedule(now() + IDLE_S)
        return isinstance(part, End)

    async def _head(self, invocation: Invocation) -> tuple[proxy.Head, bytes]:
        prelude = proxy.Prelude()
        while True:
            match await invocation.get():
                case bytes(piece):
                    if found := prelude.feed(piece):
                        return found
                case Begin(content_type, streamed):
                    if not streamed or content_type != STREAM_TYPE:
                        raise proxy.Malformed("not a streamed HTTP answer")
                case End() | Failure():
                    raise proxy.Malformed("no answer")


_letting_go: set[asyncio.Task[None]] = set()


def _let_go(invocation: Invocation) -> None:
    """Reads the rest, so that the worker is not held up; one that no worker has begun yet is given up."""
    if not invocation.deadline_ms:
        invocation.finish(Failure("Gateway.Timeout"))
    task = asyncio.create_task(_drain(invocation))
    _letting_go.add(task)
    task.add_done_callback(_letting_go.discard)


async def _drain(invocation: Invocation) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while not invocation.drained:
            await invocation.get()
