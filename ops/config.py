"""`signalbox config publish FILE`: makes a document the live version, through the control API."""

import argparse
from pathlib import Path
from typing import Any

import httpx

from . import stages
from .local import settings
from .trouble import Trouble

PATIENCE_S = 30
KEY = "SIGNALBOX_ADMIN_KEY"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["publish"])
    parser.add_argument("file", type=Path, help="the document, as routing.yaml")
    parser.add_argument("--message", default="", help="why, for whoever reads the list of versions")
    stages.add_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    try:
        document = arguments.file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"{arguments.file} cannot be read: {error}") from error
    key = _key(arguments.stage)
    live = publish(stages.url(arguments.stage), key, {"document": document, "message": arguments.message})
    for row in live["warnings"]:
        print(f"{arguments.file}:{row['line']}: {row['path']}: {row['message']}")
    print(f"version {live['version']} {'is live' if live['changed'] else 'was live already, and stays'}")


def publish(url: str, key: str, body: dict[str, str]) -> dict[str, Any]:
    try:
        answer = httpx.post(f"{url}/admin/config/publish", json=body, headers={"authorization": f"Bearer {key}"}, timeout=PATIENCE_S)
    except httpx.HTTPError as error:
        raise Trouble(f"{url} does not answer: {error}") from error
    if not answer.is_success:
        raise Trouble(_said(answer))
    return answer.json()


def _key(stage: str) -> str:
    if stage == stages.LOCAL:
        return settings.ADMIN_KEY
    key = settings.from_environment().environment.get(KEY)
    if not key:
        raise Trouble(f"no {KEY} in the environment: `signalbox admin-key NAME --stage {stage}` draws one")
    return key


def _said(answer: httpx.Response) -> str:
    try:
        return answer.json()["error"]["message"]
    except (ValueError, LookupError, TypeError):
        return f"{answer.url} answered {answer.status_code}, and not as Signalbox does"
