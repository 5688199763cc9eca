"""Those who took OpenAI's format over: each row streams what it says whole, and deviates where the real one does."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.simulators.answer import to_answer
from ops.simulators.bill import generated
from ops.simulators.exchange import Rejected, Stamp, Tokens
from ops.simulators.http import Request
from ops.simulators.prices import ANY, PRICES
from ops.simulators.providers import PROVIDERS
from ops.simulators.providers.compatible_rows import ROWS

STAMP = Stamp("seed", 1_790_000_000)
NAMES = [row.name for row in ROWS]
BY_NAME = {row.name: row for row in ROWS}
USER = [{"role": "user", "content": "say: hi you"}]
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}}}}


def posted(body, key="sk-x"):
    return Request("POST", "/", {}, {"authorization": f"Bearer {key}"} if key else {}, json.dumps(body).encode())


def operation(name, kind="chat"):
    return next(operation for operation in PROVIDERS[name].operations if operation.name == kind)


def asked(name, **more):
    return operation(name).read(posted({"model": "sim-x", "messages": USER} | more))


def streamed(name, **more):
    """The comments that were sent, and every chunk."""
    ask = asked(name, stream=True, **more)
    lines = b"".join(frame.data for frame in operation(name).frames(ask, to_answer(ask), STAMP)).decode().split("\n")
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    return [line for line in lines if line.startswith(":")], [json.loads(line) for line in data[:-1]]


def whole(name, **more):
    ask = asked(name, **more)
    return json.loads(operation(name).whole(ask, to_answer(ask), STAMP))


def refusal(name, key="sk-x", **more):
    with pytest.raises(Rejected) as refused:
        operation(name).read(posted({"model": "sim-x", "messages": USER} | more, key))
    return refused.value.status, json.loads(refused.value.body)


@pytest.mark.parametrize("name", NAMES)
@given(prompt=st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.just("call clock"), limit=st.none() | st.integers(1, 300))
def test_streamed_and_whole_say_and_bill_the_same(name, prompt, limit):
    body = {"messages": [{"role": "user", "content": prompt}], "max_tokens": limit, "tools": [CLOCK], "reasoning_effort": "low"}
    ask = asked(name, **body)
    answer = to_answer(ask)
    told = json.loads(operation(name).whole(ask, answer, STAMP))["choices"][0]
    _, chunks = streamed(name, **body)
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    field = BY_NAME[name].thought or "nothing"
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == (told["message"]["content"] or "")
    assert "".join(choice["delta"].get(field) or "" for choice in choices) == (told["message"].get(field) or "")
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == [told["finish_reason"]]
    frames = operation(name).frames(ask, answer, STAMP)
    bills = [generated(answer, frames[:count]) for count in range(len(frames) + 1)]
    assert bills == sorted(bills)
    assert bills[-1] == answer.tokens


def test_where_the_usage_is():
    places = {}
    for name in NAMES:
        _, chunks = streamed(name, stream_options={"include_usage": True})
        with_usage = next((chunk for chunk in chunks if chunk.get("usage")), None)
        finished = with_usage is not None and any(choice.get("finish_reason") for choice in with_usage["choices"])
        places[name] = (with_usage and ("finish" if finished else len(with_usage["choices"])), bool(streamed(name)[1][-1].get("usage")))
    assert places == {
        "groq": (0, False),
        "deepseek": ("finish", True),
        "cohere": (0, False),
        "together": ("finish", True),
        "fireworks": ("finish", True),
        "openrouter": (1, True),
        "xai": (0, True),
        "vllm": (0, False),
        "llama_cpp": (0, False),
        "llama_cpp_python": (None, False),
        "litellm": (1, False),
    }


@pytest.mark.parametrize("name", [row.name for row in ROWS if row.usage_in == "finish"])
def test_the_usage_may_come_late(name):
    ask = replace(asked(name, stream=True), late_usage=True)
    frames = operation(name).frames(ask, to_answer(ask), STAMP)
    assert [frame.usage for frame in frames[-3:]] == [False, True, False]


def test_usage_is_counted_as_each_counts_it():
    assert whole("xai", model="grok-4")["usage"]["completion_tokens"] == 2
    assert whole("xai", model="grok-4")["usage"]["completion_tokens_details"]["reasoning_tokens"] == 64
    usage = whole("deepseek")["usage"]
    assert usage["prompt_cache_hit_tokens"] + usage["prompt_cache_miss_tokens"] == usage["prompt_tokens"]
    ask = asked("openrouter", model="openai/gpt-5-mini")
    tokens = to_answer(ask).tokens
    cost = whole("openrouter", model="openai/gpt-5-mini")["usage"]["cost"]
    assert cost == (tokens.input * 250 + tokens.output * 2000) / 1_000_000_000
    assert BY_NAME["fireworks"].usage(ask, Tokens(9, 4, 1))["prompt_tokens_details"] == {"cached_tokens": 4}


def test_what_is_said_beside():
    _, chunks = streamed("groq")
    assert (set(chunks[0]["x_groq"]), set(chunks[-1]["x_groq"])) == ({"id"}, {"id", "usage"})
    assert streamed("openrouter")[0] == [": OPENROUTER PROCESSING"] * 2
    assert streamed("deepseek")[0] == [": keep-alive"]
    assert streamed("llama_cpp")[1][-1]["timings"]["predicted_n"] == 2
    assert [chunk["choices"][0]["finish_reason"] for chunk in streamed("vllm")[1]] == [None, None, "stop"]
    assert streamed("vllm")[1][-1]["choices"][0]["delta"] == {"content": " you"}
    assert whole("vllm", stop=["you"])["choices"][0]["stop_reason"] == "you"
    assert whole("together")["choices"][0]["finish_reason"] == "eos"
    assert whole("together", stop=["you"])["choices"][0]["finish_reason"] == "stop"
    assert whole("openrouter", max_tokens=1)["choices"][0]["native_finish_reason"] == "max_output_tokens"
    ask = asked("litellm", model="gpt-4o-mini")
    assert float(operation("litellm").headers(ask, to_answer(ask))["x-litellm-response-cost"]) > 0


def test_reasoning_has_each_ones_name():
    fields = {row.name: row.thought for row in ROWS if row.thought}
    for name, field in fields.items():
        assert whole(name, reasoning_effort="low")["choices"][0]["message"][field].startswith("Let me see")
    assert {name for name, field in fields.items() if field == "reasoning_content"} == {"deepseek", "fireworks", "llama_cpp"}
    assert "reasoning_content" in whole("deepseek", model="deepseek-reasoner")["choices"][0]["message"]
    assert "reasoning" in whole("openrouter", reasoning={"effort": "low"})["choices"][0]["message"]


def test_refusals_have_each_ones_form():
    assert refusal("groq", logprobs=True)[1]["error"]["message"] == "property 'logprobs' is unsupported"
    assert refusal("groq", n=2)[0] == 400
    assert refusal("groq", speed=1)[0] == 400
    assert refusal("xai", stop="x")[1] == {
        "code": "invalid-argument",
        "error": "Argument not supported on this model: stop",
    }
    assert refusal("xai", model="grok-4", reasoning_effort="low")[0] == 400
    assert to_answer(asked("xai", model="grok-4.3", reasoning_effort="none")).tokens.reasoning == 0
    assert refusal("openrouter", model="nobody")[1]["error"]["code"] == 404
    assert refusal("litellm", key="")[1]["error"]["code"] == "401"
    assert refusal("llama_cpp_python", temperature="hot")[0] == 500
    assert refusal("vllm", temperature="hot")[1]["error"]["type"] == "BadRequestError"
    assert refusal("cohere", key="")[1].keys() == {"id", "message"}
    assert refusal("fireworks", model="nobody")[1]["error"]["object"] == "error"


@pytest.mark.parametrize("name", NAMES)
def test_errors_and_keys(name):
    for status in (400, 401, 404, 429, 500, 503):
        kind, body = operation(name).error(status)
        assert (kind, bool(json.loads(body))) == ("application/json", True)
    assert b"error" in operation(name).error_event(503) or name == "cohere"
    assert refusal(name, key="sk-bad-1")[0] == 401
    if BY_NAME[name].local:
        assert operation(name).read(posted({"model": "whatever", "messages": USER}, key="")).model == "whatever"
    else:
        assert refusal(name, key="")[0] == 401
        assert refusal(name, model="nobody")[0] == 404
    assert operation(name).read(posted({"model": next(iter(PRICES[name])), "messages": USER})).prompt == USER[0]["content"]


@pytest.mark.parametrize("name", NAMES)
def test_models_are_listed(name):
    row = BY_NAME[name]
    listed = {model["id"] for model in json.loads(PROVIDERS[name].pages[f"{row.base}/models"](posted({})))["data"]}
    assert listed == PRICES[name].keys() - {ANY}


@pytest.mark.parametrize("name", [row.name for row in ROWS if row.embedders])
def test_embeddings(name):
    model = next(iter(BY_NAME[name].embedders))
    ask = operation(name, "embeddings").read(posted({"model": "m" if model == ANY else model, "input": ["one", "two"]}))
    reply = json.loads(operation(name, "embeddings").whole(ask, to_answer(ask), STAMP))
    assert [len(row["embedding"]) for row in reply["data"]] == [BY_NAME[name].embedders[model].dimensions] * 2
    assert reply["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
