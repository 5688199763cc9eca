"""`signalbox simulate --config NEW --from DAYS`: what a draft would have done with recorded traffic, and whether its gates hold."""

import json
from collections.abc import Iterable
from typing import Any

from signalbox.config.compiler import compile_text
from signalbox.config.source import InvalidDocument
from signalbox.routing import gate as gates_of
from signalbox.routing.catalog import Snapshot, to_snapshot
from signalbox.routing.simulation import Simulation

from .traffic import DAY_MS, Traffic, now_ms
from .trouble import Trouble

NOTHING = "no traffic was recorded in the last {days:g} days, so that nothing can be weighed"


def gate(stage: str, document_text: str, gates: Iterable[str], days: float) -> int:
    """The live version that the document was weighed against (0: none), so that it is published over no other."""
    wanted = _gates(gates)
    traffic = Traffic(stage)
    live = traffic.live()
    simulation = _simulated(traffic, _draft(document_text, live), days)
    if not simulation.requests:
        raise Trouble(NOTHING.format(days=days))
    verdicts = gates_of.judge(wanted, simulation.result())
    failed = [f"{verdict.gate} does not hold: {verdict.figures}" for verdict in verdicts if not verdict.holds]
    if failed:
        raise Trouble("\n".join(failed))
    return int(live.get("version", 0))


def _gates(gates: Iterable[str]) -> list[gates_of.Gate]:
    try:
        return [gates_of.read(text) for text in gates]
    except ValueError as error:
        raise Trouble(str(error)) from error


def _draft(text: str, live: dict[str, Any]) -> Snapshot:
    try:
        compiled = compile_text(text, live.get("overrides"))
    except InvalidDocument as error:
        raise Trouble(f"the document is not valid:\n{error}") from error
    return to_snapshot(json.loads(compiled.json), 0, compiled.digest)


def _simulated(traffic: Traffic, draft: Snapshot, days: float) -> Simulation:
    simulation = Simulation(draft, traffic.snapshot)
    until_ms = now_ms()
    for row in traffic.rows(until_ms - int(days * DAY_MS), until_ms, "simulating"):
        simulation.add(row)
    return simulation
