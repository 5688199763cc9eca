"""`signalbox requests`: what a captured request said and was answered, and away with it before its time."""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from . import control_api, stages
from .table import printable

Json = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    sample = actions.add_parser("sample", help="what was asked and answered, redacted; each reading is audited")
    sample.add_argument("--json", action="store_true", help="as it is, for a program")
    sample.set_defaults(does=_sample)
    forget = actions.add_parser("forget", help="delete the sample before its days are over; what is known of its use stays")
    forget.set_defaults(does=_forget)
    for action in (sample, forget):
        action.add_argument("request", help="its id: x-signalbox-request-id of the answer")
        stages.add_argument(action)


def run(arguments: argparse.Namespace) -> None:
    arguments.does(arguments)


def _sample(arguments: argparse.Namespace) -> None:
    told = control_api.call(arguments.stage, "GET", _path(arguments.request))
    print(json.dumps(told, indent=2) if arguments.json else "\n".join(shown(told)))


def _forget(arguments: argparse.Namespace) -> None:
    control_api.call(arguments.stage, "DELETE", _path(arguments.request))
    print(f"the sample of {printable(arguments.request)} is deleted")


def _path(request_id: str) -> str:
    return f"/admin/requests/{quote(request_id, safe='')}/sample"


def shown(sample: Json) -> Iterator[str]:
    yield printable(f"{sample['id']}, {_at(sample['at_ms'] / 1000)}, of {sample['tenant']}/{sample['team']} by {sample['key']}")
    yield printable(
        f"{sample['route']} to {sample['target']}: {sample['outcome']}, {sample['status']}; kept until {_at(sample['expires_at'])}"
    )
    found = ", ".join(f"{count} {name}" for name, count in sample["redacted"].items())
    yield f"redacted: {found or 'nothing'}{'; cut: there was more' if sample['cut'] else ''}"
    for message in sample["prompt"]:
        yield from _said(message["role"] if isinstance(message, dict) else "input", message)
    for choice in sample["answer"]:
        yield from _said("answer", choice)


def _said(who: str, said: Any) -> Iterator[str]:
    """Its text as it stands, the rest of it as JSON: what callers and models wrote moves nobody's cursor."""
    text, rest = (said.get("text", ""), {**said}) if isinstance(said, dict) else (said, {})
    yield ""
    yield f"{printable(who)}:"
    yield from (f"  {printable(line)}" for line in text.splitlines())
    rest = {name: value for name, value in rest.items() if name not in ("role", "text")}
    if rest:
        yield f"  {json.dumps(rest)}"


def _at(epoch_s: float) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
