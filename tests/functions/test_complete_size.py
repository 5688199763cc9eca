"""How long a request may be, 1 MiB or what its route says, and how it is written; told in every dialect, and nobody is asked."""

import base64
import gzip
import json
from typing import Any

import pytest

from .routes import MINI, Routed
from .world import sample

MIB = 1_048_576
PATHS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "say: hi"}]},
    "/v1/completions": {"prompt": "say: hi"},
    "/v1/responses": {"input": "say: hi"},
    "/v1/messages": {"max_tokens": 20, "messages": [{"role": "user", "content": "say: hi"}]},
    "/v1/embeddings": {"input": "hi"},
}


def ask(routed: Routed, path: str, size: int, model: str = "chat"):
    """A body of just so many bytes."""
    body = json.dumps({"model": model, "user": "u"} | PATHS[path])
    event = sample("complete_chat") | {"path": path, "body": body + " " * (size - len(body))}
    routed.world.upstreams.ledger.clear()
    return routed.world.ask(event)


def told(response) -> tuple[int, str]:
    error = json.loads(response.body).get("error", {})
    return response.status, error.get("code") or error.get("type")


@pytest.mark.parametrize("path", PATHS)
def test_a_request_of_more_than_a_mebibyte_is_refused_in_its_dialect(routed: Routed, path):
    assert told(ask(routed, path, MIB + 1)) == (413, "request_too_large")
    assert routed.calls == []
    assert told(ask(routed, path, 8 * MIB)) == (413, "request_too_large")


def test_a_whole_mebibyte_is_served(routed: Routed):
    assert ask(routed, "/v1/chat/completions", MIB).status == 200


def test_a_route_may_take_more_or_less_than_that(routed: Routed):
    small, large = {"targets": [MINI], "max_request_kb": 1}, {"targets": [MINI], "max_request_kb": 2_048}
    routed.publish(routes=routed.document()["routes"] | {"small": small, "large": large})
    path = "/v1/chat/completions"
    assert [ask(routed, path, size, "small").status for size in (1_024, 1_025)] == [200, 413]
    assert [ask(routed, path, size, "large").status for size in (2 * MIB, 2 * MIB + 1)] == [200, 413]
    response = ask(routed, path, 1_025, "small")
    assert "1,024 bytes that small takes" in json.loads(response.body)["error"]["message"]


def sent(routed: Routed, path: str, body: bytes, *, is_encoded: bool = False, **headers: str):
    """As API Gateway hands over what was sent in so many bytes."""
    event = sample("complete_chat") | {"path": path, "isBase64Encoded": is_encoded}
    event["headers"] |= {"content-length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    event["body"] = base64.b64encode(body).decode() if is_encoded else body.decode("utf-8", "replace")
    routed.world.upstreams.ledger.clear()
    return routed.world.ask(event)


@pytest.mark.parametrize("is_encoded", [False, True], ids=["as text", "in base64"])
@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_not_utf8_is_refused_in_its_dialect(routed: Routed, path, is_encoded):
    body = json.dumps({"model": "chat", "user": "Ren\u00e9"} | PATHS[path], ensure_ascii=False).encode("latin-1")
    response = sent(routed, path, body, is_encoded=is_encoded)
    assert told(response) == (400, "invalid_request")
    assert "is not UTF-8" in json.loads(response.body)["error"]["message"]
    assert routed.calls == []


@pytest.mark.parametrize("is_encoded", [False, True], ids=["as text", "in base64"])
def test_a_replacement_character_of_the_clients_own_goes_through(routed: Routed, is_encoded):
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "say: \ufffd"}]}, ensure_ascii=False).encode()
    response = sent(routed, "/v1/chat/completions", body, is_encoded=is_encoded)
    assert json.loads(response.body)["choices"][0]["message"]["content"] == "\ufffd"


def test_a_compressed_body_is_refused_by_its_coding(routed: Routed):
    body = gzip.compress(json.dumps({"model": "chat"} | PATHS["/v1/chat/completions"]).encode())
    response = sent(routed, "/v1/chat/completions", body, content_encoding="gzip")
    assert told(response) == (400, "invalid_request")
    assert "content-encoding gzip" in json.loads(response.body)["error"]["message"]
    assert routed.calls == []
