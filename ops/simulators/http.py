"""As much of an HTTP/1.1 server as the simulators need: keep-alive, chunks written exactly when they are due, and noticing who left.

https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

MOST_HEAD_BYTES = 64 * 1024
MOST_BODY_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    target: str = ""  # the path and the query as they were written
    named: Mapping[str, str] = field(default_factory=dict)  # what the operation's path names, such as a model


class BadHttp(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class WatchedReader(asyncio.StreamReader):
    """Says at once that the client has left, also while nobody reads."""

    def __init__(self) -> None:
        super().__init__(limit=MOST_HEAD_BYTES)
        self.left = asyncio.Event()

    def feed_eof(self) -> None:
        super().feed_eof()
        self.left.set()

    def set_exception(self, exc: BaseException) -> None:
        super().set_exception(exc)  # type: ignore[arg-type]
        self.left.set()


class Connection:
    def __init__(self, reader: WatchedReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.answering = False  # whether a head has been written for the request at hand
        self.over = False

    async def read_request(self) -> Request | None:
        """None when the client has closed."""
        self.answering = False
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            method, target, version, headers = _parsed_head(head)
            if version != "HTTP/1.1":
                raise BadHttp(505)
            self.over = headers.get("connection", "").lower() == "close"
            if headers.get("expect", "").lower() == "100-continue":
                self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await self._read_body(headers)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        except asyncio.LimitOverrunError:
            raise BadHttp(431) from None
        url = urlsplit(target)
        return Request(method, unquote(url.path), dict(parse_qsl(url.query, keep_blank_values=True)), headers, body, target)

    async def _read_body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return await self._reader.readexactly(_size(headers.get("content-length", "0"), 10))
        body = b""
        while size := _size((await self._reader.readuntil(b"\r\n")).decode("latin-1").split(";")[0].strip(), 16, len(body)):
            body += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        while await self._reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return body

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self._head(status, {**headers, "content-length": str(len(body))})
        self._writer.write(body)

    def send_json(self, status: int, value: Any) -> None:
        self.send(status, {"content-type": "application/json"}, json.dumps(value).encode() + b"\n")

    def start(self, headers: Mapping[str, str]) -> None:
        """Opens an answer of chunks."""
        self._head(200, {**headers, "transfer-encoding": "chunked"})

    def chunk(self, data: bytes) -> None:
        self._writer.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        self._writer.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Closes in the middle of the answer: what was written arrives, the end does not."""
        self.over = True
        self._writer.close()

    async def drain(self) -> None:
        try:
            await self._writer.drain()
        except ConnectionError:
            self._reader.left.set()

    async def left_before(self, due: float) -> bool:
        """Waits until `due` on the loop's clock, or until the client leaves: then True."""
        if due <= asyncio.get_running_loop().time():
            await asyncio.sleep(0)
            return self._reader.left.is_set()
        try:
            async with asyncio.timeout_at(due):
                await self._reader.left.wait()
        except TimeoutError:
            pass
        return self._reader.left.is_set()

    async def left_or(self, event: asyncio.Event) -> None:
        """Waits until the client leaves, or for the event."""
        waits = [asyncio.ensure_future(each.wait()) for each in (self._reader.left, event)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.answering = True
        lines = [f"HTTP/1.1 {status} {_phrase(status)}", *(f"{name}: {value}" for name, value in headers.items())]
        if self.over:
            lines.append("connection: close")
        self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))


def _parsed_head(head: bytes) -> tuple[str, str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    try:
        method, target, version = first.split(" ")
        fields = [line.split(":", 1) for line in lines]
        return method, target, version, {name.strip().lower(): value.strip() for name, value in fields}
    except ValueError:
        raise BadHttp(400) from None


def _size(text: str, base: int, already: int = 0) -> int:
    try:
        size = int(text, base)
    except ValueError:
        raise BadHttp(400) from None
    if size < 0 or size + already > MOST_BODY_BYTES:
        raise BadHttp(400 if size < 0 else 413)
    return size


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
