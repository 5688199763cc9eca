"""A stage's data API, as an operator asks it what a request would meet: with a data key, and nothing called behind it."""

from typing import Any

import httpx

from . import stages
from .trouble import Trouble

PATIENCE_S = 30


def explain(stage: str, path: str, body: str) -> dict[str, Any]:
    """The decision; Trouble in the API's own words where it refuses."""
    key = stages.key(stage, stages.DATA_KEY, f"`signalbox keys create NAME --tenant TENANT --stage {stage}` mints one")
    url = stages.url(stage)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "x-signalbox-explain": "true"}
    try:
        answer = httpx.post(url + path, content=body.encode(), headers=headers, timeout=PATIENCE_S)
    except httpx.HTTPError as error:
        raise Trouble(f"{url} does not answer: {error}") from error
    said = _json(answer)
    if not answer.is_success:
        raise Trouble(_message(said) or f"{answer.url} answered {answer.status_code}, and not as Signalbox does")
    if said.get("object") != "signalbox.decision":
        raise Trouble(f"{url} served the request instead of explaining it: its version is older than this command")
    return said


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _message(said: dict[str, Any]) -> str:
    error = said.get("error")
    return str(error.get("message", "")) if isinstance(error, dict) else ""
