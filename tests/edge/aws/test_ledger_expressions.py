"""Every expression of the ledger, on the engine: the stories of its properties, each call made there too, and answered the same."""

import os

import pytest

from signalbox.aws.client import AwsError, Call, Cancelled, ConditionFailed
from signalbox.aws.dynamodb import to_values
from tests.properties import ledger_world
from tests.properties.fake_aws import FakeCloud
from tests.properties.ledger_mutants import mutants
from tests.properties.ledger_stories import STORIES


class Beside(FakeCloud):
    """The fake with an engine beside it, which must answer each call as the fake does; on partitions of its own."""

    aws = None
    made = 0
    asked: set = set()

    def __init__(self, *more):
        super().__init__(*more)
        Beside.made += 1
        self.run = f"{Beside.made:04}"
        self.is_copied = False

    def answer(self, action, payload):
        if action == "PutEvents":
            return super().answer(action, payload)
        if not self.is_copied:
            self.is_copied = True
            for table, item in self.all_items():
                self.aws.call(Call("dynamodb", "PutItem", {"TableName": table, "Item": renamed(to_values(item), self.run)}))
        there = told(self.aws, Call("dynamodb", action, renamed(payload, self.run)))
        status, body = super().answer(action, payload)
        assert there == renamed(outcome(action, status, body), self.run), f"{action} {payload}"
        Beside.asked |= self.seen
        return status, body

    def all_items(self):
        return [(table, item) for table, items in self.tables.items() for item in items.values()]


def told(aws, call):
    try:
        return outcome(call.action, 200, aws.call(call))
    except ConditionFailed as error:
        return "ConditionalCheckFailedException", error.item
    except Cancelled as error:
        return "TransactionCanceledException", [code for code, _ in error.reasons]
    except AwsError as error:
        return error.code, None


def outcome(action, status, body):
    """What came of it, with all that is read of it."""
    if status != 200:
        reasons = body.get("CancellationReasons")
        return body["__type"].rpartition("#")[2], body.get("Item") if reasons is None else [reason["Code"] for reason in reasons]
    match action:
        case "Query":
            return body["Items"]
        case "BatchGetItem":
            return sorted(
                (item for items in body["Responses"].values() for item in items), key=lambda item: (item["pk"]["S"], item["sk"]["S"])
            )
        case "UpdateItem":
            return body["Attributes"]
        case "GetItem":
            return body.get("Item")
    return None


def renamed(payload, run):
    if isinstance(payload, dict):
        return {
            name: {"S": f"{value['S'].removesuffix(run)}{run}"} if name in ("pk", ":pk") else renamed(value, run)
            for name, value in payload.items()
        }
    return type(payload)(renamed(each, run) for each in payload) if isinstance(payload, list | tuple) else payload


@pytest.fixture
def beside(aws, tables, monkeypatch):
    monkeypatch.setattr(Beside, "aws", aws)
    monkeypatch.setattr(Beside, "asked", set())
    monkeypatch.setattr(ledger_world, "FakeCloud", Beside)


def enough(stories):
    """Of these, shortest first, whichever asks for something that none before it did; for moto, which takes its time."""
    played = [(story, story(()).cloud) for story in stories]
    known, chosen = set(), []
    for story, cloud in sorted(played, key=lambda row: len(row[1].calls)):
        chosen += [] if cloud.seen <= known else [story]
        known |= cloud.seen
    return chosen


@pytest.mark.timeout(300)
def test_the_engine_answers_every_expression_as_the_fake_does(request):
    stories = STORIES if os.environ.get("SIGNALBOX_DYNAMODB_LOCAL") else enough(STORIES)
    request.getfixturevalue("beside")
    for story in stories:
        story(()).end()
    assert {mutant.ignored[0][:3] for mutant in mutants()} <= Beside.asked
