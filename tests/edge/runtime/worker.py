"""The loop as a process of its own, started by the real bootstrap as Lambda starts it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from .runtime_api import DEADLINE_S, RuntimeApi

ROOT = Path(__file__).resolve().parents[3]
TASK = Path(__file__).with_name("task")


class Worker:
    def __init__(self, api: RuntimeApi, folder: Path, environment: dict[str, str]) -> None:
        opt = folder / "opt"
        opt.mkdir()
        (opt / "python").symlink_to(ROOT / "layers" / "shared")
        (opt / "bootstrap").symlink_to(ROOT / "layers" / "shared" / "bootstrap")
        self._stderr = folder / "stderr"
        lambda_environment = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "_HANDLER": "handler.handler",
            "LAMBDA_TASK_ROOT": str(TASK),
            "SIGNALBOX_RESPONSE_MODE": "stream",
            "TESTS_SERVER": f"http://{api.address}/tests",
        }
        with self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [opt / "bootstrap", sys.executable, "/var/runtime/bootstrap.py"],
                env=lambda_environment | environment,
                cwd=folder,
                stderr=stderr,
            )

    @property
    def logs(self) -> list[dict[str, Any]]:
        """Fails where anything but JSON was logged: a traceback."""
        return [json.loads(line) for line in self._stderr.read_text().splitlines()]

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [line for line in self.logs if line["level"] != "INFO"]

    def terminate(self) -> None:
        """SIGTERM, as Lambda sends it."""
        self.process.send_signal(signal.SIGTERM)

    def exit_status(self) -> int:
        """Waits for it."""
        return self.process.wait(DEADLINE_S)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE_S)
