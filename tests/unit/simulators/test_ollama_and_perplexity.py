"""Ollama's lines of JSON, and Perplexity's chunks that repeat everything so far."""

import json
from dataclasses import replace

import pytest

from ops.simulators.answer import to_answer
from ops.simulators.bill import cost_nanousd, generated
from ops.simulators.exchange import Rejected, Stamp
from ops.simulators.http import Request
from ops.simulators.prices import PRICES
from ops.simulators.providers import PROVIDERS

STAMP = Stamp("seed", 1_790_000_000)
SAY = [{"role": "user", "content": "say: hi you"}]
CALL = [{"role": "user", "content": 'call clock {"zone": "CET"} and call clock'}]
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}}}}


def operation(name, kind):
    return next(operation for operation in PROVIDERS[name].operations if operation.name == kind)


def posted(body, key="sk-x"):
    return Request("POST", "/", {}, {"authorization": f"Bearer {key}"} if key else {}, json.dumps(body).encode())


def native(**more):
    ask = operation("ollama", "chat_native").read(posted({"model": "llama3.1:latest", "messages": SAY} | more, key=""))
    answer = to_answer(ask)
    frames = operation("ollama", "chat_native").frames(ask, answer, STAMP)
    whole = json.loads(operation("ollama", "chat_native").whole(ask, answer, STAMP))
    assert generated(answer, frames) == answer.tokens
    return ask, [json.loads(frame.data) for frame in frames], whole


@pytest.mark.parametrize(
    "more", [{}, {"think": "low"}, {"messages": CALL, "tools": [CLOCK]}, {"options": {"num_predict": 1}}, {"format": "json"}]
)
def test_ollama_streams_what_it_says_whole(more):
    ask, lines, whole = native(**more)
    assert ask.stream is True
    for field in ("content", "thinking"):
        assert "".join(line["message"].get(field, "") for line in lines) == whole["message"].get(field, "")
    assert [call for line in lines for call in line["message"].get("tool_calls", ())] == whole["message"].get("tool_calls", [])
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    end = lines[-1]
    assert {name: end[name] for name in ("done_reason", "prompt_eval_count", "eval_count", "total_duration")} == {
        name: whole[name] for name in ("done_reason", "prompt_eval_count", "eval_count", "total_duration")
    }


def test_ollama_calls_with_objects_and_says_why_it_ended():
    assert native(messages=CALL, tools=[CLOCK])[2]["message"]["tool_calls"][0] == {
        "function": {"name": "clock", "arguments": {"zone": "CET"}}
    }
    assert native(options={"num_predict": 1})[2]["done_reason"] == "length"
    assert native(options={"stop": "you"})[2]["message"]["content"] == "hi "
    assert json.loads(native(format={"type": "object", "properties": {"a": {"type": "integer"}}})[2]["message"]["content"]) == {"a": 1}
    assert native(think=True)[2]["message"]["thinking"].startswith("Let me see")


def test_ollama_counts_an_image_once_however_long():
    counts = {
        native(messages=[{"role": "user", "content": "say: x", "images": ["A" * size]}])[2]["prompt_eval_count"] for size in (4_000, 40_000)
    }
    assert len(counts) == 1


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"messages": SAY}, 400, "model is required"),
        ({"model": "m", "messages": "hi"}, 400, "cannot unmarshal string"),
        ({"model": "m", "messages": SAY, "think": "hard"}, 400, "invalid think value"),
        ({"model": "m", "messages": SAY, "format": "yaml"}, 400, "invalid format"),
        ({"model": "m", "messages": SAY, "options": {"temperature": "hot"}}, 400, "temperature"),
        ({"model": "m", "messages": [{"role": "me", "content": "x"}]}, 400, "invalid role"),
    ],
)
def test_ollama_refuses_in_its_own_words(body, status, said):
    with pytest.raises(Rejected) as refused:
        operation("ollama", "chat_native").read(posted(body))
    assert refused.value.status == status
    assert said in json.loads(refused.value.body)["error"]


def test_the_cloud_asks_for_a_key_and_has_its_models_only():
    for body, key, status in (({"model": "gpt-oss:20b-cloud"}, "", 401), ({"model": "llama3.1:latest"}, "sk-x", 404)):
        with pytest.raises(Rejected) as refused:
            operation("ollama_cloud", "chat_native").read(posted(body | {"messages": SAY}, key))
        assert refused.value.status == status
    assert operation("ollama_cloud", "chat_native").read(posted({"model": "gpt-oss:20b-cloud", "messages": SAY})).prompt == "say: hi you"


def test_ollama_embeds_and_lists():
    embed = operation("ollama", "embed_native")
    ask = embed.read(posted({"model": "nomic-embed-text", "input": ["one", "two"]}))
    reply = json.loads(embed.whole(ask, to_answer(ask), STAMP))
    assert ([len(row) for row in reply["embeddings"]], reply["prompt_eval_count"]) == ([768, 768], 2)
    listed = json.loads(PROVIDERS["ollama"].pages["/api/tags"](posted({})))["models"]
    assert "qwen2.5-coder:7b" in {model["name"] for model in listed}
    assert "llama3.1:latest" in {model["id"] for model in json.loads(PROVIDERS["ollama"].pages["/v1/models"](posted({})))["data"]}


def sonar(**more):
    chat = operation("perplexity", "chat")
    ask = chat.read(posted({"model": "sonar", "messages": SAY} | more))
    return ask, to_answer(ask), chat


def test_perplexity_counts_up_in_every_chunk():
    ask, answer, chat = sonar(stream=True)
    *frames, done = chat.frames(ask, answer, STAMP)
    chunks = [json.loads(frame.data.removeprefix(b"data: ")) for frame in frames]
    whole = json.loads(chat.whole(ask, answer, STAMP))
    assert done.data == b"data: [DONE]\n\n"
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks] == [1, 2, 2]
    assert [frame.usage for frame in (*frames, done)] == [False, False, True, False]  # an early count is not the last word
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks] == ["hi", " you", ""]
    assert chunks[-1]["choices"][0]["message"] == whole["choices"][0]["message"]
    assert (chunks[-1]["usage"], chunks[-1]["citations"]) == (whole["usage"], whole["citations"])
    assert whole["usage"]["cost"]["total_cost"] == cost_nanousd(answer.tokens, PRICES["perplexity"]["sonar"]) / 1e9 > 0.005
    late = chat.frames(replace(ask, late_usage=True), answer, STAMP)
    assert [frame.usage for frame in late] == [False, False, False, True, False]


@pytest.mark.parametrize(
    ("more", "key", "status", "said"),
    [
        ({"model": "nobody"}, "sk-x", 400, b"invalid_model"),
        ({"messages": [*SAY, *SAY]}, "sk-x", 400, b"alternating"),
        ({"tools": [CLOCK]}, "sk-x", 400, b"tools"),
        ({}, "sk-bad-1", 401, b"<html>"),
    ],
)
def test_perplexity_refuses_in_its_own_words(more, key, status, said):
    with pytest.raises(Rejected) as refused:
        operation("perplexity", "chat").read(posted({"model": "sonar", "messages": SAY} | more, key))
    assert refused.value.status == status
    assert said in refused.value.body
