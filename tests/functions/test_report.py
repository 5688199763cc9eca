"""The reports of a day: stored whole, told of once they are, and the same whenever they are made again."""

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from functions.report import handler as report
from functions.report.handler import handler
from signalbox.aws import boto_bus, boto_sums, boto_usage
from signalbox.aws.boto_reports import Totals
from signalbox.config.compiler import compile_text
from signalbox.usage.events import EVENTS, UsageRecorded

from .conftest import BUCKET, REPORTS
from .conftest import EVENTS as EVENTS_FOLDER
from .messages import details

DAY = "2026-11-20"
AT_MS = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def _it_is_long_over(monkeypatch):
    monkeypatch.setattr(report, "today", lambda: date(2026, 11, 25))


@pytest.fixture
def record(stage, sample):
    """record("a", tenant="acme", …): a call of that day, in the log of one of two writers."""
    first = details(sample("record_usage_sqs"))[0]
    numbers = iter(range(10_000))

    def recorded(shard=0, **over):
        event = UsageRecorded.model_validate(first | {"id": f"r{next(numbers)}", "at_ms": AT_MS, "tenant": "acme", "team": "search"} | over)
        assert boto_usage.record(stage.usage, [event], shard) == (1, {})
        return event

    return recorded


def stored(day=DAY):
    rows = boto_bus.client("s3").list_objects_v2(Bucket=REPORTS, Prefix=f"reports/{day}/").get("Contents", ())
    return {row["Key"].removeprefix(f"reports/{day}/"): body(row["Key"]) for row in rows}


def body(key):
    return boto_bus.client("s3").get_object(Bucket=REPORTS, Key=key)["Body"].read().decode()


def test_each_tenant_and_team_has_a_report_in_each_format(stage, context, sample, record):
    one, _, _ = record(), record(team="support", key="k2", shard=1), record(tenant="other", team="a/b")
    assert handler(sample("report_schedule"), context) == {"day": DAY, "tenants": 2, "reports": 5}
    found = stored()
    names = ("acme/_all", "acme/search", "acme/support", "other/_all", "other/a%2Fb")
    assert set(found) == {f"{name}.{format}" for name in names for format in ("json", "csv", "html")}
    whole = json.loads(found["acme/_all.json"])
    assert (whole["total"]["requests"], whole["total"]["cost_nanousd"]) == (2, 2 * one.cost_nanousd)
    assert {row["id"] for row in whole["by_team"]} == {"search", "support"}
    assert json.loads(found["acme/search.json"])["total"]["requests"] == 1
    [line, *_] = csv.DictReader(io.StringIO(found["acme/_all.csv"], newline=""))
    assert (line["tenant"], line["requests"], int(line["cost_nanousd"])) == ("acme", "2", 2 * one.cost_nanousd)
    assert "<bdi>other / a/b</bdi>" in found["other/a%2Fb.html"]


def test_the_bus_is_told_of_each_once_it_is_stored_and_by_no_address_that_opens_it(stage, context, sample, record):
    record()
    handler(sample("report_schedule"), context)
    told = [detail for name, detail in stage.heard() if name == "ReportPublished"]
    assert [(detail["tenant"], detail["team"], detail["day"], detail["requests"]) for detail in told] == [
        ("acme", "", DAY, 1),
        ("acme", "search", DAY, 1),
    ]
    for detail in told:
        EVENTS["ReportPublished"].model_validate(detail)
        assert detail["bucket"] == REPORTS
        assert [body(key) for key in detail["keys"]]
        assert "://" not in json.dumps(detail)


def test_made_again_it_is_the_same_and_so_is_its_event(stage, context, sample, record):
    record()
    handler(sample("report_schedule"), context)
    before, told = stored(), [detail["id"] for _, detail in stage.heard()]
    boto_sums.fold_all(stage.usage, 0)
    handler(sample("report_schedule"), context)
    assert stored() == before
    assert [detail["id"] for _, detail in stage.heard()] == told


def test_what_came_late_is_in_it_when_it_is_made_again_for_whom_it_is_made(stage, context, sample, record):
    record(), record(tenant="other")
    handler(sample("report_schedule"), context)
    before, told = stored(), {detail["id"] for _, detail in stage.heard()}
    record(), record(tenant="other")
    assert handler({"day": DAY, "tenant": "acme"}, context) == {"day": DAY, "tenants": 1, "reports": 2}
    assert json.loads(stored()["acme/_all.json"])["total"]["requests"] == 2
    assert stored()["other/_all.json"] == before["other/_all.json"]
    assert not told & {detail["id"] for _, detail in stage.heard()}


def test_the_day_before_stands_beside_it_and_the_day_after_does_not(stage, context, sample, record):
    record(), record(at_ms=AT_MS - DAY_MS, cost_nanousd=7), record(at_ms=AT_MS + DAY_MS)
    handler(sample("report_schedule"), context)
    total = json.loads(stored()["acme/_all.json"])["total"]
    assert (total["requests"], total["before"]["requests"], total["before"]["cost_nanousd"]) == (1, 1, 7)


def test_a_day_without_traffic_has_no_report(stage, context, sample, record):
    record(at_ms=AT_MS - DAY_MS)
    assert handler(sample("report_schedule"), context) == {"day": DAY, "tenants": 0, "reports": 0}
    assert (stored(), stage.heard()) == ({}, [])


@pytest.mark.parametrize("event", [{"day": DAY}, {"day": "2026-11-21"}, {"time": "2026-11-21T03:00:00Z"}])
def test_a_day_that_is_not_over_has_none_yet(event):
    with pytest.raises(ValueError, match="is not over"):
        report.day_of(event, date(2026, 11, 20))


@pytest.mark.parametrize("time", ["2026-11-21T03:00:00Z", "2026-11-21T23:59:59Z", "2026-11-21T00:00:00Z"])
def test_a_schedule_is_about_the_day_before_its_own_time_however_late_it_comes(time):
    assert report.day_of({"time": time}, date(2026, 12, 24)) == date(2026, 11, 20)


def test_what_fails_of_one_tenant_holds_up_no_other_and_is_told_of(stage, context, sample, record, monkeypatch, caplog):
    record(tenant="acme"), record(tenant="ill"), record(tenant="other")
    s3 = boto_bus.client("s3")
    put = s3.put_object

    def refusing(**given):
        if "/ill/_all.html" in given["Key"]:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "slow down"}}, "PutObject")
        return put(**given)

    monkeypatch.setattr(s3, "put_object", refusing)
    with pytest.raises(report.NotAllReported, match=f"1 of 3 tenants have no reports of {DAY}"):
        handler(sample("report_schedule"), context)
    assert {name.split("/")[0] for name in stored() if name.endswith("_all.html")} == {"acme", "other"}
    assert {detail["tenant"] for _, detail in stage.heard()} == {"acme", "other"}
    assert "SlowDown" in caplog.text


def test_without_time_left_what_is_not_made_is_told(stage, context, sample, record):
    record()
    context.get_remaining_time_in_millis = lambda: 1_000
    with pytest.raises(report.NotAllReported):
        handler(sample("report_schedule"), context)


def test_a_tenant_may_take_as_long_as_the_live_document_says(stage, context, sample, record, monkeypatch, caplog):
    assert report.limit() == 120
    written = (EVENTS_FOLDER.parent / "routing.yaml").read_text()
    compiled = compile_text(written.replace("\ntimeouts:\n", "\ntimeouts:\n  report_s: 7\n"))
    key = f"snapshots/{compiled.digest}.json.gz"
    boto_bus.client("s3").put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(compiled.json))
    stage.control.put_item(Item={"pk": "config", "sk": "live", "version": 1, "digest": compiled.digest})
    assert report.limit() == 7
    record()
    monkeypatch.setattr(report, "limit", lambda: -1)
    with pytest.raises(report.NotAllReported):
        handler(sample("report_schedule"), context)
    assert "timeouts.report_s" in caplog.text
    assert stored() == {}


@pytest.mark.parametrize("folds", [(), (0,), (0, 1, 2)])
def test_whoever_has_anything_of_a_day_is_found_without_reading_all_of_it(stage, record, folds):
    """In the totals, in the log alone, or in both."""
    pairs = [("a", "t"), ("a", "-t"), ("a-b", "t"), ("a/b", "t"), ("b", ""), ("ä", "t"), ("z", "é/x")]
    for number, (tenant, team) in enumerate(pairs):
        record(shard=number % 3, tenant=tenant, team=team), record(shard=(number + 1) % 3, tenant=tenant, team=team, key="k2")
    record(tenant="before", at_ms=AT_MS - DAY_MS)
    for shard in folds:
        boto_sums.fold_all(stage.usage, shard)
    totals, day = Totals(stage.usage), date.fromisoformat(DAY)
    assert sorted(totals.tenants(day)) == sorted({tenant for tenant, _ in pairs})
    found = list(totals.teams(day))
    assert sorted(found) == sorted(pairs)
    assert sorted(totals.teams(day, "a")) == [("a", "-t"), ("a", "t")]
    for number, pair in enumerate(found):
        assert list(totals.teams(day, None, pair)) == found[number + 1 :]
    assert list(totals.teams(day + timedelta(days=9))) == []


def test_a_tenants_report_has_nothing_of_another(stage, context, sample, record):
    for number in range(3):
        record(tenant="a", key="mine", cost_nanousd=1), record(shard=number, tenant="a.b", key="theirs", cost_nanousd=100)
        record(tenant="a/b", team="c", key="theirs", cost_nanousd=100), record(tenant="A", key="theirs", cost_nanousd=100)
    boto_sums.fold_all(stage.usage, 0)
    handler(sample("report_schedule"), context)
    told = json.loads(stored()["a/_all.json"])
    assert [(row["id"], row["cost_nanousd"]) for row in told["by_key"]] == [("mine", 3)]
    assert "theirs" not in stored()["a/_all.csv"] + stored()["a/_all.html"]
