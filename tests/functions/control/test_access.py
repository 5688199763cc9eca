"""Who may call what: one written table of endpoint and permission, and every credential there is, good and bad, held against it."""

import json
from typing import Any

import pytest

from ops.openapi import DOCUMENT
from signalbox.admission.operators import OPERATIONS, PERMISSIONS, ROUTING, TENANTS, USAGE
from signalbox.aws import boto_bus
from tests.identity import BAD, Identity, token

from .client import ADMIN, DATA, MODULES, Api, code_of, digest, limited, logged, refused

EVERYBODY, CALLERS = "everybody", "callers"

# Written here once more, and by hand: what access.ROWS says by prefix is held against it. A new endpoint needs a row.
ENDPOINTS = {
    ("GET", "/openapi.json"): EVERYBODY,
    ("GET", "/v1/usage"): CALLERS,
    ("GET", "/v1/requests/{request_id}"): CALLERS,
    ("POST", "/admin/keys"): TENANTS,
    ("GET", "/admin/keys"): TENANTS,
    ("GET", "/admin/keys/{key_id}"): TENANTS,
    ("PATCH", "/admin/keys/{key_id}"): TENANTS,
    ("DELETE", "/admin/keys/{key_id}"): TENANTS,
    ("POST", "/admin/keys/{key_id}/rotate"): TENANTS,
    ("GET", "/admin/tenants/{tenant}/own_keys"): TENANTS,
    ("PUT", "/admin/tenants/{tenant}/own_keys"): TENANTS,
    ("POST", "/admin/tenants"): TENANTS,
    ("GET", "/admin/tenants"): TENANTS,
    ("GET", "/admin/tenants/{tenant}"): TENANTS,
    ("PATCH", "/admin/tenants/{tenant}"): TENANTS,
    ("DELETE", "/admin/tenants/{tenant}"): TENANTS,
    ("POST", "/admin/tenants/{tenant}/teams"): TENANTS,
    ("GET", "/admin/tenants/{tenant}/teams"): TENANTS,
    ("GET", "/admin/tenants/{tenant}/teams/{team}"): TENANTS,
    ("PATCH", "/admin/tenants/{tenant}/teams/{team}"): TENANTS,
    ("DELETE", "/admin/tenants/{tenant}/teams/{team}"): TENANTS,
    ("POST", "/admin/budgets"): TENANTS,
    ("GET", "/admin/budgets"): TENANTS,
    ("DELETE", "/admin/budgets"): TENANTS,
    ("POST", "/admin/budgets/raises"): TENANTS,
    ("DELETE", "/admin/budgets/raises"): TENANTS,
    ("GET", "/admin/usage"): USAGE,
    ("GET", "/admin/analytics"): USAGE,
    ("GET", "/admin/analytics/flags"): USAGE,
    ("GET", "/admin/savings"): USAGE,
    ("GET", "/admin/reports"): USAGE,
    ("GET", "/admin/reports/{day}"): USAGE,
    ("GET", "/admin/requests"): USAGE,
    ("GET", "/admin/requests/{request_id}"): USAGE,
    ("GET", "/admin/requests/{request_id}/sample"): OPERATIONS,
    ("DELETE", "/admin/requests/{request_id}/sample"): OPERATIONS,
    ("GET", "/admin/config"): ROUTING,
    ("GET", "/admin/config/versions"): ROUTING,
    ("GET", "/admin/config/versions/{number}"): ROUTING,
    ("POST", "/admin/config/check"): ROUTING,
    ("POST", "/admin/config/diff"): ROUTING,
    ("GET", "/admin/config/draft"): ROUTING,
    ("PUT", "/admin/config/draft"): ROUTING,
    ("DELETE", "/admin/config/draft"): ROUTING,
    ("POST", "/admin/config/publish"): ROUTING,
    ("POST", "/admin/config/rollback"): ROUTING,
    ("GET", "/admin/policies"): ROUTING,
    ("POST", "/admin/policies"): ROUTING,
    ("GET", "/admin/policies/{policy_id}"): ROUTING,
    ("PUT", "/admin/policies/{policy_id}"): ROUTING,
    ("DELETE", "/admin/policies/{policy_id}"): ROUTING,
    ("POST", "/admin/policies/{policy_id}/activate"): ROUTING,
    ("POST", "/admin/policies/{policy_id}/disable"): ROUTING,
    ("GET", "/admin/flags"): ROUTING,
    ("GET", "/admin/flags/{name}"): ROUTING,
    ("PUT", "/admin/flags/{name}"): ROUTING,
    ("DELETE", "/admin/flags/{name}"): ROUTING,
    ("GET", "/admin/segments"): ROUTING,
    ("GET", "/admin/segments/{name}"): ROUTING,
    ("PUT", "/admin/segments/{name}"): ROUTING,
    ("DELETE", "/admin/segments/{name}"): ROUTING,
    ("GET", "/admin/routes/analysis"): ROUTING,
    ("POST", "/admin/simulations"): ROUTING,
    ("GET", "/admin/simulations"): ROUTING,
    ("GET", "/admin/simulations/{simulation_id}"): ROUTING,
    ("GET", "/admin/circuits"): OPERATIONS,
    ("POST", "/admin/rollbacks"): OPERATIONS,
    ("GET", "/admin/rollbacks"): OPERATIONS,
    ("GET", "/admin/rollbacks/{rollback_id}"): OPERATIONS,
    ("POST", "/admin/rollbacks/{rollback_id}/undo"): OPERATIONS,
    ("GET", "/admin/audit"): OPERATIONS,
}
FOR_OPERATORS = {endpoint: who for endpoint, who in ENDPOINTS.items() if who in PERMISSIONS}
FOR_CALLERS = [endpoint for endpoint, who in ENDPOINTS.items() if who is CALLERS]

APP = MODULES["handler"].app
ROUTES = {(route.method, route.openapi_path) for routes in ("_static_routes", "_dynamic_routes") for route in getattr(APP, routes)}


def test_the_table_names_every_endpoint() -> None:
    assert set(ENDPOINTS) == ROUTES


def test_each_row_names_what_is_there() -> None:
    access = MODULES["access"]
    for row in access.ROWS:
        assert any(access._covers(row, path) for _, path in ENDPOINTS), row


def test_the_document_names_every_endpoint_and_its_permission() -> None:
    paths = json.loads(DOCUMENT.read_text())["paths"]
    for (method, path), who in ENDPOINTS.items():
        if who is not EVERYBODY:
            security = paths[path][method.lower()]["security"]
            assert security == ([{"data_key": []}, {"token": []}] if who is CALLERS else [{"admin_key": [who]}, {"token": [who]}])


def test_no_row_is_for_a_permission_that_there_is_not() -> None:
    rows = MODULES["access"].ROWS
    assert {row.who for row in rows} == {EVERYBODY, CALLERS, *PERMISSIONS}
    assert len({row.path for row in rows}) == len(rows)


# Operators: what each credential may do, or how it is refused wherever it is sent.
GOOD: dict[str, tuple[str, tuple[str, ...]]] = {
    "an admin key": (ADMIN, PERMISSIONS),
    **{f"an admin key with {name}": (limited(name), (name,)) for name in PERMISSIONS},
    "an admin key with nothing": (limited(), ()),
}
CLAIMS: dict[str, tuple[Any, tuple[str, ...]]] = {
    **{f"a token with {name}": ([name], (name,)) for name in PERMISSIONS},
    "a token with all": (list(PERMISSIONS), PERMISSIONS),
    "a token with two, as words": (f"{USAGE} openid {OPERATIONS}", (USAGE, OPERATIONS)),
    "a token with nothing": (None, ()),
    "a token with an empty list": ([], ()),
    "a token with what there is not": (["*", "admin", "usage", "usage:readwrite", "ROUTING:MANAGE", 7, None], ()),
    "a token with permissions by name": (dict.fromkeys(PERMISSIONS, False), ()),
    "a token with a number": (7, ()),
}
NO_KEY = {
    "nothing": None,
    "nonsense": "Bearer nonsense",
    "a forged data key": "Bearer sk-sb-WyJhIiwiYiIsImMiXQ.forged",
    "an umlaut": "Bearer é",
    "an empty key": "Bearer ",
    "an admin key by another scheme": f"Basic {ADMIN}",
    "an admin key without a scheme": ADMIN,
}


def status_of(api: Api, endpoint: tuple[str, str], authorization: str | None) -> tuple[int, str]:
    """With the code, where it is an error."""
    method, path = endpoint
    headers = {"authorization": authorization} if authorization else {}
    answer = api.raw(method, path, "not even JSON", headers=headers, multiValueHeaders={})
    return answer["statusCode"], code_of(json.loads(answer["body"])) if answer["statusCode"] >= 400 else ""


def held_to_the_table(api: Api, bearer: str, permissions: tuple[str, ...]) -> None:
    for endpoint, permission in FOR_OPERATORS.items():
        status, code = status_of(api, endpoint, f"Bearer {bearer}")
        if permission in permissions:
            assert status not in (401, 403), (endpoint, code)
            assert status < 500, (endpoint, code)
        else:
            assert (status, code) == (403, "permission_denied"), endpoint


@pytest.mark.parametrize("credential", GOOD)
def test_an_admin_key_may_do_what_its_row_says(issued: Api, credential: str) -> None:
    held_to_the_table(issued, *GOOD[credential])


@pytest.mark.parametrize("of", ["rsa", "ec"])
@pytest.mark.parametrize("credential", CLAIMS)
def test_a_token_may_do_what_its_claim_says(issued: Api, credential: str, of: str) -> None:
    said, permissions = CLAIMS[credential]
    held_to_the_table(issued, token(of, permissions=said), permissions)


@pytest.mark.parametrize("wrong", BAD)
def test_a_bad_token_opens_nothing(issued: Api, wrong: str) -> None:
    bad = BAD[wrong](permissions=list(PERMISSIONS), tenant="acme")
    for endpoint in [*FOR_OPERATORS, *FOR_CALLERS]:
        assert status_of(issued, endpoint, f"Bearer {bad}") == (401, "invalid_key"), endpoint


@pytest.mark.parametrize("wrong", NO_KEY)
def test_what_is_no_key_opens_nothing(issued: Api, wrong: str) -> None:
    for endpoint in [*FOR_OPERATORS, *FOR_CALLERS]:
        assert status_of(issued, endpoint, NO_KEY[wrong]) == (401, "invalid_key"), endpoint


def test_a_data_key_is_known_and_not_enough(issued: Api) -> None:
    _, minted = issued("POST", "/admin/keys", {"name": "n", "tenant": "acme"})
    for key in (DATA, minted["secret"]):
        for endpoint in FOR_OPERATORS:
            assert status_of(issued, endpoint, f"Bearer {key}") == (403, "permission_denied"), endpoint
        for endpoint in FOR_CALLERS:
            assert status_of(issued, endpoint, f"Bearer {key}")[0] in (200, 404), endpoint


@pytest.mark.parametrize("claims", [{"tenant": "acme"}, {"tenant": "acme", "team": "search", "signalbox": {"models": ["chat"]}}])
def test_a_token_with_a_tenant_is_a_callers(issued: Api, claims: dict[str, Any]) -> None:
    for endpoint in FOR_CALLERS:
        assert status_of(issued, endpoint, f"Bearer {token(**claims)}")[0] in (200, 404), endpoint
    assert issued("GET", "/v1/usage", key=token(**claims))[1]["id"] == "jwt:acme:ann"


TOO_LITTLE: dict[str, tuple[dict[str, Any], str]] = {
    "no tenant": ({}, "it lacks the claim tenant"),
    "permissions alone": ({"permissions": list(PERMISSIONS)}, "it lacks the claim tenant"),
    "a tenant of two": ({"tenant": ["acme", "other"]}, "its claim tenant must be a name"),
    "a tenant with a team": ({"tenant": "acme/search"}, "its claim tenant must be a name"),
    "a tenant that parts scopes": ({"tenant": "acme#x"}, "its claim tenant must be a name"),
    "a team that parts scopes": ({"tenant": "acme", "team": "a/b"}, "its claim team must be a name"),
    "a subject that parts scopes": ({"tenant": "acme", "sub": "a#b"}, "its claim sub must have"),
    "a subject of another's": ({"tenant": "acme", "sub": "a/b"}, "its claim sub must have"),
    "a subject that ends a line": ({"tenant": "acme", "sub": "a\nb"}, "its claim sub must have"),
    "grants that are none": ({"tenant": "acme", "signalbox": "all"}, "its claim signalbox must be an object"),
    "grants that nobody knows": ({"tenant": "acme", "signalbox": {"modells": ["chat"]}}, "its claim signalbox may have"),
}


@pytest.mark.parametrize("lacking", TOO_LITTLE)
def test_a_token_that_says_too_little_is_told_what_is_missing(issued: Api, lacking: str) -> None:
    claims, said = TOO_LITTLE[lacking]
    for method, path in FOR_CALLERS:
        assert said in refused(issued(method, path, key=token(**claims)), "permission_denied")


def test_the_data_api_takes_no_tokens_unless_the_tenants_claim_is_named(issued: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_JWT_TENANT_CLAIM", "")
    for endpoint in FOR_CALLERS:
        assert status_of(issued, endpoint, f"Bearer {token(tenant='acme')}") == (401, "invalid_key")
    assert status_of(issued, ("GET", "/admin/usage"), f"Bearer {token(permissions=[USAGE])}")[0] == 400


def test_a_stage_without_an_issuer_takes_no_tokens(api: Api) -> None:
    good = token(permissions=list(PERMISSIONS), tenant="acme")
    for endpoint in [*FOR_OPERATORS, *FOR_CALLERS]:
        assert status_of(api, endpoint, f"Bearer {good}") == (401, "invalid_key"), endpoint


def test_where_the_issuers_keys_cannot_be_had_nobody_is_let_in(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with Identity() as away:
        away.status = 500
        for name, value in away.environment.items():
            monkeypatch.setenv(name, value)
        good = token(permissions=list(PERMISSIONS), tenant="acme")
        for endpoint in [*FOR_OPERATORS, *FOR_CALLERS]:
            assert status_of(api, endpoint, f"Bearer {good}") == (503, "ledger_unavailable"), endpoint
    assert away.asked < 5


@pytest.mark.parametrize("secret", [None, "no JSON at all: ak-lost", '{"admin_keys": {}}', '{"mac_key": null}', '["mac_key"]'])
def test_where_the_key_secret_cannot_be_read_nobody_is_let_in(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: Any, secret: str | None
) -> None:
    client = boto_bus.client("secretsmanager")
    name = "arn:aws:secretsmanager:us-east-1:123456789012:secret:none-abcdef"
    if secret is not None:
        name = client.create_secret(Name=f"broken-{len(secret)}", SecretString=secret)["ARN"]
    monkeypatch.setenv("SIGNALBOX_KEY_SECRET", name)
    for method, path, key in (("GET", "/admin/keys", ADMIN), ("POST", "/admin/budgets", ADMIN), ("GET", "/v1/usage", DATA)):
        assert status_of(api, (method, path), f"Bearer {key}") == (503, "ledger_unavailable")
    assert "ak-lost" not in "".join(logged(caplog))


def test_an_admin_key_is_of_no_tenant(issued: Api) -> None:
    for endpoint in FOR_CALLERS:
        assert status_of(issued, endpoint, f"Bearer {ADMIN}") == (401, "invalid_key")


def test_the_error_names_the_permission_and_repeats_no_key(issued: Api) -> None:
    bearer = token(permissions=[USAGE])
    said = refused(issued("GET", "/admin/config", key=bearer), "permission_denied")
    assert said == "This needs the permission routing:manage, which jwt:ann does not have. Ask whoever gives them."
    said = refused(issued("POST", "/admin/rollbacks", key=limited(USAGE)), "permission_denied")
    assert said == "This needs the permission operations:manage, which usage:read does not have. Ask whoever gives them."


def test_who_changed_something_by_a_token_is_its_subject(issued: Api, stage: Any) -> None:
    _, key = issued("POST", "/admin/keys", {"name": "n", "tenant": "acme"}, key=token(sub="auth0|ann@example.com", permissions=[TENANTS]))
    assert key["created_by"] == "jwt:auth0|ann@example.com"
    audited = [item["who"] for item in stage.control.scan()["Items"] if item["pk"].startswith("audit#")]
    assert audited == ["jwt:auth0|ann@example.com"]


NOBODYS = [
    *(("GET", "/admin"), ("GET", "/admin/keysmith"), ("GET", "/v1"), ("GET", "/v1/usages"), ("GET", "/openapi.json5"), ("GET", "/")),
    *(
        ("POST", "/admin/savings"),
        ("POST", "/admin/audit"),
        ("POST", "/openapi.json"),
        ("OPTIONS", "/admin/keys"),
        ("HEAD", "/admin/keys"),
    ),
]


@pytest.mark.parametrize(("method", "path"), NOBODYS)
def test_what_a_row_does_not_name_is_not_in_it(method: str, path: str) -> None:
    assert MODULES["access"].who_may(method, path) is None


def test_an_endpoint_without_a_row_is_answered_to_nobody(issued: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = MODULES["access"].ROWS
    monkeypatch.setattr(MODULES["access"], "ROWS", tuple(row for row in rows if row.path != "/admin/usage"))
    assert status_of(issued, ("GET", "/admin/usage"), f"Bearer {ADMIN}") == (404, "not_found")
    assert status_of(issued, ("POST", "/admin/savings"), f"Bearer {ADMIN}") == (405, "method_not_allowed")
    assert status_of(issued, ("GET", "/admin/keysmith"), f"Bearer {ADMIN}") == (404, "not_found")
    assert status_of(issued, ("GET", "/admin/nothing"), None) == (401, "invalid_key")


def test_no_token_and_no_key_is_logged(issued: Api, caplog: Any) -> None:
    shown = [ADMIN, DATA, token(), token(permissions=list(PERMISSIONS)), BAD["expired"](), BAD["of an unknown key"]()]
    for bearer in shown:
        for endpoint in [("GET", "/admin/usage"), ("POST", "/admin/keys"), ("GET", "/v1/usage")]:
            status_of(issued, endpoint, f"Bearer {bearer}")
    written = "".join(logged(caplog))
    assert not any(bearer in written for bearer in shown)


def test_the_document_of_the_api_is_for_everybody_and_is_the_tracked_one(issued: Api) -> None:
    for key in (None, "nonsense", BAD["expired"]()):
        status, document = issued("GET", "/openapi.json", key=key)
        assert status == 200
        assert document == json.loads(DOCUMENT.read_text())


def test_a_callers_key_is_taken_as_the_data_api_takes_it(issued: Api) -> None:
    for key in (DATA, token(tenant="acme")):
        for name in ("x-api-key", "X-Api-Key"):
            assert issued("GET", "/v1/usage", headers={name: key}, multiValueHeaders={name: [key]})[0] == 200
    refused(issued("GET", "/admin/keys", headers={"x-api-key": DATA}, multiValueHeaders={}), "permission_denied")


def test_a_key_drawn_a_moment_ago_is_found_and_forged_ones_cost_a_look_in_seconds(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULES["access"], "_looked_s", float("-inf"))
    assert api("GET", "/admin/keys")[0] == 200  # what is kept is from before the drawing
    secrets = boto_bus.client("secretsmanager")
    ring: dict[str, Any] = json.loads(secrets.get_secret_value(SecretId="keys")["SecretString"])
    for name in ("ak-drawn", "ak-drawn-too"):
        ring["admin_keys"][digest(name)] = name
        secrets.put_secret_value(SecretId="keys", SecretString=json.dumps(ring))
        drawn = api("GET", "/admin/keys", key=name)[0]
        assert drawn == (200 if name == "ak-drawn" else 401)  # which has to wait for the next look
