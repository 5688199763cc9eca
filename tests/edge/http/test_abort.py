"""An exchange that another thread gives up: whoever waits for it is told at once, over TLS too, and nobody gets its connection again."""

import datetime
import http.client
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from signalbox.aws.http import Cut, Exchange, Pool
from signalbox.wire import HttpRequest

SOON_S = 60  # nothing waits so long but what is broken
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The files of one for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize("says", [b"", HEAD, HEAD + b"5\r\nhello\r\n"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_whoever_waits_is_told_at_once(certificate, scheme, says):
    waits, over = threading.Event(), threading.Event()

    def serve(listener):
        connection, _ = listener.accept()
        if scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            connection = context.wrap_socket(connection, server_side=True)
        with connection:
            connection.recv(65_536)
            connection.sendall(says)
            over.wait()

    def read(exchange):
        exchange.head(SOON_S) if says else waits.set()
        if not says:
            exchange.head(SOON_S)
        for _ in exchange.pieces(lambda: (waits.set(), SOON_S)[1]):
            pass

    with ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        threads = opened.enter_context(ThreadPoolExecutor(2))
        opened.callback(over.set)
        threads.submit(serve, listener)
        where = f"127.0.0.1:{listener.getsockname()[1]}"
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(where, context=trusting) if scheme == "https" else http.client.HTTPConnection(where)
        opened.enter_context(closing(connection))
        connection.request("GET", "/")
        given: list[None] = []
        exchange = Exchange(connection, lambda: given.append(None))
        reading = threads.submit(read, exchange)
        assert waits.wait(SOON_S)
        exchange.abort()
        with pytest.raises(Cut):
            reading.result(2 * SOON_S)
        assert given == []
        exchange.abort()  # once more harms nobody


def test_threads_that_send_at_once_never_share_a_connection():
    """Each answer is the one to its own question, however the connections are taken and given back."""
    asked, threads = 60, 6

    def serve(connection):
        with connection, connection.makefile("rb") as came:
            while line := came.readline():
                path = line.split(b" ", 2)[1]
                while came.readline().strip():
                    pass
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(path), path))

    def listen(listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def ask(number):
        exchange = pool.send(HttpRequest("GET", f"{url}/{number}"), SOON_S)
        exchange.head(SOON_S)
        return exchange.read(SOON_S).decode()

    with socket.create_server(("127.0.0.1", 0)) as listener, closing(Pool()) as pool, ThreadPoolExecutor(threads) as executor:
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            answers = list(executor.map(ask, range(asked)))
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    assert answers == [f"/{number}" for number in range(asked)]
