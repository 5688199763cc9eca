"""HTTP/1.1 over a small pool of kept connections, for AWS and for providers alike. http.client: nothing lighter has TLS and chunks.

A request is sent by one call and its answer read by another, so that several can be under way without a thread.

    TransportError
    ├── Unreachable  no connection, or nothing that can be sent by it: nothing was
    ├── TimedOut     nothing came in time
    ├── Cut          the connection ended before the answer did
    └── Malformed    what came is not HTTP
"""

import http.client
import io
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..wire import HttpRequest

if TYPE_CHECKING:
    import ssl

IDLE_LIMIT_S = 50  # AWS and most providers drop an idle connection after 60 s; a frozen container does not hear of it
PLAIN_IDLE_LIMIT_S = 4  # servers of one's own often drop it after 5 s; without TLS a new one costs little
PIECE_BYTES = 65_536


class TransportError(Exception):
    pass


class Unreachable(TransportError):
    pass


class TimedOut(TransportError):
    pass


class Cut(TransportError):
    pass


class Malformed(TransportError):
    pass


class Pool:
    """Kept connections by origin. `wall` is epoch seconds, which go on while a container is frozen.

    Several threads may send at once: each connection is one's alone from the moment it is taken until it is given back.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._idle: dict[tuple[str, str], list[tuple[http.client.HTTPConnection, float]]] = {}
        self._wall = wall
        self._tls: ssl.SSLContext | None = None

    def send(self, request: HttpRequest, timeout_s: float) -> "Exchange":
        """Writes the request and returns at once; `timeout_s` bounds the connecting and the writing."""
        try:
            url = urlsplit(request.url)
            origin = (url.scheme, url.netloc)
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            connection = self._take(origin)
        except (ValueError, http.client.HTTPException) as error:
            raise Unreachable(f"no address: {type(error).__name__}") from error
        try:
            if connection.sock is None:
                connection.timeout = timeout_s
                connection.connect()
            connection.sock.settimeout(timeout_s)
        except (OSError, ValueError) as error:  # a name may be none that can be looked up
            connection.close()
            raise Unreachable(f"{url.netloc}: {type(error).__name__}") from error
        try:
            connection.request(request.method, path, body=request.body or None, headers=dict(request.headers))
        except (BrokenPipeError, ConnectionResetError):
            pass  # it may have been answered before it was read to its end: head() tells
        except (http.client.InvalidURL, ValueError) as error:  # a path or a header that is none, of which nothing goes out
            connection.close()
            raise Unreachable(f"no request: {type(error).__name__}") from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _translated(error) from error
        return Exchange(connection, lambda: self._give(origin, connection))

    def close(self) -> None:
        for connections in self._idle.values():
            for connection, _ in connections:
                connection.close()
        self._idle.clear()

    def _take(self, origin: tuple[str, str]) -> http.client.HTTPConnection:
        idle = self._idle.get(origin, [])
        limit_s = PLAIN_IDLE_LIMIT_S if origin[0] == "http" else IDLE_LIMIT_S
        while True:
            try:
                connection, since = idle.pop()
            except IndexError:
                break
            if self._wall() - since < limit_s and not _ended(connection):
                return connection
            connection.close()
        scheme, netloc = origin
        if scheme == "http":
            return http.client.HTTPConnection(netloc)
        return http.client.HTTPSConnection(netloc, context=self._context())

    def _give(self, origin: tuple[str, str], connection: http.client.HTTPConnection) -> None:
        self._idle.setdefault(origin, []).append((connection, self._wall()))

    def _context(self) -> "ssl.SSLContext":
        if self._tls is None:
            import ssl  # 20 ms, and the local stack needs none

            self._tls = ssl.create_default_context()
        return self._tls


class Exchange:
    """A request that was sent. Read `head`, then `read` it whole or take its `pieces`; or `close` it, which ends the connection."""

    status = 0
    headers: Mapping[str, str] = {}

    def __init__(self, connection: http.client.HTTPConnection, give_back: Callable[[], None]) -> None:
        self._connection = connection
        self._socket = connection.sock
        self._give_back = give_back
        self._until_s = 0.0
        self._response: http.client.HTTPResponse | None = None
        self._is_given_back = False

    def head(self, timeout_s: float) -> int:
        """The status; `headers` (names of any case) are there from now on."""
        self._connection.response_class = lambda _, *more, **named: http.client.HTTPResponse(self, *more, **named)  # type: ignore
        with self._reading(timeout_s):
            self._response = self._connection.getresponse()
        self.status, self.headers = self._response.status, self._response.headers  # type: ignore[assignment]
        return self.status

    def read(self, timeout_s: float) -> bytes:
        """The whole body; `timeout_s` bounds all of it, however it trickles."""
        until_s = time.monotonic() + timeout_s
        return b"".join(self.pieces(lambda: until_s - time.monotonic()))

    def pieces(self, timeout_s: Callable[[], float]) -> Iterator[bytes]:
        """The body as it comes; `timeout_s()` is asked before each wait, and a bound that has passed ends it."""
        assert self._response is not None, "head() comes first"
        response, whole = self._response, False
        try:
            while not response.isclosed():
                with self._reading(timeout_s()):
                    piece = response.read1(PIECE_BYTES)
                if piece:
                    yield piece
                elif response.length:
                    raise Cut("the body ended early")
                else:
                    break
            whole = True
        finally:
            response.close()
            if whole and not response.will_close:
                self._is_given_back = True
                self._give_back()
            else:
                self.close()

    def close(self) -> None:
        """Nothing where it was read to its end: the connection serves others by now."""
        if self._is_given_back:
            return
        if self._response:
            self._response.close()
        self._connection.close()

    def abort(self) -> None:
        """Ends the connection under whoever reads from it, in another thread: they are told that it was cut, and close it."""
        with suppress(OSError):  # it may have ended by itself
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # of TLS, too, the connection alone: its reader still needs the rest

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client reads the answer from, in place of the socket's own: a bound holds however the bytes trickle."""
        return io.BufferedReader(_Bounded(self._socket, lambda: self._until_s))

    def _reading(self, timeout_s: float) -> "_Reading":
        return _Reading(self, timeout_s)


class _Bounded(io.RawIOBase):
    """A socket read until a moment, not for a while. `until_s` is monotonic."""

    def __init__(self, sock: socket.socket, until_s: Callable[[], float]) -> None:
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._until_s = until_s

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int | None:
        left_s = self._until_s() - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._socket.settimeout(left_s)
        return self._raw.readinto(into)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Reading:
    """Sets the bound of a read, and turns what a read can raise into our own errors, ending the connection."""

    def __init__(self, exchange: Exchange, timeout_s: float) -> None:
        self._exchange = exchange
        self._timeout_s = timeout_s

    def __enter__(self) -> None:
        if self._timeout_s <= 0:
            self._exchange.close()
            raise TimedOut("the time was up")
        self._exchange._until_s = time.monotonic() + self._timeout_s

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, OSError | http.client.HTTPException | ValueError):
            self._exchange.close()
            raise _translated(error) from error


def _translated(error: Exception) -> TransportError:
    kinds: tuple[tuple[type | tuple[type, ...], type[TransportError]], ...] = (
        (TimeoutError, TimedOut),
        ((http.client.IncompleteRead, http.client.RemoteDisconnected, OSError), Cut),
        ((http.client.HTTPException, ValueError), Malformed),
    )
    kind = next(ours for theirs, ours in kinds if isinstance(error, theirs))
    return kind(type(error).__name__)


def _ended(connection: http.client.HTTPConnection) -> bool:
    """An idle connection that has something to read was closed by the other side."""
    return connection.sock is None or bool(select.select([connection.sock], [], [], 0)[0])
