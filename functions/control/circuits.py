"""/admin/circuits: which targets are passed over, and until when."""

from datetime import UTC, datetime
from typing import Annotated

import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from pydantic import BaseModel, Field

from signalbox.aws import boto_circuits
from signalbox.circuits.state import OPEN, Circuit, view

router = Router()


class CircuitView(BaseModel):
    target: str
    state: Annotated[str, Field(description="closed, open or half_open")]
    generation: Annotated[int, Field(description="How often it has opened")]
    openings: Annotated[int, Field(description="In a row, without a calm spell between them; each doubles the wait")]
    consecutive_failures: int
    open_until: Annotated[str | None, Field(description="No traffic before this, unless every other target is open too")]


class Circuits(BaseModel):
    """A target that is not listed has never failed: its circuit is closed."""

    circuits: list[CircuitView]


@router.get("/admin/circuits", summary="The circuit of every target that ever failed", tags=["circuits"])
def list_circuits() -> Circuits:
    circuits = view(boto_circuits.read(stage.control()), stage.now_ms())
    return Circuits(circuits=[_view(target, circuit) for target, circuit in sorted(circuits.items())])


def _view(target: str, circuit: Circuit) -> CircuitView:
    until = datetime.fromtimestamp(circuit.until_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return CircuitView(
        target=target,
        state=circuit.state,
        generation=circuit.generation,
        openings=circuit.openings,
        consecutive_failures=circuit.consecutive,
        open_until=until if circuit.state == OPEN else None,
    )
