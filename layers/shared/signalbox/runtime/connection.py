"""One kept HTTP/1.1 connection to the Runtime API, on a bare socket: it costs half of what http.client does."""

import socket
from collections.abc import Callable
from typing import BinaryIO, NamedTuple


class Broken(Exception):
    """The other side closed the connection, or it does not speak HTTP."""


class Answer(NamedTuple):
    """Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    def __init__(self, address: str) -> None:
        """`address` is host:port."""
        host, _, port = address.rpartition(":")
        self._address = (host.strip("[]"), int(port))
        self._host = f"Host: {address}\r\n".encode()
        self._socket: socket.socket | None = None
        self._reader: BinaryIO | None = None

    def start(self, method: str, path: str, headers: str, rest: bytes = b"") -> None:
        """Sends a request's head and what is known of its body in one write. `headers` are whole lines."""
        self.send(f"{method} {path} HTTP/1.1\r\n".encode() + self._host + f"{headers}\r\n".encode("ascii", "replace") + rest, fresh=True)

    def send(self, data: bytes, fresh: bool = False) -> None:
        try:
            if fresh and not self._is_open():
                self._open()
            assert self._socket is not None
            self._socket.sendall(data)
        except OSError as error:
            self.close()
            raise Broken(f"cannot write to the Runtime API: {error}") from error

    def receive(self, wait: Callable[[socket.socket], None] | None = None) -> Answer:
        """No timeout: a frozen container waits in here for hours. `wait`, if given, returns when there is something to read."""
        assert self._socket is not None
        assert self._reader is not None
        try:
            if wait:
                wait(self._socket)
            answer, keep = _read(self._reader)
        except (OSError, ValueError) as error:
            self.close()
            raise Broken(f"cannot read from the Runtime API: {error}") from error
        if not keep:
            self.close()
        return answer

    def close(self) -> None:
        if self._socket:
            self._reader and self._reader.close()
            self._socket.close()
        self._socket = self._reader = None

    def _open(self) -> None:
        self._socket = socket.create_connection(self._address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")

    def _is_open(self) -> bool:
        """Between two exchanges there must be nothing to read, not even the end."""
        if not self._socket:
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            pass
        self.close()
        return False


def _read(reader: BinaryIO) -> tuple[Answer, bool]:
    """One answer, and whether the connection can be used again."""
    protocol, status, *_ = reader.readline().split(None, 2) or (b"", b"")
    if not protocol.startswith(b"HTTP/1."):
        raise ValueError("the connection ended where an answer was due")
    headers = _read_headers(reader)
    keep = protocol != b"HTTP/1.0" and headers.get("connection", "").lower() != "close"
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b"".join(_read_chunks(reader))
    elif "content-length" in headers:
        body = _read_exactly(reader, int(headers["content-length"]))
    else:
        body, keep = reader.read(), False
    return Answer(int(status), headers, body), keep


def _read_headers(reader: BinaryIO) -> dict[str, str]:
    headers = {}
    while line := reader.readline().rstrip(b"\r\n"):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return headers


def _read_chunks(reader: BinaryIO) -> list[bytes]:
    chunks = []
    while size := int(reader.readline().partition(b";")[0], 16):
        chunks.append(_read_exactly(reader, size))
        reader.readline()
    _read_headers(reader)  # trailers
    return chunks


def _read_exactly(reader: BinaryIO, size: int) -> bytes:
    data = reader.read(size)
    if len(data) < size:
        raise ValueError("the connection ended in the middle of an answer")
    return data
