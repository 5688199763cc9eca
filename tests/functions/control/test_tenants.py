"""Tenants and their teams, from their making to their deletion, and the keys below them meanwhile."""

import json
from typing import Any

import pytest

from .client import DATA, MODULES, Api, logged, refused

TENANTS = "/admin/tenants"
RIVAL, TEAMS, RED = f"{TENANTS}/rival", f"{TENANTS}/rival/teams", f"{TENANTS}/rival/teams/red"
LIMITS = {"requests_per_minute": 60, "tokens_per_minute": None}


def key(api: Api, **more: Any) -> dict[str, Any]:
    return api("POST", "/admin/keys", {"name": "k", "tenant": "rival", "team": "red"} | more)[1]


def use(api: Api, key: dict[str, Any]) -> int:
    return api("GET", "/v1/usage", key=key["secret"])[0]


def records(stage: Any) -> dict[str, Any]:
    return {item["pk"]: item for item in stage.control.scan()["Items"] if item["sk"] == "scope"}


def test_a_tenant_lives_from_its_making_to_its_deletion(api: Api, stage: Any, caplog: Any) -> None:
    status, made = api("POST", TENANTS, {"id": "rival", "name": "Rival Inc.", "limits": LIMITS})
    assert status == 201
    assert made == {
        **{"id": "rival", "name": "Rival Inc.", "status": "active", "limits": LIMITS, "own_keys": []},
        **{"created_at": made["created_at"], "created_by": "ann"},
    }
    assert api("GET", RIVAL) == (200, made)
    assert api("GET", TENANTS) == (200, {"tenants": [made]})
    changed = made | {"name": "Rival", "limits": {}, "status": "disabled"}
    assert api("PATCH", RIVAL, {"name": "Rival", "limits": None, "status": "disabled"}) == (200, changed)
    assert json.loads(logged(caplog)[-1])["changed"] == "tenant rival is disabled and has another limits, name"
    assert api("PATCH", RIVAL, {}) == (200, changed)
    assert "already" in refused(api("POST", TENANTS, {"id": "rival"}), "conflict")
    api("PATCH", RIVAL, {"status": "active"})
    assert api("DELETE", RIVAL) == (200, {"id": "rival", "deleted": True})
    assert api("GET", TENANTS) == (200, {"tenants": []})
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        refused(api(method, RIVAL, body), "not_found")
    assert records(stage) == {"tenant#rival": {"pk": "tenant#rival", "sk": "scope"}}


def test_a_team_lives_from_its_making_to_its_deletion(api: Api, caplog: Any) -> None:
    refused(api("POST", TEAMS, {"id": "red"}), "not_found")  # its tenant first
    api("POST", TENANTS, {"name": "rival"})
    status, made = api("POST", TEAMS, {"id": "red"})
    assert (status, made["tenant"], made["id"], made["name"], made["status"]) == (201, "rival", "red", "red", "active")
    assert api("GET", RED) == (200, made)
    assert api("GET", TEAMS) == (200, {"teams": [made]})
    assert "teams" in refused(api("DELETE", RIVAL), "conflict")
    assert api("PATCH", RED, {"limits": {"concurrency": 3}}) == (200, made | {"limits": {"concurrency": 3}})
    assert api("DELETE", RED) == (200, {"tenant": "rival", "id": "red", "deleted": True})
    assert json.loads(logged(caplog)[-1])["changed"] == "team rival/red is deleted"
    refused(api("GET", RED), "not_found")
    assert api("DELETE", RIVAL)[0] == 200


@pytest.mark.parametrize("where", [RIVAL, RED])
def test_while_one_is_disabled_all_its_keys_are_refused_and_no_others(api: Api, where: str) -> None:
    api("POST", TENANTS, {"id": "rival"})
    api("POST", TEAMS, {"id": "red"})
    mine, blue, acme = key(api), key(api, team="blue"), key(api, tenant="acme")
    api("PATCH", where, {"status": "disabled"})
    assert (use(api, mine), use(api, blue), use(api, acme)) == (403, 403 if where == RIVAL else 200, 200)
    assert "disabled" in refused(api("GET", "/v1/usage", key=mine["secret"]), "permission_denied")
    api("PATCH", where, {"status": "active"})
    assert use(api, mine) == 200


def test_keys_of_tenants_that_were_never_made_are_good(api: Api, stage: Any) -> None:
    assert use(api, key(api)) == 200
    assert "`signalbox tenants create rival`" in refused(api("GET", RIVAL), "not_found")
    api("POST", "/admin/budgets", {"scope": "tenant", "id": "rival", "period": "day", "limit_usd": 1})
    refused(api("GET", RIVAL), "not_found")
    api("POST", TENANTS, {"id": "rival"})
    assert {"budgets", "status"} <= {*records(stage)["tenant#rival"]}


def test_one_that_has_keys_is_not_deleted_and_says_what_to_do(api: Api) -> None:
    api("POST", TENANTS, {"id": "rival"})
    api("POST", TEAMS, {"id": "red"})
    mine = key(api)
    assert "GET /admin/keys?tenant=rival&team=red" in refused(api("DELETE", RED), "conflict")
    api("DELETE", f"/admin/keys/{mine['id']}")
    assert api("DELETE", RED)[0] == 200
    blue = key(api, team="blue")
    assert "GET /admin/keys?tenant=rival " in refused(api("DELETE", RIVAL), "conflict")
    api("DELETE", f"/admin/keys/{blue['id']}")
    assert api("DELETE", RIVAL)[0] == 200
    api("POST", TENANTS, {"id": "acme"})
    assert "key secret" in refused(api("DELETE", f"{TENANTS}/acme"), "conflict")
    assert api("GET", "/v1/usage", key=DATA)[0] == 200


def test_a_disabled_one_stays_shut_when_it_is_deleted_and_its_budgets_stay(api: Api, stage: Any) -> None:
    """Whoever shows a token of another issuer that names it is not let in by its being forgotten."""
    api("POST", "/admin/budgets", {"scope": "tenant", "id": "rival", "period": "day", "limit_usd": 1})
    api("POST", TENANTS, {"id": "rival", "status": "disabled"})
    assert api("DELETE", RIVAL)[0] == 200
    assert {*records(stage)["tenant#rival"]} == {"pk", "sk", "budgets", "status"}
    assert use(api, key(api)) == 403
    api("POST", TENANTS, {"id": "rival"})
    assert use(api, key(api)) == 200


def test_they_are_listed_in_pages_by_their_ids(api: Api) -> None:
    for id in ("b", "a", "c"):
        api("POST", TENANTS, {"id": id})
        assert api("POST", f"{TENANTS}/b/teams", {"id": id})[0] == 201
    for path, noun in ((TENANTS, "tenants"), (f"{TENANTS}/b/teams", "teams")):
        pages = [api("GET", path, query=query)[1][noun] for query in ({"limit": "2"}, {"after": "b"})]
        assert [[row["id"] for row in page] for page in pages] == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    "body", [{}, {"id": "a/b"}, {"id": "a#b"}, {"name": "No Id"}, {"id": "a", "limits": {"x": 1}}, {"id": "a", "own": 1}]
)
def test_what_names_nothing_is_refused(api: Api, body: Any) -> None:
    refused(api("POST", TENANTS, body), "invalid_request")


@pytest.mark.parametrize(
    ("name", "most"),
    [("requests_per_minute", 10**12), ("requests_per_hour", 10**12), ("tokens_per_minute", 10**12), ("concurrency", 10**4)],
)
def test_a_limit_that_cannot_be_counted_is_refused_wherever_it_is_said(api: Api, name: str, most: int) -> None:
    api("POST", TENANTS, {"id": "rival"})
    api("POST", TEAMS, {"id": "red"})
    minted = f"/admin/keys/{key(api)['id']}"
    asked = [("POST", TENANTS, {"id": "a"}), ("POST", TEAMS, {"id": "a"}), ("POST", "/admin/keys", {"name": "k", "tenant": "rival"})]
    for method, path, body in [*asked, *(("PATCH", path, {}) for path in (RIVAL, RED, minted))]:
        for absurd in (most + 1, 10**18, 10**40):
            told = refused(api(method, path, body | {"limits": {name: absurd}}), "invalid_request")
            assert f"limits: {name} may be {most:,} at the most" in told
        refused(api(method, path, body | {"limits": {name: 10**500}}), "invalid_request")
        assert api(method, path, body | {"limits": {name: most}})[0] in (200, 201)


def test_who_comes_second_is_told_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api("POST", TENANTS, {"id": "rival"})
    tenants = MODULES["groups"].boto_tenants
    for write, call in (("delete", ("DELETE", RIVAL)), ("change", ("PATCH", RIVAL, {"name": "x"}))):
        monkeypatch.setattr(tenants, write, lambda *_: False)
        assert "first" in refused(api(*call), "request_in_progress")
