"""/admin/simulations: what a draft would have done with recorded traffic, in intervals that say what they assume. Nothing is published."""

import math
from secrets import token_hex
from typing import Annotated, Any

import gates
import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from config import sent
from forms import SIMULATION, Switch, Whole
from gates import Days, Gates
from pydantic import BaseModel, ConfigDict, Field
from versions import Finding

from signalbox.aws import boto_simulations
from signalbox.config.compiler import Compiled, compile_text
from signalbox.config.source import InvalidDocument
from signalbox.errors import Refusal
from signalbox.routing.simulation.gate import judge
from signalbox.routing.simulation.simulation import EXAMPLES

router = Router()

MOST_WARNINGS = 100  # they stand in an item of 400 KB


class NewSimulation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    document: Annotated[str | None, Field(description="The text of routing.yaml; left out where it is the draft")] = None
    draft: Annotated[Switch, Field(description="Try the draft that is stored")] = False
    days: Days = 1.0
    gates: Gates = []
    examples: Annotated[Whole, Field(ge=0, le=100, description="Of decisions that change")] = EXAMPLES


class Ends(BaseModel):
    low: int
    expected: int
    high: int


class Compared(Ends):
    recorded: int


class Cost(Compared):
    unpriced_requests: Annotated[int, Field(description="They would go to targets without prices; their cost is in no end")]


class Latency(Compared):
    """Averages of answered requests."""

    requests: int
    unknown: Annotated[dict[str, int], Field(description="Requests, by target, of which nobody knows how long it takes: in no average")]


class Denials(Compared):
    new: Annotated[Ends, Field(description="Of them those that were not refused when they were recorded")]
    admitted: Annotated[int, Field(description="Refused when they were recorded, and served by the draft: what they cost is in no sum")]
    by_code: dict[str, int]


class Unanswered(BaseModel):
    recorded: int
    draft: int
    new: Annotated[int, Field(description="Answered when they were recorded, and by nobody that the draft leads to")]


class Served(Compared):
    pass


class Share(BaseModel):
    """Percent of the requests that are answered."""

    recorded: float
    low: float
    expected: float
    high: float
    requests: Served


class Changed(BaseModel):
    requests: int
    percent: float


class Move(BaseModel):
    """Who is asked first."""

    before: Annotated[str, Field(alias="from")]
    to: str
    requests: int


class Example(BaseModel):
    request: str
    before: Annotated[str, Field(alias="from")]
    to: str
    why: str
    policy: str


class Objects(BaseModel):
    """Of the traffic log. Fewer `read` than there are: the time was up, and what was read is a fair sample."""

    read: int
    of: int


class Judged(BaseModel):
    gate: str
    holds: bool
    figures: str


class Summary(BaseModel):
    id: str
    author: str
    at: str
    days: float
    digest: Annotated[str, Field(description="Of the configuration that was tried")]
    live_version: Annotated[int, Field(description="The version that was live then; 0: none")]
    requests: int
    objects: Objects
    cost_nanousd: Cost
    holds: Annotated[bool | None, Field(description="Whether all gates hold; null where none was asked for")]


class Simulation(Summary):
    savings_nanousd: Ends
    baseline_cost_nanousd: int
    providers: dict[str, Share]
    denials: Denials
    unanswered: Unanswered
    latency_ms: Latency
    changed: Changed
    moved: Annotated[list[Move], Field(description="The most frequent first")]
    examples: list[Example]
    without_snapshot: Annotated[int, Field(description="Requests whose configuration is gone: of these only who was tried is compared")]
    assumptions: list[str]
    gates: list[Judged]
    warnings: Annotated[list[Finding], Field(description="Of the document, the first 100 that /admin/config/check says")]


class Simulations(BaseModel):
    simulations: list[Summary]


@router.post("/admin/simulations", summary="Try a document on recorded traffic", status_code=201, tags=["simulations"])
def create(new: NewSimulation) -> Simulation:
    wanted = gates.to_gates(new.gates)
    live = stage.versions().live()
    compiled = _compiled(sent(new.document, new.draft)[0], live)
    result = gates.simulated(compiled, new.days, router.lambda_context, param="days", examples=new.examples)
    verdicts, now = judge(wanted, result), stage.now()
    id = f"s{stage.now_ms():012x}{token_hex(5)}"
    told = {
        "id": id,
        "author": router.context["who"],
        "at": now.isoformat(timespec="seconds"),
        "days": new.days,
        "digest": compiled.digest,
        "live_version": int(live.get("version", 0)),
        "holds": all(verdict.holds for verdict in verdicts) if verdicts else None,
    } | {name: result[name] for name in ("requests", "objects", "cost_nanousd")}
    warnings = [{"line": row.line, "path": row.path, "message": row.message} for row in compiled.warnings[:MOST_WARNINGS]]
    found = result | told | {"gates": [verdict._asdict() for verdict in verdicts], "warnings": warnings}
    boto_simulations.keep(stage.control(), id, told, found, math.ceil(now.timestamp()))
    router.append_context(changed=f"simulation {id}; nothing was published")
    return Simulation(**found)


@router.get("/admin/simulations", summary="Simulations of the last 30 days, newest first", tags=["simulations"])
def list_simulations(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    before: Annotated[str | None, Query(pattern=SIMULATION, description="The last id of the page before")] = None,
) -> Simulations:
    return Simulations(simulations=[Summary(**row) for row in boto_simulations.newest(stage.control(), limit, before or "")])


@router.get("/admin/simulations/<simulation_id>", summary="One simulation and all that it found", tags=["simulations"])
def show(simulation_id: Annotated[str, Path(max_length=64)]) -> Simulation:
    found = boto_simulations.found(stage.control(), simulation_id)
    if found is None:
        raise Refusal("not_found", f"There is no simulation {simulation_id[:100]!r}, or not any more. GET /admin/simulations lists them.")
    return Simulation(**found)


def _compiled(text: str, live: dict[str, Any]) -> Compiled:
    """With what the stage says against the document."""
    try:
        return compile_text(text, live.get("overrides"))
    except InvalidDocument as error:
        raise Refusal("invalid_request", f"There is no simulating a document that is not valid.\n{error}", param="document") from error
