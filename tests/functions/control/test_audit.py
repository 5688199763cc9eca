"""Who changed what, as operators read it: the newest first, in pages, by day, tenant, operator and path."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from signalbox.admission.operators import TENANTS
from signalbox.aws import boto_audit

from .client import DATA, MODULES, Api, limited, refused

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAYS = {"from": "2026-11-01", "to": "2026-11-30"}
Clock = Callable[[datetime], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    def clock(at: datetime) -> None:
        monkeypatch.setattr(MODULES["stage"], "now", lambda: at)

    clock(NOON)
    return clock


def kept(stage: Any, at: datetime, id: str, who: str = "ann", path: str = "/admin/keys", **more: str) -> None:
    boto_audit.write(stage.control, at, id, {"who": who, "method": "POST", "path": path, "changed": id} | more)


def pages(api: Api, **query: str) -> list[list[str]]:
    """What was changed, page by page."""
    found, before = [], ""
    while True:
        status, answer = api("GET", "/admin/audit", query=DAYS | query | ({"before": before} if before else {}))
        assert status == 200, answer
        found.append([row["changed"] for row in answer["entries"]])
        if answer["next"] is None:
            return found
        before = answer["next"]


def test_each_change_is_told_with_who_and_whose(api: Api, clock: Clock) -> None:
    _, key = api("POST", "/admin/keys", {"name": "robot", "tenant": "acme", "team": "red"})
    clock(NOON + timedelta(seconds=1))
    api("POST", "/admin/tenants", {"id": "acme"}, key=limited(TENANTS))
    clock(NOON + timedelta(seconds=2))
    api("POST", "/admin/budgets", {"scope": "global", "period": "day", "limit_usd": 5})
    assert api("GET", "/admin/audit")[1] == {
        "entries": [
            {
                "at": "2026-11-21T12:00:02.000+00:00",
                "actor": "ann",
                "method": "POST",
                "path": "/admin/budgets",
                "tenant": "",
                "changed": "global#* day: 5 USD, hard",
            },
            {
                "at": "2026-11-21T12:00:01.000+00:00",
                "actor": TENANTS,
                "method": "POST",
                "path": "/admin/tenants",
                "tenant": "acme",
                "changed": "tenant acme is made, and active",
            },
            {
                "at": "2026-11-21T12:00:00.000+00:00",
                "actor": "ann",
                "method": "POST",
                "path": "/admin/keys",
                "tenant": "acme",
                "changed": f"key {key['id']} of acme/red",
            },
        ],
        "next": None,
    }


def test_whatever_is_a_tenants_is_found_by_it(api: Api, clock: Clock) -> None:
    _, key = api("POST", "/admin/keys", {"name": "robot", "tenant": "acme"})
    path, of = f"/admin/keys/{key['id']}", {"scope": "key", "id": key["id"], "period": "day"}
    changes: list[tuple[str, str, Any]] = [
        ("PATCH", path, {"status": "disabled"}),
        ("POST", f"{path}/rotate", {}),
        ("POST", "/admin/budgets", of | {"limit_usd": 5}),
        ("POST", "/admin/budgets", {"scope": "key", "id": "static", "period": "day", "limit_usd": 5}),
        ("POST", "/admin/budgets", {"scope": "tenant", "id": "acme", "period": "day", "limit_usd": 5}),
        ("POST", "/admin/budgets", {"scope": "agent", "id": "acme/robot", "period": "day", "limit_usd": 5}),
        ("POST", "/admin/budgets/raises", of | {"by_usd": 5, "until": "2199-01-01T00:00:00Z"}),
        ("POST", "/admin/tenants", {"id": "acme"}),
        ("POST", "/admin/tenants/acme/teams", {"id": "red"}),
        ("PATCH", "/admin/tenants/acme/teams/red", {"name": "Red"}),
        ("DELETE", "/admin/tenants/acme/teams/red", None),
        ("PATCH", "/admin/tenants/acme", {"name": "Acme"}),
        ("PUT", "/admin/tenants/acme/own_keys", {"own_keys": []}),
        ("DELETE", path, None),
    ]
    for method, where, body in changes:
        assert api(method, where, body)[0] in (200, 201), where
    api("DELETE", "/admin/budgets/raises", query=of)
    api("DELETE", "/admin/budgets", query={"scope": "tenant", "id": "acme", "period": "day"})
    api("POST", "/admin/tenants", {"id": "rival"})
    [found] = pages(api, tenant="acme")
    assert len(found) == len(changes) + 2
    assert pages(api, tenant="rival") == [["tenant rival is made, and active"]]


def test_the_newest_come_first_over_days_each_once_on_pages_of_any_size(api: Api, stage: Any, clock: Clock) -> None:
    for number in range(30):  # eight a day, two of them at one moment
        kept(stage, NOON - timedelta(hours=number // 2 * 6), f"{99 - number:08d}")
    told = [f"{99 - number:08d}" for number in range(30)]
    for limit in (1, 2, 7, 30, 500):
        found = pages(api, limit=str(limit))
        assert [id for page in found for id in page] == told, limit
        assert all(len(page) == limit for page in found[:-1])
    inside = pages(api, **{"from": "2026-11-20", "to": "2026-11-20"})
    assert inside == [told[6:14]]  # of 18, 12, 6 and 0 o'clock


def test_it_is_parted_by_tenant_operator_and_path(api: Api, stage: Any, clock: Clock) -> None:
    kept(stage, NOON, "a", tenant="acme")
    kept(stage, NOON, "b", who="bob", tenant="acme", path="/admin/tenants/acme")
    kept(stage, NOON, "c", who="bob")  # as they were before they said whose
    assert pages(api, tenant="acme") == [["b", "a"]]
    assert pages(api, actor="bob") == [["c", "b"]]
    assert pages(api, actor="bob", tenant="acme") == [["b"]]
    assert pages(api, path="/admin/tenants") == [["b"]]
    assert pages(api, tenant="acm") == [[]]


def test_what_is_rare_goes_on_in_the_next_page(api: Api, stage: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULES["changes"], "MOST_LOOKED_AT", 1)
    monkeypatch.setattr(MODULES["changes"], "MOST_EMPTY", 2)
    for days in range(0, 18, 4):
        kept(stage, NOON - timedelta(days=days), f"{days}", who="bob" if days == 16 else "ann")
    found = pages(api, actor="bob")
    assert [id for page in found for id in page] == ["16"]
    assert len(found) > 3


def test_it_is_for_who_manages_operations(api: Api) -> None:
    refused(api("GET", "/admin/audit", key=limited(TENANTS)), "permission_denied")
    refused(api("GET", "/admin/audit", key=DATA), "permission_denied")
    refused(api("GET", "/admin/audit", query={"from": "2020-01-01", "to": "2026-01-01"}), "invalid_request")
    assert "a page's `next`" in refused(api("GET", "/admin/audit", query={"before": "yesterday"}), "invalid_request")


def test_the_command_tells_who_did_what(command: Any, api: Api, stage: Any, clock: Clock) -> None:
    kept(stage, NOON, "key k01 is deleted", who="bob", tenant="acme")
    read = {"who": "ann", "method": "GET", "path": "/admin/requests/r1/sample", "changed": "", "tenant": "acme"}
    boto_audit.write(stage.control, NOON - timedelta(days=6), "x", read)
    week = ("--to", "2026-11-21")
    assert command("audit", *week)[1].splitlines() == [
        "                UTC  who  tenant  what",
        "2026-11-21 12:00:00  bob  acme    key k01 is deleted",
        "2026-11-15 12:00:00  ann  acme    read /admin/requests/r1/sample",
    ]
    assert command("audit", *week, "--limit", "1")[1].splitlines()[1:] == [
        "2026-11-21 12:00:00  bob  acme    key k01 is deleted",
        "there is more: --limit 0 has all",
    ]
    assert [row["actor"] for row in json.loads(command("audit", *week, "--limit", "0", "--json")[1])] == ["bob", "ann"]
    assert command("audit", *week, "--actor", "eve")[1] == "nothing was changed from 2026-11-15 to 2026-11-21, of what is asked for"
    code, _, said = command("audit", "--limit", "-1")
    assert (code, said) == (1, "signalbox: --limit -1: how many? 0 is all")
