"""A document, weighed against recorded traffic before it goes live: what a simulation finds, and the gates that it has to hold."""

import json
import os
from collections.abc import Iterable
from typing import Annotated, Any

import stage
from aws_lambda_powertools.utilities.typing import LambdaContext
from forms import no_truth
from pydantic import BeforeValidator, Field

from signalbox.aws import boto_bus
from signalbox.aws.boto_simulations import Buckets, TooMuch
from signalbox.config.compiler import Compiled
from signalbox.errors import Refusal
from signalbox.routing.catalog import to_snapshot
from signalbox.routing.simulation.gate import Gate, Verdict, judge, read
from signalbox.routing.simulation.simulation import EXAMPLES

DAY_MS = 86_400_000
LEFT_MS = 6_000  # of the function's time, to store what was found and to answer; or to publish

Gates = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=200)]],
    Field(max_length=20, description="Such as cost<=+5%, denials<=0, latency.high<=+10%, changed<=20%, share:llama_cpp>=40%"),
]
Days = Annotated[float, BeforeValidator(no_truth), Field(gt=0, le=31, description="The traffic of the last so many days")]

Json = dict[str, Any]


def to_gates(texts: Iterable[str]) -> list[Gate]:
    try:
        return [read(text) for text in texts]
    except ValueError as error:
        raise Refusal("invalid_request", f"gates: {error}.", param="gates") from error


def simulated(compiled: Compiled, days: float, context: LambdaContext, *, param: str, examples: int = EXAMPLES) -> Json:
    """Over as much of the traffic as the function's time allows. Refusal where there is none; `param` is what says the days."""
    draft = to_snapshot(json.loads(compiled.json), 0, compiled.digest)
    buckets = Buckets(boto_bus.client("s3"), os.environ["SIGNALBOX_TRAFFIC_BUCKET"], os.environ["SIGNALBOX_CONFIG_BUCKET"])
    now_ms = stage.now_ms()
    try:
        result = buckets.simulated(draft, now_ms - int(days * DAY_MS), now_ms, time_up=lambda: _time_up(context), examples=examples)
    except TooMuch as error:
        advice = f"Ask for fewer days, or simulate from the command line: signalbox simulate --from {days:g}."
        raise Refusal("invalid_request", f"{param}: {error}. {advice}", param=param) from error
    if not result["requests"]:
        raise Refusal("invalid_request", f"{param}: no traffic was recorded in the last {days:g} days. Ask for more days.", param=param)
    return result


def hold(compiled: Compiled, gates: list[Gate], days: float, context: LambdaContext) -> None:
    """Refusal, with the figures, where one does not hold."""
    result = simulated(compiled, days, context, param="gate_days", examples=0)
    failed = [verdict for verdict in judge(gates, result) if not verdict.holds]
    if failed:
        head = f"Nothing goes live. The live version stays.{_sample(result)}"
        raise Refusal("invalid_request", "\n".join([head, *map(_said, failed)]), param="gates")


def _sample(result: Json) -> str:
    read, of = result["objects"]["read"], result["objects"]["of"]
    return f" The time did for a sample of the traffic: {read} of its {of} objects." if read < of else ""


def _said(verdict: Verdict) -> str:
    return f"{verdict.gate} does not hold: {verdict.figures}"


def _time_up(context: LambdaContext) -> bool:
    return context.get_remaining_time_in_millis() < LEFT_MS
