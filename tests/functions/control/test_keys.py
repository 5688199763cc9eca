"""Minted keys, from their minting to their deletion, and who is remembered to have changed what."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from signalbox.admission.keys import authenticate

from .client import ADMIN, DATA, MODULES, SEED, Api, logged, refused

TEAMS = (("acme", "red"), ("acme", "blue"), ("rival", "red"))


def test_a_minted_key_lives_from_its_minting_to_its_deletion(api: Api, stage: Any) -> None:
    status, minted = api("POST", "/admin/keys", {"name": "robot", "tenant": "acme", "team": "red"})
    assert status == 201
    id, secret = minted["id"], minted.pop("secret")
    ring = MODULES["access"].ring()
    caller = authenticate(secret, ring)
    assert (caller.key_id, caller.tenant, caller.team, caller.minted) == (id, "acme", "red", True)
    free: dict[str, Any] = dict.fromkeys(("expires_at", "models", "routes", "old_secret_until"))
    free |= {"agents": [], "teams": [], "tags": [], "budgets": [], "fallbacks": False, "limits": {}, "created_at": minted["created_at"]}
    assert minted == free | {"id": id, "name": "robot", "tenant": "acme", "team": "red", "status": "active", "created_by": "ann"}
    assert api("GET", f"/admin/keys/{id}") == (200, minted)
    assert api("GET", "/v1/usage", key=secret)[0] == 200
    refused(api("GET", "/admin/keys", key=secret), "permission_denied")

    assert api("PATCH", f"/admin/keys/{id}", {"status": "disabled"}) == (200, minted | {"status": "disabled"})
    assert "disabled" in refused(api("GET", "/v1/usage", key=secret), "invalid_key")
    api("PATCH", f"/admin/keys/{id}", {"status": "active"})
    assert api("GET", "/v1/usage", key=secret)[0] == 200

    stored = stage.control.get_item(Key={"pk": f"key#{id}", "sk": "scope"})["Item"]
    assert stored["secrets"] == [{"hash": caller.digest}]
    assert secret not in json.dumps(stage.control.scan()["Items"], default=str)

    assert api("DELETE", f"/admin/keys/{id}") == (200, {"id": id, "deleted": True})
    refused(api("GET", "/v1/usage", key=secret), "invalid_key")
    for method, body in (("GET", None), ("PATCH", {"status": "active"}), ("DELETE", None)):
        refused(api(method, f"/admin/keys/{id}", body), "not_found")
    assert api("GET", "/admin/keys") == (200, {"keys": []})
    assert [item for item in stage.control.scan()["Items"] if not item["pk"].startswith("audit#")] == []


@pytest.mark.parametrize("said", [{"status": "disabled"}, {"disabled": True}])
def test_a_key_may_be_minted_disabled_and_by_either_word(api: Api, said: dict[str, Any]) -> None:
    for budgets in ([], [{"period": "day", "limit_usd": 1}]):
        status, minted = api("POST", "/admin/keys", {"name": "robot", "tenant": "acme", "budgets": budgets} | said)
        assert (status, minted["status"], len(minted["budgets"])) == (201, "disabled", len(budgets))
        assert "disabled" in refused(api("GET", "/v1/usage", key=minted["secret"]), "invalid_key")
        assert api("PATCH", f"/admin/keys/{minted['id']}", {"disabled": False})[1]["status"] == "active"
        assert api("GET", "/v1/usage", key=minted["secret"])[0] == 200
        assert api("PATCH", f"/admin/keys/{minted['id']}", said)[1]["status"] == "disabled"


def test_a_key_may_be_permitted_to_bring_fallbacks(api: Api, stage: Any) -> None:
    _, minted = api("POST", "/admin/keys", {"name": "robot", "tenant": "acme", "fallbacks": True})
    assert api("GET", f"/admin/keys/{minted['id']}")[1]["fallbacks"] is True
    assert stage.control.get_item(Key={"pk": f"key#{minted['id']}", "sk": "scope"})["Item"]["fallbacks"] is True
    refused(api("POST", "/admin/keys", {"name": "robot", "tenant": "acme", "fallbacks": "some"}), "invalid_request")


def test_keys_are_listed_in_pages_in_the_order_of_their_making(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = []
    for second in range(3):
        monkeypatch.setattr(MODULES["stage"], "now", lambda second=second: datetime(2026, 11, 21, 0, 0, second, tzinfo=UTC))
        ids.append(api("POST", "/admin/keys", {"name": f"k{second}", "tenant": "acme"})[1]["id"])
    first = api("GET", "/admin/keys", query={"limit": "2"})[1]["keys"]
    rest = api("GET", "/admin/keys", query={"after": ids[1]})[1]["keys"]
    assert [key["id"] for key in first + rest] == ids


def test_keys_are_listed_by_tenant_and_team(api: Api) -> None:
    ids = {where: api("POST", "/admin/keys", {"name": "k", "tenant": where[0], "team": where[1]})[1]["id"] for where in TEAMS}

    def listed(**query: str) -> set[str]:
        return {key["id"] for key in api("GET", "/admin/keys", query=query)[1]["keys"]}

    assert listed(tenant="acme") == {ids["acme", "red"], ids["acme", "blue"]}
    assert listed(tenant="acme", team="red") == {ids["acme", "red"]}
    assert listed(tenant="rival", team="blue") == set()
    assert "tenant" in refused(api("GET", "/admin/keys", query={"team": "red"}), "invalid_request")


def test_a_static_key_that_has_a_budget_still_is_no_minted_one(api: Api) -> None:
    api("POST", "/admin/budgets", {"scope": "key", "id": "static", "period": "day", "limit_usd": 1})
    assert api("GET", "/v1/usage", key=DATA)[0] == 200
    refused(api("GET", "/admin/keys/static"), "not_found")


def test_every_change_leaves_a_line_and_an_item_and_no_key(api: Api, stage: Any, caplog: Any) -> None:
    secret = api("POST", "/admin/keys", {"name": "robot", "tenant": "acme"})[1]["secret"]
    api("POST", "/admin/budgets", {"scope": "tenant", "id": "acme", "period": "month", "limit_usd": "1.50"})
    api("GET", "/admin/keys")
    api("POST", "/admin/config/check", {"document": SEED})
    api("POST", "/admin/keys", {"name": "no tenant"})
    log = logged(caplog)
    lines = [line for line in map(json.loads, log) if line["message"] == "changed by an operator"]
    assert [(line["who"], line["method"], line["path"]) for line in lines] == [
        ("ann", "POST", "/admin/keys"),
        ("ann", "POST", "/admin/budgets"),
    ]
    assert lines[1]["changed"] == "tenant#acme month: 1.50 USD, hard"
    items = [item for item in stage.control.scan()["Items"] if item["pk"].startswith("audit#")]
    assert {(item["who"], item["changed"]) for item in items} == {(line["who"], line["changed"]) for line in lines}
    assert all(item["expires_at"] > time.time() + 399 * 86_400 for item in items)
    for key in (secret, ADMIN):
        assert key not in "".join(log)
