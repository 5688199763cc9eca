"""`signalbox config diff`: what a document or a version says otherwise than another, by what it means and not by how it is written."""

import argparse
import json
from pathlib import Path
from typing import Any

from .. import control_api, documents, stages
from ..trouble import Trouble
from . import versions

MORE = """\
Comments, order and defaults that are written out are no difference. Lines begin with + (added), - (removed) or ~ (changed).
The exit status is 0; with --exit-code it is 0 where they are the same, 1 where they differ, and 2 where that cannot be said.

  signalbox config diff                        # what the live version changed
  signalbox config diff routing.yaml           # what publishing this file would change
  signalbox config diff routing.yaml --from 7  # the same, against version 7
  signalbox config diff --from 7 --to 9        # between two versions
  signalbox config diff --from 7               # between version 7 and what is live
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    newer = parser.add_mutually_exclusive_group()
    newer.add_argument("file", type=Path, nargs="?", help="a document, as routing.yaml; - is the standard input")
    parser.add_argument("--from", dest="older", type=versions.number, metavar="N", help="a version's number; without it the live one")
    newer.add_argument(
        "--to", dest="newer", type=versions.number, metavar="N", help="a version's number; without it and a file, the live one"
    )
    parser.add_argument("--json", action="store_true", help="as it is, for a program: same, summary, changes")
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 where they differ, and 2 in trouble")
    stages.add_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    try:
        found = control_api.call(arguments.stage, "POST", "/admin/config/diff", _asked(arguments))
    except Trouble as trouble:
        trouble.status = 2 if arguments.exit_code else trouble.status
        raise
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        for change in found["changes"]:
            print(change["said"])
        print("no difference" if found["same"] else f"differs in: {found['summary']}")
    return int(arguments.exit_code and not found["same"])


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    older = {"from": arguments.older} if arguments.older else {}
    if arguments.file:
        return {"document": documents.read(arguments.file)} | older
    if arguments.newer:
        return {"to": arguments.newer} | older
    live = versions.live(arguments.stage)
    return {"to": live["version"]} | (older or {"from": versions.previous(arguments.stage, live)["version"]})
