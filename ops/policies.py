"""`signalbox policies`: the policies of a stage, looked at and changed one by one through its control API."""

import argparse
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from signalbox.config.plain import to_json
from signalbox.config.source import InvalidDocument, read
from signalbox.config.written import to_lines

from . import control_api, documents, stages
from .table import columns
from .trouble import Trouble

Json = dict[str, Any]
PATH = "/admin/policies"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    row = actions.add_parser("list", help="all of them, in the order they are looked at")
    row.set_defaults(told=_list)
    stages.add_argument(row)
    row = actions.add_parser("show", help="one of them, as the document may have it")
    row.add_argument("id")
    row.set_defaults(told=_show)
    stages.add_argument(row)
    row = actions.add_parser("set", help="put a whole policy, instead of the one of its id if there is one")
    row.add_argument("file", type=Path, help="id, conditions, actions, …, as YAML or JSON; - is the standard input")
    row.set_defaults(told=_set)
    _add_change(row)
    for action, (told, help) in {
        "activate": (_activate, "let one decide, from now on"),
        "disable": (_disable, "let one decide nothing any more"),
        "remove": (_remove, "take one out of the document"),
    }.items():
        row = actions.add_parser(action, help=help)
        row.add_argument("id")
        row.set_defaults(told=told)
        _add_change(row)


def run(arguments: argparse.Namespace) -> None:
    arguments.told(arguments)


def tell(answer: Json, said: str) -> None:
    """What came of a change, and what it makes to be warned of."""
    print(f"{said}: version {answer['version']} {'is live' if answer['changed'] else 'was live already, and stays'}")
    for warning in answer["warnings"]:
        print(f"warning: {warning['path'] or said}: {warning['message']}")


def at(path: str, name: str, **asked: str) -> str:
    """What stands empty is not asked. Trouble for a name that is none, by which a path would lead elsewhere."""
    if name in ("", ".", ".."):
        raise Trouble(f"{name!r} is no name: write it as routing.yaml does")
    query = urlencode({key: value for key, value in asked.items() if value})
    return f"{path}/{quote(name, safe='')}" + (f"?{query}" if query else "")


def _add_change(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--message", default="", help="why, for whoever reads the list of versions")
    stages.add_argument(parser)


def _list(arguments: argparse.Namespace) -> None:
    rows = control_api.call(arguments.stage, "GET", PATH)["policies"]
    if not rows:
        print("no policy says anything: every request goes as its route says")
        return
    table = [(str(row["priority"]), row["id"], row["status"], row["flag"] or "", row["name"]) for row in rows]
    print(*columns([("priority", "id", "status", "flag", "name"), *table]), sep="\n")


def _show(arguments: argparse.Namespace) -> None:
    policy = control_api.call(arguments.stage, "GET", at(PATH, arguments.id))["policy"]
    for key, value in ({"id": policy["id"]} | policy).items():
        if value or key in ("priority", "actions"):  # 0 says something, and a policy has actions even where they are none
            print(*to_lines(key, value), sep="\n")


def _set(arguments: argparse.Namespace) -> None:
    try:
        row = to_json(read(documents.read(arguments.file)).data)
    except InvalidDocument as error:
        raise Trouble(f"{arguments.file}: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise Trouble(f"{arguments.file}: no policy; write `id: …`, `conditions: …` and `actions: …` into it")
    message = {"message": arguments.message} if arguments.message else {}
    answer = control_api.call(arguments.stage, "PUT", at(PATH, row["id"]), row | message)
    tell(answer, f"policy {row['id']} is {answer['policy']['status']}")


def _activate(arguments: argparse.Namespace) -> None:
    _status(arguments, "activate")


def _disable(arguments: argparse.Namespace) -> None:
    _status(arguments, "disable")


def _status(arguments: argparse.Namespace, action: str) -> None:
    answer = control_api.call(arguments.stage, "POST", f"{at(PATH, arguments.id)}/{action}", {"message": arguments.message})
    tell(answer, f"policy {arguments.id} is {answer['policy']['status']}")


def _remove(arguments: argparse.Namespace) -> None:
    answer = control_api.call(arguments.stage, "DELETE", at(PATH, arguments.id, message=arguments.message))
    tell(answer, f"policy {arguments.id} is removed")
