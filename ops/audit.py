"""`signalbox audit`: who changed what, and who read what people wrote, from the record that the control API keeps."""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from . import control_api, stages
from .analytics import day
from .table import columns
from .trouble import Trouble

Json = dict[str, Any]

WEEK = timedelta(days=6)  # and the last day itself
PAGE = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="first", type=day, metavar="DAY", help="the first day, in UTC (a week until the last one)")
    parser.add_argument("--to", dest="last", type=day, metavar="DAY", help="the last day, which is included (today)")
    parser.add_argument("--tenant", help="only what is this tenant's")
    parser.add_argument("--actor", help="only what this operator did: the name of an admin key, or jwt: and a token's subject")
    parser.add_argument("--path", help="only what begins so, as in /admin/keys")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="the newest so many (%(default)s); 0: all")
    parser.add_argument("--json", action="store_true", help="as it is, for a program")
    stages.add_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    if arguments.limit < 0:
        raise Trouble(f"--limit {arguments.limit}: how many? 0 is all")
    last = date.fromisoformat(arguments.last) if arguments.last else datetime.now(UTC).date()
    asked = {"from": arguments.first or str(last - WEEK), "to": str(last), "limit": str(min(arguments.limit or PAGE, PAGE))}
    asked |= {name: value for name in ("tenant", "actor", "path") if (value := getattr(arguments, name)) is not None}
    rows: list[Json] = []
    page: Json = {"next": ""}
    while page["next"] is not None and not (arguments.limit and len(rows) >= arguments.limit):
        page = control_api.call(arguments.stage, "GET", f"/admin/audit?{urlencode(asked | {'before': page['next']})}")
        rows += page["entries"]
    more = page["next"] is not None or 0 < arguments.limit < len(rows)
    rows = rows[: arguments.limit or None]
    print(json.dumps(rows, indent=2) if arguments.json else "\n".join(shown(rows, asked, more)))


def shown(rows: list[Json], asked: dict[str, str], more: bool) -> Iterator[str]:
    if not rows:
        yield f"nothing was changed from {asked['from']} to {asked['to']}, of what is asked for"
        return
    table = ((_at(row["at"]), row["actor"], row["tenant"] or "-", row["changed"] or _said(row)) for row in rows)
    yield from columns([("UTC", "who", "tenant", "what"), *table])
    if more:
        yield "there is more: --limit 0 has all"


def _at(at: str) -> str:
    return at[:19].replace("T", " ")


def _said(row: Json) -> str:
    return f"{'read' if row['method'] == 'GET' else row['method']} {row['path']}"
