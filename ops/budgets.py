"""`signalbox budgets`: what may be spent, what is left of it and how long that lasts, through a stage's control API."""

import argparse
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from . import control_api, stages
from .moments import until
from .table import columns
from .trouble import Trouble

Json = dict[str, Any]
PATH = "/admin/budgets"
SCOPES = ("key", "team", "tenant", "agent", "route", "provider", "global")
PERIODS = ("day", "week", "month", "total")
HEADING = ("budget", "period", "limit", "spent", "held", "left", "used", "forecast")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    row = actions.add_parser("list", help="all of them, or those of one scope; the most used first")
    row.set_defaults(told=_list)
    _add_scope(row, optional=True)
    row = actions.add_parser("set", help="set a limit; it holds within seconds, and what is not said stays as it is")
    row.set_defaults(told=_set)
    _add_scope(row)
    _add_period(row)
    row.add_argument("--limit", required=True, metavar="USD", help="dollars a period")
    kind = row.add_mutually_exclusive_group()
    kind.add_argument("--hard", dest="hard", action="store_true", default=None, help="refuse what it does not cover; a new one does")
    kind.add_argument("--soft", dest="hard", action="store_false", help="count and warn alone")
    row.add_argument("--zone", metavar="ZONE", help="whose calendar it follows, as in Europe/Berlin; another one begins its period anew")
    row.add_argument("--thresholds", type=_percents, metavar="50,80,100", help="percent of the limit at which to tell")
    row = actions.add_parser("raise", help="raise one for a while, after which it comes down by itself")
    row.set_defaults(told=_raise)
    _add_scope(row)
    _add_period(row)
    row.add_argument("--by", metavar="USD", help="how much higher the limit is meanwhile")
    row.add_argument("--until", metavar="WHEN", help="30m, 2h, 3d, or a moment with its offset: 2026-11-21T18:00+01:00")
    row.add_argument("--end", nargs="?", const="", metavar="RAISE", help="end this raise now; all of the budget's, where none is named")
    row = actions.add_parser("remove", help="remove one; what was spent stays known")
    row.set_defaults(told=_remove)
    _add_scope(row)
    _add_period(row)
    for action in actions.choices.values():
        action.add_argument("--json", action="store_true", help="the API's own answer; of `list` a plain list of all pages")
        stages.add_argument(action)


def run(arguments: argparse.Namespace) -> None:
    arguments.told(arguments)


def _add_scope(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    parser.add_argument("scope", choices=SCOPES, nargs="?" if optional else None, metavar="scope", help=", ".join(SCOPES))
    parser.add_argument("id", nargs="?", default="", help="its name; tenant/team of a team, tenant/agent of an agent, none of global")


def _add_period(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--period", choices=PERIODS, required=True)


def _list(arguments: argparse.Namespace) -> None:
    asked = {"scope": arguments.scope, "id": arguments.id} if arguments.scope else {"limit": "100"}
    rows: list[Json] = []
    after = ""
    while True:
        answer = control_api.call(arguments.stage, "GET", _at(PATH, **asked, after=after))
        rows, after = rows + answer["budgets"], answer["after"] or ""
        if not after:
            break
    if arguments.json:
        print(json.dumps(rows, indent=2))
    elif not rows:
        print("no budget holds" + (f" {arguments.scope} {arguments.id}".rstrip() if arguments.scope else ": anybody may spend anything"))
    else:
        rows.sort(key=lambda row: -int(row["current"]["used_percent"]))
        raises = (line for row in rows for line in _raises(row, f"{_name(row)} {row['period']}: "))
        print(*columns([HEADING, *map(_cells, rows)]), *raises, sep="\n")


def _set(arguments: argparse.Namespace) -> None:
    """What is not said is as it is: hard too, which the API takes for said."""
    hard = arguments.hard if arguments.hard is not None else _known(arguments).get("hard", True)
    said = {"time_zone": arguments.zone, "thresholds": arguments.thresholds}
    body = (
        _named(arguments)
        | {"limit_usd": arguments.limit, "hard": hard}
        | {name: value for name, value in said.items() if value is not None}
    )
    _tell(arguments, control_api.call(arguments.stage, "POST", PATH, body))


def _raise(arguments: argparse.Namespace) -> None:
    path = f"{PATH}/raises"
    if arguments.end is not None:
        if arguments.by or arguments.until:
            raise Trouble("--end takes back what was raised: leave out --by and --until")
        return _tell(arguments, control_api.call(arguments.stage, "DELETE", _at(path, **_named(arguments), **{"raise": arguments.end})))
    if not arguments.by or not arguments.until:
        raise Trouble("say --by how much and --until when, as in --by 20 --until 2h; or --end")
    body = _named(arguments) | {"by_usd": arguments.by, "until": until(arguments.until, datetime.now(UTC))}
    return _tell(arguments, control_api.call(arguments.stage, "POST", path, body))


def _remove(arguments: argparse.Namespace) -> None:
    answer = control_api.call(arguments.stage, "DELETE", _at(PATH, **_named(arguments)))
    print(json.dumps(answer, indent=2) if arguments.json else f"{_name(answer)} has no budget per {answer['period']} any more")


def _tell(arguments: argparse.Namespace, budget: Json) -> None:
    if arguments.json:
        print(json.dumps(budget, indent=2))
        return
    print(*columns([HEADING, _cells(budget)]), *_raises(budget), sep="\n")
    if budget["note"]:
        print(budget["note"])


def _raises(budget: Json, of: str = "") -> list[str]:
    return [f"{of}raise {row['id']}: ${row['by_usd']} more until {row['until']}" for row in budget["raises"]]


def _cells(budget: Json) -> tuple[str, ...]:
    current, forecast = budget["current"], budget["forecast"]
    held, left, spent, limit = (_dollars(current[f"{name}_usd"]) for name in ("held", "remaining", "settled", "limit"))
    zone = "" if budget["time_zone"] == "UTC" else f" {budget['time_zone']}"
    marks = [] if budget["hard"] else ["soft"]
    marks += ["raised"] if budget["raises"] else []
    marks += [budget["set_by"] + "'s"] if budget["set_by"] != "operator" else []
    name = _name(budget) + (f" ({', '.join(marks)})" if marks else "")
    return (
        name,
        f"{budget['period']}{zone}",
        limit,
        spent,
        held,
        left,
        f"{current['used_percent']} %",
        forecast["says"] if forecast else "",
    )


def _dollars(text: str) -> str:
    return f"-${text[1:]}" if text.startswith("-") else f"${text}"


def _name(row: Json) -> str:
    return f"{row['scope']} {row['id']}".rstrip()


def _named(arguments: argparse.Namespace) -> Json:
    return {"scope": arguments.scope, "id": arguments.id, "period": arguments.period}


def _known(arguments: argparse.Namespace) -> Json:
    rows = control_api.call(arguments.stage, "GET", _at(PATH, scope=arguments.scope, id=arguments.id))["budgets"]
    return next((row for row in rows if row["period"] == arguments.period), {})


def _at(path: str, **asked: str) -> str:
    """What stands empty is not asked."""
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{path}?{query}" if query else path


def _percents(text: str) -> list[int]:
    try:
        return [int(part) for part in text.replace("%", "").split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: write percents with commas between them, as in 50,80,100") from error
