"""Which function a path goes to, and what API Gateway says by itself."""

import json
from pathlib import Path

import pytest

from ops.local import proxy
from ops.local.rest_api import RestApi

from .opened import definition


@pytest.fixture
def api():
    return RestApi.from_template(definition(), "test")


@pytest.mark.parametrize(
    ("method", "path", "function", "parameters"),
    [
        ("GET", "/things/7", "Buffered", {"id": "7"}),
        ("GET", "/things/a%2Fb", "Buffered", {"id": "a/b"}),
        ("GET", "/things/own", "Streamed", {}),
        ("POST", "/things/7", "Streamed", {"proxy": "things/7"}),  # the more specific path has no such method
        ("POST", "/things/own", "Streamed", {"proxy": "things/own"}),
        ("GET", "/things", "Streamed", {"proxy": "things"}),  # a folder, which has no method at all
        ("GET", "/things/7/more", "Streamed", {"proxy": "things/7/more"}),
        ("DELETE", "/admin/x/y", "Buffered", {"proxy": "x/y"}),
    ],
)
def test_the_most_specific_path_wins(api, method, path, function, parameters):
    match = api.match(method, path)
    assert (match.integration.function, match.parameters) == (function, parameters)


def test_a_path_of_nobody(api):
    assert api.match("GET", "/") is None


def test_gateway_responses_are_the_templates_own_or_their_familys_or_awss(api):
    own = api.refuse("REQUEST_TOO_LARGE", "r-1")
    assert (own.status, own.headers, json.loads(own.body)) == (
        413,
        [("x-why", "too much")],
        {"kind": "REQUEST_TOO_LARGE", "said": "Request Too Long"},
    )
    assert json.loads(api.refuse("INTEGRATION_TIMEOUT", "r-1").body)["kind"] == "INTEGRATION_TIMEOUT"
    theirs = api.refuse("MISSING_AUTHENTICATION_TOKEN", "r-1")
    assert (theirs.status, json.loads(theirs.body)) == (403, {"message": "Missing Authentication Token"})


PRELUDE = b'{"statusCode": 201, "headers": {"a": "1"}, "cookies": ["x=1"]}' + proxy.SEPARATOR


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_prelude_is_read_wherever_it_is_cut(size):
    prelude, stream = proxy.Prelude(), PRELUDE + b"body"
    for start in range(0, len(stream), size):
        if found := prelude.feed(stream[start : start + size]):
            head, rest = found
            assert head == (201, [("a", "1"), ("set-cookie", "x=1")])
            assert b"body".startswith(rest)
            return
    pytest.fail("no head")


@pytest.mark.parametrize("prelude", [b"{]", b"[]", b'{"statusCode": "x"}', b'{"statusCode": 7}'])
def test_a_malformed_prelude(prelude):
    with pytest.raises(proxy.Malformed):
        proxy.Prelude().feed(prelude + proxy.SEPARATOR)


def test_a_prelude_without_end():
    with pytest.raises(proxy.Malformed):
        proxy.Prelude().feed(b" " * 70_000)


@pytest.mark.parametrize("payload", [b"null", b"[1]", b"{]", b'{"body": {"a": 1}}', b'{"statusCode": null}'])
def test_a_malformed_buffered_answer(payload):
    with pytest.raises(proxy.Malformed):
        proxy.buffered(payload)


def test_our_own_event_samples_have_the_fields_of_ours(api):
    """What the front door makes and what `sam local invoke` is given must not drift apart."""
    samples = [json.loads(path.read_text()) for path in (Path(__file__).parents[3] / "events").glob("*.json")]
    proxied = [sample for sample in samples if "httpMethod" in sample]
    assert proxied
    context = {"requestId": "r", "apiId": "a", "stage": "s", "sourceIp": "127.0.0.1"}
    made = json.loads(proxy.event("GET", "/x", [("Host", "h")], b"", api.match("GET", "/x"), context))
    for sample in proxied:
        assert set(sample) <= set(made)
        assert set(sample["requestContext"]) <= set(made["requestContext"])
