"""Publishing against a DynamoDB and an S3 of moto's: one pointer, moved by one publisher at a time."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from signalbox.aws.boto_fields import Plain
from signalbox.aws.boto_versions import LIVE, PublishConflict, UnknownVersion, Versions
from signalbox.config.source import InvalidDocument
from signalbox.routing.catalog import to_snapshot

SEED = Path(__file__, "../../../routing.yaml").resolve().read_text()
OTHER = SEED.replace("ttft_s: 5\n", "ttft_s: 6\n")
BUCKET = "signalbox-config"


class Stage:
    """The table and the bucket of one stage, and what was announced in it."""

    def __init__(self) -> None:
        self.table: Any = boto3.resource("dynamodb").create_table(
            TableName="control",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        self.s3: Any = boto3.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)
        self.announced: list[tuple[str, dict[str, Any]]] = []
        self.versions = Versions(self.table, self.s3, BUCKET, lambda name, detail: self.announced.append((name, detail)), fields=Plain())

    def publish(self, text: str = SEED, **more: Any) -> Any:
        return self.versions.publish(text, author="ann", message="why", **more)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Stage()


def test_a_first_publication_is_live_stored_and_announced(stage: Stage) -> None:
    assert stage.versions.live() == {}
    published = stage.publish()
    assert (published.version, published.changed) == (1, True)
    live = stage.versions.live()
    assert (live["version"], live["digest"], live["author"], live["message"]) == (1, published.digest, "ann", "why")
    body = stage.s3.get_object(Bucket=BUCKET, Key=f"snapshots/{published.digest}.json.gz")["Body"].read()
    snapshot = to_snapshot(json.loads(gzip.decompress(body)), 1, published.digest)
    assert snapshot.names["gpt-5.2"] == "openai/gpt-5.2"
    assert stage.versions.document(stage.versions.live()) == SEED
    [(name, detail)] = stage.announced
    assert name == "ConfigPublished"
    assert (detail["version"], detail["config_version"], detail["digest"], detail["author"]) == (1, 1, published.digest, "ann")


def test_what_is_live_already_is_no_new_version(stage: Stage) -> None:
    first = stage.publish()
    again = stage.publish()
    assert (again.version, again.digest, again.changed) == (1, first.digest, False)
    assert [version["version"] for version in stage.versions.versions()] == [1]
    assert len(stage.announced) == 1


def test_a_wrong_document_leaves_the_live_one(stage: Stage) -> None:
    stage.publish()
    before = stage.versions.live()
    with pytest.raises(InvalidDocument):
        stage.publish("version: 2")
    assert stage.versions.live() == before


def test_of_two_publishers_at_once_one_wins_and_the_other_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.publish()
    slow = Versions(stage.table, stage.s3, BUCKET, lambda name, detail: None, fields=Plain())
    real = slow._store

    def overtaken(*args: Any) -> None:
        real(*args)
        stage.publish(OTHER)

    monkeypatch.setattr(slow, "_store", overtaken)
    with pytest.raises(PublishConflict, match="Version 2 by ann came first"):
        slow.publish(SEED.replace("ttft_s: 5\n", "ttft_s: 7\n"), author="ben", message="")
    assert stage.versions.live()["author"] == "ann"
    assert [version["version"] for version in stage.versions.versions()] == [2, 1]


def test_two_first_publishers_at_once_are_no_exception(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.versions, "live", lambda: {})
    stage.publish()
    monkeypatch.undo()
    racing = Versions(stage.table, stage.s3, BUCKET, lambda name, detail: None, fields=Plain())
    seen = iter([{}, stage.versions.live()])
    monkeypatch.setattr(racing, "live", lambda: next(seen))
    with pytest.raises(PublishConflict):
        racing.publish(OTHER, author="ben", message="")


def test_a_remark_is_kept_though_it_means_nothing(stage: Stage) -> None:
    first = stage.publish()
    remarked = stage.publish(SEED + "# a remark\n")
    assert (remarked.version, remarked.digest, remarked.changed, remarked.changes) == (2, first.digest, True, ())
    assert stage.versions.document(stage.versions.live()).endswith("# a remark\n")
    assert stage.versions.roll_back(1, author="ben", message="").version == 3
    assert stage.versions.document(stage.versions.live()) == SEED


def test_an_author_who_looked_at_another_version_is_told(stage: Stage) -> None:
    stage.publish()
    with pytest.raises(PublishConflict, match="Version 1 by ann"):
        stage.publish(OTHER, expected=7)
    assert stage.publish(OTHER, expected=1).version == 2


def test_rolling_back_makes_an_old_version_live_under_a_new_number(stage: Stage) -> None:
    first = stage.publish()
    stage.publish(OTHER)
    back = stage.versions.roll_back(1, author="ben", message="too slow")
    assert (back.version, back.digest, back.changed) == (3, first.digest, True)
    live = stage.versions.live()
    assert (live["version"], live["restores"], live["author"]) == (3, 1, "ben")
    assert stage.announced[-1][1]["config_version"] == 3
    assert stage.versions.roll_back(1, author="ben", message="").changed is False
    with pytest.raises(UnknownVersion, match="no version 9"):
        stage.versions.roll_back(9, author="ben", message="")


def test_the_text_of_a_version_stays_whatever_means_the_same_later(stage: Stage) -> None:
    base_url = "https://example.com/v1"
    first = SEED.replace("openai: {}", f"openai: {{base_url: {base_url!r}}}", 1)
    stage.publish(first)
    stage.publish(OTHER)
    same = stage.publish(SEED + "# by an override\n", overrides={"SIGNALBOX_PROVIDERS__OPENAI__BASE_URL": base_url})
    assert same.digest == stage.versions.version(1)["digest"]
    assert stage.versions.document(stage.versions.version(1)) == first
    assert stage.versions.compared(stage.versions.version(1), stage.versions.version(3)) == ()
    stage.publish(OTHER, overrides={})
    stage.versions.roll_back(1, author="ben", message="")
    assert stage.versions.document(stage.versions.live()) == first


def test_the_text_of_a_version_from_before_texts_had_digests_is_found(stage: Stage) -> None:
    digest = stage.publish().digest
    stage.s3.put_object(Bucket=BUCKET, Key=f"documents/{digest}.yaml", Body=b"as it was")
    for key in (LIVE, {"pk": "config", "sk": "version#00000001"}):
        stage.table.update_item(Key=key, UpdateExpression="REMOVE #t", ExpressionAttributeNames={"#t": "text"})
    stage.publish(OTHER)
    stage.versions.roll_back(1, author="ben", message="")
    assert {stage.versions.document(row) for row in (stage.versions.version(1), stage.versions.live())} == {"as it was"}


def test_what_else_hangs_on_the_pointer_stays(stage: Stage) -> None:
    stage.publish()
    disabled = {"reason": "fire", "at": "now", "rollback_id": "r1"}
    stage.table.update_item(Key=LIVE, UpdateExpression="SET llm_disabled = :d", ExpressionAttributeValues={":d": disabled})
    stage.publish(OTHER)
    stage.versions.roll_back(1, author="ann", message="")
    assert stage.versions.live()["llm_disabled"] == disabled


def test_a_pointer_without_a_version_can_be_published_to(stage: Stage) -> None:
    stage.table.put_item(Item=LIVE | {"llm_disabled": {"reason": "fire"}})
    assert stage.publish().version == 1
    assert stage.versions.live()["llm_disabled"] == {"reason": "fire"}


def test_the_overrides_of_a_stage_outlive_a_publication(stage: Stage) -> None:
    def base_url() -> str:
        digest = stage.versions.live()["digest"]
        body = stage.s3.get_object(Bucket=BUCKET, Key=f"snapshots/{digest}.json.gz")["Body"].read()
        return json.loads(gzip.decompress(body))["providers"]["openai"]["base_url"]

    key = "SIGNALBOX_PROVIDERS__OPENAI__BASE_URL"
    stage.publish(overrides={key: "http://127.0.0.1:4010/v1"})
    stage.publish(OTHER)
    assert base_url() == "http://127.0.0.1:4010/v1"
    stage.publish(OTHER, overrides={})
    assert base_url() == "https://api.openai.com/v1"


def test_versions_are_listed_newest_first_in_pages(stage: Stage) -> None:
    for ttft_s in (5, 6, 7):
        stage.publish(SEED.replace("ttft_s: 5\n", f"ttft_s: {ttft_s}\n"))
    assert [version["version"] for version in stage.versions.versions(limit=2)] == [3, 2]
    assert [version["version"] for version in stage.versions.versions(before=2)] == [1]
    assert [version["version"] for version in stage.versions.versions(before=1)] == []
