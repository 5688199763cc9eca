"""Kept answers in a real server: kept, ended, pushed out; and what becomes of a call where it is down, hangs, forgets or babbles."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from ops.local.settings import ROOT
from ops.local.template import read
from signalbox.aws import valkey as wire
from signalbox.aws.client import Aws, AwsError, Rejected, Unavailable
from signalbox.aws.http import IDLE_LIMIT_S
from signalbox.aws.kept import Entry
from signalbox.aws.valkey import SERVICE, Valkey, ValkeyStore, iam_token
from tests import valkey

ENVIRON = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "to/ken==", "AWS_REGION": "eu-central-1"}
ENTRY = Entry(b"1" + bytes(range(256)) + b"\r\n$3\r\n", 1_000, 61_000)


class Kept:
    """The store, and the calls it makes sent as `complete` sends them."""

    def __init__(self, url: str, *, patience_s: float = 30.0, **more: Any) -> None:
        self.now_s = 1_000_000.0
        self.aws = Aws(ENVIRON)
        self.patience_s = patience_s
        self.wire = Valkey(url, more.pop("token", iam_token(self.aws)), lambda: self.now_s, **more)
        self.aws.carried(SERVICE, self.wire)

    def get(self, *names: str) -> Any:
        calls = [ValkeyStore().get(name)._replace(patience_s=self.patience_s) for name in names]
        answers = self.aws.wave(calls, timeout_s=60)
        return answers if len(names) > 1 else answers[0]

    def put(self, name: str, entry: Entry = ENTRY) -> Any:
        return self.aws.wave([ValkeyStore().put(name, entry)._replace(patience_s=self.patience_s)], timeout_s=60)[0]


@contextmanager
def kept(url: str, **more: Any) -> Iterator[Kept]:
    it = Kept(url, **more)
    try:
        yield it
    finally:
        it.aws.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[valkey.Server]:
    with valkey.Server(tmp_path) as server:
        yield server


@valkey.needed
def test_what_is_put_is_got_and_what_was_not_is_nothing(server: valkey.Server) -> None:
    with kept(server.url) as it:
        assert it.get("a") is None
        assert not isinstance(it.put("a"), AwsError)
        assert it.get("a") == ENTRY
        it.put("a", ENTRY._replace(answer=b"2"))
        assert it.get("a", "b", "a") == [ENTRY._replace(answer=b"2"), None, ENTRY._replace(answer=b"2")]


@valkey.needed
def test_the_largest_that_is_kept_comes_back_whole(server: valkey.Server) -> None:
    large = ENTRY._replace(answer=b"\r\n" * 175 * 1024)
    with kept(server.url) as it:
        it.put("large", large)
        assert it.get("large", "none", "large") == [large, None, large]


@valkey.needed
def test_an_answer_that_ends_is_not_there_any_more(server: valkey.Server) -> None:
    with kept(server.url) as it:
        it.put("short", ENTRY._replace(expires_ms=ENTRY.at_ms + 1))
        it.put("past", ENTRY._replace(expires_ms=ENTRY.at_ms - 1))
        it.put("long", ENTRY)
        until_s = time.monotonic() + 30
        while it.get("short", "past") != [None, None]:
            assert time.monotonic() < until_s
        assert it.get("long") == ENTRY


@valkey.needed
def test_a_full_server_pushes_some_out_and_one_that_may_not_is_no_harm(server: valkey.Server) -> None:
    """Which ones a server pushes out is its choice: it looks at a few at random, and tells ages apart by the second."""
    large, names = ENTRY._replace(answer=bytes(100_000)), [str(number) for number in range(80)]
    with kept(server.url) as it:
        say(server, b"CONFIG SET maxmemory 4mb", b"CONFIG SET maxmemory-policy allkeys-lru")
        assert not [name for name in names if isinstance(it.put(name, large), AwsError)]
        answers = [it.get(name) for name in names]
        assert all(answer in (None, large) for answer in answers)
        assert 0 < answers.count(None) < len(names)
        say(server, b"CONFIG SET maxmemory-policy noeviction", b"CONFIG SET maxmemory 1mb")
        assert isinstance(it.put("full"), Rejected)
        assert it.put("full").code == "OOM"
        assert it.get("full") is None


def say(server: valkey.Server, *commands: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 60) as line, line.makefile("rb") as heard:
        for command in commands:
            line.sendall(command + b"\r\n")
            assert heard.readline() == b"+OK\r\n"


@valkey.needed
def test_one_connection_serves_them_all_and_a_frozen_one_is_not_trusted(server: valkey.Server) -> None:
    with kept(server.url) as it:
        it.get("a")
        first = it.wire._line
        it.put("a")
        it.get("a", "b")
        assert it.wire._line is first
        it.now_s += IDLE_LIMIT_S
        assert it.get("a") == ENTRY
        assert it.wire._line is not first


@valkey.needed
def test_a_server_that_was_restarted_meanwhile_is_asked_again_as_if_nothing_were(server: valkey.Server) -> None:
    with kept(server.url) as it:
        it.put("a")
        server.stop()
        server.start()
        assert it.get("a") is None
        it.put("a")
        assert it.get("a") == ENTRY


@valkey.needed
def test_a_server_that_goes_away_in_the_middle_is_no_answer(server: valkey.Server) -> None:
    with kept(server.url) as it:
        it.put("a")
        server.signal(signal.SIGSTOP)
        flight = it.aws.begin(ValkeyStore().get("a")._replace(patience_s=30))
        server.stop()
        with pytest.raises(Unavailable):
            flight.answer()
        assert isinstance(it.get("a"), Unavailable)
        server.start()
        assert it.get("a") is None


@valkey.needed
def test_a_server_that_hangs_is_waited_for_as_long_as_its_patience_and_trusted_no_more(server: valkey.Server) -> None:
    with kept(server.url, patience_s=0.05) as it:
        it.get("a")
        server.signal(signal.SIGSTOP)
        began_s = time.monotonic()
        assert [type(answer) for answer in it.get("a", "b")] == [Unavailable, Unavailable]
        assert time.monotonic() - began_s < 30
        server.signal(signal.SIGCONT)
        it.patience_s = 30
        it.put("b")
        assert it.get("b") == ENTRY  # and not what was asked before


@valkey.needed
def test_a_machine_that_speaks_no_ipv6_goes_on_to_the_next_address(server: valkey.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    of_family, resolve = socket.socket, socket.getaddrinfo

    def opened(family: int = -1, *more: Any, **named: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError("Address family not supported by protocol")
        return of_family(family, *more, **named)

    sixth = (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::1", 1, 0, 0))
    with kept(server.url) as it:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **named: [sixth, *resolve(*asked, **named)])
        monkeypatch.setattr(socket, "socket", opened)
        assert it.get("nothing") is None


def test_one_that_lets_nobody_in_is_no_answer() -> None:
    """As a security group that drops what it does not let through."""
    with ExitStack() as opened:
        listening = opened.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(3):  # more than may wait to be let in
            other = opened.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(listening.getsockname())
        it = opened.enter_context(kept(f"valkey://127.0.0.1:{listening.getsockname()[1]}", patience_s=0.2))
        assert [type(answer) for answer in it.get("a", "b")] == [Unavailable, Unavailable]


class Dropping:
    """A network that drops whatever is sent to it, and the time that whoever connects spends on it."""

    now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s

    def getaddrinfo(self, *_: Any, **__: Any) -> list[Any]:
        return [(0, 0, 0, "", number) for number in range(3)]

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)

    def socket(self, *_: int) -> "Dropping.Socket":
        return self.Socket(self)

    class Socket:
        def __init__(self, network: "Dropping") -> None:
            self.network = network

        def settimeout(self, timeout_s: float) -> None:
            self.timeout_s = timeout_s

        def connect(self, _: Any) -> None:
            self.network.now_s += self.timeout_s
            raise TimeoutError

        def close(self) -> None:
            pass


def test_it_is_waited_for_once_by_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each of its addresses, and of each call of a wave."""
    network = Dropping()
    monkeypatch.setattr(wire, "socket", network)
    monkeypatch.setattr(wire, "time", network)
    with kept("valkey://cache.example", patience_s=3.0) as it:
        assert [answer.code for answer in it.get("a", "b", "c")] == 3 * ["TimeoutError"]
        assert 1_003.0 <= network.now_s < 1_003.1
        network.now_s += wire.AGAIN_S
        it.get("a")
        assert 1_006.0 <= network.now_s < 1_006.3


def test_nobody_there_is_no_answer() -> None:
    holder, port = valkey.held_port()
    with holder, kept(f"valkey://127.0.0.1:{port}") as it:
        assert isinstance(it.get("a"), Unavailable)


GARBAGE = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"$x\r\n",
    b"$99999999\r\n",
    b":1\r\n",
    b"\x00" * 70_000,
    b"$5\r\nab",
    b"",
]


@pytest.mark.parametrize("said", GARBAGE)
def test_garbage_is_no_answer(said: bytes) -> None:
    with babbling(said) as url, kept(url) as it:
        assert [type(answer) for answer in it.get("a", "b")] == [Unavailable, Unavailable]


@pytest.mark.parametrize("value", [b"", b"short", bytes(15)])
def test_what_somebody_else_wrote_under_the_name_is_nothing(value: bytes) -> None:
    with babbling(b"$%d\r\n%b\r\n" % (len(value), value)) as url, kept(url) as it:
        assert it.get("a") is None


@contextmanager
def babbling(said: bytes) -> Iterator[str]:
    """Says this to whoever asks for something, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):  # who has heard enough leaves; and who never came is waited for no longer
                line, _ = listening.accept()
                with line:
                    line.recv(65_536)
                    line.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"valkey://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@valkey.needed
def test_over_tls_its_certificate_is_looked_at(tmp_path: Path) -> None:
    import ssl

    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    named = ["-subj", "/CN=cache", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made + named, check=True, capture_output=True)
    options = ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-auth-clients", "no"]
    with valkey.Server(tmp_path, *options, is_tls=True) as server:
        with kept(server.url, tls=ssl.create_default_context(cafile=str(certificate))) as it:
            it.put("a")
            assert it.get("a", "b") == [ENTRY, None]
            first = it.wire._line
            assert it.get("a") == ENTRY
            assert it.wire._line is first
        with kept(server.url) as it:
            assert it.get("a").code == "SSLCertVerificationError"


def test_it_is_waited_for_no_longer_where_the_table_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local stack's table pauses under load. Two containers that wait for as long as they are then silent cost every request that."""
    monkeypatch.setenv("SIGNALBOX_CACHE_PATIENCE_S", "5")
    asks = "from signalbox.aws import kept, valkey; print(kept.PATIENCE_S, valkey.ValkeyStore().get('a').patience_s)"
    assert subprocess.check_output([sys.executable, "-c", asks], text=True) == "5.0 0.3\n"


def test_an_address_that_is_none_says_what_one_is() -> None:
    for url in ("redis.example", "http://127.0.0.1", "valkeys://"):
        with pytest.raises(ValueError, match="valkey://host:port"):
            Valkey(url, str)


# ---------------------------------------------------------------- who is let in


@valkey.needed
def test_a_user_is_let_in_by_its_token_and_no_other(tmp_path: Path) -> None:
    allowed = read(ROOT / "template.yaml")["Resources"]["AnswerCacheUser"]["Properties"]["AccessString"].split()
    rules = ["--user", "default", "off", "--user", "signalbox-dev", ">right", *allowed]
    with valkey.Server(tmp_path, *rules) as server:
        with kept(server.url.replace("//", "//signalbox-dev@"), token=tokens("right")) as it:
            it.put("a")
            assert it.get("a") == ENTRY
        with kept(server.url.replace("//", "//signalbox-dev@"), token=tokens("wrong")) as it:
            assert it.get("a").code == "NOAUTH"
        with kept(server.url) as it:
            assert it.get("a").code == "NOAUTH"


def tokens(token: str) -> Callable[[str], str]:
    return lambda user: token if user == "signalbox-dev" else ""


def test_the_token_is_the_one_that_botocore_would_sign() -> None:
    at = datetime(2026, 11, 21, 9, 8, 7, tzinfo=UTC)
    ours = iam_token(Aws(ENVIRON, clock=at.timestamp))("signalbox-dev")
    url = "http://signalbox-dev/?Action=connect&ResourceType=ServerlessCache&User=signalbox-dev"
    theirs = AWSRequest(method="GET", url=url)
    with mock.patch("botocore.auth.get_current_datetime", return_value=at.replace(tzinfo=None)):
        SigV4QueryAuth(BotoCredentials("AKID", "secret", "to/ken=="), "elasticache", "eu-central-1", expires=900).add_auth(theirs)
    prepared = theirs.prepare().url
    assert sorted(ours.split("?")[1].split("&")) == sorted(prepared.split("?")[1].split("&"))
    assert ours.startswith("signalbox-dev/?")
