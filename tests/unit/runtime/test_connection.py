"""How answers of the Runtime API are read, and what becomes of the connection after each."""

import socket

import pytest

from signalbox.runtime.connection import Broken, Connection

OK = b"HTTP/1.1 200 OK\r\n"


class Peer:
    """The other side: it accepts when it is told to and says what it is told to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(5)
        self.connection = Connection(f"127.0.0.1:{self._listener.getsockname()[1]}")
        self._accepted: list[socket.socket] = []

    def exchange(self, said: bytes):
        """Whatever `said` is, it is all that comes: the sending side is closed behind it where it is not complete."""
        self.connection.start("GET", "/next", "")
        if not self._accepted or self._last_is_over():
            self._accepted.append(self._listener.accept()[0])
        self._accepted[-1].recv(1000)
        self._accepted[-1].sendall(said)
        return self

    def end(self) -> "Peer":
        self._accepted[-1].shutdown(socket.SHUT_WR)
        return self

    def receive(self):
        return self.connection.receive()

    @property
    def connections(self) -> int:
        return len(self._accepted)

    def _last_is_over(self) -> bool:
        last = self._accepted[-1]
        last.settimeout(5)
        return last.recv(1, socket.MSG_PEEK) == b""

    def close(self) -> None:
        self.connection.close()
        for one in [self._listener, *self._accepted]:
            one.close()


@pytest.fixture
def peer():
    peer = Peer()
    yield peer
    peer.close()


def test_header_names_are_read_in_any_case(peer):
    answer = peer.exchange(OK + b"LAMBDA-Runtime-Trace-Id:  a:b \r\ncontent-LENGTH: 2\r\n\r\n{}").receive()
    assert answer == (200, {"lambda-runtime-trace-id": "a:b", "content-length": "2"}, b"{}")


def test_chunks_with_extensions_and_trailers(peer):
    chunked = b"Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nx: y\r\n\r\n"
    assert peer.exchange(OK + chunked).receive().body == b"abc0123456789"


def test_one_connection_serves_many_exchanges(peer):
    for _ in range(3):
        peer.exchange(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").receive()
    assert peer.connections == 1


@pytest.mark.parametrize("said", [OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"])
def test_a_connection_that_is_not_kept_is_opened_again(peer, said):
    peer.exchange(said).receive()
    peer.exchange(said).receive()
    assert peer.connections == 2


def test_a_connection_that_was_closed_meanwhile_is_opened_again(peer):
    peer.exchange(OK + b"Content-Length: 0\r\n\r\n").end().receive()
    peer.exchange(OK + b"Content-Length: 2\r\n\r\nok")
    assert peer.receive().body == b"ok"
    assert peer.connections == 2


def test_without_a_length_the_body_goes_to_the_end(peer):
    assert peer.exchange(OK + b"\r\nall of it").end().receive().body == b"all of it"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense\r\n\r\n",
        OK + b"Content-Length: 5\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["nothing", "no HTTP", "half a body", "half a chunk", "no end"],
)
def test_an_answer_that_does_not_end_is_broken(peer, said):
    peer.exchange(said).end()
    with pytest.raises(Broken):
        peer.receive()


def test_nobody_there_is_broken():
    with pytest.raises(Broken):
        Connection("127.0.0.1:1").start("GET", "/next", "")
