"""API Gateway's part: what a client sees of a function that runs in the real loop."""

import contextlib
import http.client
import json
import socket

import httpx
import pytest

from ops.local.front_door import FrontDoor
from ops.local.invocation import Invocation

from .opened import Opened, eventually, is_frozen, is_gone


@pytest.fixture
def opened(tmp_path):
    with Opened(tmp_path) as opened:
        yield opened


@pytest.fixture
def http_client(opened):
    with opened.client() as client:
        yield client


def test_a_request_becomes_a_proxy_event(http_client):
    headers = [("X-Twice", "a"), ("x-one", "1"), ("X-Twice", "b")]
    event = http_client.put("/some/long%20path?q=1&q=2&empty=", headers=headers, content="grüße".encode()).json()
    assert (event["httpMethod"], event["path"], event["resource"]) == ("PUT", "/some/long path", "/{proxy+}")
    assert event["pathParameters"] == {"proxy": "some/long path"}
    assert event["queryStringParameters"] == {"q": "2", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"q": ["1", "2"], "empty": [""]}
    assert event["multiValueHeaders"]["X-Twice"] == ["a", "b"]
    assert event["headers"]["x-one"] == "1"
    assert event["body"] == "grüße"
    assert event["isBase64Encoded"] is False
    assert event["requestContext"]["stage"] == "test"
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["requestId"]


def test_the_answer_has_the_functions_status_and_headers_and_its_own_framing(http_client):
    answer = http_client.get("/hop")
    assert (answer.status_code, answer.text) == (201, "made")
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["x-amzn-requestid"]
    assert "connection" not in answer.headers


def test_chunks_are_forwarded_as_they_come(opened, http_client):
    with http_client.stream("GET", "/streams") as answer:
        chunks = answer.iter_raw()
        assert next(chunks) == b"one "  # the handler goes no further until the gate opens
        opened.open_gate()
        assert next(chunks) == b"two"


def test_a_stream_that_breaks_midway_is_cut(opened, http_client):
    opened.open_gate()
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        http_client.get("/breaks")
    assert http_client.get("/fine").status_code == 200


@pytest.mark.parametrize("path", ["/dies", "/raises", "/bad-header"])
def test_a_function_that_fails_is_answered_by_the_templates_own_gateway_response(http_client, path):
    answer = http_client.get(path)
    assert answer.status_code == 502
    assert answer.json() == {"kind": "INTEGRATION_FAILURE", "said": "Internal server error"}
    assert http_client.get("/fine").status_code == 200


def test_a_function_that_does_not_start(opened, http_client):
    opened.open_gate("broken")
    assert http_client.get("/fine").status_code == 502


def test_the_integrations_timeout(tmp_path):
    with Opened(tmp_path, timeout_ms=300) as opened:
        answer = opened.get("/waits")
        assert (answer.status_code, answer.json()["kind"]) == (504, "INTEGRATION_TIMEOUT")
        assert opened.workers == 1  # nobody interrupts the function
        opened.open_gate()


def test_the_functions_own_timeout_ends_its_worker(opened, monkeypatch):
    pid = opened.get("/fine").headers["x-pid"]
    eventually(lambda: is_frozen(pid))
    start = Invocation.start
    monkeypatch.setattr(Invocation, "start", lambda invocation, timeout_s: start(invocation, 0.3))
    assert opened.get("/waits").status_code == 502
    eventually(lambda: is_gone(pid))


def test_a_body_over_ten_megabytes(http_client):
    answer = http_client.post("/x", content=b"x" * (10 * 2**20 + 1))
    assert (answer.status_code, answer.json()["kind"], answer.headers["x-why"]) == (413, "REQUEST_TOO_LARGE", "too much")


def test_an_event_that_lambda_would_not_take(http_client):
    assert http_client.post("/x", content=b"x" * (6 * 2**20)).status_code == 413


def test_a_path_that_leads_nowhere(http_client):
    answer = http_client.post("/")
    assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})


def test_reserved_concurrency_in_use(tmp_path):
    with Opened(tmp_path, reserved=1) as opened, opened.client() as client, client.stream("GET", "/streams") as busy:
        next(busy.iter_raw())
        refused = opened.get("/fine")
        assert (refused.status_code, refused.json()["kind"]) == (500, "API_CONFIGURATION_ERROR")
        opened.open_gate()


def test_buffered_integrations_are_invoked_elsewhere(tmp_path):
    seen = []

    async def invoke(function, event):
        seen.append((function, json.loads(event)["pathParameters"]))
        if "fails" in event.decode():
            return None
        answer = {"statusCode": 202, "multiValueHeaders": {"X-Many": ["a", "b"]}, "body": "aGVsbG8=", "isBase64Encoded": True}
        return json.dumps(answer).encode()

    with Opened(tmp_path, invoke=invoke) as opened:
        answer = opened.get("/things/7")
        assert (answer.status_code, answer.text, answer.headers.get_list("x-many")) == (202, "hello", ["a", "b"])
        assert opened.get("/admin/fails").status_code == 502
        assert opened.get("/things/own").json()["resource"] == "/things/own"  # the more specific path is another function's
    assert seen == [("Buffered", {"id": "7"}), ("Buffered", {"proxy": "fails"})]


def test_what_goes_wrong_in_the_front_door_itself_is_answered_once(tmp_path, capfd, caplog):
    async def invoke(function, event):
        raise RuntimeError("with a prompt in it")

    with Opened(tmp_path, invoke=invoke) as opened, opened.client() as client:
        for _ in range(2):  # on one connection
            answer = client.get("/things/7")
            assert (answer.status_code, answer.json()["kind"]) == (502, "INTEGRATION_FAILURE")
    said = capfd.readouterr().out
    assert "RuntimeError at " in said
    assert "prompt" not in said + caplog.text
    assert not caplog.records


def test_an_answer_that_has_begun_is_cut_and_not_answered_again(opened, monkeypatch, caplog):
    async def breaks(*_):
        raise RuntimeError

    monkeypatch.setattr(FrontDoor, "_forward", breaks)
    received = b""
    with socket.create_connection(("127.0.0.1", opened.port)) as client, contextlib.suppress(ConnectionResetError):
        client.sendall(b"GET /fine HTTP/1.1\r\nhost: x\r\n\r\n")
        while piece := client.recv(1000):
            received += piece
    assert received.count(b"HTTP/1.1 ") <= 1
    assert not caplog.records


def test_one_connection_serves_many_requests(opened):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", opened.port)) as connection:
        for method, body in (("POST", b"a"), ("HEAD", None), ("POST", iter([b"b", b"c"])), ("GET", None)):
            connection.request(method, "/fine", body=body)
            sock = connection.sock
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200
            assert bool(text) is (method != "HEAD")
            assert connection.sock is sock


def test_a_client_may_ask_before_it_sends_its_body(opened):
    with socket.create_connection(("127.0.0.1", opened.port)) as client, client.makefile("rb") as answered:
        client.sendall(b"POST /fine HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert answered.readline().startswith(b"HTTP/1.1 100 ")
        assert answered.readline() == b"\r\n"
        client.sendall(b"hi")
        assert answered.readline().startswith(b"HTTP/1.1 200 ")


def test_what_is_not_http_is_refused(opened):
    with socket.create_connection(("127.0.0.1", opened.port)) as client, client.makefile("rb") as answered:
        client.sendall(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        assert answered.readline().startswith(b"HTTP/1.1 400 ")


def test_a_function_whose_program_is_missing(tmp_path, capfd):
    with Opened(tmp_path) as opened:
        opened.remove_program()
        assert opened.get("/fine").status_code == 502
    assert "cannot be started" in capfd.readouterr().out
