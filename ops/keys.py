"""`signalbox keys`: who may ask, minted, looked at, changed and ended through a stage's control API. A secret is shown once."""

import argparse
import json
import sys
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from . import control_api, grants, stages
from .key_tables import as_text, table
from .moments import how_long
from .policies import at
from .trouble import Trouble

Json = dict[str, Any]
PATH = "/admin/keys"
PAGE = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    row = actions.add_parser("list", help="all that were minted, or those of a tenant or a team, oldest first")
    row.set_defaults(told=_list)
    row.add_argument("--tenant", default="", help="only this tenant's")
    row.add_argument("--team", default="", help="only those of this team of it")
    row = actions.add_parser("create", help="mint one; it alone is on stdout, this once")
    row.set_defaults(told=_create)
    row.add_argument("name", help="for people; a key is known by its id")
    row.add_argument("--tenant", required=True)
    row.add_argument("--team", help="of that tenant; default")
    grants.add_arguments(row)
    row.add_argument("--budget", action="append", default=[], metavar="PERIOD=USD", help="day=5, month=100:soft; once for each period")
    _add_secret(row)
    update = actions.add_parser("update", help="change what one may; what is not said stays as it is")
    update.set_defaults(told=_update)
    update.add_argument("id")
    update.add_argument("--name")
    grants.add_arguments(update)
    row = actions.add_parser("rotate", help="give one a new secret, alone on stdout, this once; the old one stays good for a while")
    row.set_defaults(told=_rotate)
    row.add_argument("id")
    row.add_argument("--overlap", default="1d", metavar="TIME", help="90s, 30m, 2h, 3d; 0 ends the old one now (within 5 s); 1d")
    _add_secret(row)
    for action, (told, help) in {
        "show": (_show, "what one is, and what it may"),
        "disable": (_disable, "let one ask no more, within 5 s"),
        "enable": (_enable, "let a disabled one ask again"),
        "delete": (_delete, "end one for good; what it has used stays known"),
    }.items():
        row = actions.add_parser(action, help=help)
        row.add_argument("id")
        row.set_defaults(told=told)
    for row in actions.choices.values():
        row.add_argument("--json", action="store_true", help="the API's own answer; of `list` a plain list of all pages")
        stages.add_argument(row)


def run(arguments: argparse.Namespace) -> None:
    arguments.told(arguments)


def _add_secret(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="nothing but the secret, on stderr neither")


def _list(arguments: argparse.Namespace) -> None:
    rows: list[Json] = []
    asked = {name: value for name in ("tenant", "team") if (value := getattr(arguments, name))} | {"limit": str(PAGE)}
    while page := control_api.call(arguments.stage, "GET", f"{PATH}?{urlencode(asked)}")["keys"]:
        rows += page
        asked["after"] = page[-1]["id"]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    elif not rows:
        print("no key was minted" + (f" for {arguments.tenant}" if arguments.tenant else ": signalbox keys create NAME --tenant TENANT"))
    else:
        print(*table(rows), sep="\n")


def _create(arguments: argparse.Namespace) -> None:
    body = {"name": arguments.name, "tenant": arguments.tenant} | ({"team": arguments.team} if arguments.team else {})
    budgets = {"budgets": [_budget(text) for text in arguments.budget]} if arguments.budget else {}
    minted = control_api.call(arguments.stage, "POST", PATH, body | grants.said(arguments) | budgets)
    _tell_secret(arguments, minted, f"key {minted['id']} of {minted['tenant']}/{minted['team']}: shown this once, and good at once")


def _show(arguments: argparse.Namespace) -> None:
    _tell(arguments, control_api.call(arguments.stage, "GET", at(PATH, arguments.id)))


def _update(arguments: argparse.Namespace) -> None:
    path = at(PATH, arguments.id)
    before = None
    with suppress(control_api.Missing):  # a static key has a record once it was changed
        before = control_api.call(arguments.stage, "GET", path) if arguments.limit else None
    change = grants.said(arguments, before) | ({"name": arguments.name} if arguments.name else {})
    if not change:
        raise Trouble("say what is to change: signalbox keys update --help lists what may")
    _tell(arguments, control_api.call(arguments.stage, "PATCH", path, change))


def _rotate(arguments: argparse.Namespace) -> None:
    overlap_s = round(how_long(arguments.overlap, "--overlap").total_seconds())
    rotated = control_api.call(arguments.stage, "POST", f"{at(PATH, arguments.id)}/rotate", {"overlap_s": overlap_s})
    old = f"stays good until {rotated['old_secret_until']}" if rotated["old_secret_until"] else "ends within 5 s"
    _tell_secret(arguments, rotated, f"key {rotated['id']} has a new secret, shown this once; the old one {old}")


def _disable(arguments: argparse.Namespace) -> None:
    _tell(arguments, control_api.call(arguments.stage, "PATCH", at(PATH, arguments.id), {"status": "disabled"}))


def _enable(arguments: argparse.Namespace) -> None:
    _tell(arguments, control_api.call(arguments.stage, "PATCH", at(PATH, arguments.id), {"status": "active"}))


def _delete(arguments: argparse.Namespace) -> None:
    answer = control_api.call(arguments.stage, "DELETE", at(PATH, arguments.id))
    print(json.dumps(answer, indent=2) if arguments.json else f"key {answer['id']} is deleted")


def _budget(text: str) -> Json:
    period, _, limit = text.partition("=")
    usd, _, kind = limit.partition(":")
    if not period or not usd or kind not in ("", "soft", "hard"):
        raise Trouble(f"--budget {text}: write a period, =, and dollars, as in day=5 or month=100:soft")
    return {"period": period, "limit_usd": usd, "hard": kind != "soft"}


def _tell_secret(arguments: argparse.Namespace, key: Json, said: str) -> None:
    """The secret alone is on stdout, for SIGNALBOX_API_KEY=$(signalbox keys create …)."""
    if arguments.json:
        print(json.dumps(key, indent=2))
        return
    if not arguments.quiet:
        print(said, file=sys.stderr)
    print(key["secret"])


def _tell(arguments: argparse.Namespace, key: Json) -> None:
    print(json.dumps(key, indent=2) if arguments.json else "\n".join(as_text(key)))
