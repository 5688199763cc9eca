"""`signalbox tenants`: tenants and their teams (tenant/team), made, limited, shut out and deleted through a stage's control API."""

import argparse
import json
from typing import Any
from urllib.parse import urlencode

from . import control_api, grants, stages
from .policies import at
from .table import columns
from .trouble import Trouble

Json = dict[str, Any]
PATH = "/admin/tenants"
PAGE = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    row = actions.add_parser("list", help="all tenants that were made, or the teams of one")
    row.set_defaults(told=_list)
    row.add_argument("tenant", nargs="?", default="", help="whose teams")
    for action, (told, help) in {
        "create": (_create, "make one; its keys may be there before"),
        "show": (_show, "what one is"),
        "update": (_update, "change its name or its limits; what is not said stays as it is"),
        "disable": (_disable, "refuse all its keys, within 5 s"),
        "enable": (_enable, "let the keys of a disabled one ask again"),
        "delete": (_delete, "forget one that has neither teams nor keys"),
    }.items():
        row = actions.add_parser(action, help=help)
        row.set_defaults(told=told)
        row.add_argument("id", help="tenant, or tenant/team")
        if action in ("create", "update"):
            row.add_argument("--name", help="for people")
            grants.add_limits(row)
    for row in actions.choices.values():
        row.add_argument("--json", action="store_true", help="the API's own answer; of `list` a plain list of all pages")
        stages.add_argument(row)


def run(arguments: argparse.Namespace) -> None:
    arguments.told(arguments)


def _list(arguments: argparse.Namespace) -> None:
    path, noun = (f"{at(PATH, arguments.tenant)}/teams", "teams") if arguments.tenant else (PATH, "tenants")
    rows: list[Json] = []
    asked = {"limit": str(PAGE)}
    while page := control_api.call(arguments.stage, "GET", f"{path}?{urlencode(asked)}")[noun]:
        rows += page
        asked["after"] = page[-1]["id"]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    elif not rows:
        print(f"no {noun[:-1]} was made" + (f" of {arguments.tenant}" if arguments.tenant else "") + "; keys may name any all the same")
    else:
        table = [(_id(row), row["name"], row["status"], grants.told_limits(row["limits"]), row["created_at"]) for row in rows]
        print(*columns([(noun[:-1], "name", "is", "limits", "made"), *table]), sep="\n")


def _create(arguments: argparse.Namespace) -> None:
    tenant, _, team = arguments.id.partition("/")
    path = f"{at(PATH, tenant)}/teams" if team else PATH
    body = {"id": team or tenant} | ({"name": arguments.name} if arguments.name else {}) | grants.limits(arguments)
    _tell(arguments, control_api.call(arguments.stage, "POST", path, body))


def _show(arguments: argparse.Namespace) -> None:
    _tell(arguments, control_api.call(arguments.stage, "GET", _at(arguments.id)))


def _update(arguments: argparse.Namespace) -> None:
    path = _at(arguments.id)
    before = control_api.call(arguments.stage, "GET", path) if arguments.limit else None
    change = grants.limits(arguments, before) | ({"name": arguments.name} if arguments.name else {})
    if not change:
        raise Trouble("say what is to change: --name or --limit")
    _tell(arguments, control_api.call(arguments.stage, "PATCH", path, change))


def _disable(arguments: argparse.Namespace) -> None:
    _tell(arguments, control_api.call(arguments.stage, "PATCH", _at(arguments.id), {"status": "disabled"}))


def _enable(arguments: argparse.Namespace) -> None:
    _tell(arguments, control_api.call(arguments.stage, "PATCH", _at(arguments.id), {"status": "active"}))


def _delete(arguments: argparse.Namespace) -> None:
    answer = control_api.call(arguments.stage, "DELETE", _at(arguments.id))
    print(json.dumps(answer, indent=2) if arguments.json else f"{_said(answer)} is deleted")


def _tell(arguments: argparse.Namespace, row: Json) -> None:
    if arguments.json:
        print(json.dumps(row, indent=2))
        return
    print(f"{_said(row)} is {row['status']}: {row['name']}")
    told = {"made": f"{row['created_at']} by {row['created_by']}", "limits": grants.told_limits(row["limits"])}
    told["own keys"] = ", ".join(row.get("own_keys", ()))
    print(*(f"  {name:<8} {value}" for name, value in told.items() if value), sep="\n")


def _at(id: str) -> str:
    tenant, slash, team = id.partition("/")
    return f"{at(PATH, tenant)}/teams/{at('', team)[1:]}" if slash else at(PATH, tenant)


def _said(row: Json) -> str:
    return f"team {_id(row)}" if "tenant" in row else f"tenant {_id(row)}"


def _id(row: Json) -> str:
    return f"{row['tenant']}/{row['id']}" if "tenant" in row else row["id"]
