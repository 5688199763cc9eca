"""What a warm request costs beside a direct call to the same upstream: client to last byte, in turn, over kept connections.

The upstream takes 50 ms to begin, as no real one does faster: meanwhile the intent is stored, which the first byte waits for.

python -m bench.warm_request
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from ops.local.instance import running
from signalbox.providers.rows import ROWS

from . import pairs

WARM_UP, CALLS, UPSTREAM_MS = 30, 200, 50
PROMPT = [{"role": "user", "content": "say: the line is open"}]


class Caller:
    def __init__(self, url: str, path: str, key: str, **body: object) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)
        self._path = path
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._body = json.dumps({"messages": PROMPT} | body)

    def took_ms(self) -> float:
        began = time.perf_counter()
        self._connection.request("POST", self._path, self._body, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        took = (time.perf_counter() - began) * 1000
        if response.status != 200:
            raise SystemExit(f"{self._path}: {response.status} {answer[:300]!r}")
        return took


def main() -> None:
    with tempfile.TemporaryDirectory() as home, stack_in(home) as facts:
        compare(facts)


@contextmanager
def stack_in(home: str) -> Iterator[dict[str, str]]:
    """A local stack with simulated providers alone, and where it is found."""
    simulated = {f"{name.upper()}_API_KEY": "" for name in ROWS}  # whatever keys stand in the environment or in .env
    environment = os.environ | simulated | {"SIGNALBOX_HOME": home, "PORT": "0", "SIM_PORT": "0"}
    command = [str(Path(sys.executable).parent / "signalbox"), "up"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as stack:
        assert stack.stdout
        try:
            if not any(line.strip() == "signalbox ready" for line in stack.stdout):
                raise SystemExit("the local stack did not start")
            yield running(Path(home))
        finally:
            stack.send_signal(signal.SIGINT)
            stack.communicate()


def compare(facts: dict[str, str]) -> None:
    httpx.put(f"{facts['simulators']}/faults/openai", json={"latency_ms": UPSTREAM_MS}).raise_for_status()
    direct, through = (facts["simulators"], "/openai/v1/chat/completions"), (facts["url"], "/v1/chat/completions")
    streamed: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    callers = {
        "direct, streamed": Caller(*direct, "sk-simulated", model="gpt-4.1-mini", **streamed),
        "through Signalbox, streamed": Caller(*through, "sk-signalbox-local", model="chat", **streamed),
        "through Signalbox, in one piece": Caller(*through, "sk-signalbox-local", model="chat"),
        "GET /health (loop, no upstream)": Health(facts["url"]),
    }
    took: dict[str, list[float]] = {name: [] for name in callers}
    for call in range(WARM_UP + CALLS):
        for name, caller in callers.items():
            figure = caller.took_ms()
            if call >= WARM_UP:
                took[name].append(figure)
    pairs.table(took, "ms", "direct, streamed")


class Health(Caller):
    def __init__(self, url: str) -> None:
        super().__init__(url, "/health", "")

    def took_ms(self) -> float:
        began = time.perf_counter()
        self._connection.request("GET", "/health")
        self._connection.getresponse().read()
        return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
