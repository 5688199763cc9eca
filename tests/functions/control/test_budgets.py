"""Budgets as they are set, changed and removed, beside the ledger's items of the running period."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from signalbox.admission.periods import period_id
from signalbox.aws import boto_budgets, boto_tables

from .client import DATA, MODULES, SEED, Api, refused


def spend(stage: Any, scope: str, period: str, limit: int, settled: int, held: int, version: int = 1) -> None:
    leases = {"c1-1": {"held": held, "seq": 1, "expires_ms": 1}}
    amounts = {"limit": limit, "settled": settled, "remaining": limit - settled - held, "leases": leases, "budget_version": version}
    stage.ledger.put_item(Item={"pk": scope, "sk": f"{period}#00"} | amounts)


def test_a_budget_is_set_and_shown_before_anybody_has_spent(api: Api, stage: Any) -> None:
    status, budget = api("POST", "/admin/budgets", {"scope": "tenant", "id": "acme", "period": "day", "limit_usd": 0.05})
    assert status == 200
    assert (budget["limit_nanousd"], budget["limit_usd"], budget["hard"], budget["version"]) == (50_000_000, "0.05", True, 1)
    assert budget["current"]["remaining_nanousd"] == 50_000_000
    record = stage.control.get_item(Key={"pk": "tenant#acme", "sk": "scope"})["Item"]
    assert record["budgets"] == {"day": {"limit_nanousd": 50_000_000, "hard": True, "version": 1}}
    assert stage.ledger.scan()["Items"] == []


@pytest.mark.parametrize(("said", "nanousd"), [(0.1 + 0.2, 300_000_000), (0.1 + 0.7, 800_000_000), (1e-10, 0), ("0.1", 100_000_000)])
def test_what_a_float_leaves_behind_is_no_part_of_an_amount(api: Api, said: Any, nanousd: int) -> None:
    new = {"scope": "global", "id": None, "period": "day"}
    status, budget = api("POST", "/admin/budgets", new | {"limit_usd": said})
    assert (status, budget["id"], budget["limit_nanousd"]) == (200, "", nanousd)
    status, key = api("POST", "/admin/keys", {"name": "k", "tenant": "acme", "budgets": [{"period": "day", "limit_usd": said}]})
    assert (status, float(key["budgets"][0]["limit_usd"]) * 10**9) == (201, nanousd)
    if nanousd:
        status, budget = api("POST", "/admin/budgets/raises", new | {"by_usd": said, "until": "2199-01-01T00:00:00Z"})
        assert (status, budget["raises"][0]["by_nanousd"]) == (200, nanousd)


def test_a_changed_budget_moves_what_remains_by_the_difference_and_nothing_else(api: Api, stage: Any) -> None:
    new = {"scope": "team", "id": "acme/red", "period": "total", "limit_usd": "1", "hard": False}
    api("POST", "/admin/budgets", new)
    spend(stage, "team#acme/red", "total", 10**9, settled=700_000_000, held=100_000_000)
    status, budget = api("POST", "/admin/budgets", new | {"limit_usd": 0.5, "hard": True})
    assert (status, budget["version"], budget["hard"]) == (200, 2, True)
    assert budget["current"] == {
        "id": "total",
        "begins": None,
        "ends": None,
        "limit_usd": "0.50",
        "settled_usd": "0.70",
        "held_usd": "0.10",
        "remaining_usd": "-0.30",
        "limit_nanousd": 500_000_000,
        "settled_nanousd": 700_000_000,
        "held_nanousd": 100_000_000,
        "remaining_nanousd": -300_000_000,
        "used_percent": 140,
    }
    item = stage.ledger.get_item(Key={"pk": "team#acme/red", "sk": "total#00"})["Item"]
    assert (item["limit"], item["budget_version"]) == (500_000_000, 2)
    assert item["settled"] + item["remaining"] + sum(lease["held"] for lease in item["leases"].values()) == item["limit"]


def test_a_lease_taken_while_the_budget_changes_is_not_lost(api: Api, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first container creates the item between the reading and the writing: the change is made on what it made."""
    edge = MODULES["budgets"].boto_budgets
    api("POST", "/admin/budgets", {"scope": "route", "id": "chat", "period": "total", "limit_usd": 1})
    real = edge.boto_tables.transacted
    turns: list[int] = []

    def overtaken(control: Any, parts: Any) -> bool:
        if not turns:
            spend(stage, "route#chat", "total", 10**9, settled=1, held=2)
        turns.append(1)
        return real(control, parts)

    monkeypatch.setattr(edge.boto_tables, "transacted", overtaken)
    _, budget = api("POST", "/admin/budgets", {"scope": "route", "id": "chat", "period": "total", "limit_usd": 3})
    assert len(turns) == 2
    assert (budget["version"], budget["current"]["remaining_nanousd"]) == (2, 3 * 10**9 - 3)


def test_what_others_set_and_removed_again_meanwhile_is_reckoned_with(api: Api, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The definition is gone as it was read, and the ledger has another limit by now."""
    edge = MODULES["budgets"].boto_budgets
    new = {"scope": "route", "id": "chat", "period": "total"}
    api("POST", "/admin/budgets", new | {"limit_usd": 1})
    spend(stage, "route#chat", "total", 10**9, settled=1, held=2)
    api("DELETE", "/admin/budgets", query=new)
    real = edge.boto_tables.transacted

    def overtaken(control: Any, parts: Any) -> bool:
        monkeypatch.setattr(edge.boto_tables, "transacted", real)
        edge.change(stage.control, stage.ledger, "route#chat", "total", 5 * 10**9, True, MODULES["stage"].now_ms())
        edge.remove(stage.control, "route#chat", "total")
        return real(control, parts)

    monkeypatch.setattr(edge.boto_tables, "transacted", overtaken)
    _, budget = api("POST", "/admin/budgets", new | {"limit_usd": 3})
    assert (budget["version"], budget["current"]["remaining_nanousd"]) == (3, 3 * 10**9 - 3)


def test_a_budget_that_others_change_all_the_time_is_in_progress(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULES["budgets"].boto_budgets.boto_tables, "transacted", lambda control, parts: False)
    answer = api.raw("POST", "/admin/budgets", {"scope": "global", "period": "day", "limit_usd": 1})
    refused((answer["statusCode"], json.loads(answer["body"])), "request_in_progress")
    assert answer["multiValueHeaders"]["retry-after"] == ["1"]


def test_two_periods_of_one_scope_are_two_budgets(api: Api) -> None:
    for period, usd in (("day", 1), ("month", 20), ("day", 2)):
        api("POST", "/admin/budgets", {"scope": "global", "period": period, "limit_usd": usd})
    [day, month] = api("GET", "/admin/budgets", query={"scope": "global"})[1]["budgets"]
    assert (day["period"], day["limit_usd"], day["version"], day["id"]) == ("day", "2.00", 2, "")
    assert (month["period"], month["limit_usd"], month["version"]) == ("month", "20.00", 1)


def test_who_has_no_budget_any_more_is_walked_past_no_more(api: Api, stage: Any) -> None:
    def of_acme(period: str) -> dict[str, str]:
        return {"scope": "tenant", "id": "acme", "period": period}

    for period in ("day", "month"):
        assert api("POST", "/admin/budgets", of_acme(period) | {"limit_usd": 1})[0] == 200
    for period, left in (("day", ["tenant#acme"]), ("month", [])):
        assert api("DELETE", "/admin/budgets", query=of_acme(period))[0] == 200
        assert boto_budgets.page(stage.control, 10) == left
    assert api("POST", "/admin/budgets", of_acme("day") | {"limit_usd": 1})[0] == 200
    assert boto_budgets.page(stage.control, 10) == ["tenant#acme"]


def test_of_two_who_take_away_the_last_two_budgets_one_takes_the_scope_off_the_list(api: Api, stage: Any, monkeypatch: Any) -> None:
    for period in ("day", "month"):
        api("POST", "/admin/budgets", {"scope": "tenant", "id": "acme", "period": period, "limit_usd": 1})
    transacted, others = boto_tables.transacted, iter(["month"])

    def late(control: Any, parts: Any) -> bool:
        for period in others:
            assert boto_budgets.remove(stage.control, "tenant#acme", period)
        return transacted(control, parts)

    monkeypatch.setattr(boto_tables, "transacted", late)
    assert boto_budgets.remove(stage.control, "tenant#acme", "day")
    assert boto_budgets.page(stage.control, 10) == []


def test_budgets_are_listed_over_all_scopes_in_pages(api: Api) -> None:
    for tenant in "abc":
        api("POST", "/admin/budgets", {"scope": "tenant", "id": tenant, "period": "day", "limit_usd": 1})
    page = api("GET", "/admin/budgets", query={"limit": "2"})[1]
    rest = api("GET", "/admin/budgets", query={"after": page["after"]})[1]
    assert [budget["id"] for budget in page["budgets"] + rest["budgets"]] == ["a", "b", "c"]
    assert rest["after"] is None


def test_a_removed_budget_is_gone_and_what_was_spent_is_not(api: Api, stage: Any) -> None:
    new = {"scope": "tenant", "id": "a", "period": "total", "limit_usd": 1}
    api("POST", "/admin/budgets", new)
    spend(stage, "tenant#a", "total", 10**9, settled=5, held=0)
    where = {"scope": "tenant", "id": "a", "period": "total"}
    assert api("DELETE", "/admin/budgets", query=where) == (200, where | {"deleted": True})
    assert "operator" not in {row["set_by"] for row in api("GET", "/admin/budgets")[1]["budgets"]}
    refused(api("DELETE", "/admin/budgets", query=where), "not_found")
    back = api("POST", "/admin/budgets", new)[1]
    assert (back["version"], back["current"]["settled_nanousd"]) == (2, 5)


def test_a_budget_of_a_minted_key_needs_the_key(api: Api, stage: Any) -> None:
    new = {"scope": "key", "id": "k9", "period": "day", "limit_usd": 1}
    refused(api("POST", "/admin/budgets", new), "not_found")
    id = api("POST", "/admin/keys", {"name": "robot", "tenant": "acme"})[1]["id"]
    assert api("POST", "/admin/budgets", new | {"id": id})[0] == 200
    assert api("GET", f"/admin/keys/{id}")[1]["status"] == "active"
    api("DELETE", f"/admin/keys/{id}")
    assert "operator" not in {row["set_by"] for row in api("GET", "/admin/budgets")[1]["budgets"]}
    assert "Item" not in stage.control.get_item(Key={"pk": f"key#{id}", "sk": "scope"})


def test_a_keys_record_is_read_once_and_once_more_as_it_is_changed(api: Api) -> None:
    id = api("POST", "/admin/keys", {"name": "robot", "tenant": "acme"})[1]["id"]
    looked: list[str] = []

    def seen(params: Any, **_: Any) -> None:
        looked.append(params["Key"]["pk"])

    events = MODULES["stage"].control().meta.client.meta.events
    events.register("provide-client-params.dynamodb.GetItem", seen, unique_id="seen")
    try:
        assert api("POST", "/admin/budgets", {"scope": "key", "id": id, "period": "day", "limit_usd": 1})[0] == 200
    finally:
        events.unregister("provide-client-params.dynamodb.GetItem", unique_id="seen")
    assert looked.count(f"key#{id}") == 2


def test_a_key_deleted_while_its_budget_is_set_stays_deleted(api: Api, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    edge = MODULES["budgets"].boto_budgets
    id = api("POST", "/admin/keys", {"name": "robot", "tenant": "acme"})[1]["id"]
    real = edge.boto_tables.transacted

    def overtaken(control: Any, parts: Any) -> bool:
        api("DELETE", f"/admin/keys/{id}")
        return real(control, parts)

    monkeypatch.setattr(edge.boto_tables, "transacted", overtaken)
    refused(api("POST", "/admin/budgets", {"scope": "key", "id": id, "period": "day", "limit_usd": 1}), "not_found")
    assert "Item" not in stage.control.get_item(Key={"pk": f"key#{id}", "sk": "scope"})


def test_around_the_turn_of_a_period_both_items_follow(api: Api, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    monkeypatch.setattr(MODULES["stage"], "now", lambda: midnight)
    new = {"scope": "global", "period": "day", "limit_usd": 1}
    api("POST", "/admin/budgets", new)
    for day in ("day#2026-11-21", "day#2026-11-22"):
        spend(stage, "global#*", day, 10**9, settled=5, held=0)
    assert period_id("day", MODULES["stage"].now_ms()) == "day#2026-11-22"
    api("POST", "/admin/budgets", new | {"limit_usd": 2})
    assert [item["remaining"] for item in stage.ledger.scan()["Items"]] == [2 * 10**9 - 5] * 2


# ---------------------------------------------------------------- calendars, thresholds, who set it

DAY = {"scope": "tenant", "id": "acme", "period": "day", "limit_usd": 1}


def at(monkeypatch: pytest.MonkeyPatch, year: int, month: int, day: int, hour: int = 0) -> None:
    monkeypatch.setattr(MODULES["stage"], "now", lambda: datetime(year, month, day, hour, tzinfo=UTC))


def test_a_budget_follows_the_calendar_of_its_zone(api: Api, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 2026, 11, 21, 20)
    _, budget = api("POST", "/admin/budgets", DAY | {"time_zone": "Asia/Tokyo"})
    assert (budget["time_zone"], budget["note"]) == (
        "Asia/Tokyo",
        "It counts from now on: what was spent earlier in this period is not in it.",
    )
    current = budget["current"]
    assert (current["id"], current["begins"], current["ends"]) == (
        "day#2026-11-22@Asia/Tokyo",
        "2026-11-21T15:00:00Z",
        "2026-11-22T15:00:00Z",
    )
    assert stage.control.get_item(Key={"pk": "tenant#acme", "sk": "scope"})["Item"]["budgets"]["day"]["zone"] == "Asia/Tokyo"


def test_another_zone_begins_a_period_of_its_own_and_says_so(api: Api, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 2026, 11, 21, 12)
    api("POST", "/admin/budgets", DAY)
    spend(stage, "tenant#acme", "day#2026-11-21", 10**9, settled=5, held=0)
    _, budget = api("POST", "/admin/budgets", DAY | {"time_zone": "Europe/Berlin"})
    assert budget["note"].startswith(
        "By the time zone of Europe/Berlin this is a period of its own: what was spent in day#2026-11-21 is not"
    )
    assert budget["current"]["settled_nanousd"] == 0
    _, back = api("POST", "/admin/budgets", DAY | {"time_zone": "UTC", "limit_usd": 2})
    assert (back["version"], back["time_zone"], back["current"]["settled_nanousd"]) == (3, "UTC", 5)
    assert back["current"]["remaining_nanousd"] == 2 * 10**9 - 5


def test_what_is_not_said_stays_as_it_is(api: Api) -> None:
    """A limit changed in the night does not begin the day anew."""
    api("POST", "/admin/budgets", DAY | {"time_zone": "Europe/Berlin", "thresholds": [90, 60, 90]})
    _, budget = api("POST", "/admin/budgets", DAY | {"limit_usd": 2})
    assert (budget["time_zone"], budget["thresholds"], budget["limit_usd"]) == ("Europe/Berlin", [60, 90], "2.00")


def test_thresholds_are_the_usual_ones_unless_said(api: Api, stage: Any) -> None:
    assert api("POST", "/admin/budgets", DAY)[1]["thresholds"] == [50, 80, 100]
    assert "thresholds" not in stage.control.get_item(Key={"pk": "tenant#acme", "sk": "scope"})["Item"]["budgets"]["day"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"time_zone": "Europe/Bern"}, "time_zone: no such time zone: 'Europe/Bern'; write it as in Europe/Berlin."),
        ({"time_zone": "../../etc/passwd"}, "no such time zone"),
        ({"time_zone": "localtime"}, "no such time zone"),
        ({"time_zone": "Europe/Berlin", "period": "total"}, "a total follows no calendar"),
        ({"thresholds": []}, "thresholds"),
        ({"thresholds": [0]}, "thresholds"),
        ({"thresholds": [1001]}, "thresholds"),
        ({"id": "", "scope": "agent"}, "name the agent"),
        ({"id": "robot", "scope": "agent"}, "name the agent as tenant/agent"),
        ({"id": "acme", "scope": "team"}, "name the team as tenant/team"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(api: Api, stage: Any, wrong: dict[str, Any], said: str) -> None:
    assert said in refused(api("POST", "/admin/budgets", DAY | wrong), "invalid_request")
    assert stage.control.get_item(Key={"pk": "tenant#acme", "sk": "scope"}).get("Item") is None


def test_a_budget_that_comes_back_is_never_taken_for_the_one_that_was_removed(api: Api) -> None:
    """Also where nobody has spent, so that the ledger remembers nothing: a container may know the old one for seconds."""
    for version in (1, 2, 3):
        assert api("POST", "/admin/budgets", DAY)[1]["version"] == version
        api("DELETE", "/admin/budgets", query={"scope": "tenant", "id": "acme", "period": "day"})


# ---------------------------------------------------------------- forecasts


def test_a_forecast_says_when_the_money_is_gone(api: Api, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 2026, 11, 21, 12)
    assert api("POST", "/admin/budgets", DAY)[1]["forecast"] is None
    spend(stage, "tenant#acme", "day#2026-11-21", 10**9, settled=750_000_000, held=0)
    [budget] = api("GET", "/admin/budgets")[1]["budgets"]
    assert budget["forecast"] == {
        "says": "at this pace exhausted on 2026-11-21 16:00 UTC",
        "exhausted_at": "2026-11-21T16:00:00Z",
        "by_end_usd": "1.50",
        "by_end_nanousd": 1_500_000_000,
    }


def test_of_a_total_the_last_days_tell_the_pace(api: Api, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 2026, 11, 21)
    api("POST", "/admin/budgets", DAY | {"period": "total", "limit_usd": 10})
    spend(stage, "tenant#acme", "total", 10 * 10**9, settled=4 * 10**9, held=0)
    assert api("GET", "/admin/budgets")[1]["budgets"][0]["forecast"] is None
    for day in ("2026-11-10", "2026-11-19", "2026-11-20"):
        stage.usage.put_item(Item={"pk": "total#tenant#acme", "sk": f"day#{day}#00", "cost_nanousd": 10**9})
    [budget] = api("GET", "/admin/budgets")[1]["budgets"]
    assert budget["forecast"]["exhausted_at"] == "2026-11-27T00:00:00Z"
    assert budget["forecast"]["by_end_usd"] is None


# ---------------------------------------------------------------- callers


def test_a_caller_sees_what_is_left_for_its_key_team_and_tenant(api: Api, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 2026, 11, 21, 12)
    for scope, id, period in (
        ("key", "static", "day"),
        ("team", "acme/default", "total"),
        ("tenant", "acme", "day"),
        ("tenant", "other", "day"),
    ):
        api("POST", "/admin/budgets", DAY | {"scope": scope, "id": id, "period": period})
    api("POST", "/admin/budgets", {"scope": "global", "period": "day", "limit_usd": 5})
    spend(stage, "tenant#acme", "day#2026-11-21", 10**9, settled=1_200_000_000, held=0)
    status, usage = api("GET", "/v1/usage", key=DATA)
    assert status == 200
    assert [(row["scope"], row["period"], row["remaining_usd"], row["renews"]) for row in usage["budgets"]] == [
        ("key", "day", "1.00", "2026-11-22T00:00:00Z"),
        ("team", "total", "1.00", None),
        ("tenant", "day", "-0.20", "2026-11-22T00:00:00Z"),
    ]


UNKNOWN = [
    ("route", "chta", "there is no route 'chta'"),
    ("provider", "opnai", "there is no provider 'opnai'"),
    ("route", "openai", "there is no route 'openai'"),
    ("route", "mistral/*", "there is no route"),
    ("tenant", "acme/red", "no tenant is named"),
    ("team", "acme/red/blue", "no team is named"),
    ("agent", "a b/crawler", "no agent is named"),
]


@pytest.mark.parametrize(("scope", "id", "said"), UNKNOWN)
def test_a_budget_that_no_request_would_count_in_is_refused(api: Api, published: Any, scope: str, id: str, said: str) -> None:
    assert said in refused(api("POST", "/admin/budgets", {"scope": scope, "id": id, "period": "day", "limit_usd": 1}), "invalid_request")
    assert "operator" not in {row["set_by"] for row in api("GET", "/admin/budgets")[1]["budgets"]}


def test_a_budget_on_another_name_of_a_route_names_the_route(api: Api) -> None:
    api("POST", "/admin/config/publish", {"document": SEED.replace("\naliases:\n", "\naliases:\n  chitchat: chat\n")})
    new = {"scope": "route", "id": "chitchat", "period": "day", "limit_usd": 1}
    assert "another name of the route chat" in refused(api("POST", "/admin/budgets", new), "invalid_request")
    for scope, id in (("route", "chat"), ("route", "openai/gpt-4.1-mini"), ("provider", "openai")):
        assert api("POST", "/admin/budgets", new | {"scope": scope, "id": id})[0] == 200


def test_a_budget_whose_route_is_gone_is_still_changed_and_removed(api: Api, request: Any) -> None:
    old = {"scope": "route", "id": "retired", "period": "day", "limit_usd": 1}
    assert api("POST", "/admin/budgets", old)[0] == 200
    request.getfixturevalue("published")
    assert api("POST", "/admin/budgets", old | {"limit_usd": 2})[0] == 200
    assert api("DELETE", "/admin/budgets", query={"scope": "route", "id": "retired", "period": "day"})[0] == 200


@pytest.mark.parametrize("id", ["acme/auth0|bot", "acme/a b", "acme/böt", f"acme/{'x' * 200}"])
def test_whatever_an_agent_may_be_called_may_have_a_budget(api: Api, id: str) -> None:
    assert api("POST", "/admin/budgets", {"scope": "agent", "id": id, "period": "day", "limit_usd": 1})[0] == 200
    assert api("GET", "/admin/budgets", query={"scope": "agent", "id": id})[1]["budgets"][0]["id"] == id
