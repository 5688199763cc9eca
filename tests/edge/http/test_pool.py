"""The connection pool against real sockets: a server of the test's own that says and does exactly what it is told."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from signalbox.aws.http import Cut, Malformed, Pool, TimedOut, Unreachable
from signalbox.wire import HttpRequest
from tests.valkey import held_port

SOON_S = 60  # nothing waits so long but what is broken
Script = Callable[[socket.socket], None]


class Server:
    """Runs one script for each connection, in order, and counts them. `wait` is what a script waits for."""

    def __init__(self, *scripts: Script) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1?q=1"
        self.connections = 0
        self.go_on = threading.Event()
        self.ended = threading.Semaphore(0)
        self._scripts = scripts
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # nobody came
                return
            self.connections += 1
            with connection:
                script(connection)
            self.ended.release()

    def close(self) -> None:
        self.go_on.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(SOON_S)
        self._listener.close()
        assert not self._thread.is_alive()


@pytest.fixture
def serve():
    servers: list[Server] = []

    def start(*scripts: Script) -> Server:
        servers.append(Server(*scripts))
        return servers[-1]

    yield start
    with ExitStack() as closing:
        for server in servers:
            closing.callback(server.close)


@pytest.fixture
def pool():
    now = [1000.0]
    pool = Pool(wall=lambda: now[0])
    pool.now = now
    yield pool
    pool.close()


def request_of(connection: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read:
        piece = connection.recv(65_536)
        if not piece:
            return read
        read += piece
    return read


def answers(*parts: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        request_of(connection)
        for part in parts:
            connection.sendall(part)

    return script


def whole(pool: Pool, url: str) -> bytes:
    exchange = pool.send(HttpRequest("GET", url), SOON_S)
    exchange.head(SOON_S)
    return exchange.read(SOON_S)


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


def twice(connection: socket.socket) -> None:
    for _ in range(2):
        request_of(connection)
        connection.sendall(OK)


def test_a_connection_is_kept_and_used_again(serve, pool):
    server = serve(twice)
    assert whole(pool, server.url) == b"hello"
    pool.now[0] += 3
    assert whole(pool, server.url) == b"hello"
    assert server.connections == 1


def test_who_has_read_it_to_its_end_closes_nobody_elses_connection(serve, pool):
    server = serve(twice)
    first = pool.send(HttpRequest("GET", server.url), SOON_S)
    first.head(SOON_S)
    first.read(SOON_S)
    second = pool.send(HttpRequest("GET", server.url), SOON_S)
    first.close()
    assert (second.head(SOON_S), second.read(SOON_S), server.connections) == (200, b"hello", 1)


def test_a_connection_that_the_other_side_closed_meanwhile_is_not_used(serve, pool):
    server = serve(answers(OK), answers(OK))
    whole(pool, server.url)
    assert server.ended.acquire(timeout=SOON_S)
    assert whole(pool, server.url) == b"hello"
    assert server.connections == 2


def test_a_connection_that_was_idle_too_long_is_not_used(serve, pool):
    def lasting(connection):
        request_of(connection)
        connection.sendall(OK)
        request_of(connection)

    server = serve(lasting, answers(OK))
    whole(pool, server.url)
    pool.now[0] += 5  # when servers like uvicorn drop it
    assert whole(pool, server.url) == b"hello"
    assert server.connections == 2


def test_two_exchanges_are_under_way_at_once(serve, pool):
    server = serve(answers(OK))
    other = serve(answers(OK))
    first, second = pool.send(HttpRequest("GET", server.url), SOON_S), pool.send(HttpRequest("GET", other.url), SOON_S)
    assert (second.head(SOON_S), first.head(SOON_S)) == (200, 200)
    assert (second.read(SOON_S), first.read(SOON_S)) == (b"hello", b"hello")


def test_pieces_come_as_they_are_sent(serve, pool):
    def dripping(connection):
        request_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        server.go_on.wait(SOON_S)
        connection.sendall(b"3\r\ntwo\r\n0\r\n\r\n")
        request_of(connection)

    server = serve(dripping)
    exchange = pool.send(HttpRequest("GET", server.url), SOON_S)
    exchange.head(SOON_S)
    pieces = exchange.pieces(lambda: SOON_S)
    assert next(pieces) == b"one"  # while the server still holds back the second
    server.go_on.set()
    assert b"".join(pieces) == b"two"
    pool.close()


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ((), Cut),
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhell",), Cut),
        ((b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",), Cut),
        ((b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",), Cut),
        ((b"SSH-2.0-OpenSSH\r\n\r\n",), Malformed),
        ((b"HTTP/1.1 abc OK\r\n\r\n",), Malformed),
    ],
)
def test_a_broken_answer_is_known_for_what_it_is(serve, pool, parts, error):
    with pytest.raises(error):
        whole(pool, serve(answers(*parts)).url)


def _read(exchange, within_s):
    exchange.head(within_s)
    list(exchange.pieces(lambda: within_s))


def test_a_bound_holds_against_a_head_and_a_body_that_trickle(serve, pool):
    def trickling(beginning):
        def script(connection):
            request_of(connection)
            connection.sendall(beginning)
            try:
                while not server.go_on.wait(0.01):
                    connection.sendall(b"x")
            except OSError:
                pass  # the client has had enough

        return script

    for beginning in (b"HTTP/1.1 200 OK\r\nx-slow: ", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;"):
        server = serve(trickling(beginning))
        exchange = pool.send(HttpRequest("GET", server.url), SOON_S)
        began = time.monotonic()
        with pytest.raises(TimedOut):
            _read(exchange, within_s=0.2)
        assert time.monotonic() - began < SOON_S


def test_a_whole_body_is_waited_for_no_longer_than_a_bound_however_it_trickles(serve, pool):
    def trickling(connection):
        request_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        try:
            while not server.go_on.wait(0.01):
                connection.sendall(b"x")
        except OSError:
            pass  # the client has had enough

    server = serve(trickling)
    exchange = pool.send(HttpRequest("GET", server.url), SOON_S)
    exchange.head(SOON_S)
    with pytest.raises(TimedOut):
        exchange.read(0.2)


@pytest.mark.parametrize("url", ["http://[::1/", "http://127.0.0.1:port/", "http://" + "a" * 64 + ".test/", "http://a..test/"])
def test_what_is_no_address_cannot_be_reached(pool, url):
    with pytest.raises(Unreachable):
        pool.send(HttpRequest("GET", url), SOON_S)


@pytest.mark.parametrize("headers", [{"x-key": "sk-secret\n"}, {"x-key": "sk-secret-\u2013"}, {"x key:": "1"}])
def test_what_cannot_be_sent_is_not_and_is_not_quoted(serve, pool, headers):
    server = serve(lambda connection: None)
    with pytest.raises(Unreachable) as error:  # for which nobody is charged
        pool.send(HttpRequest("GET", server.url, headers), SOON_S)
    assert "secret" not in str(error.value)


def test_an_answer_that_comes_before_the_request_was_read_is_heard(serve, pool):
    def hasty(connection):
        request_of(connection)
        connection.sendall(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_RD)

    exchange = pool.send(HttpRequest("POST", serve(hasty).url, body=b"x" * 200_000), SOON_S)
    assert exchange.head(SOON_S) == 401
    exchange.close()


def test_silence_ends_in_a_timeout(serve, pool):
    def silent(connection):
        request_of(connection)
        server.go_on.wait(SOON_S)

    server = serve(silent)
    exchange = pool.send(HttpRequest("GET", server.url), SOON_S)
    with pytest.raises(TimedOut):
        exchange.head(0.02)


def test_a_bound_that_has_passed_reads_no_more(serve, pool):
    exchange = pool.send(HttpRequest("GET", serve(answers(OK)).url), SOON_S)
    exchange.head(SOON_S)
    with pytest.raises(TimedOut):
        list(exchange.pieces(lambda: 0))


def test_where_nobody_listens_nothing_was_sent(pool):
    holder, port = held_port()
    with holder, pytest.raises(Unreachable):
        pool.send(HttpRequest("GET", f"http://127.0.0.1:{port}/"), SOON_S)
