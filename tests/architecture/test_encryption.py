"""Whatever the template makes that holds data is under our own key. What is not has a reason here, and no other."""

import re
from typing import Any

import pytest

from ops import secrets
from signalbox.aws.client import PROTOCOLS

from .test_template import FUNCTIONS, ROOT, grants, id_of, listed, of_type, properties, region, stack, statements, variables  # noqa: F401

EXCEPTIONS = {
    "ConfigBucket": "`complete` reads snapshots and decrypts nothing by itself; the texts in it are sealed by field",
    "Bus": "events hold no body and no key, and whoever replays the archive needs no key of ours",
    "UsageQueue": "events hold no body; a call to KMS for each batch would be paid for",
    "UsageDeadLetterQueue": "as its queue",
    "BudgetQueue": "as the queue of usage",
    "BudgetDeadLetterQueue": "as its queue",
    "CircuitQueue": "as the queue of usage",
    "CircuitDeadLetterQueue": "as its queue",
    "UndeliveredQueue": "events of the bus",
}


def _bucket(row: dict[str, Any]) -> Any:
    [rule] = row["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return rule["ServerSideEncryptionByDefault"].get("KMSMasterKeyID")


# Where each kind of resource says which key it is under. A kind that is new here is for whoever brings it to think about.
KEY_OF = {
    "AWS::DynamoDB::Table": lambda row: row["SSESpecification"].get("KMSMasterKeyId"),
    "AWS::S3::Bucket": _bucket,
    "AWS::SQS::Queue": lambda row: row.get("KmsMasterKeyId"),
    "AWS::SNS::Topic": lambda row: row.get("KmsMasterKeyId"),
    "AWS::SecretsManager::Secret": lambda row: row.get("KmsKeyId"),
    "AWS::Logs::LogGroup": lambda row: row.get("KmsKeyId"),
    "AWS::Events::EventBus": lambda row: row.get("KmsKeyIdentifier"),
    "AWS::ElastiCache::ServerlessCache": lambda row: row.get("KmsKeyId"),
}
HOLDING_NOTHING = {
    *("AWS::ApiGateway::Account", "AWS::ApiGateway::Deployment", "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Stage"),
    *("AWS::CloudWatch::Alarm", "AWS::Logs::MetricFilter", "AWS::EC2::SecurityGroup"),
    *("AWS::ElastiCache::User", "AWS::ElastiCache::UserGroup"),
    *("AWS::Events::Rule", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::KMS::Alias", "AWS::KMS::Key"),
    *("AWS::Lambda::Alias", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Function", "AWS::Lambda::LayerVersion"),
    *("AWS::Lambda::Permission", "AWS::Lambda::Version", "AWS::S3::BucketPolicy", "AWS::SNS::Subscription", "AWS::SQS::QueuePolicy"),
}
AS_WHAT_IT_IS_OF = {
    "AWS::Events::Archive": "the bus",
    "AWS::StepFunctions::StateMachine": "ids and settings alone: its log is under the key",
}


def test_every_kind_of_resource_has_been_thought_about() -> None:
    kinds = {row["Type"] for row in stack().values()}
    assert kinds <= set(KEY_OF) | HOLDING_NOTHING | set(AS_WHAT_IT_IS_OF)


def test_the_providers_keys_which_a_command_stores_are_under_the_same_key() -> None:
    assert properties("KeyAlias") == {"AliasName": {"Fn::Sub": secrets.key_of("${Stage}")}, "TargetKeyId": {"Ref": "Key"}}


def test_whatever_holds_data_is_under_our_key_but_for_what_is_named() -> None:
    bare = set()
    for kind, key_of in KEY_OF.items():
        for id, row in of_type(kind).items():
            key = key_of(row)
            if key is None or id_of(key) != "Key":
                bare.add(id)
    assert bare == set(EXCEPTIONS)


def test_even_the_exceptions_are_encrypted() -> None:
    for id in EXCEPTIONS:
        kind = stack()[id]["Type"]
        assert kind == "AWS::Events::EventBus" or "SqsManagedSseEnabled" in properties(id) or "BucketEncryption" in properties(id), id


def test_a_bucket_under_the_key_asks_for_few_of_its_objects() -> None:
    for id, row in of_type("AWS::S3::Bucket").items():
        if id not in EXCEPTIONS:
            assert row["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["BucketKeyEnabled"] is True, id


def test_a_queue_under_the_key_asks_once_a_day() -> None:
    under = {id: row for id, row in of_type("AWS::SQS::Queue").items() if "KmsMasterKeyId" in row}
    assert set(under) == {"SampleQueue", "SampleDeadLetterQueue"}
    assert {row["KmsDataKeyReusePeriodSeconds"] for row in under.values()} == {86_400}


def fields_of(id: str) -> set[str]:
    """What a function may do with the key itself: not through a service, but by the context of this stage."""
    found: set[str] = set()
    for statement in statements(id_of(properties(id)["Role"])):
        conditions = statement.get("Condition", {}).get("StringEquals", {})
        if "kms:EncryptionContext:stage" in conditions:
            assert conditions == {"kms:EncryptionContext:stage": {"Ref": "Stage"}}
            assert id_of(statement["Resource"]) == "Key"
            found |= set(listed(statement["Action"]))
        elif any(action.startswith("kms:") for action in listed(statement["Action"])):
            assert "kms:ViaService" in conditions, id
    return found


@pytest.mark.parametrize("id", FUNCTIONS)
def test_who_seals_and_who_opens(id: str) -> None:
    both = {"kms:Decrypt", "kms:GenerateDataKey"}
    assert fields_of(id) == {"ControlFunction": both, "StoreSampleFunction": {"kms:GenerateDataKey"}}.get(id, set())
    assert bool(fields_of(id)) == ("SIGNALBOX_FIELD_KEY" in variables(id))


def test_complete_sends_samples_and_reads_none_and_calls_no_kms() -> None:
    may = {(action, name) for action, name in grants("CompleteFunction") if "Sample" in name}
    assert may == {("sqs:SendMessage", "SampleQueue")}
    assert "kms" not in PROTOCOLS
    assert {id for id in FUNCTIONS for action, name in grants(id) if name == "SampleTable"} == {"ControlFunction", "StoreSampleFunction"}
    assert {action for action, name in grants("ControlFunction") if name == "SampleTable"} == {"dynamodb:GetItem", "dynamodb:DeleteItem"}


def test_the_guide_names_every_exception_and_every_redactor() -> None:
    from signalbox.capture.redactors import REDACTORS

    guide = (ROOT / "docs" / "data-protection.md").read_text()
    assert [name for name in REDACTORS if f"| `{name}` |" not in guide] == []
    holding = [id for kind in KEY_OF for id in of_type(kind) if kind != "AWS::Logs::LogGroup" and not id.endswith("DeadLetterQueue")]
    assert [id for id in holding if f"`{id}`" not in guide] == []


READING = {
    *("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "s3:GetObject", "sqs:ReceiveMessage"),
    *("secretsmanager:GetSecretValue", "elasticache:Connect"),
}


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_the_guide_says_who_reads_what_as_the_template_grants_it() -> None:
    guide = (ROOT / "docs" / "data-protection.md").read_text()
    [header, _, *rows] = re.findall(r"(?m)^\|.*\|$", guide.partition("## What is stored where")[2].partition("\nNot under the key")[0])
    assert header.endswith("| who reads it |")
    said, granted = {}, {}
    for where, *_, readers in (row.strip("| ").split(" | ") for row in rows):
        parts = [part.replace("<stage>", "${Stage}") for part in quoted(where)]
        said[where] = set(quoted(readers)) & set(FUNCTIONS.values())
        reading = {id for id in FUNCTIONS for action, name in grants(id) if action in READING and all(part in name for part in parts)}
        granted[where] = {FUNCTIONS[id] for id in reading} if parts else set()
    assert len(said) > 12
    assert said == granted


def test_no_level_of_the_log_has_lines_of_ours_that_the_usual_one_has_not() -> None:
    for folder in ("functions", "layers/shared/signalbox"):
        for file in (ROOT / folder).rglob("*.py"):
            assert not re.search(r"\.debug\(|[\"']DEBUG[\"']|^import logging|set_stream_logger", file.read_text(), re.MULTILINE), file
