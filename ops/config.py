"""`signalbox config publish FILE`: makes a document the live version, through the control API."""

import argparse
from pathlib import Path

from . import control_api, stages
from .trouble import Trouble


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
    body = {"document": document, "message": arguments.message}
    live = control_api.call(arguments.stage, "POST", "/admin/config/publish", body)
    for row in live["warnings"]:
        print(f"{arguments.file}:{row['line']}: {row['path']}: {row['message']}")
    print(f"version {live['version']} {'is live' if live['changed'] else 'was live already, and stays'}")
