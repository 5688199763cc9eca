"""Every sample of events/ is what its trigger sends: the readers' own models say so. And every function has one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventModel, EventBridgeModel

from functions.roll_back.handler import STEPS
from functions.store_sample.handler import Message as SampleMessage
from signalbox.aws.boto_inbox import UsageMessage
from signalbox.rollback.request import to_request

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted((ROOT / "events").glob("*.json"))


def an_api_call(event: Any) -> None:
    APIGatewayProxyEventModel.model_validate(event)
    assert event["headers"]["authorization"] in ("Bearer sk-signalbox-local", "Bearer ak-signalbox-local")
    if event["body"] is not None:
        json.loads(event["body"])


def a_batch_of_usage(event: Any) -> None:
    ids = [UsageMessage.model_validate(record).body.detail.id for record in event["Records"]]
    assert len(set(ids)) == len(ids) > 0


def a_batch_of_samples(event: Any) -> None:
    assert [SampleMessage.model_validate(record).body.prompt for record in event["Records"]]


def a_schedule(event: Any) -> None:
    assert EventBridgeModel.model_validate(event).detail_type == "Scheduled Event"


def a_step(event: Any) -> None:
    assert event["step"] in STEPS
    to_request(event["input"])


# By what the sample's name begins with: the function it is for.
TRIGGERS: dict[str, Callable[[Any], None]] = {
    "complete": an_api_call,
    "control": an_api_call,
    "record_usage_schedule": a_schedule,
    "record_usage": a_batch_of_usage,
    "store_sample": a_batch_of_samples,
    "evaluate_budgets": a_batch_of_usage,
    "track_circuits": a_batch_of_usage,
    "probe_health": a_schedule,
    "settle_expired": a_schedule,
    "report": a_schedule,
    "roll_back": a_step,
}


def function_of(path: Path) -> str:
    return next(name for name in TRIGGERS if path.stem.startswith(name))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_what_its_trigger_sends(path):
    TRIGGERS[function_of(path)](json.loads(path.read_text()))


def test_every_function_has_a_sample():
    functions = {handler.parent.name for handler in ROOT.glob("functions/*/handler.py")}
    assert functions <= {function_of(path) for path in SAMPLES}
