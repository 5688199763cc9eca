"""`signalbox routes analyze [FILE]`: what a document or a stage promises of its routes. `routes explain FILE`: what one request meets."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from signalbox.config.compiler import compile_text
from signalbox.config.source import InvalidDocument
from signalbox.data_api import DIALECTS
from signalbox.routing.analysis.fates import USUAL
from signalbox.routing.analysis.report import LEAST, Assumptions, analyse
from signalbox.routing.catalog import Snapshot, to_snapshot

from . import control_api, data_api, documents, stages
from .explained import explained
from .route_tables import assumed, cautions, details, overview
from .trouble import Trouble

Json = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    analyze = actions.add_parser(
        "analyze", aliases=["analyse"], help="availability, single points of failure and the worst case of each route"
    )
    analyze.add_argument("file", type=Path, nargs="?", help="a document, as routing.yaml; without it, what is live in the stage")
    analyze.add_argument("--route", help="one route, alias or model, with all that is known of it")
    analyze.add_argument("--verbose", action="store_true", help="all that is known of every route")
    analyze.add_argument(
        "--provider-share", type=_share, default=USUAL.provider, help="of what takes a target down, its provider's (%(default)s)"
    )
    analyze.add_argument("--region-share", type=_share, default=USUAL.region, help="and its region's (%(default)s)")
    analyze.add_argument("--least", type=_share, default=LEAST, help="warn of a route that is available less (%(default)s)")
    explain = actions.add_parser("explain", help="which targets a request would be sent to, and why; nothing is called")
    explain.add_argument("request", type=Path, help="the body of a request, as JSON")
    explain.add_argument("--path", default="/v1/chat/completions", choices=sorted(DIALECTS), help="where it would be posted (%(default)s)")
    for action in (analyze, explain):
        action.add_argument("--json", action="store_true", help="as it is, for a program")
        stages.add_argument(action)
    analyze.set_defaults(told=_analyze)
    explain.set_defaults(told=_explain)


def run(arguments: argparse.Namespace) -> None:
    arguments.told(arguments)


def _analyze(arguments: argparse.Namespace) -> None:
    if arguments.provider_share + arguments.region_share > 1:
        raise Trouble("--provider-share and --region-share are more than 1 together: the rest is a target's own")
    assumptions = Assumptions(arguments.provider_share, arguments.region_share, arguments.least)
    of_file = arguments.file is not None
    analysis = _of_file(arguments.file, arguments.route, assumptions) if of_file else _live(arguments.stage, arguments.route, assumptions)
    if arguments.json:
        print(json.dumps(analysis, indent=2))
    elif arguments.route or arguments.verbose:
        for route in analysis["routes"]:
            print(*details(route), "", sep="\n")
        print(*assumed(analysis["assumptions"]), sep="\n")
    else:
        print(*overview(analysis), sep="\n")
        for route in analysis["routes"]:
            print(*cautions(route, f"{route['route']} "), sep="\n", end="\n" if route["cautions"] else "")


def _explain(arguments: argparse.Namespace) -> None:
    body = documents.read(arguments.request)
    decision = data_api.explain(arguments.stage, arguments.path, body)
    print(json.dumps(decision, indent=2) if arguments.json else "\n".join(explained(decision)))


def _of_file(path: Path, route: str | None, assumptions: Assumptions) -> Json:
    snapshot = _snapshot(path)
    if route is None:
        return asdict(analyse(snapshot, assumptions=assumptions))
    found = snapshot.route(route)
    if found is None:
        raise Trouble(f"{path} has no route {route!r}; the routes are: {', '.join(sorted(snapshot.names))}")
    return asdict(analyse(snapshot, [found], assumptions))


def _snapshot(path: Path) -> Snapshot:
    try:
        return to_snapshot(json.loads(compile_text(documents.read(path)).json), 0, "")
    except InvalidDocument as error:
        raise Trouble(f"{path}: {error}") from error


def _live(stage: str, route: str | None, assumptions: Assumptions) -> Json:
    asked = {
        "provider_share": assumptions.provider_share,
        "region_share": assumptions.region_share,
        "least_availability": assumptions.least_availability,
    } | ({"route": route} if route else {})
    return control_api.call(stage, "GET", f"/admin/routes/analysis?{urlencode(asked)}")


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("not a number") from error
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("not a share: 0 to 1")
    return share
