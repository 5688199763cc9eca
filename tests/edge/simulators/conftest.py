import http.client
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from ops.simulators import Simulators

DEADLINE_S = 60


class Upstream:
    """The simulators over plain HTTP: one connection for completions, and one for what is asked and told about them."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._completions, self._control = (http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S) for _ in range(2))

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        self._control.request(method, path, body if isinstance(body, bytes | None) else json.dumps(body))
        answer = self._control.getresponse()
        return answer.status, json.loads(answer.read())

    def complete(self, provider: str = "openai", headers: dict[str, str] | None = None, **more: Any) -> http.client.HTTPResponse:
        body = {"model": "sim-x", "messages": [{"role": "user", "content": "words=20"}]} | more
        return self.post(f"/{provider}/v1/chat/completions", body, headers=headers)

    def post(self, path: str, body: Any, key: str = "sk-x", headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
        bearer = {"authorization": f"Bearer {key}"} if key else {}
        self._completions.request("POST", path, json.dumps(body), bearer | (headers or {}))
        return self._completions.getresponse()

    def fault(self, provider: str = "openai", **told: Any) -> None:
        assert self.ask("PUT", f"/faults/{provider}", told) == (200, told)

    def calls(self) -> list[dict[str, Any]]:
        return self.ask("GET", "/ledger")[1]["calls"]

    def last_call(self) -> dict[str, Any]:
        return self.calls()[-1]

    def until(self, holds: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + DEADLINE_S
        while not (found := holds()):
            assert time.monotonic() < deadline, "it did not come about"
        return found

    def leave(self) -> None:
        """Closes the connection that completions come on; a new one follows by itself."""
        self._completions.close()

    def close(self) -> None:
        self.leave()
        self._control.close()


@pytest.fixture(scope="session")
def simulators():
    with Simulators() as running:
        yield running


@pytest.fixture
def upstream(simulators):
    """The simulators as they were when they started, but for what the prompt cache has seen."""
    upstream = Upstream(simulators.port)
    upstream.ask("DELETE", "/faults")
    upstream.ask("DELETE", "/ledger")
    yield upstream
    upstream.close()
