"""Static keys and tokens' subjects: let in by their row or their issuer, shut out and restricted here all the same."""

from typing import Any

import pytest

from tests.identity import token

from .client import DATA, MODULES, Api, digest, refused

ANN = "/admin/keys/jwt:acme:auth0|ann"


def asks(api: Api, tenant: str = "acme", sub: str = "auth0|ann") -> int:
    return api("GET", "/v1/usage", key=token(tenant=tenant, sub=sub))[0]


def test_a_tokens_subject_is_shut_out_alone_and_let_in_again(issued: Api) -> None:
    assert asks(issued) == 200
    status, key = issued("PATCH", ANN, {"status": "disabled"})
    assert (status, key["id"], key["tenant"], key["team"], key["status"]) == (200, "jwt:acme:auth0|ann", "acme", "", "disabled")
    assert "secret" not in key
    assert "disabled" in refused(issued("GET", "/v1/usage", key=token(tenant="acme", sub="auth0|ann")), "invalid_key")
    assert [asks(issued, sub="auth0|bob"), asks(issued, tenant="rival")] == [200, 200]
    assert [row["id"] for row in issued("GET", "/admin/keys", query={"tenant": "acme"})[1]["keys"]] == ["jwt:acme:auth0|ann"]
    assert issued("PATCH", ANN, {"status": "active"})[1]["status"] == "active"
    assert asks(issued) == 200


def test_a_static_key_is_shut_out_by_its_id(api: Api) -> None:
    assert api("PATCH", "/admin/keys/static", {"status": "disabled"})[1]["team"] == "default"
    refused(api("GET", "/v1/usage", key=DATA), "invalid_key")
    assert api("PATCH", "/admin/keys/static", {"status": "active"})[0] == 200
    assert api("GET", "/v1/usage", key=DATA)[0] == 200


def test_its_budgets_stay_when_it_is_shut_out(issued: Api, stage: Any) -> None:
    assert issued("POST", "/admin/budgets", {"scope": "key", "id": "jwt:acme:auth0|ann", "period": "day", "limit_usd": 1})[0] == 200
    assert issued("PATCH", ANN, {"status": "disabled", "limits": {"concurrency": 1}})[1]["budgets"][0]["limit_usd"] == "1.00"
    assert issued("POST", "/admin/budgets", {"scope": "key", "id": "jwt:acme:auth0|ann", "period": "day", "limit_usd": 2})[0] == 200
    assert issued("GET", ANN)[1]["status"] == "disabled"


def test_it_is_not_let_in_again_by_being_forgotten(issued: Api) -> None:
    issued("PATCH", ANN, {"status": "disabled", "limits": {"concurrency": 1}})
    assert "Take back first: status, limits" in refused(issued("DELETE", ANN), "conflict")
    issued("PATCH", ANN, {"status": "active", "limits": None})
    assert issued("DELETE", ANN)[0] == 200
    refused(issued("DELETE", ANN), "not_found")
    assert asks(issued) == 200


@pytest.mark.parametrize(
    "meanwhile",
    [
        ("PATCH", ANN, {"status": "disabled"}),
        ("POST", "/admin/budgets", {"scope": "key", "id": "jwt:acme:auth0|ann", "period": "day", "limit_usd": 1}),
    ],
)
def test_who_is_shut_out_just_now_is_not_let_in_by_whoever_forgets_it(issued: Api, monkeypatch: pytest.MonkeyPatch, meanwhile: Any) -> None:
    issued("PATCH", ANN, {"name": "Ann"})
    edge = MODULES["keys"].boto_keys
    delete = edge.delete

    def late(*asked: Any, **how: Any) -> bool:
        assert issued(*meanwhile)[0] == 200
        return delete(*asked, **how)

    monkeypatch.setattr(edge, "delete", late)
    refused(issued("DELETE", ANN), "request_in_progress")
    assert issued("GET", ANN)[0] == 200


def test_it_has_no_secret_to_renew(issued: Api) -> None:
    issued("PATCH", ANN, {"name": "Ann"})
    assert "not minted here" in refused(issued("POST", f"{ANN}/rotate"), "conflict")


@pytest.mark.parametrize("id", ["jwt:acme", "jwt::ann", "jwt:a b:ann", "jwt:acme:", "jwt:acme:a b", "JWT:acme:ann", "another"])
def test_what_no_token_asks_as_is_no_key(issued: Api, stage: Any, id: str) -> None:
    refused(issued("PATCH", f"/admin/keys/{id}", {"status": "disabled"}), "not_found")
    assert stage.control.scan()["Items"] == []


@pytest.mark.parametrize("row", ["static", None, 7, [], {}, {"key_id": 7}, {"key_id": "bad"}, {"key_id": "bad", "tenant": "acme"}])
def test_a_row_that_is_not_understood_is_nobodys_and_stands_in_nobodys_way(api: Api, monkeypatch: pytest.MonkeyPatch, row: Any) -> None:
    ring = MODULES["access"].ring()
    ill = ring._replace(data_keys={digest("sk-ill"): row, **ring.data_keys})
    monkeypatch.setattr(MODULES["access"], "ring", lambda: ill)
    budget = {"scope": "key", "period": "day", "limit_usd": 1}
    assert api("POST", "/admin/budgets", budget | {"id": "static"})[0] == 200
    refused(api("POST", "/admin/budgets", budget | {"id": "bad"}), "not_found")
    assert api("PATCH", "/admin/keys/static", {"status": "active"})[0] == 200
    refused(api("PATCH", "/admin/keys/bad", {"status": "disabled"}), "not_found")
    for tenant in ("rival", "acme"):
        assert api("POST", "/admin/tenants", {"name": tenant})[0] == 201
    assert api("DELETE", "/admin/tenants/rival")[0] == 200
    assert "key" in refused(api("DELETE", "/admin/tenants/acme"), "conflict")
    assert api("GET", "/admin/analytics/flags")[0] == 200
    refused(api("GET", "/v1/usage", key="sk-ill"), "permission_denied" if row is not None else "invalid_key")
    assert api("GET", "/v1/usage", key=DATA)[0] == 200
