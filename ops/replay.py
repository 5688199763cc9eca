"""`signalbox replay`: decides recorded traffic again by the configuration it was decided by, and says where that comes out otherwise."""

import argparse
import json
from collections.abc import Iterable
from typing import Any

from signalbox.routing.replay import differences, recorded

from . import stages
from .table import counted
from .traffic import DAY_MS, Traffic, day, now_ms, read_days
from .trouble import Trouble

SHOWN = 20  # of those that differ: the rest is counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--from", dest="days", type=read_days, default=1.0, metavar="DAYS", help="the last so many days (%(default)s)")
    which.add_argument("--date", help="one day, as 2026-11-21, in UTC")
    which.add_argument("--request", metavar="ID", help="one request, with what is decided again")
    stages.add_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    traffic = Traffic(arguments.stage)
    if arguments.request:
        row = traffic.row(arguments.request)
        _tell(traffic, row)
        rows: Iterable[dict[str, Any]] = [row]
    else:
        until_ms = now_ms()
        from_ms, to_ms = day(arguments.date) if arguments.date else (until_ms - int(arguments.days * DAY_MS), until_ms)
        rows = traffic.rows(from_ms, to_ms, "replaying")
    decided, missed = 0, 0
    for row in rows:
        decided += 1
        wrong = _differences(traffic, row)
        if wrong and missed < SHOWN:
            print(f"{row['id']}: {'; '.join(wrong)}")
        missed += bool(wrong)
    if missed:
        raise Trouble(f"{missed:,} of {counted(decided, 'request')} would be decided otherwise than was recorded")
    if not decided:
        print("no requests are recorded in that time, so that nothing was decided again")
    else:
        print(f"{counted(decided, 'request')} decided again, each as it was recorded, bit for bit")


def _differences(traffic: Traffic, row: dict[str, Any]) -> list[str]:
    try:
        digest = recorded(row).snapshot
    except (ValueError, KeyError, TypeError) as error:
        return [f"its inputs cannot be read by this release: {type(error).__name__}: {error}"]
    snapshot = traffic.snapshot(digest)
    return list(differences(row, snapshot)) if snapshot else [f"its snapshot {digest[:12]} is not there any more, or is damaged"]


def _tell(traffic: Traffic, row: dict[str, Any]) -> None:
    try:
        was = recorded(row)
    except (ValueError, KeyError, TypeError):
        return  # which is told as a difference
    snapshot = traffic.snapshot(was.snapshot)
    decision = was.decide(snapshot) if snapshot else None
    if decision:
        print(json.dumps(decision._asdict(), indent=2, default=dict))
