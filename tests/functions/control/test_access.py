"""Who may call what: one table of endpoint and credential, and the document that everybody may read."""

import json

from ops.openapi import DOCUMENT
from signalbox.errors import STATUS

from .client import ADMIN, DATA, MODULES, Api, code_of, refused

APP = MODULES["handler"].app
ROUTES = sorted(
    {
        (route.method, route.openapi_path)
        for routes in ("_static_routes", "_dynamic_routes")
        for route in getattr(MODULES["handler"].app, routes)
    }
)
OPEN = {("GET", "/openapi.json")}
FOR_CALLERS = {("GET", "/v1/usage"), ("GET", "/v1/requests/{request_id}")}
FOR_OPERATORS = [route for route in ROUTES if route not in OPEN | FOR_CALLERS]


def test_the_table_below_names_every_endpoint() -> None:
    assert set(FOR_OPERATORS) == {
        ("POST", "/admin/keys"),
        ("GET", "/admin/keys"),
        ("GET", "/admin/keys/{key_id}"),
        ("PATCH", "/admin/keys/{key_id}"),
        ("DELETE", "/admin/keys/{key_id}"),
        ("GET", "/admin/tenants/{tenant}/own_keys"),
        ("PUT", "/admin/tenants/{tenant}/own_keys"),
        ("POST", "/admin/budgets"),
        ("GET", "/admin/budgets"),
        ("DELETE", "/admin/budgets"),
        ("GET", "/admin/usage"),
        ("GET", "/admin/analytics"),
        ("GET", "/admin/savings"),
        ("GET", "/admin/analytics/flags"),
        ("GET", "/admin/config"),
        ("GET", "/admin/config/versions"),
        ("GET", "/admin/config/versions/{number}"),
        ("POST", "/admin/config/check"),
        ("POST", "/admin/config/diff"),
        ("GET", "/admin/config/draft"),
        ("PUT", "/admin/config/draft"),
        ("DELETE", "/admin/config/draft"),
        ("POST", "/admin/config/publish"),
        ("POST", "/admin/config/rollback"),
        ("GET", "/admin/policies"),
        ("POST", "/admin/policies"),
        ("GET", "/admin/policies/{policy_id}"),
        ("PUT", "/admin/policies/{policy_id}"),
        ("DELETE", "/admin/policies/{policy_id}"),
        ("POST", "/admin/policies/{policy_id}/activate"),
        ("POST", "/admin/policies/{policy_id}/disable"),
        ("GET", "/admin/flags"),
        ("GET", "/admin/flags/{name}"),
        ("PUT", "/admin/flags/{name}"),
        ("DELETE", "/admin/flags/{name}"),
        ("GET", "/admin/segments"),
        ("GET", "/admin/segments/{name}"),
        ("PUT", "/admin/segments/{name}"),
        ("DELETE", "/admin/segments/{name}"),
        ("GET", "/admin/circuits"),
        ("GET", "/admin/routes/analysis"),
        ("POST", "/admin/simulations"),
        ("GET", "/admin/simulations"),
        ("GET", "/admin/simulations/{simulation_id}"),
        ("POST", "/admin/rollbacks"),
        ("GET", "/admin/rollbacks"),
        ("GET", "/admin/rollbacks/{rollback_id}"),
        ("POST", "/admin/rollbacks/{rollback_id}/undo"),
    }


WRONG = (
    (None, "invalid_key"),
    ("Bearer nonsense", "invalid_key"),
    ("Bearer sk-sb-WyJhIiwiYiIsImMiXQ.forged", "invalid_key"),
    ("Bearer é", "invalid_key"),
    ("Bearer ", "invalid_key"),
    (f"Basic {ADMIN}", "invalid_key"),
    (ADMIN, "invalid_key"),
    (f"Bearer {DATA}", "permission_denied"),
)


def test_an_operators_endpoint_refuses_whoever_is_none(api: Api) -> None:
    for authorization, code in WRONG:
        headers = {"authorization": authorization} if authorization else {}
        for method, path in FOR_OPERATORS:
            answer = api.raw(method, path, "not even JSON", headers=headers, multiValueHeaders={})
            said = (answer["statusCode"], code_of(json.loads(answer["body"])))
            assert said == (STATUS[code], code), (method, path, authorization)


def test_a_callers_endpoint_refuses_whoever_is_none(api: Api) -> None:
    for key in (None, "nonsense", ADMIN):
        for method, path in FOR_CALLERS:
            refused(api(method, path, key=key), "invalid_key")


def test_the_document_of_the_api_is_for_everybody_and_is_the_tracked_one(api: Api) -> None:
    for key in (None, "nonsense", DATA, ADMIN):
        status, document = api("GET", "/openapi.json", key=key)
        assert status == 200
        assert document == json.loads(DOCUMENT.read_text())
