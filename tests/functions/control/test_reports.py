"""Daily reports as operators ask for them: stored ones, those of days that have none stored, and today's."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from signalbox.aws import boto_bus, boto_usage
from signalbox.aws.boto_reports import Kept, Totals
from signalbox.usage.events import UsageRecorded

from ..conftest import REPORTS
from .client import MODULES, Api, refused

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
TODAY, YESTERDAY = "2026-11-21", "2026-11-20"


@pytest.fixture
def record(api: Api, stage: Any, sample: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., UsageRecorded]:
    """record("a", days_ago=1, …): a call of acme's team search."""
    monkeypatch.setattr(MODULES["stage"], "now", lambda: NOW)
    first = json.loads(sample("record_usage_sqs")["Records"][0]["body"])["detail"]

    def recorded(id: str, days_ago: int = 1, **over: Any) -> UsageRecorded:
        at_ms = int((NOW - timedelta(days=days_ago)).timestamp() * 1000)
        event = UsageRecorded.model_validate(first | {"id": id, "at_ms": at_ms, "tenant": "acme", "team": "search"} | over)
        assert boto_usage.record(stage.usage, [event], shard=3) == (1, {})
        return event

    return recorded


def store(stage: Any, days_ago: int = 1, but: Any = ()) -> None:
    """All of the day's, but for those that could not be made."""
    totals, day = Totals(stage.usage), (NOW - timedelta(days=days_ago)).date()
    for tenant in totals.tenants(day):
        for made in totals.reports(day, tenant, finished=True):
            if (made.tenant, made.team) not in but:
                Kept(boto_bus.client("s3"), REPORTS).put(made, at_ms=1)


def shown(api: Api, day: str = YESTERDAY, accept: str = "", **query: str) -> tuple[str, str]:
    """What kind it is of, and what it says."""
    headers = {"Authorization": "Bearer ak-test"} | ({"Accept": accept} if accept else {})
    many = {name: [value] for name, value in headers.items()}
    answer = api.raw("GET", f"/admin/reports/{day}", query={"tenant": "acme"} | query, headers=headers, multiValueHeaders=many)
    assert answer["statusCode"] == 200, answer
    [kind] = answer["multiValueHeaders"]["Content-Type"]
    return kind, answer["body"]


def test_a_day_that_has_none_stored_is_made_when_asked_for(api: Api, record: Any) -> None:
    used = record("a")
    record("b", team="support")
    status, whole = api("GET", f"/admin/reports/{YESTERDAY}", query={"tenant": "acme"})
    assert (status, whole["finished"], whole["team"]) == (200, True, None)
    assert (whole["total"]["requests"], whole["total"]["cost_nanousd"]) == (2, 2 * used.cost_nanousd)
    one = api("GET", f"/admin/reports/{YESTERDAY}", query={"tenant": "acme", "team": "support"})[1]
    assert (one["team"], one["total"]["requests"], one["by_team"]) == ("support", 1, [])


def test_todays_is_told_as_it_stands_and_marked(api: Api, record: Any) -> None:
    record("a", days_ago=0)
    whole = api("GET", f"/admin/reports/{TODAY}", query={"tenant": "acme"})[1]
    assert (whole["finished"], whole["total"]["requests"]) == (False, 1)
    assert "so far" in shown(api, TODAY, format="html")[1]


def test_a_stored_one_is_told_as_it_was_stored_and_anew_when_asked_for_so(api: Api, stage: Any, record: Any) -> None:
    record("a")
    store(stage)
    record("late")
    asked = {"tenant": "acme"}
    assert api("GET", f"/admin/reports/{YESTERDAY}", query=asked)[1]["total"]["requests"] == 1
    assert api("GET", f"/admin/reports/{YESTERDAY}", query=asked | {"fresh": "true"})[1]["total"]["requests"] == 2


def test_a_stored_one_outlasts_what_it_was_made_of(api: Api, stage: Any, record: Any) -> None:
    record("a")
    store(stage)
    for item in stage.usage.scan()["Items"]:
        stage.usage.delete_item(Key={name: item[name] for name in ("pk", "sk")})
    for asked in ({"tenant": "acme"}, {"tenant": "acme", "fresh": "true"}):
        assert api("GET", f"/admin/reports/{YESTERDAY}", query=asked)[1]["total"]["requests"] == 1


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    ("asked", "accept", "kind"),
    [
        ({}, "", "application/json"),
        ({}, "*/*", "application/json"),
        ({}, "text/csv", "text/csv; charset=utf-8"),
        ({}, "text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ({}, "text/csv;q=0.5, TEXT/HTML;q=0.9", "text/html; charset=utf-8"),
        ({}, "image/png", "application/json"),
        ({"format": "csv"}, "text/html", "text/csv; charset=utf-8"),
        ({"format": "html"}, "application/json", "text/html; charset=utf-8"),
    ],
)
def test_it_is_of_the_kind_that_is_asked_for(api: Api, stage: Any, record: Any, kept: bool, asked: Any, accept: str, kind: str) -> None:
    record("a")
    if kept:
        store(stage)
    found, body = shown(api, accept=accept, **asked)
    assert found == kind
    if "csv" in kind:
        assert next(csv.DictReader(io.StringIO(body, newline="")))["tenant"] == "acme"
    elif "html" in kind:
        assert body.startswith("<!doctype html>")
    else:
        assert json.loads(body)["tenant"] == "acme"


def test_of_whom_nothing_is_recorded_there_is_none(api: Api, record: Any) -> None:
    record("a", days_ago=5)
    for asked in ({"tenant": "acme"}, {"tenant": "acme", "team": "search"}, {"tenant": "acme", "fresh": "true"}, {"tenant": "nobody"}):
        assert "so that there is no report" in refused(api("GET", f"/admin/reports/{YESTERDAY}", query=asked), "not_found")


def test_what_cannot_be_asked_is_refused(api: Api, record: Any) -> None:
    refused(api("GET", f"/admin/reports/{YESTERDAY}"), "invalid_request")
    said = refused(api("GET", "/admin/reports/0001-01-01", query={"tenant": "acme"}), "invalid_request")
    assert said == "day is 0001-01-01: nothing is counted of such years."
    assert "day: it must be a day" in refused(api("GET", "/admin/reports/yesterday", query={"tenant": "acme"}), "invalid_request")
    assert "day: it must be a day" in refused(api("GET", "/admin/reports", query={"day": "20261122"}), "invalid_request")
    refused(api("GET", f"/admin/reports/{YESTERDAY}", query={"tenant": "acme", "format": "pdf"}), "invalid_request")
    for after in ("x", "7", "{}", '["a", 7]', '["a"]'):
        refused(api("GET", "/admin/reports", query={"day": YESTERDAY, "after": after}), "invalid_request")


WANTED = {("acme", None), ("acme", "a/b"), ("acme", "search"), ("other", None), ("other", "search"), ("ä", None)}


@pytest.mark.parametrize("failed", [set(), {("acme", None), ("acme", "a/b"), ("ä", None)}, {("other", "search")}, WANTED])
@pytest.mark.parametrize("limit", ["1", "2", "3", "100"])
def test_those_of_a_day_are_listed_page_by_page_each_once_whether_stored_or_not(
    api: Api, stage: Any, record: Any, failed: Any, limit: str
) -> None:
    for number, (tenant, team) in enumerate([("acme", "search"), ("acme", "a/b"), ("other", "search"), ("ä", "")]):
        record(f"r{number}", tenant=tenant, team=team)
    record("before", days_ago=2, tenant="before")
    store(stage, but=failed)
    rows, after = [], ""
    while after is not None:
        told = api("GET", "/admin/reports", query={"limit": limit} | ({"after": after} if after else {}))[1]
        assert told["day"] == YESTERDAY
        assert len(told["reports"]) <= int(limit)
        rows += [(row["tenant"], row["team"], row["stored"]) for row in told["reports"]]
        after = told["next"]
    assert len(rows) == len(WANTED)
    assert set(rows) == {(*of, of not in failed) for of in WANTED}
    assert [is_stored for *_, is_stored in rows] == sorted([is_stored for *_, is_stored in rows], reverse=True)
    own = api("GET", "/admin/reports", query={"day": YESTERDAY, "tenant": "other"})[1]["reports"]
    assert {row["team"] for row in own} == {None, "search"}


def test_one_page_reads_so_many_of_the_totals_and_no_more(api: Api, stage: Any, record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for team in "abcdef":
        record(team, team=team)
    store(stage, but={("acme", "f")})
    monkeypatch.setattr(MODULES["reports"], "MOST_LOOKED", 2)
    pages: list[list[str]] = []
    after: str | None = ""
    while after is not None:
        told = api("GET", "/admin/reports", query={"after": after} if after else {})[1]
        pages.append([row["team"] for row in told["reports"]])
        after = told["next"]
    assert [sorted(map(str, page)) for page in pages] == [["None", "a", "b", "c", "d", "e"], [], [], ["f"]]


def test_a_page_may_end_with_the_longest_name(api: Api, stage: Any, record: Any) -> None:
    for number in range(2):
        record(str(number), team="🜚" * 49 + str(number))
    after = api("GET", "/admin/reports", query={"limit": "2"})[1]["next"]
    assert [row["team"] for row in api("GET", "/admin/reports", query={"after": after})[1]["reports"]] == ["🜚" * 49 + "1"]
