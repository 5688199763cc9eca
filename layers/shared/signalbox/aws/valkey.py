"""Kept answers in Valkey, or Redis: GET and SET over one kept connection. The clients of PyPI take 100 ms to import for these two.

https://valkey.io/topics/protocol/ (RESP 2). All is written at once and heard in its order, so that a connection that is late or out of step
serves no more: the next call makes another.
"""

import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from .client import Aws, AwsError, Call, InFlight, Rejected, Unavailable
from .http import IDLE_LIMIT_S
from .kept import SOON_S as PATIENCE_S
from .kept import Entry

SERVICE = "valkey"
PREFIX = b"cache:"  # what the stage's user may touch
TIMES = struct.Struct(">QQ")  # before the answer: when it was put, and when it ends
MOST_BYTES = 512 * 1024  # no answer that was kept is larger
PIECE_BYTES = 65_536
TOKEN_S = 900  # the longest that ElastiCache takes
AGAIN_S = 0.1  # after one that let nobody in: the others of a wave do not wait as well

Command = tuple[bytes, ...]


class ValkeyStore:
    def get(self, name: str) -> Call:
        return self._call(b"GET", PREFIX + name.encode())._replace(to_answer=_entry)

    def put(self, name: str, entry: Entry) -> Call:
        value = TIMES.pack(entry.at_ms, entry.expires_ms) + entry.answer
        return self._call(b"SET", PREFIX + name.encode(), value, b"PX", b"%d" % max(1, entry.expires_ms - entry.at_ms))

    def _call(self, *command: bytes) -> Call:
        return Call(SERVICE, command[0].decode(), {"command": command}, patience_s=PATIENCE_S)


class Valkey:
    """A wire of `Aws`, to `valkey://host:port`; `valkeys:` has TLS. A user in it is let in by the token that `token(user)` makes."""

    def __init__(self, url: str, token: Callable[[str], str], wall: Callable[[], float] = time.time, tls: Any = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("valkey", "valkeys") or not parts.hostname:
            raise ValueError(f"{url!r} is no address of a cache: write valkey://host:port, or valkeys:// for TLS")
        self._host, self._port, self._user = parts.hostname, parts.port or 6379, parts.username
        self._is_tls, self._tls = parts.scheme == "valkeys", tls
        self._token, self._wall = token, wall
        self._line: _Line | None = None
        self._used_s = self._shut_until_s = 0.0

    def begin(self, call: Call, timeout_s: float) -> InFlight:
        """Connecting and writing take `timeout_s` at the most."""
        until_s = time.monotonic() + timeout_s
        try:
            line = self._kept() or self._connected(until_s)
            number = line.ask(call.payload["command"], until_s)
        except (OSError, ValueError) as error:
            self.close()
            return InFlight(call, Unavailable(type(error).__name__), timeout_s)
        return _Asked(call, timeout_s, line, number)

    def close(self) -> None:
        if self._line:
            self._line.close()

    def _kept(self) -> "_Line | None":
        idle_s, self._used_s = self._wall() - self._used_s, self._wall()
        line = self._line
        if line is None or line.is_closed:
            return None
        if idle_s >= IDLE_LIMIT_S or line.has_ended:
            line.close()
            return None
        return line

    def _connected(self, until_s: float) -> "_Line":
        sock = self._reached(until_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._is_tls:
            sock.settimeout(_left_s(until_s))
            sock = self._context().wrap_socket(sock, server_hostname=self._host)
        self._line = line = _Line(sock)
        if self._user:
            line.ask((b"AUTH", self._user.encode(), self._token(self._user).encode()), until_s)
        return line

    def _reached(self, until_s: float) -> socket.socket:
        """By the first of its addresses that answers; all together have as long as one."""
        if time.monotonic() < self._shut_until_s:
            raise TimeoutError
        failed: OSError = ConnectionError()
        for family, kind, protocol, _, address in socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM):
            sock = None
            try:
                sock = socket.socket(family, kind, protocol)
                sock.settimeout(_left_s(until_s))
                sock.connect(address)
                return sock
            except OSError as error:
                if sock:
                    sock.close()
                failed = error
        if isinstance(failed, TimeoutError):
            self._shut_until_s = time.monotonic() + AGAIN_S
        raise failed

    def _context(self) -> Any:
        if self._tls is None:
            import ssl

            self._tls = ssl.create_default_context()
        return self._tls


def iam_token(aws: Aws) -> Callable[[str], str]:
    """What lets a user of ElastiCache Serverless in, whose cache has the same name.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
    """

    def token(user: str) -> str:
        url = f"http://{user}/?Action=connect&ResourceType=ServerlessCache&User={user}"
        return aws.presigned(url, "elasticache", TOKEN_S).removeprefix("http://")

    return token


class _Asked(InFlight):
    def __init__(self, call: Call, timeout_s: float, line: "_Line", number: int) -> None:
        self.call = call
        self._timeout_s = timeout_s
        self._line, self._number = line, number

    def answer(self, timeout_s: float | None = None) -> Any:
        until_s = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        try:
            return self.call.to_answer(self._line.reply(self._number, until_s))
        except (OSError, ValueError) as error:
            self._line.close()
            raise Unavailable(type(error).__name__) from error
        except AwsError:
            self._line.close()  # it may not have been let in
            raise


class _Line:
    """One connection. Replies come in the order of what was asked, and are heard in any."""

    def __init__(self, sock: socket.socket) -> None:
        self.is_closed = False
        self._socket = sock
        self._came = bytearray()
        self._asked = self._heard = 0
        self._replies: dict[int, Any] = {}

    @property
    def has_ended(self) -> bool:
        """Nothing is due, and yet there is something to read."""
        return self._asked == self._heard and bool(select.select([self._socket], [], [], 0)[0])

    def ask(self, command: Command, until_s: float) -> int:
        self._socket.settimeout(_left_s(until_s))
        self._socket.sendall(b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in command))
        self._asked += 1
        return self._asked

    def reply(self, number: int, until_s: float) -> Any:
        """Raises OSError, ValueError (no reply of this protocol), Rejected."""
        while self._heard < number:
            reply = self._next(until_s)
            self._heard += 1
            self._replies[self._heard] = reply
        reply = self._replies.pop(number)
        if isinstance(reply, AwsError):
            raise reply
        return reply

    def close(self) -> None:
        self.is_closed = True
        self._socket.close()

    def _next(self, until_s: float) -> Any:
        head = self._line(until_s)
        kind, rest = head[:1], head[1:]
        if kind == b"$":
            size = int(rest)
            if size > MOST_BYTES:
                raise ValueError("larger than any answer")
            return None if size < 0 else self._take(size + 2, until_s)[:-2]
        if kind == b"-":
            return Rejected(rest.split(b" ")[0].decode("ascii", "replace")[:40])
        if kind != b"+":
            raise ValueError("no reply of this protocol")
        return rest

    def _line(self, until_s: float) -> bytes:
        while (end := self._came.find(b"\r\n")) < 0:
            if len(self._came) > PIECE_BYTES:
                raise ValueError("a line without an end")
            self._read(until_s)
        return self._take(end + 2, until_s)[:-2]

    def _take(self, size: int, until_s: float) -> bytes:
        while len(self._came) < size:
            self._read(until_s)
        taken = bytes(self._came[:size])
        del self._came[:size]
        return taken

    def _read(self, until_s: float) -> None:
        if self.is_closed:
            raise ConnectionError
        self._socket.settimeout(_left_s(until_s))
        piece = self._socket.recv(PIECE_BYTES)
        if not piece:
            raise ConnectionResetError
        self._came += piece


def _left_s(until_s: float) -> float:
    """Of a time that is up: what is there already can still be read."""
    return max(0.001, until_s - time.monotonic())


def _entry(value: bytes | None) -> Entry | None:
    if value is None or len(value) < TIMES.size:
        return None
    return Entry(value[TIMES.size :], *TIMES.unpack_from(value))
