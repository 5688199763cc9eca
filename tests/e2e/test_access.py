"""Tokens of another issuer, whose keys the deployed functions ask for over HTTP."""

import pytest

from signalbox.admission.operators import OPERATIONS, ROUTING, TENANTS, USAGE
from tests.identity import BAD, token

from .waiting import eventually

CHAT = {"model": "chat", "messages": [{"role": "user", "content": "Hello"}]}


def asked(stack, method, path, bearer, body=None):
    """The status, and the error's code where it is one."""
    answer = stack.http.request(method, stack.url + path, json=body, headers={"authorization": f"Bearer {bearer}"})
    return answer.status_code, answer.json().get("error", {}).get("code")


READ = [("/admin/config/versions", ROUTING), ("/admin/keys", TENANTS), ("/admin/usage?tenant=acme", USAGE), ("/admin/circuits", OPERATIONS)]


@pytest.mark.parametrize(("path", "permission"), READ)
def test_a_token_opens_what_its_permissions_say(stack, path, permission):
    assert asked(stack, "GET", path, token(permissions=[permission])) == (200, None)
    assert asked(stack, "GET", path, token("ec", permissions=[name for _, name in READ if name != permission])) == (
        403,
        "permission_denied",
    )
    assert asked(stack, "GET", path, BAD["expired"](permissions=[permission])) == (401, "invalid_key")
    assert asked(stack, "GET", path, BAD["HS256 by the public key"](permissions=[permission])) == (401, "invalid_key")


def test_a_caller_by_token_is_served_as_the_tenant_that_it_names(stack):
    bearer = token("ec", tenant="acme", team="search", sub="auth0|bob")
    answer = stack.client(bearer).chat.completions.with_raw_response.create(**CHAT)
    path = f"/v1/requests/{answer.headers['x-signalbox-request-id']}"
    usage = eventually(lambda: stack.get(path, token(tenant="acme")), lambda answer: answer.status_code == 200).json()
    assert (usage["tenant"], usage["team"], usage["key"]) == ("acme", "search", "jwt:acme:auth0|bob")
    assert asked(stack, "GET", path, token(tenant="other")) == (404, "not_found")
    assert stack.usage(bearer)["id"] == "jwt:acme:auth0|bob"


def test_a_bad_token_is_refused_where_requests_are_served(stack):
    assert asked(stack, "POST", "/v1/chat/completions", BAD["signed by another"](tenant="acme"), CHAT) == (401, "invalid_key")
    assert asked(stack, "POST", "/v1/chat/completions", BAD["unsigned"](tenant="acme"), CHAT) == (401, "invalid_key")
    assert asked(stack, "POST", "/v1/chat/completions", token(), CHAT) == (403, "permission_denied")
