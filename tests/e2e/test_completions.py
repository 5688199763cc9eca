"""The main job through the front door: the official SDK, the simulated upstream, and what both sides counted."""

import json
import time

import httpx
import openai
import pytest

from .stack import PLAIN, ROOT
from .waiting import eventually


def chat(client, prompt="say: hello", model="chat", **options):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}], **options)


def test_an_answer_in_one_piece(client):
    answer = chat(client, "say: the line is open")
    assert answer.choices[0].message.content == "the line is open"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_the_headers_tell_the_route(client):
    raw = client.chat.completions.with_raw_response.create(model="chat", messages=[{"role": "user", "content": "say: hi"}])
    assert raw.headers["x-signalbox-target"] == "openai/gpt-4.1-mini"
    assert raw.headers["x-signalbox-attempts"] == "1"
    assert raw.headers["x-signalbox-request-id"].startswith("req_")
    assert int(raw.headers["x-signalbox-config-version"]) >= 1


@pytest.mark.parametrize("held", [2, 3, 5])
def test_a_stream_arrives_as_the_upstream_sends_it(client, faults, told_nothing_more, upstream_ledger, held):
    """What the upstream has sent is here while it holds the rest back, so nothing gathers the chunks on the way."""
    faults("openai", hold_after_chunks=held, times=1)
    chunks = chat(client, "say: one two four five six", "openai/gpt-5-mini", stream=True, stream_options={"include_usage": True})
    early = "".join(next(chunks).choices[0].delta.content or "" for _ in range(held))
    assert early.split() == ["one", "two", "four", "five"][: held - 1]  # the first chunk has a role and no text
    assert upstream_ledger() == []
    told_nothing_more("openai")
    rest = list(chunks)
    assert early + "".join(chunk.choices[0].delta.content or "" for chunk in rest if chunk.choices) == "one two four five six"
    assert rest[-1].usage.completion_tokens > 0


def test_usage_is_not_streamed_unless_asked_for(client):
    assert all(chunk.usage is None and chunk.choices for chunk in chat(client, stream=True))


def test_tools_come_back_as_the_model_called_them(client):
    weather = {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
    whole = chat(client, "call weather", tools=[weather]).choices[0]
    assert whole.finish_reason == "tool_calls"
    assert whole.message.tool_calls[0].function.name == "weather"
    streamed = "".join(
        call.function.arguments or ""
        for chunk in chat(client, "call weather", tools=[weather], stream=True)
        for call in chunk.choices[0].delta.tool_calls or ()
    )
    assert streamed == whole.message.tool_calls[0].function.arguments


def test_the_models_are_listed(client):
    assert {"chat", "gpt-4.1-mini", "openai/gpt-4.1-mini"} <= {model.id for model in client.models.list()}


def test_usage_and_cost_are_what_the_upstream_billed(stack, new_key, upstream_ledger):
    """Each counted once, to the nano-dollar, whether it was streamed or not, and whether the client stayed or not."""
    key = new_key()
    began = stack.usage(key["secret"])
    client = stack.client(key["secret"])
    chat(client, "words=20")
    for _ in chat(client, "words=30", stream=True):
        pass
    left = chat(client, "words=40", stream=True)
    next(iter(left))
    left.close()
    billed = eventually(lambda: [call for call in upstream_ledger() if call["outcome"] == "served"], lambda calls: len(calls) == 3)
    mine = eventually(lambda: stack.used(key=key["id"]), lambda used: used["requests"] >= 3)
    own = stack.usage(key["secret"])
    told = [
        mine,
        *(own[name] for name in ("today", "month") if own[name]["period"] == began[name]["period"]),
    ]  # a new one began with nothing
    for used in told:
        assert used["requests"] == 3
        assert used["cost_nanousd"] == sum(call["cost_nanousd"] for call in billed)
        assert used["output"] == sum(call["output_tokens"] for call in billed)


def test_a_request_can_be_looked_up_by_its_own_tenant_only(stack, new_key):
    mine, other = new_key(tenant="acme"), new_key(tenant="rival")
    raw = stack.client(mine["secret"]).chat.completions.with_raw_response.create(
        model="chat", messages=[{"role": "user", "content": "say: secret words"}]
    )
    id = raw.headers["x-signalbox-request-id"]
    found = eventually(lambda: stack.get(f"/v1/requests/{id}", mine["secret"]), lambda answer: answer.status_code == 200)
    assert found.json()["attempts"][0]["target"] == "openai/gpt-4.1-mini"
    assert "secret words" not in found.text
    assert stack.get(f"/v1/requests/{id}", other["secret"]).status_code == 404


CHAT = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
BAD = [
    ("not JSON", {"content": b"hello"}, 400, "invalid_request"),
    ("wrong types", {"json": {"model": "chat", "messages": "hi"}}, 400, "invalid_request"),
    ("no messages", {"json": {"model": "chat", "messages": []}}, 400, "invalid_request"),
    ("unknown model", {"json": {"model": "nope", "messages": [{"role": "user", "content": "hi"}]}}, 404, "model_not_found"),
    ("too large", {"json": {"model": "chat", "messages": [{"role": "user", "content": "x" * 1_048_577}]}}, 413, "request_too_large"),
    ("no key", {"json": {}, "headers": {"authorization": ""}}, 401, "invalid_key"),
    ("wrong key", {"json": {}, "headers": {"authorization": "Bearer sk-sb-forged.mac"}}, 401, "invalid_key"),
    ("method", {"method": "DELETE"}, 405, "method_not_allowed"),
    ("path", {"url": "/v1/nothing/here"}, 404, "not_found"),
    ("folder", {"url": "/v1/requests", "method": "GET"}, 404, "not_found"),
    ("timeout header", {"json": CHAT, "headers": {"x-signalbox-timeout-ms": "soon"}}, 400, "invalid_request"),
]  # fmt: skip
AT_ONCE = 5  # times as long as the same bytes take to a path that is not there
MOST_TURNS = 60  # a busy machine may disturb many of them, but not all


@pytest.mark.parametrize(("what", "call", "status", "code"), BAD, ids=[row[0] for row in BAD])
def test_bad_input_is_answered_in_the_dialect_at_once_and_goes_nowhere(stack, upstream_ledger, what, call, status, code):
    call = {"method": "POST", "url": "/v1/chat/completions"} | call
    headers = {"authorization": f"Bearer {stack.key}"} | call.pop("headers", {})
    nowhere = call | {"method": "POST", "url": "/v1/nothing"}
    took_s, least_s = [], []
    with httpx.Client(base_url=stack.url, headers=headers, verify=PLAIN) as http:
        for _ in range(MOST_TURNS):
            answer, seconds = timed(http, call)
            took_s.append(seconds)
            least_s.append(timed(http, nowhere)[1])
            if len(took_s) > 2 and min(took_s) < AT_ONCE * min(least_s):
                break
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert set(error) == {"message", "type", "param", "code"}
    assert "Traceback" not in answer.text
    assert upstream_ledger() == []
    assert min(took_s) < AT_ONCE * min(least_s)


def timed(http, call):
    began_s = time.monotonic()
    answer = http.request(**call)
    return answer, time.monotonic() - began_s


def test_garbage_and_a_cut_stream_go_to_the_second_target(stack, client, faults):
    for fault in ({"malformed": True}, {"cut_after_chunks": 0}, {"status": 500}):
        faults("openai", times=1, **fault)
        raw = client.chat.completions.with_raw_response.create(model="chat", messages=[{"role": "user", "content": "say: hi"}])
        assert raw.parse().choices[0].message.content == "hi"
        assert (raw.headers["x-signalbox-target"], raw.headers["x-signalbox-attempts"]) == ("mistral/mistral-small-latest", "2")


def test_a_target_that_has_no_other_fails_with_its_code(stack, client, faults, new_key):
    late, impatient = {"latency_ms": 60_000}, {"x-signalbox-timeout-ms": "400"}
    for fault, headers, code, status in (
        ({"malformed": True}, {}, "upstream_failed", 502),
        (late, impatient, "deadline_exceeded", 504),
    ):
        faults("openai", times=1, **fault)
        with pytest.raises(openai.APIStatusError) as error:
            chat(client, model="openai/gpt-4.1-mini", extra_headers=headers)
        assert (error.value.status_code, error.value.code) == (status, code)


def test_a_stream_that_breaks_midway_ends_in_an_error_and_is_charged_by_what_is_known(stack, new_key, faults, upstream_ledger):
    faults("openai", cut_after_chunks=5, times=1)
    key = new_key()
    chunks = []
    with pytest.raises(openai.APIError) as error:
        chunks.extend(chat(stack.client(key["secret"]), "words=50", stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert error.value.code == "upstream_failed"
    used = eventually(lambda: stack.used(key=key["id"]), lambda used: used["requests"] == 1)
    assert used["cost_nanousd"] >= sum(call["cost_nanousd"] for call in upstream_ledger())


@pytest.mark.parametrize("sample", ["complete_chat", "complete_messages_stream"])
def test_a_sample_event_goes_to_the_function_by_its_name(stack, sample):
    """As README has it; what streams comes in one piece."""
    event = (ROOT / "events" / f"{sample}.json").read_bytes()
    answer = stack.aws("lambda").invoke(FunctionName=stack.outputs["CompleteFunctionName"], Payload=event)
    told = json.loads(answer["Payload"].read())
    assert (answer.get("FunctionError"), told["statusCode"]) == (None, 200)
    assert "message_stop" in told["body"] if "stream" in sample else json.loads(told["body"])["choices"]
