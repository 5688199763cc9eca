"""A real server of Valkey's protocol on a port of its own: whichever is installed, `valkey-server` or Debian's `redis-server`."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

BINARY = shutil.which("valkey-server") or shutil.which("redis-server")
LIMIT_S = 10
needed = pytest.mark.skipif(BINARY is None, reason="neither valkey-server nor redis-server is installed")


class Server:
    """`options` are the server's own. It keeps nothing, so that one that was stopped and started again has forgotten everything."""

    def __init__(self, folder: Path, *options: str, port: int = 0, is_tls: bool = False) -> None:
        self.port = port or free_port()
        self.url = f"{'valkeys' if is_tls else 'valkey'}://127.0.0.1:{self.port}"
        ports = ["--port", "0", "--tls-port", str(self.port)] if is_tls else ["--port", str(self.port)]
        assert BINARY
        self._command = [BINARY, *ports, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder), *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Server":
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until_s = time.monotonic() + LIMIT_S
        while time.monotonic() < until_s:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.01)
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


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port
