"""A real server of Valkey's protocol on a port of its own: whichever is installed, `valkey-server` or Debian's `redis-server`."""

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

BINARY = shutil.which("valkey-server") or shutil.which("redis-server")
LIMIT_S = 60
needed = pytest.mark.skipif(BINARY is None, reason="neither valkey-server nor redis-server is installed")


class Server:
    """`options` are the server's own. It keeps nothing, so that one that was stopped and started again has forgotten everything.

    Its port is its own from the first start on, also while it is stopped: bound, and listened at by nobody but the server.
    """

    def __init__(self, folder: Path, *options: str, is_tls: bool = False) -> None:
        assert BINARY
        self._holder, self.port = held_port()
        self.url = f"{'valkeys' if is_tls else 'valkey'}://127.0.0.1:{self.port}"
        ports = ["--port", "0", "--tls-port", str(self.port)] if is_tls else ["--port", str(self.port)]
        self._command = [BINARY, *ports, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder), *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Server":
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until_s = time.monotonic() + LIMIT_S
        while time.monotonic() < until_s and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.01)
        self.__exit__()
        raise AssertionError(f"the server did not start: {self._command}")

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def signal(self, number: int) -> None:
        assert self._process
        self._process.send_signal(number)

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._holder.close()


def held_port() -> tuple[socket.socket, int]:
    """Bound to a port where nobody listens, which is given to nobody else; who is told of it may listen there."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port: int = holder.getsockname()[1]
    if sys.platform != "linux":  # elsewhere nobody could listen there as long as it is held
        holder.close()
    return holder, port
