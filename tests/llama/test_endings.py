"""How an answer of a real server ends where it does not end well: who left, what was too long, and what broke."""

import time

import anthropic
import openai
import pytest

from signalbox.aws.http import Pool
from signalbox.completion.clock import Clock
from signalbox.completion.journey import Journey
from signalbox.completion.trip import Trip
from signalbox.money import Prices, Tokens
from signalbox.providers.rows import ROWS
from signalbox.request import Message, Request, Text
from signalbox.routing.catalog import Provider, Route, Snapshot, Target, Timeouts
from signalbox.routing.decide import decide
from signalbox.routing.inputs import Features, Inputs

from .conftest import STREAMED, WHOLE, WINDOW

GREETING = [{"role": "user", "content": "hello there"}]
TOO_LONG = [{"role": "user", "content": "x" * (WINDOW + 1)}]  # a token a sign
SOON_S = 10
GONE = "Disconnected from client"


def chat(client, model=STREAMED, messages=GREETING, **more):
    return client.chat.completions.create(model=model, messages=messages, temperature=0, **more)


def begun(stream, chunks=3):
    """The stream, some way into the answer."""
    for _ in range(chunks):
        next(stream)
    return stream


class NoKeys:
    def of(self, provider, owner, anew=False):
        return (None,)

    def shown(self, request, provider, key):
        return request


def test_a_stream_that_is_left_stops_the_server_and_costs_nothing(llama):
    """By itself it would write until its window is full, and let everybody wait."""
    row, price = ROWS["llama_cpp_python"], 1_000_000_000
    provider = Provider("llama", row.wire, f"{llama.url}/v1", None, "llama_cpp_python", "none", row.on_leave)
    prices = Prices(price, price, price, price, price, price)
    target = Target("llama/tiny", "llama", "tiny", WINDOW, WINDOW, frozenset({"streaming"}), prices)
    route = Route("tiny", (target.id,), "sequential", Timeouts(ttft_s=5, between_chunks_s=5, total_s=60), 1)
    snapshot = Snapshot(1, "digest", {"llama": provider}, {target.id: target}, {"tiny": route}, {})
    request = Request("openai_chat", "tiny", (Message("user", (Text("hello there"),)),), stream=True)
    now_s = time.time()
    features = Features("r", "t", "core", "k", "tiny", input_tokens=200, input_bound=200)
    inputs = Inputs(features, draw=0.5, now_ms=int(now_s * 1000), deadline_ms=int(now_s * 1000) + 60_000)
    decision = decide(inputs, snapshot, route, lambda target: None)
    trip = Trip(request, route, snapshot, inputs, decision, time.monotonic() + 60, None)
    journey = Journey(trip, Pool().send, NoKeys(), Clock(time.time, time.monotonic, time.sleep))
    journey.begin(whole=False)
    begun(journey.chunks())
    before = llama.output.count(GONE)
    journey.drain()
    assert len(llama.says(GREETING, max_tokens=5)) == 5  # it takes one after the other
    llama.until(f"(?s)({GONE}.*){{{before + 1}}}", SOON_S)
    (attempt,) = journey.attempts()
    assert (attempt.outcome, attempt.cost_nanousd, attempt.estimated, attempt.tokens) == ("ok", 0, False, Tokens())


def test_a_client_that_leaves_the_gateway_is_answered_to_the_end_and_counted(client, recorded):
    """As on Lambda, which nobody tells that the client has gone."""
    stream = begun(chat(client, stream=True, max_tokens=200))
    stream.close()
    record = recorded(stream)
    assert (record["outcome"], record["finish"], record["estimated"]) == ("ok", "length", True)
    assert record["tokens"]["output"] >= 200


def test_a_prompt_that_is_too_long_is_the_callers_to_mend_where_the_server_is_asked_whole(client, recorded):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refused:
            chat(client, WHOLE, TOO_LONG, stream=stream)
        assert refused.value.code == "invalid_request"
        assert "context_too_long" in refused.value.message
        (attempt,) = recorded(refused.value)["attempts"]
        assert (attempt["outcome"], attempt["status"], attempt["cost_nanousd"]) == ("context_too_long", 400, 0)


def test_and_in_anthropics_words(claude):
    with pytest.raises(anthropic.BadRequestError) as refused:
        claude.messages.create(model=WHOLE, messages=TOO_LONG, max_tokens=5)
    assert refused.value.body["error"]["type"] == "invalid_request_error"


def test_the_server_ends_a_stream_without_a_word_where_the_prompt_is_too_long(llama, client, recorded):
    """Nothing that it sends tells why: 200, and a stream of no event."""
    with pytest.raises(openai.InternalServerError) as failed:
        chat(client, STREAMED, TOO_LONG, stream=True)
    assert (failed.value.status_code, failed.value.code) == (502, "upstream_failed")
    (attempt,) = recorded(failed.value)["attempts"]
    assert (attempt["outcome"], attempt["status"]) == ("cut", 200)
    assert "exceed context window" in llama.output
    assert len(chat(client, max_tokens=5).choices[0].message.content) == 5


def test_a_server_as_it_comes_drops_an_answer_for_the_next_request_and_its_client_is_told(client, recorded):
    """Its `interrupt_requests`: [DONE] follows on whatever was written, without a finish."""
    first = begun(chat(client, "hasty/tiny", stream=True))
    assert len(chat(client, "hasty/tiny", max_tokens=5).choices[0].message.content) == 5
    with pytest.raises(openai.APIError) as failed:
        list(first)
    assert failed.value.code == "upstream_failed"
    record = recorded(first)
    assert (record["outcome"], record["attempts"][0]["outcome"]) == ("upstream_failed", "cut")


def test_a_server_that_dies_midway_is_told_in_the_stream_and_before_it_by_its_status(servers, client, claude, recorded):
    stream = begun(chat(client, "doomed/tiny", stream=True))
    servers["doomed"].kill()
    with pytest.raises(openai.APIError) as failed:
        list(stream)
    assert failed.value.code == "upstream_failed"
    record = recorded(stream)
    assert (record["outcome"], record["attempts"][0]["outcome"]) == ("upstream_failed", "cut")
    for asked in ({"stream": True}, {}):
        with pytest.raises(openai.InternalServerError) as refused:
            chat(client, "doomed/tiny", **asked)
        assert (refused.value.status_code, refused.value.code) == (502, "upstream_failed")
        (attempt,) = recorded(refused.value)["attempts"]
        assert (attempt["outcome"], attempt["cost_nanousd"]) == ("unreachable", 0)
    with pytest.raises(anthropic.InternalServerError) as refused:
        claude.messages.create(model="doomed/tiny", messages=GREETING, max_tokens=5)
    assert refused.value.body["error"]["type"] == "api_error"
