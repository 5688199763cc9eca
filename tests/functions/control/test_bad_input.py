"""What is wrong is said in the error object, with the contract's code, and with no stack trace."""

import base64
import re
from typing import Any

import pytest

from ops.openapi import CONTROL
from signalbox.config.source import MAX_CHARS

from .client import ADMIN, DATA, MODULES, Api, logged, refused

NO_AMOUNTS: tuple[Any, ...] = (None, True, [], {}, "NaN", "-inf", "", "1,000", "1_000", "\u0665", " 5 ", "$5", "11e")

# method, path, body, query, a part of the message
WRONG: tuple[tuple[str, str, Any, Any, str], ...] = (
    ("POST", "/admin/keys", "{", None, "not JSON"),
    ("POST", "/admin/keys", None, None, "missing or is no JSON object"),
    ("POST", "/admin/keys", [], None, "no JSON object"),
    ("POST", "/admin/keys", "[" * 100_000, None, "nested too deeply"),
    ("POST", "/admin/keys", {"name": "x"}, None, "tenant: it is missing"),
    ("POST", "/admin/keys", {"name": "x", "tenant": "a#b"}, None, "tenant: it must be up to 64 letters, digits and . _ -"),
    ("GET", "/admin/tenants/a%20b", None, None, "tenant: it must be up to 64 letters"),
    ("POST", "/admin/tenants", {"id": "-a"}, None, "begin with a letter or a digit, as acme-2 does"),
    ("POST", "/admin/keys", {"name": "x", "tenant": "a", "tags": ["a,b"]}, None, "tags.0: a tag is up to 64 characters, without a comma"),
    ("POST", "/admin/keys", {"name": "x", "tenant": "a", "fallbacks": "yes"}, None, "fallbacks: it must be true or false"),
    ("POST", "/admin/keys", {"name": "x", "tenant": "a", "expires_at": 1900000000}, None, "a date and a time with its offset"),
    ("POST", "/admin/keys", {"name": "x", "tenant": "a", "expires_at": "1900000000"}, None, "a date and a time with its offset"),
    ("POST", "/admin/keys/k/rotate", {"overlap_s": True}, None, "overlap_s: it must be a whole number"),
    ("POST", "/admin/keys/k/rotate", {"overlap_s": "60"}, None, "overlap_s: it must be a whole number"),
    ("POST", "/admin/keys/k/rotate", '{"overlap_s": 1.0}', None, "overlap_s: it must be a whole number"),
    (
        "GET",
        "/admin/keys",
        None,
        {"tennant": "a"},
        "tennant: this endpoint has no such query parameter. It takes limit, after, tenant",
    ),
    ("GET", "/admin/keys/k", None, {"x" * 500: "a"}, "x: this endpoint has no such query parameter. It takes none."),
    (
        "GET",
        "/admin/requests",
        None,
        {"tenant": "a", "outcom": "ok"},
        "outcom: this endpoint has no such query parameter. It takes tenant",
    ),
    (
        "GET",
        "/admin/requests",
        None,
        {"tenant": "a", "outcome": "OK"},
        "outcome: no request ends in 'OK'. It is one of ok, crashed, ",
    ),
    ("DELETE", "/admin/budgets", None, {"scope": "global", "period": "day", "Id": "x"}, "Id: this endpoint has no such query parameter"),
    ("GET", "/admin/budgets", None, {"id": "k1"}, "scope: say what the id is of"),
    ("POST", "/admin/keys", {"name": "x", "tenant": "a", "admin": True}, None, "admin: there is no such field here"),
    ("PATCH", "/admin/keys/k", {"disabled": "yes"}, None, "disabled: it is true or false"),
    ("PATCH", "/admin/keys/k", {"disabled": False, "status": "active"}, None, "not beside it"),
    ("PATCH", "/admin/keys/k", {"status": "gone"}, None, "status: it must be 'active' or 'disabled'"),
    ("GET", "/admin/keys", None, {"limit": "0"}, "limit: it must be 1 or more"),
    ("GET", "/admin/config/versions/x", None, None, "number: it must be a whole number"),
    ("POST", "/admin/budgets", {"scope": "galaxy", "period": "day", "limit_usd": 1}, None, "scope: it must be 'key'"),
    ("POST", "/admin/budgets", {"scope": "key", "period": "day", "limit_usd": 1}, None, "id: name the key"),
    ("POST", "/admin/budgets", {"scope": "key", "id": None, "period": "day", "limit_usd": 1}, None, "id: name the key"),
    *(
        (
            "POST",
            "/admin/budgets",
            {"scope": "global", "period": "day", "limit_usd": limit},
            None,
            "limit_usd: it must be a number, as 12.50.",
        )
        for limit in NO_AMOUNTS
    ),
    ("POST", "/admin/budgets", {"scope": "global", "period": "day", "limit_usd": 1e308}, None, "it must be 1,000,000,000 at the most."),
    ("POST", "/admin/budgets", {"scope": "global", "period": "day", "limit_usd": -1e-9}, None, "it must be 0 or more."),
    ("POST", "/admin/budgets", {"scope": "team", "id": "red", "period": "day", "limit_usd": 1}, None, "as tenant/team"),
    ("POST", "/admin/budgets", {"scope": "global", "id": "x", "period": "day", "limit_usd": 1}, None, "leave it out"),
    ("POST", "/admin/budgets", {"scope": "route", "id": "a#b", "period": "day", "limit_usd": 1}, None, "id: it must have no # in it"),
    ("POST", "/admin/budgets", {"scope": "global", "period": "day", "limit_usd": True}, None, "limit_usd"),
    (
        "POST",
        "/admin/budgets",
        {"scope": "global", "period": "day", "limit_usd": 1, "hard": "no"},
        None,
        "hard: it must be true or false",
    ),
    (
        "POST",
        "/admin/budgets",
        {"scope": "global", "period": "day", "limit_usd": 1, "thresholds": [True]},
        None,
        "thresholds.0: it must be ",
    ),
    ("POST", "/admin/budgets", {"scope": "global", "period": "day", "limit_usd": -1}, None, "limit_usd: it must be 0 or more"),
    ("POST", "/admin/budgets", '{"scope": "global", "period": "day", "limit_usd": NaN}', None, "limit_usd: it must be a number"),
    ("POST", "/admin/budgets", {"scope": "global", "period": "day", "limit_usd": "0.0000000001"}, None, "9 digits behind the point"),
    (
        "POST",
        "/admin/budgets",
        '{"scope": "global", "period": "day", "limit_usd": 1e999999999}',
        None,
        "limit_usd: it must be a number",
    ),
    ("POST", "/admin/config/rollback", '{"version": 1e999999999}', None, "version: it must be a whole number"),
    ("POST", "/admin/config/publish", {"document": "version: 1.0e+999999999"}, None, "version: '1.0e+999999999' is none of: 1"),
    (
        "POST",
        "/admin/config/publish",
        {"document": "", "overrides": {f"A{n}": "" for n in range(65)}},
        None,
        "overrides: it must hold 64 at the most",
    ),
    ("POST", "/admin/config/publish", {"document": "", "overrides": {"A" * 201: ""}}, None, "overrides"),
    ("POST", "/admin/config/publish", {"document": "", "overrides": {"a b": ""}}, None, "overrides"),
    (
        "POST",
        "/admin/config/publish",
        {"document": "", "overrides": {"A": "x" * 1001}},
        None,
        "A: it must have 1,000 characters",
    ),
    ("POST", "/admin/config/rollback", '{"version": %s}' % ("9" * 5000), None, "version: it must be a whole number"),
    ("POST", "/admin/config/rollback", '{"version": 1, "version": 2}', None, "version: it is there twice"),
    ("POST", "/admin/config/rollback", '{"\\ud800": 1, "\\ud800": 2}', None, "it is there twice"),
    ("GET", f"/admin/config/versions/{'9' * 2000}", None, None, "number: it must be 99,999,999 at the most"),
    ("GET", "/admin/config/versions/0", None, None, "number: it must be 1 or more"),
    ("GET", f"/admin/simulations/{'s' * 3000}", None, None, "simulation_id: it must have 64 characters at the most"),
    ("PUT", "/admin/config/draft", {"document": "\ud800"}, None, "document: it must be a text"),
    (
        "PUT",
        "/admin/config/draft",
        {"document": "x" * (MAX_CHARS + 1)},
        None,
        f"document: it must have {MAX_CHARS:,} char",
    ),
    ("GET", "/admin/usage", None, None, "exactly one of tenant, team"),
    ("GET", "/admin/usage", None, {"tenant": "a", "key": "b"}, "exactly one of"),
    ("POST", "/admin/rollbacks", {"action": "rm -rf", "reason": "x"}, None, "must be one of disable_llm"),
    ("POST", "/admin/rollbacks", {"action": "disable_llm"}, None, "reason: it is missing"),
)


def test_bad_input_is_told_what_was_wrong(api: Api) -> None:
    for method, path, body, query, said in WRONG:
        message = refused(api(method, path, body, query=query), "invalid_request")
        assert said in message, (method, path, body)


def test_what_is_said_twice_in_a_query_is_refused(api: Api) -> None:
    answer = api("GET", "/admin/keys", multiValueQueryStringParameters={"tenant": ["acme", "rival"]})
    assert "tenant: it is there 2 times; keep one of them" in refused(answer, "invalid_request")


def test_each_pattern_that_may_be_missed_is_told_in_words() -> None:
    forms = MODULES["forms"]
    written = {pattern for path in CONTROL.glob("*.py") for pattern in re.findall(r"\bpattern=(\w+|r?\".*?\")", path.read_text())}
    assert {vars(forms).get(name) for name in written} == {*forms.IN_WORDS}


def test_a_body_that_is_no_utf8_is_refused(api: Api) -> None:
    body = base64.b64encode(b'{"name": "\xff"}').decode()
    assert "UTF-8" in refused(api("POST", "/admin/keys", body, isBase64Encoded=True), "invalid_request")


def test_a_body_that_was_damaged_on_its_way_is_refused(api: Api) -> None:
    """As API Gateway hands over what is no UTF-8. Who means the sign itself can say so."""
    assert "not UTF-8" in refused(api("POST", "/admin/keys", '{"name": "Ren\ufffd", "tenant": "a"}'), "invalid_request")
    status, key = api("POST", "/admin/keys", '{"name": "Ren\\ufffd", "tenant": "a"}')
    assert (status, key["name"]) == (201, "Ren\ufffd")


def test_a_body_that_is_too_long_is_told_so(api: Api) -> None:
    long = {"name": "x" * 2_000_000, "tenant": "a"}
    assert "1,048,576 are the most" in refused(api("POST", "/admin/keys", long), "request_too_large")
    refused(api("POST", "/admin/keys", long, key=DATA), "permission_denied")
    assert "document: it must have" in refused(api("PUT", "/admin/config/draft", {"document": "x" * 2_000_000}), "invalid_request")


def test_a_body_is_read_as_json_whatever_curl_calls_it(api: Api) -> None:
    headers = {"authorization": f"Bearer {ADMIN}", "Content-Type": "application/x-www-form-urlencoded"}
    assert api("POST", "/admin/keys", {"name": "x", "tenant": "a"}, headers=headers)[0] == 201
    assert "not JSON" in refused(api("POST", "/admin/keys", "a,b", headers=headers), "invalid_request")


def test_an_unknown_path_is_not_found(api: Api) -> None:
    for path in ("/admin", "/admin/nothing", "/admin/keys/a/b", "/admin/config/versions/1/x"):
        assert "/openapi.json" in refused(api("GET", path), "not_found")
        assert "/openapi.json" in refused(api("GET", path, query={"tenant": "acme"}), "not_found")


def test_an_unknown_method_is_told_the_known_ones(api: Api) -> None:
    assert "takes DELETE, GET, POST, not PUT" in refused(api("PUT", "/admin/budgets", {}), "method_not_allowed")
    assert "not PUT" in refused(api("PUT", "/admin/budgets", {}, query={"scope": "global"}), "method_not_allowed")
    refused(api("DELETE", "/v1/usage", key=DATA), "method_not_allowed")


def test_a_fault_of_ours_is_logged_and_shows_nothing(api: Api, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setenv("SIGNALBOX_CONTROL_TABLE", "gone")
    message = refused(api("GET", "/admin/keys"), "internal_error")
    assert "gone" not in message
    assert "ResourceNotFoundException" in logged(caplog)[-1]
