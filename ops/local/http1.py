"""HTTP/1.1 on asyncio streams: h11 keeps the protocol, this file only moves its bytes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

import h11

READ_BYTES = 65_536
MAX_HEAD_BYTES = 65_536


class Peer:
    """One client's connection, seen from the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._no_body = False

    async def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while True:
            event = self.http.next_event()
            if isinstance(event, h11.Request):
                self._no_body = event.method == b"HEAD"
            if event is not h11.NEED_DATA:
                return event
            if self.http.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
            self.http.receive_data(await self.reader.read(READ_BYTES))

    async def send(self, *events: h11.Event) -> None:
        """What an answer may not have, as HEAD and 204 have no body, is left out."""
        for event in events:
            if isinstance(event, h11.Response):
                self._no_body |= event.status_code in (204, 304)
            if not (self._no_body and isinstance(event, h11.Data)):
                self.writer.write(self.http.send(event) or b"")
        await self.writer.drain()

    async def chunks(self) -> AsyncIterator[h11.Data | h11.EndOfMessage]:
        """The rest of a request: its data as it comes, and its end, which holds the trailers."""
        while True:
            event = await self.next_event()
            if isinstance(event, h11.Data | h11.EndOfMessage):
                yield event
            if isinstance(event, h11.EndOfMessage):
                return
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("the request was cut")

    async def body(self, limit: int) -> bytes | None:
        """The whole body; None where it is longer than `limit`, of which no more is kept."""
        parts: list[bytes] = []
        size = 0
        async for event in self.chunks():
            if isinstance(event, h11.Data):
                size += len(event.data)
                if size <= limit:
                    parts.append(bytes(event.data))
        return b"".join(parts) if size <= limit else None

    async def answer(self, status: int, headers: list[tuple[str, str]], body: bytes = b"") -> None:
        head = h11.Response(status_code=status, headers=[*headers, ("content-length", str(len(body)))], reason=reason(status))
        await self.send(head, h11.Data(data=body), h11.EndOfMessage())

    def cut(self) -> None:
        """Ends the connection without waiting for a client that does not read."""
        self.writer.transport.abort()


def reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


async def close(server: asyncio.Server) -> None:
    """asyncio by itself forgets to close the connections that it has accepted, and not looked at when the server is closed."""
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    await asyncio.sleep(0)
    server.close()


Exchange = Callable[[Peer, h11.Request], Awaitable[None]]


async def serve(exchange: Exchange, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers one request after the other on a connection, until either side has had enough."""
    peer = Peer(reader, writer)
    try:
        while True:
            request = await peer.next_event()
            if not isinstance(request, h11.Request):
                return
            await exchange(peer, request)
            if peer.http.our_state is not h11.DONE or peer.http.their_state is not h11.DONE:
                return
            peer.http.start_next_cycle()
    except h11.RemoteProtocolError as error:
        if peer.http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            with_reason = [("content-type", "text/plain"), ("connection", "close")]
            with contextlib.suppress(ConnectionError):  # who left in the middle of a body reads no answer
                await peer.answer(error.error_status_hint, with_reason, b"not HTTP/1.1\n")
    except (ConnectionError, asyncio.CancelledError):  # the client has gone, or the server goes: this connection is over
        pass
    finally:
        writer.close()
