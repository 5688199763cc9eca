"""`signalbox config ACTION`: a table of actions, each by its noun's file."""

import argparse
from collections.abc import Callable
from typing import NamedTuple

from . import checking, comparing, generating, importing, publishing, versions


class Action(NamedTuple):
    """`run` answers the exit status; None is 0."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | None]
    more: str  # below its arguments


ACTIONS = {
    "check": Action("say what is wrong with a document; changes nothing", checking.add_arguments, checking.run, checking.MORE),
    "diff": Action("say what differs from what is live, or between versions", comparing.add_arguments, comparing.run, comparing.MORE),
    "publish": Action("make a document the live version", publishing.add_arguments, publishing.run, publishing.MORE),
    "show": Action("print the live document, or an earlier one, as it was written", versions.add_show, versions.show, versions.SHOW),
    "history": Action("list the versions, newest first", versions.add_history, versions.history, versions.HISTORY),
    "rollback": Action("make an earlier version live again", versions.add_rollback, versions.roll_back, versions.ROLLBACK),
    "import": Action("write a document from LiteLLM's or from model mappings", importing.add_arguments, importing.run, importing.MORE),
    "generate": Action("render a document anew, with comments", generating.add_arguments, generating.run, generating.MORE),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    for name, action in ACTIONS.items():
        words = actions.add_parser(
            name,
            help=action.help,
            description=f"{action.help[0].upper()}{action.help[1:]}.",
            epilog=action.more,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        action.add_arguments(words)


def run(arguments: argparse.Namespace) -> int | None:
    return ACTIONS[arguments.action].run(arguments)
