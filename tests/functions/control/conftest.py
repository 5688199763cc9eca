"""The control function in the stage of its neighbours, with keys of its own."""

from typing import Any

import pytest

from .client import SEED, Api, key_secret, workflow


@pytest.fixture
def api(stage: Any, sample: Any, context: Any, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("SIGNALBOX_KEY_SECRET", key_secret())
    monkeypatch.setenv("SIGNALBOX_ROLL_BACK_WORKFLOW", workflow())
    return Api(sample("control_list_keys"), context)


@pytest.fixture
def published(api: Api) -> Any:
    status, answer = api("POST", "/admin/config/publish", {"document": SEED, "message": "first"})
    assert status == 200
    return answer
