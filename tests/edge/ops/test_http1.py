"""A connection whose client misbehaves or has gone, without a socket: the streams are the test's own."""

import asyncio

import pytest

from ops.local.http1 import serve


class GoneWriter:
    """As of a client that has left: what is written goes nowhere, and draining says so."""

    def __init__(self):
        self.written = b""
        self.closed = False

    def write(self, data):
        self.written += data

    async def drain(self):
        raise ConnectionResetError("Connection lost")

    def close(self):
        self.closed = True


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nab",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        b"not http\r\n\r\n",
    ],
)
def test_a_client_that_leaves_in_the_middle_is_no_error_of_ours(sent):
    async def exchange(peer, request):
        await peer.body(100)
        raise AssertionError("there is no whole body")

    async def main():
        reader = asyncio.StreamReader()
        reader.feed_data(sent)
        reader.feed_eof()
        await serve(exchange, reader, writer)

    writer = GoneWriter()
    asyncio.run(main())
    assert writer.closed
    assert writer.written.count(b"HTTP/1.1 400 ") == 1
