"""Every way in which an upstream can be told to misbehave, as its client meets it, and what is billed for it."""

import email.utils
import http.client
import json
import time
from contextlib import closing

import pytest

USAGE = {"stream": True, "stream_options": {"include_usage": True}}
LONG_MS = 3_600_000


def test_a_status_is_the_providers_own_error(upstream):
    upstream.fault(status=503, retry_after_s=7)
    answer = upstream.complete()
    assert (answer.status, answer.headers["retry-after"], answer.headers["retry-after-ms"]) == (503, "7", "7000")
    assert json.loads(answer.read())["error"]["code"] == "server_is_overloaded"
    upstream.fault("mistral", status=429)
    answer = upstream.complete("mistral")
    assert (answer.status, answer.headers["retry-after"]) == (429, None)
    assert json.loads(answer.read())["type"] == "rate_limited"
    assert [(call["outcome"], call["status"], call["cost_nanousd"]) for call in upstream.calls()] == [("error", 503, 0), ("error", 429, 0)]
    assert upstream.last_call()["fault"] == {"status": 429}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 418, 500, 502, 504, 529, 599])
@pytest.mark.parametrize("provider", ["openai", "mistral"])
def test_every_status_has_a_body(upstream, provider, status):
    upstream.fault(provider, status=status)
    answer = upstream.complete(provider)
    body = answer.read()
    assert (answer.status, bool(body)) == (status, True)
    assert "json" not in answer.headers["content-type"] or json.loads(body)


def test_a_fault_clears_itself_after_its_times(upstream):
    upstream.fault(status=500, times=2)
    assert _status(upstream.complete()) == 500
    assert upstream.ask("GET", "/faults") == (200, {"openai": {"status": 500, "times": 1}})
    assert [_status(upstream.complete()) for _ in range(2)] == [500, 200]
    assert upstream.ask("GET", "/faults") == (200, {})


def test_a_fault_is_one_providers_and_can_be_cleared(upstream):
    upstream.fault(status=500)
    assert _status(upstream.complete("mistral")) == 200
    assert upstream.ask("DELETE", "/faults/openai") == (200, {})
    assert _status(upstream.complete()) == 200


def test_latency_delays_the_head(upstream):
    upstream.fault(latency_ms=80, times=1)
    began = time.monotonic()
    upstream.complete().read()
    assert time.monotonic() - began >= 0.08


def test_a_late_first_chunk_follows_a_prompt_head(upstream):
    upstream.fault(first_chunk_ms=80)
    began = time.monotonic()
    answer = upstream.complete(stream=True)
    assert answer.status == 200
    assert answer.read()
    assert time.monotonic() - began >= 0.08
    upstream.fault(first_chunk_ms=LONG_MS)
    answer = upstream.complete(stream=True)
    assert answer.status == 200  # the head is here, and the rest will not be for a long time
    answer.close()
    upstream.leave()
    assert upstream.until(lambda: [call for call in upstream.calls() if call["outcome"] == "client_gone"])[0]["output_tokens"] == 0


def test_chunks_come_one_by_one_and_on_time(upstream):
    upstream.fault(chunk_ms=20)
    began = time.monotonic()
    answer = upstream.complete(stream=True, messages=[{"role": "user", "content": "say: one two three four"}])
    arrivals = [time.monotonic() - began for line in answer if line.startswith(b"data: {")]
    assert len(arrivals) == 7  # role, one, two, thre, e, four, finish
    assert all(arrival >= place * 0.02 for place, arrival in enumerate(arrivals))


def test_a_chunk_is_here_while_the_next_is_held_back(upstream):
    """And who leaves then pays for the input and what was sent: generation stops."""
    upstream.fault(chunk_ms=LONG_MS)
    answer = upstream.complete(**USAGE)
    assert b'"role":"assistant"' in answer.readline()
    assert upstream.calls() == []
    answer.close()
    upstream.leave()
    call = upstream.until(lambda: upstream.calls())[0]
    assert (call["outcome"], call["output_tokens"], call["usage_delivered"], call["status"]) == ("client_gone", 0, False, 200)
    assert call["cost_nanousd"] == call["input_tokens"] * 150 > 0


def test_what_is_held_comes_once_the_fault_is_cleared(upstream):
    """Also where it was for one request, and has cleared itself for the next."""
    upstream.fault(hold_after_chunks=2, times=1)
    held = upstream.complete(stream=True, messages=[{"role": "user", "content": "say: one two"}])
    assert [sign in held.readline() for sign in (b'"role"', b"\n", b'"one"')] == [True] * 3
    assert (upstream.ask("GET", "/faults"), upstream.calls()) == ((200, {}), [])
    upstream.ask("DELETE", "/faults/openai")
    assert held.read().endswith(b"[DONE]\n\n")
    assert upstream.last_call()["outcome"] == "served"


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_cut_stream_bills_what_was_sent(upstream, count):
    upstream.fault(cut_after_chunks=count, times=1)
    answer = upstream.complete(**USAGE)
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    received = cut.value.partial
    upstream.leave()
    assert received.count(b"data: {") == count
    assert b"[DONE]" not in received
    call = upstream.last_call()
    assert (call["outcome"], call["output_tokens"], call["usage_delivered"]) == ("cut", max(0, count - 1), False)
    assert call["cost_nanousd"] == call["input_tokens"] * 150 + call["output_tokens"] * 600


def test_a_cut_before_done_has_delivered_the_usage(upstream):
    said = [{"role": "user", "content": "say: one two"}]
    upstream.fault(cut_after_chunks=5)  # role, one, two, finish, usage
    with pytest.raises(http.client.IncompleteRead) as cut:
        upstream.complete(**USAGE, messages=said).read()
    upstream.leave()
    assert b'"total_tokens"' in cut.value.partial
    assert (upstream.last_call()["outcome"], upstream.last_call()["usage_delivered"]) == ("cut", True)
    upstream.fault(cut_after_chunks=500)
    assert upstream.complete(**USAGE, messages=said).read().endswith(b"data: [DONE]\n\n")


def test_an_unstreamed_answer_breaks_off_and_is_billed_whole(upstream):
    upstream.fault(cut_after_chunks=1, times=1)
    with pytest.raises(http.client.IncompleteRead):
        upstream.complete().read()
    upstream.leave()
    whole = json.loads(upstream.complete().read())["usage"]["completion_tokens"]
    assert [(call["outcome"], call["output_tokens"]) for call in upstream.calls()] == [("cut", whole), ("served", whole)]


def test_malformed_answers_are_no_json(upstream):
    upstream.fault(malformed=True)
    answer = upstream.complete()
    assert answer.status == 200
    with pytest.raises(ValueError):
        json.loads(answer.read())
    assert (upstream.last_call()["outcome"], upstream.last_call()["usage_delivered"]) == ("served", False)
    role, broken, *rest, done = [line for line in upstream.complete(stream=True) if line.startswith(b"data: ")]
    assert json.loads(role[6:])
    assert all(json.loads(line[6:]) for line in rest)
    assert done == b"data: [DONE]\n"
    with pytest.raises(ValueError):
        json.loads(broken[6:])


def test_who_leaves_a_hanging_upstream_is_noticed(upstream):
    """A stream has cost its input by then; an unstreamed answer is being generated whole."""
    whole = json.loads(upstream.complete().read())["usage"]["completion_tokens"]
    for stream in (True, False):
        upstream.fault(latency_ms=LONG_MS, times=1)
        with closing(http.client.HTTPConnection("127.0.0.1", upstream.port)) as connection:
            body = json.dumps({"model": "sim-x", "messages": [{"role": "user", "content": "words=20"}], "stream": stream})
            connection.request("POST", "/openai/v1/chat/completions", body, {"authorization": "Bearer x"})
            upstream.until(lambda: not upstream.ask("GET", "/faults")[1])
    calls = upstream.until(lambda: len(upstream.calls()) == 3 and upstream.calls())[1:]
    assert [(call["outcome"], call["status"], call["output_tokens"]) for call in calls] == [
        ("client_gone", None, 0),
        ("client_gone", None, whole),
    ]


@pytest.mark.parametrize(("told", "named"), [({"status": 99}, "status"), ({"latency": 5}, "latency"), ([], "JSON object"), (b"{", "JSON")])
def test_a_wrong_fault_is_refused_by_name(upstream, told, named):
    status, answer = upstream.ask("PUT", "/faults/openai", told)
    assert status == 400
    assert named in answer["error"]
    assert upstream.ask("GET", "/faults") == (200, {})


def test_an_unknown_provider_is_not_found(upstream):
    for method in ("GET", "PUT", "DELETE"):
        status, answer = upstream.ask(method, "/faults/nobody", {})
        assert status == 404
        assert "openai" in answer["error"]


def _status(answer: http.client.HTTPResponse) -> int:
    answer.read()
    return answer.status


@pytest.mark.parametrize(
    ("form", "header", "expected"),
    [
        ("seconds", "retry-after", "2"),
        ("float_seconds", "retry-after", "1.500"),
        ("retry-after-ms", "retry-after-ms", "1500"),
        ("x-ms-retry-after-ms", "x-ms-retry-after-ms", "1500"),
    ],
)
def test_the_wait_is_spelt_as_told(upstream, form, header, expected):
    upstream.fault(status=429, retry_after_s=1.5, retry_after_form=form)
    answer = upstream.complete()
    answer.read()
    assert {name.lower(): value for name, value in answer.headers.items() if "retry" in name.lower()} == {header: expected}


def test_the_wait_may_be_a_date(upstream):
    upstream.fault(status=503, retry_after_s=60, retry_after_form="http_date")
    before_s = time.time()
    answer = upstream.complete()
    answer.read()
    until = email.utils.parsedate_to_datetime(answer.headers["retry-after"]).timestamp()
    assert before_s + 59 < until < time.time() + 62


def test_an_error_in_a_stream_comes_after_a_good_head(upstream):
    upstream.fault(error_in_stream=429, times=1)
    answer = upstream.complete(**USAGE)
    assert answer.status == 200
    event = answer.read()
    assert (json.loads(event[6:])["error"]["code"], event.count(b"data:")) == ("rate_limit_exceeded", 1)
    call = upstream.last_call()
    assert (call["outcome"], call["status"], call["cost_nanousd"]) == ("error", 200, 0)


def test_an_error_midway_bills_what_was_sent(upstream):
    upstream.fault(error_after_chunks=3, times=1)
    lines = [line for line in upstream.complete(**USAGE).read().split(b"\n") if line]
    assert (len(lines), json.loads(lines[-1][6:])["error"]["code"]) == (4, "server_is_overloaded")
    call = upstream.last_call()
    assert (call["outcome"], call["output_tokens"], call["usage_delivered"]) == ("error", 2, False)
    assert call["cost_nanousd"] == call["input_tokens"] * 150 + 2 * 600
    upstream.fault(error_after_chunks=3)
    assert upstream.complete().status == 200  # there is no middle of what is not streamed


def test_keys_are_refused_and_limited_one_by_one(upstream):
    upstream.fault(bad_keys=["sk-gone"], limited_keys=["sk-busy"], retry_after_s=3)
    statuses = {}
    for key in ("sk-gone", "sk-busy", "sk-x"):
        answer = upstream.complete(headers={"authorization": f"Bearer {key}"})
        statuses[key] = (answer.status, answer.headers["retry-after"])
        assert json.loads(answer.read())
    assert statuses == {"sk-gone": (401, "3"), "sk-busy": (429, "3"), "sk-x": (200, None)}
    assert "sk-" not in json.dumps(upstream.calls())


def test_late_usage_follows_the_finish(upstream):
    upstream.fault("mistral", late_usage=True)
    lines = [json.loads(line[6:]) for line in upstream.complete("mistral", stream=True) if line.startswith(b"data: {")]
    assert ("usage" in lines[-2], lines[-2]["choices"][0]["finish_reason"]) == (False, "stop")
    assert (lines[-1]["choices"], lines[-1]["usage"]["completion_tokens"]) == ([], upstream.last_call()["output_tokens"])


@pytest.mark.parametrize("provider", ["openai", "mistral", "deepseek"])
def test_an_error_can_quote_the_key_and_the_prompt(upstream, provider):
    """In its text and in its names, in an answer of its own and in a stream."""
    upstream.fault(provider, status=400, echo=True)
    said = upstream.complete(provider, messages=[{"role": "user", "content": "a secret plan"}]).read().decode()
    assert "You sent " in said
    assert json.loads(said)


def test_an_error_in_a_stream_can_too(upstream):
    upstream.fault(error_after_chunks=1, echo=True)
    said = upstream.complete(stream=True, messages=[{"role": "user", "content": "a secret plan"}]).read().decode()
    assert "and asked a secret plan" in said
    assert "data: " in said
