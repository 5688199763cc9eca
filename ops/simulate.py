"""`signalbox simulate --config NEW --from DAYS`: what a draft would have done with recorded traffic, and whether its gates hold."""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from signalbox.config.compiler import compile_text
from signalbox.config.source import InvalidDocument
from signalbox.routing.catalog import Snapshot, to_snapshot
from signalbox.routing.simulation.gate import Gate, Verdict, judge, read
from signalbox.routing.simulation.simulation import EXAMPLES, Simulation

from . import documents, stages
from .local import published
from .simulation_tables import report, verdicts
from .traffic import DAY_MS, Traffic, now_ms, read_days
from .trouble import Trouble

Json = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", dest="file", type=Path, required=True, help="the document to try, as routing.yaml")
    parser.add_argument("--from", dest="days", type=read_days, default=1.0, metavar="DAYS", help="the traffic of so many (%(default)s)")
    parser.add_argument("--gate", action="append", default=[], metavar="GATE", help="such as 'cost<=+5%%': fails where it does not hold")
    parser.add_argument("--examples", type=int, default=EXAMPLES, metavar="N", help="of decisions that change (%(default)s)")
    parser.add_argument("--json", action="store_true", help="as it is, for a program")
    stages.add_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    gates = _gates(arguments.gate)
    traffic = Traffic(arguments.stage)
    draft = _draft(arguments.stage, documents.read(arguments.file), traffic.live(), str(arguments.file))
    result = _simulated(traffic, draft, arguments.days, arguments.examples)
    judged = judge(gates, result)
    told = [verdict._asdict() for verdict in judged]
    if arguments.json:
        print(json.dumps(result | {"days": arguments.days, "gates": told}, indent=2))
    else:
        print(*report(result, str(arguments.file), arguments.days), sep="\n")
        print(*(["", *verdicts(told)] if told else []), sep="\n", end="\n" if told else "")
    _hold(judged)


def gate(stage: str, document_text: str, gates: Iterable[str], days: float) -> int:
    """The live version that the document was weighed against (0: none), so that it is published over no other.

    Trouble, with the figures, where a gate does not hold, where nothing was recorded, and where the document is not valid.
    """
    wanted = _gates(gates)
    traffic = Traffic(stage)
    live = traffic.live()
    draft = _draft(stage, document_text, live, "the document")
    if wanted:
        _hold(judge(wanted, _simulated(traffic, draft, days, examples=0)))
    return int(live.get("version", 0))


def _gates(gates: Iterable[str]) -> list[Gate]:
    try:
        return [read(text) for text in gates]
    except ValueError as error:
        raise Trouble(str(error)) from error


def _draft(stage: str, text: str, live: Mapping[str, Any], name: str) -> Snapshot:
    """With what the stage says against the document."""
    said = live.get("overrides", {})
    try:
        compiled = compile_text(text, published.fitting(text, said) if stage == stages.LOCAL else said)
    except InvalidDocument as error:
        raise Trouble(f"{name} is not valid:\n{error}") from error
    return to_snapshot(json.loads(compiled.json), 0, compiled.digest)


def _simulated(traffic: Traffic, draft: Snapshot, days: float, examples: int) -> Json:
    simulation = Simulation(draft, traffic.snapshot, examples=examples)
    until_ms = now_ms()
    for row in traffic.rows(until_ms - int(days * DAY_MS), until_ms, "simulating"):
        simulation.add(row)
    if not simulation.requests:
        raise Trouble(f"no traffic was recorded in the last {days:g} days, so that there is nothing to simulate; try more: --from 30")
    return simulation.result()


def _hold(judged: Sequence[Verdict]) -> None:
    failed = [f"{verdict.gate} does not hold: {verdict.figures}" for verdict in judged if not verdict.holds]
    if failed:
        raise Trouble("\n".join(failed))
