"""HTTP/1.1 requests read byte by byte, so that nothing a client does wrong is mended on the way. Chunks keep their time of arrival."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

METHOD_LINE = re.compile(rb"(GET|POST) (/\S*) HTTP/1\.1\r\n")
HEADER_LINE = re.compile(rb"([A-Za-z0-9-]+): ([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)\r\n")
CHUNK_LINE = re.compile(rb"([0-9a-fA-F]+)\r\n")


class Violation(Exception):
    """The client does not keep to the protocol."""


@dataclass
class Chunk:
    at: float
    data: bytes


@dataclass
class Call:
    """Header and trailer names are in lower case. `chunks` is empty where the body came with a length."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    chunks: list[Chunk] = field(default_factory=list)
    trailers: dict[str, str] = field(default_factory=dict)


def read_head(reader: BinaryIO) -> Call | None:
    """None where the connection ended before a request began."""
    line = reader.readline()
    if not line:
        return None
    matched = METHOD_LINE.fullmatch(line)
    if not matched:
        raise Violation(f"not a request line: {line!r}")
    call = Call(matched[1].decode(), matched[2].decode(), _read_headers(reader))
    if ("content-length" in call.headers) == ("transfer-encoding" in call.headers) and call.method == "POST":
        raise Violation("a POST says its length or that it is chunked, not both, not neither")
    return call


def read_body(reader: BinaryIO, call: Call, arrived: Callable[[Chunk], None] = lambda chunk: None) -> None:
    if call.headers.get("transfer-encoding") == "chunked":
        while chunk := _read_chunk(reader):
            call.chunks.append(chunk)
            arrived(chunk)
        call.trailers = _read_headers(reader)
        announced = {name.strip().lower() for name in call.headers.get("trailer", "").split(",")}
        if not call.trailers.keys() <= announced:
            raise Violation(f"trailers {sorted(call.trailers)} of which only {sorted(announced)} were announced")
        call.body = b"".join(chunk.data for chunk in call.chunks)
    else:
        call.body = _read_exactly(reader, int(call.headers.get("content-length", 0)))


def _read_chunk(reader: BinaryIO) -> Chunk | None:
    line = reader.readline()
    matched = CHUNK_LINE.fullmatch(line)
    if not matched:
        raise Violation(f"not the size of a chunk: {line!r}") if line else ConnectionAbortedError
    size = int(matched[1], 16)
    if not size:
        return None
    data = _read_exactly(reader, size)
    if reader.read(2) != b"\r\n":
        raise Violation("a chunk is longer than it says")
    return Chunk(time.monotonic(), data)


def _read_headers(reader: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    while (line := reader.readline()) != b"\r\n":
        matched = HEADER_LINE.fullmatch(line)
        if not matched:
            raise Violation(f"not a header: {line!r}")
        name = matched[1].decode().lower()
        if name in headers:
            raise Violation(f"{name} stands there twice")
        headers[name] = matched[2].decode()
    return headers


def _read_exactly(reader: BinaryIO, size: int) -> bytes:
    data = reader.read(size)
    if len(data) < size:
        raise ConnectionAbortedError
    return data
