"""The official client at every provider that took OpenAI's format over, and the ledger beside what it was told."""

import json

import openai
import pytest

from ops.simulators.bill import cost_nanousd
from ops.simulators.exchange import Tokens
from ops.simulators.prices import ANY, PRICES
from ops.simulators.providers.compatible_rows import ROWS

HELLO = [{"role": "user", "content": "say: hello world"}]
BASES = {row.name: row.base for row in ROWS} | {"perplexity": "", "ollama": "/v1", "ollama_cloud": "/v1"}
EMBEDS = {row.name: next(iter(row.embedders)) for row in ROWS if row.embedders} | {"ollama": "nomic-embed-text"}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}}}}


@pytest.fixture(params=BASES)
def name(request):
    return request.param


@pytest.fixture
def client(upstream, name):
    with openai.OpenAI(base_url=f"http://127.0.0.1:{upstream.port}/{name}{BASES[name]}", api_key="sk-x", max_retries=0) as client:
        yield client


def test_a_completion_and_its_bill(client, upstream, name):
    model = next(iter(PRICES[name]))
    reply = client.chat.completions.create(model=model, messages=HELLO)
    assert reply.choices[0].message.content == "hello world"
    call = upstream.last_call()
    assert (call["input_tokens"], call["input_tokens"] + call["output_tokens"]) == (reply.usage.prompt_tokens, reply.usage.total_tokens)
    tokens = Tokens(call["input_tokens"], 0, call["output_tokens"], call["reasoning_tokens"])
    assert call["cost_nanousd"] == cost_nanousd(tokens, PRICES[name][model])
    assert (call["provider"], call["model"], call["outcome"], call["usage_delivered"]) == (name, model, "served", True)


def test_a_stream_and_its_usage(client, upstream, name):
    model = next(iter(PRICES[name]))
    stream = client.chat.completions.create(model=model, messages=HELLO, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "hello world"
    told = [chunk.usage for chunk in chunks if chunk.usage]
    call = upstream.last_call()
    assert call["usage_delivered"] is bool(told) is (name != "llama_cpp_python")
    if told:
        assert told[-1].total_tokens == call["input_tokens"] + call["output_tokens"]


def test_tools(client, name):
    if name == "perplexity":
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="sonar", messages=HELLO, tools=[CLOCK])
        return
    model, asked = next(iter(PRICES[name])), [{"role": "user", "content": 'call clock {"zone": "CET"}'}]
    with client.chat.completions.stream(model=model, messages=asked, tools=[CLOCK]) as stream:
        choice = stream.get_final_completion().choices[0]
    call = choice.message.tool_calls[0]
    assert (choice.finish_reason, call.function.name, json.loads(call.function.arguments)) == ("tool_calls", "clock", {"zone": "CET"})


def test_errors_before_and_in_the_stream(client, upstream, name):
    model = next(iter(PRICES[name]))
    upstream.fault(name, status=429, retry_after_s=2, times=1)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model=model, messages=HELLO)
    upstream.fault(name, status=503, times=1)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model=model, messages=HELLO)
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-bad-1").chat.completions.create(model=model, messages=HELLO)
    upstream.fault(name, error_in_stream=True, times=1)
    body = {"model": model, "messages": HELLO, "stream": True}
    answer = upstream.post(f"/{name}{BASES[name]}/chat/completions", body)
    said = answer.read()
    assert (answer.status, b'"error"' in said or name == "cohere", b"hello" in said) == (200, True, False)
    assert [call["cost_nanousd"] for call in upstream.calls()] == [0] * 4


def test_embeddings(upstream, name):
    if name not in EMBEDS:
        status, _ = upstream.ask("POST", f"/{name}{BASES[name]}/embeddings", {"model": "sim-x", "input": "hi"})
        assert status == 404
        return
    model = "some-model" if EMBEDS[name] == ANY else EMBEDS[name]
    with openai.OpenAI(base_url=f"http://127.0.0.1:{upstream.port}/{name}{BASES[name]}", api_key="sk-x", max_retries=0) as client:
        reply = client.embeddings.create(model=model, input=["hello", "world"])
    assert (len(reply.data), reply.usage.prompt_tokens, upstream.last_call()["input_tokens"]) == (2, 4, 4)


def test_ollamas_own_lines_over_the_wire(upstream):
    answer = upstream.post("/ollama/api/chat", {"model": "llama3.1:latest", "messages": HELLO})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
    lines = [json.loads(line) for line in answer.read().splitlines()]
    assert "".join(line["message"]["content"] for line in lines) == "hello world"
    call = upstream.last_call()
    assert (lines[-1]["eval_count"], lines[-1]["prompt_eval_count"]) == (call["output_tokens"], call["input_tokens"])
    assert (call["operation"], call["cost_nanousd"], call["usage_delivered"]) == ("chat_native", 0, True)
    upstream.fault("ollama", malformed=True, times=1)
    _, broken, third, *_ = upstream.post("/ollama/api/chat", {"model": "llama3.1:latest", "messages": HELLO}).read().splitlines()
    assert json.loads(third)
    with pytest.raises(ValueError):
        json.loads(broken)
    upstream.fault("ollama", error_after_chunks=1, times=1)
    *_, last = upstream.post("/ollama/api/chat", {"model": "llama3.1:latest", "messages": HELLO}).read().splitlines()
    assert json.loads(last).keys() == {"error"}
    assert upstream.ask("GET", "/ollama/api/tags")[1]["models"][0]["name"] == "llama3.1:latest"
    assert upstream.ask("POST", "/ollama/api/embed", {"model": "nomic-embed-text", "input": "hello"})[1]["prompt_eval_count"] == 2


def test_perplexitys_refusal_of_a_key_is_a_page(upstream):
    answer = upstream.post("/perplexity/chat/completions", {"model": "sonar", "messages": HELLO}, key="")
    assert (answer.status, answer.headers["content-type"], answer.read()[:6]) == (401, "text/html", b"<html>")
