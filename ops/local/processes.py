"""Child processes: each with its log, none that outlives the local stack, nor leaves anybody behind."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..trouble import Trouble

PR_SET_PDEATHSIG = 1


class Child:
    """`last_word` is the signal that the kernel sends it should we be gone without having stopped it."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path, last_word: signal.Signals
    ) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for us; we end it when its turn has come
                preexec_fn=die_with_parent(last_word),
            )

    def wait_for(self, port: int, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            self.check()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        raise Trouble(f"{self.name} did not answer on port {port} within {limit_s:.0f} s: see {self.log}")

    def check(self) -> None:
        if self.process.poll() is not None:
            words = self.log.read_text(errors="replace").strip().splitlines()
            raise Trouble(f"{self.name} ended by itself ({words[-1] if words else 'without a word'}): see {self.log}")

    def stop(self, patience_s: float) -> bool:
        """Whether it ended in order: not where it had to be killed, nor where somebody else had done that before."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._end_group()
            self.process.wait()
        self._end_group()
        return self.process.returncode == 0

    def _end_group(self) -> None:
        """With whoever it has begun and left: the embedded AWS leaves functions that are at work."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS has the latter where only dead ones are left
            os.killpg(self.process.pid, signal.SIGKILL)


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> Callable[[], None] | None:
    """For `preexec_fn`. Linux has this, others do not."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, int(number))


def free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


def require_port(port: int, name: str, what: str) -> int:
    """The port itself, or a free one for 0."""
    if port == 0:
        return free_port()
    _bind(port, f"port {port}, for {what}, is taken: stop what holds it, or choose another: {name}={port + 1}")
    return port


def kept_port(file: Path, what: str) -> int:
    """The port that `file` remembers; at first a free one."""
    if not file.exists():
        file.write_text(str(free_port()))
    port = int(file.read_text())
    _bind(port, f"port {port}, where {what} has its state, is taken: stop what holds it, or remove {file.parent} to begin anew")
    return port


def _bind(port: int, trouble: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Trouble(trouble) from error
