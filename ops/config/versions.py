"""`signalbox config show`, `history` and `rollback`: the versions a stage has had, and the way back to one of them."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from .. import control_api, stages
from ..table import columns
from ..trouble import Trouble

Json = dict[str, Any]

SHOW = """\
Nothing but the document is printed, byte for byte as it was published, so that a redirection makes a backup.

  signalbox config show > routing.yaml              # what is live
  signalbox config show --previous > backup.yaml    # what was live before it
  signalbox config show --version 7 --json          # with its author, time, message and overrides
"""
HISTORY = """\
Times are UTC. A version that restores another made its configuration live again.

  signalbox config history --limit 5
"""
ROLLBACK = """\
The earlier configuration goes live under a new number, with the overrides it had. Nothing is lost: a rollback can be rolled back.

  signalbox config rollback                         # to what was live before; said again, one further back, and never forward
  signalbox config rollback 7 --message "too dear"
"""
MOST = 100  # as many as the API gives at once
LAST = 99_999_999


def add_show(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--version", type=number, metavar="N", help="a version's number; without it the live one")
    which.add_argument("--previous", action="store_true", help="the newest that says something else than the live one")
    parser.add_argument("--json", action="store_true", help="with all that is known of the version, for a program")
    stages.add_argument(parser)


def add_history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=number, default=20, metavar="N", help="how many at the most (%(default)s)")
    parser.add_argument("--json", action="store_true", help="as it is, for a program")
    stages.add_argument(parser)


def add_rollback(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "version", type=number, nargs="?", help="its number; without it what was live before, and said again one further back"
    )
    parser.add_argument("--message", default="", help="why, for whoever reads the list of versions (500 characters at the most)")
    stages.add_argument(parser)


def show(arguments: argparse.Namespace) -> None:
    stage, version = arguments.stage, arguments.version
    if arguments.previous:
        version = previous(stage, live(stage))["version"]
    row = control_api.call(stage, "GET", f"/admin/config/versions/{version}") if version else live(stage)
    if arguments.json:
        print(json.dumps(row, indent=2))
    else:
        sys.stdout.write(row["document"])


def history(arguments: argparse.Namespace) -> None:
    rows = [row for row, _ in zip(_newest_first(arguments.stage), range(arguments.limit), strict=False)]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    elif not rows:
        print("no configuration is published yet: signalbox config publish routing.yaml")
    else:
        heading = ("version", "at", "author", "digest", "restores", "message")
        for line in columns([heading, *map(_cells, rows)]):
            print(line)


def roll_back(arguments: argparse.Namespace) -> None:
    body: Json = {"message": arguments.message} | ({"version": arguments.version} if arguments.version else {})
    for line in told(control_api.call(arguments.stage, "POST", "/admin/config/rollback", body)):
        print(line)


def told(published: Mapping[str, Any]) -> Iterator[str]:
    """What went live, and what is new in it."""
    if not published["changed"]:
        yield f"version {published['version']} was live already, and stays"
        return
    yield from published.get("changes", ()) if published["version"] > 1 else ()
    summary = published.get("summary")
    what = "it means what the one before meant" if summary == "nothing" else summary
    restored = f", as version {published['restores']} was" if published.get("restores") else ""
    yield f"version {published['version']} is live{restored}" + (f": {what}" if what else "")


def live(stage: str) -> Json:
    return control_api.call(stage, "GET", "/admin/config")


def previous(stage: str, live: Mapping[str, Any]) -> Json:
    for row in _newest_first(stage, live["version"]):
        if row["digest"] != live["digest"]:
            return row
    raise Trouble(f"there is none before version {live['version']} that says anything else: signalbox config history")


def number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LAST:
        raise argparse.ArgumentTypeError("not a number from 1 on")
    return int(text)


def number_or_none_yet(text: str) -> int:
    return 0 if text == "0" else number(text)


def _newest_first(stage: str, before: int = LAST) -> Iterator[Json]:
    while rows := control_api.call(stage, "GET", f"/admin/config/versions?limit={MOST}&before={before}")["versions"]:
        yield from rows
        before = rows[-1]["version"]


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    at = row["at"].replace("T", " ").replace("+00:00", "")
    return str(row["version"]), at, row["author"], row["digest"][:12], str(row.get("restores") or "-"), row["message"] or "-"
