"""Amazon's own runtime interface emulator, without Docker, and the artefact of `sam build` that it runs.

It ships inside the aws-sam-cli wheel. One call at a time, buffered: it crashes on overlapping calls and does not stream.
https://github.com/aws/aws-lambda-runtime-interface-emulator
"""

import fcntl
import http.client
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.valkey import held_port

from .runtime_api import DEADLINE_S

ROOT = Path(__file__).resolve().parents[3]
BUILT = ROOT / ".aws-sam" / "build"
SOURCES = ("template.yaml", "layers/shared", "functions/complete")
BINARY = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64", "arm64": "aws-lambda-rie-arm64"}
ALWAYS = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}  # the artefact may yet be deployed
PATH = "/2015-03-31/functions/function/invocations"


def rie() -> Path:
    """The emulator's binary; `make build` sets up the environment it is in."""
    (found,) = ROOT.glob(f".tools/sam/lib/python3*/site-packages/samcli/local/rapid/{BINARY[platform.machine()]}")
    return found


def build() -> None:
    """`make build`, where there is no artefact or one older than its sources. Test runs side by side build one after the other."""
    BUILT.parent.mkdir(exist_ok=True)
    with (BUILT.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        artefact = BUILT / "template.yaml"
        if artefact.exists() and (ROOT / ".tools/sam/.ready").exists() and artefact.stat().st_mtime > _newest_source():
            return
        made = subprocess.run(["make", "build"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert made.returncode == 0, made.stdout


def _newest_source() -> float:
    files = [file for source in SOURCES for file in [ROOT / source, *(ROOT / source).rglob("*")]]
    return max(file.stat().st_mtime for file in files if file.is_file() and "__pycache__" not in file.parts)


class Emulator:
    """Runs the function in `function` with the layer in `layer`. Its ports are its own: nobody but the emulator listens there."""

    def __init__(self, rie: Path, function: Path, layer: Path, log: Path, environment: dict[str, str]) -> None:
        self._log = log
        (holder, self._port), (runtime_holder, runtime_port) = held_port(), held_port()
        self._holders = (holder, runtime_holder)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    rie,
                    *("--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"),
                    *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
                    *(layer / "bootstrap", sys.executable, "handler.handler"),
                ],
                env=ALWAYS | {"LAMBDA_TASK_ROOT": str(function)} | environment,
                cwd=function,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        """The emulator's, the loop's and the handler's."""
        return self._log.read_text()

    def invoke(self, event: dict[str, Any]) -> Any:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=DEADLINE_S)) as connection:
            connection.request("POST", PATH, json.dumps(event), {"Content-Type": "application/json"})
            answer = connection.getresponse().read()
        assert answer, self.log
        return json.loads(answer)

    def terminate(self) -> None:
        """The end of a container: the emulator shuts the function down as Lambda does."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(DEADLINE_S)

    def wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self._port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.02)
        raise AssertionError(f"the emulator does not listen: {self.log}")

    def close(self) -> None:
        try:
            if self._process.poll() is None:
                self.terminate()
        finally:
            self._process.kill()
            self._process.wait()
            for holder in self._holders:
                holder.close()
