"""The calls of a tenant as operators list them."""

import json
from typing import Any

import pytest

from signalbox.aws import boto_calls
from signalbox.usage.events import UsageRecorded

from .client import DATA, Api, refused

AT_MS = 1_795_230_000_000  # 2026-11-21T03:00Z
DAYS = {"from": "2026-11-20", "to": "2026-11-21"}


@pytest.fixture
def made(sample: Any) -> Any:
    detail = json.loads(sample("record_usage_sqs")["Records"][0]["body"])["detail"]

    def made(number: int, at_ms: int, **over: Any) -> UsageRecorded:
        return UsageRecorded.model_validate(detail | {"id": f"r{number:03d}", "tenant": "acme", "at_ms": at_ms} | over)

    return made


def pages(api: Api, **query: str) -> list[list[str]]:
    found, before = [], ""
    while True:
        status, answer = api("GET", "/admin/requests", query={"tenant": "acme"} | DAYS | query | ({"before": before} if before else {}))
        assert status == 200, answer
        found.append([row["id"] for row in answer["requests"]])
        if answer["next"] is None:
            return found
        before = answer["next"]


def test_the_newest_come_first_over_batches_hours_and_days_each_once(api: Api, stage: Any, made: Any) -> None:
    events = [made(number, AT_MS - number * 3_700_000 // 3, slow=number % 5 == 0) for number in range(40)]  # the later the number the older
    for start in (20, 0, 10, 30, 5):  # in batches that overlap, in any order
        boto_calls.write(stage.usage, events[start : start + 10])
    boto_calls.write(stage.usage, [made(99, AT_MS, tenant="other")])
    inside = [event.id for event in events if event.at_ms >= AT_MS - 27 * 3_600_000]
    assert [id for page in pages(api) for id in page] == inside
    by_seven = pages(api, limit="7")
    assert [id for page in by_seven for id in page] == inside
    assert all(len(page) == 7 for page in by_seven[:-1])
    assert [id for page in pages(api, slow="true", limit="2") for id in page] == inside[::5]
    assert pages(api, outcome="no_route") == [[]]


def test_calls_of_one_moment_are_paged_without_loss(api: Api, stage: Any, made: Any) -> None:
    boto_calls.write(stage.usage, [made(number, AT_MS) for number in range(9)])
    assert [id for page in pages(api, limit="2") for id in page] == [f"r{number:03d}" for number in reversed(range(9))]


def test_what_is_rare_goes_on_in_the_next_page(api: Api, stage: Any, made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from .client import MODULES

    monkeypatch.setattr(MODULES["calls"], "MOST_LOOKED_AT", 3)
    monkeypatch.setattr(MODULES["calls"], "MOST_EMPTY", 2)
    boto_calls.write(stage.usage, [made(number, AT_MS - number * 9_000_000, slow=number == 9) for number in range(10)])
    found = pages(api, slow="true")
    assert [id for page in found for id in page] == ["r009"]
    assert len(found) > 3


def test_a_line_tells_all_that_is_logged_of_a_call(api: Api, stage: Any, made: Any) -> None:
    event = made(1, AT_MS, user="u1", slow=True)
    boto_calls.write(stage.usage, [event])
    [row] = api("GET", "/admin/requests", query={"tenant": "acme"} | DAYS)[1]["requests"]
    assert (row["user"], row["slow"], row["key"], row["team"]) == ("u1", True, event.key, event.team)
    assert (row["prompt_chars"], row["input"], row["output"]) == (event.prompt_chars, event.tokens.input, event.tokens.output)
    assert (row["cost_nanousd"], row["ttft_ms"], row["duration_ms"]) == (event.cost_nanousd, event.ttft_ms, event.duration_ms)


def test_it_is_for_operators_and_of_a_tenant(api: Api) -> None:
    assert api("GET", "/admin/requests", query={"tenant": "acme"}, key=DATA)[0] in (401, 403)
    assert api("GET", "/admin/requests")[0] == 400
    refused(api("GET", "/admin/requests", query={"tenant": "acme", "before": "x"}), "invalid_request")
    refused(api("GET", "/admin/requests/req_none"), "not_found")
