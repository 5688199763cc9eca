"""`signalbox analytics` and `signalbox savings`: how requests went and what routing saved, as tables or as the API's own JSON."""

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from . import control_api, stages
from .table import columns, counted, dollars, duration
from .trouble import Trouble

Json = dict[str, Any]

NONE = "-"
FLAG = "flag"
HEADING = ("requests", "cost", "success", "mean", "p50", "p95", "p99", "ttft p50", "p95", "p99", "fallbacks", "cached", "triggers")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", default="route", choices=("route", "policy", "provider", "target", "all", FLAG), help="(%(default)s)")
    parser.add_argument("--id", help="one alone; also one that is gone from the document")
    parser.add_argument("--each", choices=("hour", "day", "month"), help="each of them as well")
    _add_range(parser)


def add_savings_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", default="day", choices=("day", "route", "policy"), help="(%(default)s)")
    _add_range(parser)


def run(arguments: argparse.Namespace) -> None:
    if arguments.by == FLAG:
        if arguments.id or arguments.each:
            raise Trouble("--by flag tells of all flags and of all the time: leave out --id and --each")
        _print(arguments, _asked(arguments, "/admin/analytics/flags"), adoption)
    else:
        _print(arguments, _asked(arguments, "/admin/analytics", by=arguments.by, id=arguments.id, each=arguments.each), overview)


def run_savings(arguments: argparse.Namespace) -> None:
    _print(arguments, _asked(arguments, "/admin/savings", by=arguments.by), savings)


def overview(told: Json) -> Iterator[str]:
    if not told["rows"]:
        yield f"no request from {told['from']} to {told['to']}"
        if told["by"] == "route":
            yield "a request counts for the route that served it, which a policy may have chosen: --by policy, or --by all"
        return
    lines: list[tuple[str, ...]] = [(told["by"], *HEADING)]
    for row in told["rows"]:
        lines.append((row["id"], *_cells(row)))
        lines += [(f"  {point['period']}", *_cells(point)) for point in row["series"]]
    yield from columns(lines)
    shared = [row for row in told["rows"] if told["by"] == "route" and any(share["declared"] is not None for share in row["providers"])]
    for row in shared:
        yield ""
        yield f"{row['id']}: its answers by provider, beside what it declares"
        yield from columns([("provider", "answers", "share", "declared", "points"), *map(_shared, row["providers"])], "  ")


def savings(told: Json) -> Iterator[str]:
    heading = (told["by"], "requests", "compared", "cost", "of compared", "baseline", "saved", "percent")
    yield from columns([heading, *((row["id"], *_saved(row)) for row in told["rows"]), ("all", *_saved(told["total"]))])
    yield "compared: answers at prices that are known; baseline: their tokens at the prices of the default target"


def adoption(told: Json) -> Iterator[str]:
    rows = ((row["flag"], *_share(row, "request"), *_share(row, "caller")) for row in told["flags"])
    yield from columns([("flag", "requests", "share", "callers", "share"), *rows])
    yield f"of {told['requests']:,} requests that were decided, by {counted(told['callers'], 'key')}"
    if told["keys_left_out"]:
        yield "there are more keys than are looked at: the callers are those of the oldest"


def _add_range(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="first", type=day, metavar="DAY", help="the first day, in UTC (the last one)")
    parser.add_argument("--to", dest="last", type=day, metavar="DAY", help="the last day, which is included (today)")
    parser.add_argument("--json", action="store_true", help="as it is, for a program")
    stages.add_argument(parser)


def _asked(arguments: argparse.Namespace, path: str, **query: str | None) -> Json:
    asked = {name: value for name, value in (query | {"from": arguments.first, "to": arguments.last}).items() if value is not None}
    return control_api.call(arguments.stage, "GET", f"{path}?{urlencode(asked)}")


def _print(arguments: argparse.Namespace, told: Json, as_text: Any) -> None:
    print(json.dumps(told, indent=2) if arguments.json else "\n".join(as_text(told)))


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    latency, ttft = row["latency"], row["ttft"]
    return (
        f"{row['requests']:,}",
        dollars(row["cost_nanousd"]),
        _rate(row["success_rate"]),
        *(_ms(latency[name]) for name in ("mean_ms", "p50_ms", "p95_ms", "p99_ms")),
        *(_ms(ttft[name]) for name in ("p50_ms", "p95_ms", "p99_ms")),
        _rate(row["fallback_rate"]),
        _rate(row["cache_hit_rate"]),
        ", ".join(f"{kind} {count}" for kind, count in row["triggers"].items()),
    )


def _shared(row: Mapping[str, Any]) -> tuple[str, ...]:
    points = row["difference_points"]
    return (
        row["provider"],
        f"{row['answered']:,}",
        _rate(row["share"]),
        _rate(row["declared"]),
        NONE if points is None else f"{points:+.1f}",
    )


def _saved(row: Mapping[str, Any]) -> tuple[str, ...]:
    money = (dollars(row[name]) for name in ("cost_nanousd", "compared_cost_nanousd", "baseline_cost_nanousd"))
    saved = row["saved_nanousd"]
    loss = "-" if saved < 0 else ""
    share = NONE if row["percent"] is None else f"{row['percent']:.1f} %"
    return (f"{row['requests']:,}", f"{row['compared']:,}", *money, loss + dollars(abs(saved)), share)


def _share(row: Mapping[str, Any], of: str) -> tuple[str, str]:
    return f"{row[f'{of}s']:,}", _rate(row[f"{of}_share"])


def _rate(share: float | None) -> str:
    return NONE if share is None else f"{100 * share:.4g} %"


def _ms(ms: float | None) -> str:
    return NONE if ms is None else duration(ms / 1000)


def day(text: str) -> str:
    today = datetime.now(UTC).date()
    try:
        return str({"today": today, "yesterday": today - timedelta(days=1)}.get(text) or date.fromisoformat(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day: write it as 2026-11-21, or today, or yesterday") from error
