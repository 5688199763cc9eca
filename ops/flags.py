"""`signalbox flags`: what is on in a stage, for how many and for whom, switched through its control API."""

import argparse
from typing import Any

from . import control_api, stages
from .policies import at, tell
from .table import columns

Json = dict[str, Any]
PATH = "/admin/flags"
DEFAULTS: Json = {"enabled": True, "percent": 100.0, "segments": [], "by": "caller"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    row = actions.add_parser("list", help="all of them, also those that are there from the start")
    row.set_defaults(told=_list)
    stages.add_argument(row)
    put = actions.add_parser("set", help="switch one on or off, for all or for some; what is not said stays as it is")
    put.add_argument("name")
    switch = put.add_mutually_exclusive_group()
    switch.add_argument("--on", dest="enabled", action="store_true", default=None, help="on, for those it is for")
    switch.add_argument("--off", dest="enabled", action="store_false", help="off for all, within seconds")
    put.add_argument("--percent", type=float, help="of the callers, tenants or requests")
    put.add_argument("--segments", type=_names, help="of tenants, parted by commas; '' for all tenants", metavar="NAME,…")
    put.add_argument("--by", choices=["caller", "tenant", "request"], help="whose percentage it is")
    put.set_defaults(told=_set)
    remove = actions.add_parser("remove", help="take one out of the document; a built-in one is on for all again")
    remove.add_argument("name")
    remove.set_defaults(told=_remove)
    for change in (put, remove):
        change.add_argument("--message", default="", help="why, for whoever reads the list of versions")
        stages.add_argument(change)


def run(arguments: argparse.Namespace) -> None:
    arguments.told(arguments)


def _list(arguments: argparse.Namespace) -> None:
    rows = control_api.call(arguments.stage, "GET", PATH)["flags"]
    table = [(row["name"], said(row), "" if row["declared"] else "built in", ", ".join(row["policies"])) for row in rows]
    print(*columns([("flag", "is", "", "policies"), *table]), sep="\n")


def _set(arguments: argparse.Namespace) -> None:
    """What was looked at is what is changed: 409 where somebody else came between."""
    there = control_api.call(arguments.stage, "GET", PATH)
    row: Json = next((flag for flag in there["flags"] if flag["name"] == arguments.name), {})
    new = {key: row[key] for key in DEFAULTS if key in row}
    new |= {key: value for key in DEFAULTS if (value := getattr(arguments, key)) is not None}
    message = arguments.message or f"flag {arguments.name} {said(DEFAULTS | new)}"
    body = new | {"message": message, "expected_version": there["version"]}
    answer = control_api.call(arguments.stage, "PUT", at(PATH, arguments.name), body)
    tell(answer, f"flag {arguments.name} is {said(answer['flag'])}")


def _remove(arguments: argparse.Namespace) -> None:
    answer = control_api.call(arguments.stage, "DELETE", at(PATH, arguments.name, message=arguments.message))
    tell(answer, f"flag {arguments.name} is {said(answer['flag']) if answer['flag'] else 'removed'}")


def said(flag: Json) -> str:
    if not flag["enabled"]:
        return "off"
    whom = f" of {', '.join(flag['segments'])}" if flag["segments"] else ""
    if flag["percent"] == 100:
        return f"on for all{whom}"
    return f"on for {flag['percent']:g} % of the {flag['by']}s{whom}"


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]
