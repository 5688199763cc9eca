"""A stage's control API, as the commands call it: with the admin key of whoever operates, and with its errors as they are said."""

from typing import Any

import httpx

from . import stages
from .trouble import Trouble

PATIENCE_S = 30
KEY = stages.ADMIN_KEY


class Missing(Trouble):
    """There is nothing there."""


def call(stage: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """The answer; Trouble in the API's own words where it refuses."""
    answer = _answer(stage, method, path, body)
    try:
        told: dict[str, Any] = answer.json()
    except ValueError as error:
        raise Trouble(_said(answer)) from error
    return told


def text(stage: str, path: str) -> str:
    """What it answers as it is, likewise."""
    return _answer(stage, "GET", path).content.decode()


def _answer(stage: str, method: str, path: str, body: Any = None) -> httpx.Response:
    draw = f"`signalbox admin-key NAME --stage {stage}` draws one"
    key = stages.key(stage, KEY, draw)
    url = stages.url(stage)
    try:
        answer = httpx.request(method, url + path, json=body, headers={"authorization": f"Bearer {key}"}, timeout=PATIENCE_S)
    except httpx.HTTPError as error:
        raise Trouble(f"{url} does not answer: {error}") from error
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise Missing(_said(answer))
    if answer.status_code == httpx.codes.UNAUTHORIZED and key != stages.OWN[KEY]:
        remedy = f"unset {KEY} for the local stack's own" if stage == stages.LOCAL else draw
        raise Trouble(f"{_said(answer)} It was sent what {KEY} holds: {remedy}")
    if not answer.is_success:
        raise Trouble(_said(answer))
    return answer


def _said(answer: httpx.Response) -> str:
    try:
        return answer.json()["error"]["message"]
    except (ValueError, LookupError, TypeError):
        return f"{answer.url} answered {answer.status_code}, and not as Signalbox does"
