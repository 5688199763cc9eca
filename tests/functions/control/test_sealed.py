"""The configuration's texts under the stage's key, and samples as operators read them."""

import json
import time
from hashlib import sha256
from typing import Any

import pytest

from functions.store_sample import handler as store_sample
from signalbox.admission.operators import USAGE
from signalbox.aws import boto_fields
from signalbox.aws.boto_bus import client

from ..conftest import BUCKET
from .client import SEED, Api, limited, refused

SECRET = "planted-policy-of-the-merger"
WITH_POLICY = SEED + f"# {SECRET}\n"


@pytest.fixture
def key(api: Api, monkeypatch: pytest.MonkeyPatch) -> str:
    arn: str = client("kms").create_key()["KeyMetadata"]["Arn"]
    monkeypatch.setenv("SIGNALBOX_STAGE", "test")
    monkeypatch.setenv("SIGNALBOX_FIELD_KEY", arn)
    boto_fields._masking.cache_clear()
    return arn


def objects() -> dict[str, bytes]:
    rows = client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {row["Key"]: client("s3").get_object(Bucket=BUCKET, Key=row["Key"])["Body"].read() for row in rows}


def test_versions_and_drafts_go_on_and_their_texts_are_sealed(api: Api, key: str) -> None:
    publish = {"document": WITH_POLICY, "message": "first"}
    assert api("POST", "/admin/config/publish", publish)[1]["version"] == 1
    assert api("POST", "/admin/config/publish", publish)[1]["changed"] is False
    other = WITH_POLICY.replace("ttft_s: 5\n", "ttft_s: 6\n")
    status, second = api("POST", "/admin/config/publish", {"document": other, "message": "second"})
    assert (status, second["version"], len(second["changes"])) == (200, 2, 1)
    assert api("GET", "/admin/config")[1]["document"] == other
    assert api("GET", "/admin/config/versions/1")[1]["document"] == WITH_POLICY
    assert len(api("POST", "/admin/config/diff", {"from": 1, "to": 2})[1]["changes"]) == 1
    assert api("POST", "/admin/config/rollback", {"version": 1, "message": "back"})[1]["version"] == 3
    assert api("GET", "/admin/config")[1]["document"] == WITH_POLICY
    assert api("PUT", "/admin/config/draft", {"document": other})[0] == 200
    assert api("GET", "/admin/config/draft")[1]["document"] == other
    stored = objects()
    assert {name.partition("/")[0] for name in stored} == {"documents", "snapshots"}
    for name, body in stored.items():
        assert body.startswith(boto_fields.SEALED.encode()) == name.startswith("documents/"), name
        assert SECRET.encode() not in body


def test_a_text_from_before_there_was_a_key_is_read(api: Api, published: Any, key: str) -> None:
    assert api("GET", "/admin/config")[1]["document"] == SEED


def test_a_text_in_anothers_place_is_not_told_and_keeps_nobody_from_publishing(api: Api, key: str) -> None:
    for text in (SEED, WITH_POLICY):
        api("POST", "/admin/config/publish", {"document": text, "message": "m"})
    api("PUT", "/admin/config/draft", {"document": SEED + "# a draft"})
    first, second = (sha256(text.encode()).hexdigest() for text in (SEED, WITH_POLICY))
    for other in (f"documents/{second}.yaml", f"documents/drafts/{sha256(f'{SEED}# a draft'.encode()).hexdigest()}.yaml"):
        client("s3").put_object(Bucket=BUCKET, Key=other, Body=objects()[f"documents/{first}.yaml"])
    assert "cannot be opened" in refused(api("GET", "/admin/config"), "not_found")
    assert "cannot be opened" in refused(api("GET", "/admin/config/draft"), "not_found")
    assert api("GET", "/admin/config/versions/1")[1]["document"] == SEED
    status, third = api("POST", "/admin/config/publish", {"document": SEED + "# again", "message": "m"})
    assert (status, third["version"]) == (200, 3)
    assert api("POST", "/admin/config/rollback", {"version": 2, "message": "m"})[0] == 200


def test_a_list_of_versions_asks_nobody_and_ten_texts_of_a_container_ask_once(api: Api, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    own = client("kms")
    of = boto_fields.of
    own.meta.events.register("before-call.kms", lambda model, **_: calls.append(model.name), unique_id="counted")
    monkeypatch.setattr(boto_fields, "of", lambda environ: of(environ, own))
    for number in range(5):
        api("POST", "/admin/config/publish", {"document": f"{SEED}# {number}\n", "message": "m"})
    for number in range(1, 6):
        assert api("GET", f"/admin/config/versions/{number}")[1]["document"].endswith(f"# {number - 1}\n")
    assert calls == ["GenerateDataKey", "Decrypt"]
    assert len(api("GET", "/admin/config/versions")[1]["versions"]) == 5
    boto_fields._masking.cache_clear()  # another container
    for number in range(1, 6):
        api("GET", f"/admin/config/versions/{number}")
    assert calls == ["GenerateDataKey", "Decrypt", "Decrypt"]
    own.meta.events.unregister("before-call.kms", unique_id="counted")


def test_without_a_word_on_the_key_nothing_is_published(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGNALBOX_FIELD_KEY")
    assert api("POST", "/admin/config/publish", {"document": SEED, "message": "first"})[0] == 500
    assert objects() == {}


# ---------------------------------------------------------------- samples


@pytest.fixture
def taken(key: str, sample: Any, context: Any) -> dict[str, Any]:
    event = sample("store_sample_captured")
    assert store_sample.handler(event, context) == {"batchItemFailures": []}
    told: dict[str, Any] = json.loads(event["Records"][0]["body"])
    return told


def audited(stage: Any) -> list[dict[str, Any]]:
    return [item for item in stage.control.scan()["Items"] if item["pk"].startswith("audit#")]


def test_a_sample_is_read_by_operators_and_each_reading_is_audited(api: Api, stage: Any, taken: dict[str, Any]) -> None:
    path = f"/admin/requests/{taken['id']}/sample"
    status, answer = api("GET", path)
    assert (status, answer) == (200, {name: value for name, value in taken.items() if name != "version"})
    [entry] = audited(stage)
    assert (entry["who"], entry["method"], entry["path"]) == ("ann", "GET", path)
    assert "[email]" not in str(entry)


def test_who_reads_usage_reads_no_sample(api: Api, stage: Any, taken: dict[str, Any]) -> None:
    refused(api("GET", f"/admin/requests/{taken['id']}/sample", key=limited(USAGE)), "permission_denied")
    assert audited(stage) == []


def test_one_that_is_not_there_says_why(api: Api, stage: Any, taken: dict[str, Any]) -> None:
    assert "captures none" in refused(api("GET", "/admin/requests/none/sample"), "not_found")
    stage.samples.update_item(
        Key={"pk": f"sample#{taken['id']}", "sk": "sample"},
        UpdateExpression="SET expires_at = :now",
        ExpressionAttributeValues={":now": int(time.time())},
    )
    refused(api("GET", f"/admin/requests/{taken['id']}/sample"), "not_found")
    assert audited(stage) == []


def test_one_is_deleted_before_its_time_by_whoever_may_read_it_and_that_is_audited(api: Api, stage: Any, taken: dict[str, Any]) -> None:
    path = f"/admin/requests/{taken['id']}/sample"
    refused(api("DELETE", path, key=limited(USAGE)), "permission_denied")
    assert len(stage.samples.scan()["Items"]) == 1
    assert api("DELETE", path) == (200, {"id": taken["id"], "deleted": True})
    assert stage.samples.scan()["Items"] == []
    [entry] = audited(stage)
    assert (entry["who"], entry["method"], entry["changed"]) == ("ann", "DELETE", f"the sample of {taken['id']}: deleted")
    refused(api("DELETE", path), "not_found")
    refused(api("GET", path), "not_found")
