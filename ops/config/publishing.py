"""`signalbox config publish FILE`: makes a document the live version, where its gates hold."""

import argparse
from pathlib import Path
from typing import Any

from .. import control_api, documents, simulate, stages
from ..local import published
from ..trouble import Trouble
from . import checking, versions

MORE = """\
Every running container follows within seconds. A document that is wrong changes nothing, and neither does one that is live already.
A gate weighs the document by the traffic of the last days before it goes live: a measure, how it may compare, and how far it may be from
what is live now. A publication that somebody else has overtaken meanwhile is refused.

  signalbox config publish routing.yaml --message "Mistral before OpenAI"
  signalbox config publish routing.yaml --expect 7            # where version 7 is live, and not otherwise
  signalbox config publish routing.yaml --gate "cost<=+5%" --gate-days 7
  signalbox config publish routing.yaml --override PROVIDERS__OPENAI__BASE_URL=https://eu.example.com/v1

In the local stack the addresses of the simulated providers stay, whatever is said.
"""
GATE_DAYS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the document, as routing.yaml; - is the standard input")
    parser.add_argument("--message", default="", help="why, for whoever reads the list of versions (500 characters at the most)")
    parser.add_argument("--expect", type=versions.number_or_none_yet, metavar="N", help="the version you looked at (0: none yet)")
    parser.add_argument("--gate", action="append", default=[], help='what has to hold for recorded traffic, as "cost<=+5%%"; several may')
    parser.add_argument("--gate-days", type=_days, default=GATE_DAYS, metavar="DAYS", help="of how many days the traffic is (%(default)g)")
    said = parser.add_mutually_exclusive_group()
    said.add_argument(
        "--override", action="append", metavar="NAME=VALUE", help="what the stage says against the document, in place of all it said before"
    )
    said.add_argument("--no-overrides", action="store_true", help="let the stage say nothing against the document any more")
    stages.add_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    body = _body(arguments, documents.read(arguments.file))
    answer = control_api.call(arguments.stage, "POST", "/admin/config/publish", body)
    for line in checking.lines(arguments.file, answer["warnings"], "warning: "):
        print(line)
    for line in versions.told(answer):
        print(line)


def _body(arguments: argparse.Namespace, text: str) -> dict[str, Any]:
    body: dict[str, Any] = {"document": text, "message": arguments.message}
    said = dict(map(_override, arguments.override or ())) if arguments.override or arguments.no_overrides else None
    if arguments.stage == stages.LOCAL:
        said = published.overrides(text, versions.live(arguments.stage), said)
    if said is not None:
        body["overrides"] = said
    expected = arguments.expect
    if arguments.gate:
        weighed = simulate.gate(arguments.stage, text, arguments.gate, arguments.gate_days)
        if expected not in (None, weighed):
            raise Trouble(f"version {weighed} is live, and not {expected}: look at it, then publish again")
        print(f"holds, weighed against version {weighed}: {', '.join(arguments.gate)}")
        expected = weighed
    return body if expected is None else body | {"expected_version": expected}


def _override(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Trouble(f"--override {name}: write it as PROVIDERS__OPENAI__BASE_URL=https://…")
    return name, value


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("not a number of days") from error
    if not 0 < days <= 400:
        raise argparse.ArgumentTypeError("more than 0 days, and 400 at the most")
    return days
