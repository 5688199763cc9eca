"""The control function in the stage of its neighbours, with keys of its own."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from ops import cli, control_api
from ops.trouble import Trouble
from tests.identity import Identity

from .client import MODULES, SEED, Api, key_secret, workflow


@pytest.fixture
def api(stage: Any, sample: Any, context: Any, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("SIGNALBOX_KEY_SECRET", key_secret())
    monkeypatch.setenv("SIGNALBOX_ROLL_BACK_WORKFLOW", workflow())
    return Api(sample("control_list_keys"), context)


@pytest.fixture
def still(still: float, monkeypatch: pytest.MonkeyPatch) -> float:
    """The control function's own clock as well."""
    monkeypatch.setattr(MODULES["stage"], "now", lambda: datetime.fromtimestamp(still, UTC))
    return still


@pytest.fixture(scope="module")
def identity() -> Iterator[Identity]:
    with Identity() as identity:
        yield identity


@pytest.fixture
def issued(api: Api, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The stage, deployed with an issuer of tokens."""
    for name, value in identity.environment.items():
        monkeypatch.setenv(name, value)
    return api


@pytest.fixture
def published(api: Api) -> Any:
    status, answer = api("POST", "/admin/config/publish", {"document": SEED, "message": "first"})
    assert status == 200
    return answer


@pytest.fixture
def command(api: Api, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Callable[..., tuple[int, str, str]]:
    """A command, in front of the control API itself: its exit status, and what it said on stdout and stderr."""

    def call(stage: str, method: str, path: str, body: Any = None) -> Any:
        asked = urlsplit(path)
        status, answer = api(method, asked.path, body, query=dict(parse_qsl(asked.query)) or None)
        if status >= 300:
            raise (control_api.Missing if status == 404 else Trouble)(answer["error"]["message"])
        return answer

    def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main([*words])
        said = capsys.readouterr()
        lines = [line for line in said.out.splitlines() if not line.startswith('{"level"')]  # the function's own log
        return code, "\n".join(lines), said.err.rstrip()

    monkeypatch.setattr(control_api, "call", call)
    return command
