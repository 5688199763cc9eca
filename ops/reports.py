"""`signalbox usage report`: the daily report of a tenant or a team, as a table, as a file, or made anew."""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from . import control_api, documents, stages
from .analytics import day
from .table import columns, counted, dollars, duration
from .trouble import Trouble

Json = dict[str, Any]

FORMATS = ("json", "csv", "html")
HEADING = ("requests", "errors", "slow", "cached", "in", "out", "mean", "cost", "day before")
MOST_LISTED = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--day", type=day, help="in UTC: 2026-11-20, today or yesterday (yesterday)")
    parser.add_argument("--tenant", help="whose; without it, those that there are of the day are listed")
    parser.add_argument("--team", help="of that tenant; without it, of all of it")
    parser.add_argument("--format", choices=FORMATS, help="as it is stored, instead of a table")
    parser.add_argument("--out", type=Path, metavar="FILE", help="into this file, in the format of its ending where none is said")
    parser.add_argument(
        "--anew", action="store_true", help="make and store it again first, where usage of the day came late: the tenant's, or all"
    )
    stages.add_argument(parser, below=True)


def run(arguments: argparse.Namespace) -> None:
    of = arguments.day or str(datetime.now(UTC).date() - timedelta(days=1))
    if arguments.anew:
        _make(arguments.stage, of, arguments.tenant)
    if arguments.tenant is None:
        if arguments.team or arguments.format or arguments.out:
            raise Trouble(f"say whose report: --tenant; `signalbox usage report --day {of}` lists them")
        print("\n".join(listed(_call(arguments.stage, "/admin/reports", day=of, limit=str(MOST_LISTED)))))
        return
    suffix = arguments.out.suffix.removeprefix(".") if arguments.out else ""
    format = arguments.format or (suffix if suffix in FORMATS else None)
    if arguments.out and format is None:
        raise Trouble(f"in which format is {arguments.out} to be? --format, or a name that ends in .json, .csv or .html")
    query = urlencode({"tenant": arguments.tenant, "format": format or "json"} | ({"team": arguments.team} if arguments.team else {}))
    try:
        body = control_api.text(arguments.stage, f"/admin/reports/{of}?{query}")
    except control_api.Missing as error:
        raise Trouble(f"{error}\n{_remedy(of)}") from error
    if arguments.out:
        documents.write_new(arguments.out, body, force=True)
        print(f"{arguments.out}: {counted(len(body.encode()), 'byte')}")
    else:
        print(body.rstrip("\r\n") if format else "\n".join(table(json.loads(body))))


def _remedy(of: str) -> str:
    is_today = of == str(datetime.now(UTC).date())
    return f"`signalbox usage report --day {of}` lists those there are" + ("" if is_today else "; `--day today` is for today so far")


def listed(told: Json) -> Iterator[str]:
    if not told["reports"]:
        yield f"nothing is recorded of {told['day']}"
        return
    rows = ((row["tenant"], row["team"] or "", "stored" if row["stored"] else "not made yet") for row in told["reports"])
    yield from columns([("tenant", "team", told["day"]), *rows])
    if told["next"]:
        yield f"and more: GET /admin/reports?day={told['day']} has all, in pages"


def table(told: Json) -> Iterator[str]:
    whose = told["tenant"] + (f", team {told['team']}" if told["team"] is not None else "")
    yield f"{whose}: {told['day']}{'' if told['finished'] else ' so far'}"
    yield from columns([HEADING, _cells(told["total"])], "  ")
    for by in ("team", "model", "key", "route"):
        rows = told.get(f"by_{by}", ())
        if rows:
            yield ""
            yield from columns([(by, *HEADING), *((row["id"] or "(none)", *_cells(row)) for row in rows)])


def _cells(row: Json) -> tuple[str, ...]:
    counts = (f"{row[name]:,}" for name in ("requests", "errors", "slow", "cache_hits", "input", "output"))
    mean = "-" if row["mean_ms"] is None else duration(row["mean_ms"] / 1000)
    return (*counts, mean, dollars(row["cost_nanousd"]), dollars(row["before"]["cost_nanousd"]))


def _make(stage: str, of: str, tenant: str | None) -> None:
    """One tenant's are waited for; all tenants' may take minutes, and each is told of on the bus."""
    asked = {"day": of} | ({"tenant": tenant} if tenant is not None else {})
    name = stages.outputs(stage)["ReportFunctionName"]
    kind = "Event" if tenant is None else "RequestResponse"
    answer = stages.client(stage, "lambda").invoke(FunctionName=name, InvocationType=kind, Payload=json.dumps(asked).encode())
    if tenant is None:
        print(f"the reports of {of} are being made anew; what follows may be those of before")
    elif "FunctionError" in answer:
        raise Trouble(f"the reports of {of} were not made: {json.loads(answer['Payload'].read()).get('errorMessage', 'the log says why')}")


def _call(stage: str, path: str, **query: str) -> Json:
    return control_api.call(stage, "GET", f"{path}?{urlencode(query)}")
