"""Who may ask complete: each of its endpoints, through its real handler, held against every credential, good and bad."""

import json
import subprocess
import sys

import pytest

from bench.init_imports import environment
from signalbox.admission.keys import digest_of, mint
from signalbox.data_api import DIALECTS
from signalbox.errors import STATUS
from tests.identity import BAD, Identity, token

from .world import KEY, sample

MAC_KEY = b"x" * 32
ENDPOINTS = [*((path, "POST") for path in DIALECTS), ("/v1/models", "GET"), ("/v1/models/chat", "GET")]
NO_KEY = [None, "", "nonsense", "ak-signalbox-local", "é", "sk-sb-WyJhIiwiYiIsImMiXQ.forged", mint("k", "acme", "search", b"another")]


@pytest.fixture(scope="module")
def identity():
    with Identity() as identity:
        yield identity


@pytest.fixture
def issued(identity, monkeypatch, request):
    """complete, deployed with an issuer of tokens."""
    identity.asked = 0
    for name, value in identity.environment.items():
        monkeypatch.setenv(name, value)
    return request.getfixturevalue("world")


def event(path, method, bearer, header="authorization"):
    shown = f"Bearer {bearer}" if header == "authorization" else bearer
    headers = {"content-type": "application/json"} | ({header: shown} if bearer is not None else {})
    return sample("complete_chat") | {"path": path, "httpMethod": method, "headers": headers, "body": "{}"}


def answered(world, path, method, bearer, header="authorization"):
    """The status, and the error's code and message where it is one."""
    answer = world.ask(event(path, method, bearer, header))
    error = json.loads(answer.body).get("error", {})
    return answer.status, error.get("code"), error.get("message", "")


def key(world, **record):
    """A minted key with its record."""
    key = mint("k1", "acme", "search", MAC_KEY)
    row = {"tenant": "acme", "team": "search", "status": "active", "secrets": [{"hash": digest_of(key, MAC_KEY)}]}
    world.table("control").put_item(Item={"pk": "key#k1", "sk": "scope"} | row | record)
    return key


def chat(bearer, **body):
    asked = sample("complete_chat")
    asked["headers"] = asked["headers"] | {"authorization": f"Bearer {bearer}"}
    return asked | {"body": json.dumps(json.loads(asked["body"]) | body)}


def test_the_table_names_every_endpoint(issued):
    known = {(path.replace("*", "chat"), method) for path, methods in issued.module.api._endpoints.items() for method in methods}
    assert known == {*ENDPOINTS, ("/health", "GET")}


def test_whatever_is_no_credential_opens_nothing(issued):
    for path, method in ENDPOINTS:
        for bearer in NO_KEY:
            assert answered(issued, path, method, bearer)[:2] == (401, "invalid_key"), (path, bearer)


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_a_bad_token_opens_nothing_and_is_not_repeated(issued, header, capsys):
    for wrong, made in BAD.items():
        bad = made(tenant="acme")
        for path, method in ENDPOINTS:
            status, code, message = answered(issued, path, method, bad, header)
            assert (status, code) == (401, "invalid_key"), (path, wrong)
            assert not any(part in message for part in bad.split(".") if len(part) > 3)
    written = "".join(capsys.readouterr())
    assert not any(made(tenant="acme").split(".")[1] in written for wrong, made in BAD.items() if "three dots" not in wrong)


def test_who_has_a_key_or_a_token_with_a_tenant_is_let_in(issued, identity):
    good = [KEY, key(issued), token(tenant="acme"), token("ec", tenant="acme", team="search", signalbox={"tags": ["beta"]})]
    for path, method in ENDPOINTS:
        for bearer in good:
            for header in ("authorization", "x-api-key"):
                assert answered(issued, path, method, bearer, header)[0] == (400 if method == "POST" else 200), path
    assert identity.asked == 1


def test_a_token_that_says_too_little_is_told_what_is_missing(issued):
    for claims, said in (
        ({}, "lacks the claim tenant"),
        ({"tenant": "a/b"}, "claim tenant must be"),
        ({"tenant": "a", "sub": "a#b"}, "sub"),
    ):
        for path, method in ENDPOINTS:
            status, code, message = answered(issued, path, method, token(permissions=["tenants:manage"], **claims))
            assert (status, code) == (403, "permission_denied")
            assert said in message


def test_a_request_by_a_token_counts_for_its_tenant_team_and_subject(issued):
    answer = issued.ask(chat(token(tenant="acme", team="search")))
    assert answer.status == 200
    [usage] = issued.usage()
    assert (usage["tenant"], usage["team"], usage["key"]) == ("acme", "search", "jwt:acme:ann")


DISABLED = [
    ("key#jwt:acme:ann", "invalid_key"),
    ("team#acme/search", "permission_denied"),
    ("tenant#acme", "permission_denied"),
]


@pytest.mark.parametrize(("scope", "code"), DISABLED)
def test_a_subject_a_team_and_a_tenant_can_be_disabled(issued, scope, code):
    issued.table("control").put_item(Item={"pk": scope, "sk": "scope", "status": "disabled"})
    answer = issued.ask(chat(token(tenant="acme", team="search")))
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (STATUS[code], code)
    assert issued.ask(chat(token(tenant="other", sub="bob"))).status == 200


def test_a_token_may_ask_for_the_models_that_it_names(issued):
    bearer = token(tenant="acme", signalbox={"models": ["openai/gpt-4.1-mini"]})
    assert issued.ask(chat(bearer, model="openai/gpt-4.1-mini")).status == 200
    refused = issued.ask(chat(bearer, model="mistral/mistral-small-latest"))
    assert (refused.status, json.loads(refused.body)["error"]["code"]) == (403, "permission_denied")


def test_where_the_issuers_keys_cannot_be_had_nobody_is_let_in(issued, identity):
    identity.status = 500
    try:
        for path, method in ENDPOINTS:
            assert answered(issued, path, method, token(tenant="acme"))[:2] == (503, "ledger_unavailable")
        assert answered(issued, *ENDPOINTS[0], KEY)[0] == 400  # keys are good as ever
        assert identity.asked == 1
    finally:
        identity.status = 200


def test_without_an_issuer_a_token_is_no_key(world):
    for path, method in ENDPOINTS:
        assert answered(world, path, method, token(tenant="acme"))[:2] == (401, "invalid_key")


def test_a_stage_that_takes_no_tokens_loads_nothing_of_theirs():
    said = (
        "import sys, handler; print(sorted(name for name in sys.modules if name.rpartition('.')[2] in ('issuer', 'claims', 'operators')))"
    )
    run = [sys.executable, "-c", said]
    assert subprocess.check_output(run, env=environment(), text=True).strip() == "[]"


def test_who_sends_no_token_does_not_pay_for_them():
    """Neither at init nor for a key: PyJWT is loaded for the first token, of a stage that takes any."""
    said = f"""
import sys, handler
from signalbox.admission.keys import KeyRing
from signalbox.errors import Refusal
handler.callers._cache._kept["x"] = KeyRing({MAC_KEY!r}, {{}}, {{}})
heavy = {{"jwt", "cryptography", "boto3", "botocore", "pydantic", "yaml"}}
print(sorted(heavy & set(sys.modules)))
for bearer in ({mint("k", "t", "a", MAC_KEY)!r}, "ey.x.y"):
    try:
        handler.callers.caller(bearer)
    except Refusal as refusal:
        print(refusal.code)
    print(sorted(heavy & set(sys.modules)))
"""
    issued = {"SIGNALBOX_JWT_JWKS_URL": "http://127.0.0.1:9/", "SIGNALBOX_JWT_TENANT_CLAIM": "tenant"}
    issued |= {"SIGNALBOX_JWT_ISSUER": "i", "SIGNALBOX_JWT_AUDIENCE": "a"}
    run = [sys.executable, "-c", said]
    assert subprocess.check_output(run, env=environment() | issued, text=True).split("\n")[:3] == ["[]", "[]", "invalid_key"]
    assert subprocess.check_output(run, env=environment(), text=True).split("\n") == ["[]", "[]", "invalid_key", "[]", ""]
