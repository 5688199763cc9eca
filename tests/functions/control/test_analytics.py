"""Analytics, savings and adoption as operators ask for them, of what record_usage has counted."""

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest

from functions.record_usage.handler import handler
from signalbox.aws import boto_tables
from signalbox.routing.flags import BUILT_IN
from signalbox.usage.histogram import WORST_ERROR

from ..messages import batch, details, failed
from .client import DATA, MODULES, Api, refused

Json = Any
DAY_MS = 86_400_000
COUNTED = 30  # events: moto copies every table for every transaction, so that twice as many take four times as long
AT_MS = 1_795_230_000_000  # 2026-11-21T03:00Z, as the sample says
LATER = ("decided", "flags", "compared")  # what each test says for itself
DAY = {"from": "2026-11-21", "to": "2026-11-21"}
MINI, SMALL = "openai/gpt-4.1-mini", "mistral/mistral-small-latest"
DOCUMENT = f"""
version: 1
providers: {{openai: {{}}, mistral: {{}}, groq: {{}}}}
models:
  {MINI}: {{context_window: 9000, max_output_tokens: 900}}
  {SMALL}: {{context_window: 9000, max_output_tokens: 900}}
  groq/*: {{context_window: 9000, max_output_tokens: 900}}
routes:
  chat: {{targets: [{MINI}, {SMALL}]}}
  shared: {{targets: [{MINI}, {SMALL}, groq/any], shares: {{openai: 40, groq: 10}}}}
policies:
  cheap: {{status: active, conditions: {{tags: cheap}}, actions: {{max_tokens: 9}}}}
flags:
  beta: {{percent: 10}}
"""


@pytest.fixture
def published(api: Api) -> Any:
    status, answer = api("POST", "/admin/config/publish", {"document": DOCUMENT})
    assert status == 200, answer
    return answer


@pytest.fixture
def counted(stage: Any, context: Any, sample: Any) -> Callable[..., None]:
    """Gives events to the function that counts, made from the sample's: the first was answered, the second fell back."""
    event = sample("record_usage_sqs")
    first, second, third = ({name: value for name, value in detail.items() if name not in LATER} for detail in details(event))
    numbers = iter(range(10**6))

    def count(*overs: Json, of: int = 0) -> None:
        made = [copy.deepcopy((first, second, third)[of]) | {"id": f"req_{of}_{next(numbers)}"} | over for over in overs]
        for start in range(0, len(made), 10):
            assert failed(handler(batch(event, *made[start : start + 10]), context)) == []

    return count


def rows(api: Api, by: str = "route", path: str = "/admin/analytics", **query: str) -> Json:
    status, answer = api("GET", path, query={"by": by} | DAY | query)
    assert status == 200, answer
    return {row["id"]: row for row in answer["rows"]}


def times(first: Json, duration_ms: int) -> Json:
    attempts = [{"duration_ms": duration_ms, "ttft_ms": duration_ms // 2, "target": MINI}]
    return {"duration_ms": duration_ms, "attempts": [first["attempts"][0] | attempts[0]]}


def test_a_day_by_each_dimension(api: Api, published: Any, counted: Any) -> None:
    counted({}, {})
    counted({}, of=1)
    counted({}, of=2)
    route = rows(api)["chat"]
    assert (route["requests"], route["answered"], route["refused"], route["failed"], route["attempts"]) == (4, 3, 1, 0, 4)
    assert (route["cost_nanousd"], route["cost_usd"]) == (2 * 13_000 + 2_700, "0.0000287")
    assert (route["success_rate"], route["fallbacks"], route["fallback_rate"]) == (1, 1, pytest.approx(1 / 3))
    assert route["triggers"] == {"server": 1}
    assert route["latency"]["measured"] == 3
    assert route["latency"]["mean_ms"] == 415
    assert route["latency"]["p99_ms"] == pytest.approx(415, rel=WORST_ERROR)
    assert route["ttft"]["mean_ms"] == pytest.approx((180 + 180 + 100 + 140) / 3, abs=0.01)  # from the request's arrival
    same = {name: value for name, value in route.items() if name not in ("id", "providers")}
    for by, id in (("policy", "default"), ("all", "all")):
        assert {name: value for name, value in rows(api, by)[id].items() if name not in ("id", "providers")} == same
    for by, first, second in (("target", MINI, SMALL), ("provider", "openai", "mistral")):
        found = rows(api, by)
        assert set(found) == {first, second}
        assert (found[first]["attempts"], found[first]["failed"], found[first]["success_rate"]) == (3, 1, pytest.approx(2 / 3))
        assert (found[first]["fallback_rate"], found[first]["triggers"]) == (pytest.approx(1 / 3), {"server": 1})
        assert (found[second]["success_rate"], found[second]["fallback_rate"]) == (1, None)
        assert (found[second]["latency"]["mean_ms"], found[second]["ttft"]["mean_ms"]) == (388, 140)


def test_percentiles_of_what_the_events_said(api: Api, published: Any, counted: Any, sample: Any) -> None:
    draw = random.Random(7)
    first = details(sample("record_usage_sqs"))[0]
    durations = [int(draw.lognormvariate(7, 1)) for _ in range(COUNTED)]
    counted(*(times(first, ms) for ms in durations))
    for found in (rows(api)["chat"]["latency"], rows(api, "target")[MINI]["latency"]):
        assert (found["measured"], found["mean_ms"]) == (COUNTED, round(sum(durations) / COUNTED, 2))
        for percent in (50, 95, 99):
            exact = sorted(durations)[-(-COUNTED * percent // 100) - 1]
            assert found[f"p{percent}_ms"] == pytest.approx(exact, rel=WORST_ERROR + 0.001)


def test_each_event_counts_once_however_it_comes(api: Api, published: Any, counted: Any, sample: Any, context: Any) -> None:
    event = sample("record_usage_sqs")
    made = [details(event)[n % 2] | {"id": f"r{n}"} for n in range(12)]
    counted({})
    before = rows(api, "all")["all"]
    draw = random.Random(1)
    for _ in range(6):  # duplicates within a batch, over batches, in any order, by more than one writer
        context.log_stream_name = f"container {draw.random()}"
        handler(batch(event, *draw.choices(made, k=10)), context)
    handler(batch(event, *made), context)
    after = rows(api, "all")["all"]
    assert after["requests"] - before["requests"] == 12
    assert (after["fallbacks"], after["latency"]["measured"]) == (6, 13)
    assert after["cost_nanousd"] - before["cost_nanousd"] == sum(detail["cost_nanousd"] for detail in made)


def test_a_crash_between_writing_and_answering_changes_nothing(
    api: Api, published: Any, counted: Any, sample: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = sample("record_usage_sqs")
    client = boto_tables.table("usage").meta.client
    write = client.transact_write_items

    def torn(**arguments: Any) -> Any:
        write(**arguments)
        raise ConnectionError("the answer was lost")

    with monkeypatch.context() as patch:
        patch.setattr(client, "transact_write_items", torn)
        with pytest.raises(ConnectionError):
            handler(event, context)
    context.log_stream_name = "another container"
    assert failed(handler(event, context)) == []
    found = rows(api, "all")["all"]
    assert (found["requests"], found["fallbacks"], found["latency"]["measured"]) == (3, 1, 2)


def test_a_series_by_hour_day_or_month(api: Api, published: Any, counted: Any) -> None:
    counted(*({"at_ms": AT_MS + n * 3_600_000, "attempts": []} for n in (0, 0, 1, 24, 30 * 24)))
    span = {"from": "2026-11-01", "to": "2026-12-31"}
    for each, points in (
        ("day", {"2026-11-21": 3, "2026-11-22": 1, "2026-12-21": 1}),
        ("month", {"2026-11": 4, "2026-12": 1}),
    ):
        row = rows(api, **span, each=each)["chat"]
        assert {point["period"]: point["requests"] for point in row["series"]} == points
        assert row["requests"] == 5
    hours = rows(api, each="hour")["chat"]["series"]
    assert [(point["period"], point["requests"]) for point in hours] == [("2026-11-21T03", 2), ("2026-11-21T04", 1)]
    assert rows(api)["chat"]["series"] == []
    part = rows(api, **span | {"from": "2026-11-22"}, each="month")["chat"]
    assert {point["period"]: point["requests"] for point in part["series"]} == {"2026-11": 1, "2026-12": 1}


def test_providers_stand_beside_what_a_route_declares(api: Api, published: Any, counted: Any) -> None:
    counted(*[{"route": "shared"}] * 3)
    counted({"route": "shared"}, of=1)
    shares = {row.pop("provider"): row for row in rows(api)["shared"]["providers"]}
    assert shares == {
        "openai": {"answered": 3, "share": 0.75, "declared": 0.4, "difference_points": 35},
        "mistral": {"answered": 1, "share": 0.25, "declared": None, "difference_points": None},
        "groq": {"answered": 0, "share": 0, "declared": 0.1, "difference_points": -10},
    }


def test_one_that_is_gone_is_asked_for_by_its_id(api: Api, published: Any, counted: Any) -> None:
    counted({"policy": "gone"}, {})
    assert set(rows(api, "policy")) == {"default"}
    assert rows(api, "policy", id="gone")["gone"]["requests"] == 1
    assert rows(api, "policy", id="never") == {}


def test_what_is_not_monitored_is_still_paid_for(api: Api, published: Any, counted: Any) -> None:
    paid = {"compared": True, "baseline_cost_nanousd": 20_000}
    counted(paid | {"decided": "d", "flags": ["fallback"]})
    counted({"decided": "d", "flags": ["fallback"]} | paid, of=1)
    route = rows(api)["chat"]
    assert (route["requests"], route["answered"], route["cost_nanousd"], route["success_rate"]) == (2, 2, 15_700, 1)
    assert (route["latency"]["measured"], route["latency"]["p50_ms"], route["fallbacks"], route["triggers"]) == (0, None, 0, {})
    assert rows(api, "target")[MINI]["latency"]["measured"] == 0
    assert rows(api, "route", "/admin/savings")["chat"]["saved_nanousd"] == 40_000 - 15_700
    assert api("GET", "/admin/usage", query={"provider": "openai"})[0] == 200


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"from": "2026-11-22", "to": "2026-11-21"}, "let from come first"),
        ({"from": "2025-01-01", "to": "2026-11-21"}, "ask for 400 at the most"),
        ({"from": "2026-10-01", "to": "2026-11-21", "each": "hour"}, "ask for 31 at the most"),
        ({"from": "9999-12-31"}, "nothing is counted of such years"),
        ({"to": "0001-01-01"}, "nothing is counted of such years"),
        ({"from": "yesterday"}, "from: it must be a day, as 2026-11-20"),
        ({"from": "20261122"}, "from: it must be a day, as 2026-11-20"),
        ({"from": "1795305600"}, "from: it must be a day, as 2026-11-20"),
        ({"to": "2026-02-30"}, "to: it must be a day, as 2026-11-20"),
        ({"by": "weather"}, "by: it must be 'route'"),
    ],
)
def test_a_bad_range_is_refused_in_words(api: Api, query: Json, said: str) -> None:
    assert said in refused(api("GET", "/admin/analytics", query=query), "invalid_request")


@pytest.mark.parametrize("day", ["2000-01-01", "2999-12-31"])
@pytest.mark.parametrize("path", ["/admin/analytics", "/admin/savings", "/admin/analytics/flags"])
def test_a_day_of_long_ago_or_to_come_is_empty(api: Api, published: Any, path: str, day: str) -> None:
    status, answer = api("GET", path, query={"from": day, "to": day})
    assert (status, answer["from"], answer["to"]) == (200, day, day)


def test_more_points_than_an_answer_holds_are_refused(api: Api, published: Any, counted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    counted({}, {"at_ms": AT_MS + 3_600_000})
    monkeypatch.setattr(MODULES["analytics"], "MOST_POINTS", 1)
    assert "Ask for fewer days" in refused(api("GET", "/admin/analytics", query=DAY | {"each": "hour"}), "invalid_request")
    assert rows(api)["chat"]["requests"] == 2


@pytest.mark.parametrize("path", ["/admin/analytics", "/admin/savings", "/admin/analytics/flags"])
def test_nothing_counted_and_nothing_published_is_no_error(api: Api, path: str) -> None:
    status, answer = api("GET", path)
    assert status == 200
    assert answer["from"] == answer["to"]


def test_savings_by_day_route_and_policy(api: Api, published: Any, counted: Any) -> None:
    paid = {"compared": True, "baseline_cost_nanousd": 10_000, "cost_nanousd": 4_000}
    counted(paid, paid | {"at_ms": AT_MS + DAY_MS}, {"compared": False, "cost_nanousd": 700, "baseline_cost_nanousd": 0})
    counted(paid | {"policy": "cheap", "cost_nanousd": 30_000})
    query = {"from": "2026-11-20", "to": "2026-11-22"}
    status, answer = api("GET", "/admin/savings", query=query)
    assert status == 200
    first, second = answer["rows"]
    assert [row["id"] for row in answer["rows"]] == ["2026-11-21", "2026-11-22"]
    assert (first["requests"], first["compared"], first["cost_nanousd"], first["compared_cost_nanousd"]) == (3, 2, 34_700, 34_000)
    assert (first["saved_nanousd"], first["saved_usd"], first["percent"]) == (-14_000, "-0.000014", -70)
    assert (second["saved_nanousd"], second["percent"]) == (6_000, 60)
    total = answer["total"]
    assert (total["requests"], total["compared"], total["baseline_cost_nanousd"], total["saved_nanousd"]) == (4, 3, 30_000, -8_000)
    route = rows(api, "route", "/admin/savings", **query)["chat"]
    assert {name: value for name, value in route.items() if name != "id"} == total
    policies = rows(api, "policy", "/admin/savings", **query)
    assert list(policies) == ["default", "cheap"]  # who saved most comes first
    assert policies["cheap"]["saved_nanousd"] == -20_000


def test_an_event_of_before_comparisons_is_compared_where_it_had_a_baseline(api: Api, published: Any, counted: Any) -> None:
    before = {"compared": None}
    counted(before, before | {"baseline_cost_nanousd": 0})
    counted(before, of=1)
    total = api("GET", "/admin/savings", query=DAY)[1]["total"]
    assert (total["requests"], total["compared"], total["saved_nanousd"]) == (3, 2, 13_000 - 2_700)


def test_adoption_is_the_share_of_requests_and_of_callers(api: Api, published: Any, counted: Any) -> None:
    keys = ["static", *(api("POST", "/admin/keys", {"name": name, "tenant": "acme"})[1]["id"] for name in "ab")]
    on = ["fallback", "monitoring"]
    counted(*[{"key": keys[0], "decided": "d", "flags": [*on, "beta"]}] * 3, {"key": keys[1], "decided": "d", "flags": on})
    counted({"key": keys[1], "decided": "d", "flags": []}, {"key": keys[2], "decided": ""})
    status, answer = api("GET", "/admin/analytics/flags", query=DAY)
    assert status == 200
    assert (answer["requests"], answer["callers"], answer["keys_left_out"]) == (5, 2, False)
    found = {row["flag"]: row for row in answer["flags"]}
    assert set(found) == {*BUILT_IN, "beta"}
    assert found["beta"] == {"flag": "beta", "requests": 3, "request_share": 0.6, "callers": 1, "caller_share": 0.5}
    assert (found["monitoring"]["request_share"], found["monitoring"]["caller_share"]) == (0.8, 1)
    assert (found["cost_optimization"]["requests"], found["cost_optimization"]["caller_share"]) == (0, 0)


def test_no_more_keys_are_asked_for_than_an_answer_waits_for(api: Api, counted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        api("POST", "/admin/keys", {"name": name, "tenant": "acme"})
    monkeypatch.setattr(MODULES["analytics"], "MOST_KEYS", 2)
    answer = api("GET", "/admin/analytics/flags", query=DAY)[1]
    assert answer["keys_left_out"] is True


@pytest.mark.parametrize("path", ["/admin/analytics", "/admin/savings", "/admin/analytics/flags"])
def test_they_are_for_operators(api: Api, path: str) -> None:
    refused(api("GET", path, key=DATA), "permission_denied")
