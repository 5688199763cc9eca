"""What Ollama's fixtures cannot show: how a model is told to think, what it cannot do, and answers that are not what they should be."""

import json

import pytest

from signalbox.errors import UpstreamFailure
from signalbox.money import Tokens
from signalbox.providers.ollama import chat as ollama
from signalbox.providers.ollama.answer import to_tokens
from signalbox.reply import Finish, TextDelta, Usage, gather
from signalbox.request import Image, Message, Request, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult
from signalbox.routing.catalog import Provider, Target

LOCAL = Provider("ollama", "ollama", "http://127.0.0.1:11434", None, "ollama", "none", "free")
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def target(model="llama3.1:latest", *capabilities):
    return Target(f"ollama/{model}", "ollama", model, 8_192, 4_096, frozenset(capabilities), None, "ollama")


def body(*messages, to=None, **fields):
    request = Request("openai_chat", "chat", messages or (Message("user", (Text("hi"),)),), **fields)
    return json.loads(ollama.to_http(request, to or target(), LOCAL, request.max_tokens).body)


def read(*lines):
    return list(ollama.to_chunks(json.dumps(line).encode() + b"\n" for line in lines))


@pytest.mark.parametrize(
    ("model", "thinking", "think"),
    [
        ("qwen3:8b", {"effort": "low"}, True),
        ("qwen3:8b", {"effort": "none"}, False),
        ("qwen3:8b", {"budget_tokens": 0}, False),
        ("qwen3:8b", {"summary": "auto"}, True),
        ("gpt-oss:20b", {"effort": "none"}, "low"),
        ("gpt-oss:20b", {"effort": "xhigh"}, "high"),
        ("gpt-oss:20b", {"summary": "auto"}, "medium"),
        ("gpt-oss:20b", {"budget_tokens": 1_024}, "low"),
        ("gpt-oss:20b", {"budget_tokens": 8_000}, "medium"),
        ("gpt-oss:20b", {"budget_tokens": 30_000}, "high"),
    ],
)
def test_a_model_is_told_to_think_in_the_way_it_knows(model, thinking, think):
    assert body(to=target(model, "reasoning"), thinking=Thinking(**thinking))["think"] == think


def test_a_model_that_cannot_think_is_told_nothing_of_it():
    assert "think" not in body(thinking=Thinking("none"))
    assert "think" not in body(to=target("qwen3:8b", "reasoning"))


def test_it_is_told_not_to_stream_where_it_is_not_to():
    assert body()["stream"] is False
    assert body(to=target("m", "streaming"))["stream"] is True


def test_no_options_are_sent_where_none_are_asked_for():
    assert "options" not in body()


@pytest.mark.parametrize(
    ("fields", "lack"),
    [
        ({"tool_choice": ToolChoice("required"), "tools": (Tool("f"),)}, "tool_choice"),
        ({"tool_choice": ToolChoice("tool", "f"), "tools": (Tool("f"),)}, "tool_choice"),
        ({"tool_choice": ToolChoice("auto"), "tools": (Tool("f"),)}, None),
        ({"messages": (Message("user", (Image("https://x/y.png"),)),)}, "messages"),
        ({"messages": (Message("tool", (ToolResult("c", (Image("https://x/y.png"),)),)),)}, "messages"),
        ({"messages": (Message("user", (Image(PICTURE),)),)}, None),
    ],
)
def test_what_it_cannot_do_is_known_before(fields, lack):
    found = ollama.lacks(Request("openai_chat", "m", **fields), target(), LOCAL)
    assert (found and found[0]) == lack


def test_results_of_tools_are_messages_of_their_own_and_find_their_names():
    history = (
        Message("assistant", (Text("I look."), ToolCall("c1", "f", '{"a":1'))),
        Message("user", (ToolResult("c1", (Text("one"), Image(PICTURE))), Text("and now?"))),
        Message("tool", (ToolResult("old", (Text("two"),)),)),
    )
    assert body(*history)["messages"] == [
        {"role": "assistant", "content": "I look.", "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {}}}]},
        {"role": "tool", "content": "one", "tool_name": "f", "tool_call_id": "c1", "images": ["iVBORw0KGgo="]},
        {"role": "user", "content": "and now?"},
        {"role": "tool", "content": "two", "tool_name": "old", "tool_call_id": "old"},
    ]


def test_an_answer_without_its_prompts_count_has_no_count():
    chunks = read({"message": {"content": "a"}, "done": True, "done_reason": "stop", "eval_count": 3})
    assert chunks == [TextDelta("a"), Finish("stop")]


@pytest.mark.parametrize(
    ("event", "tokens"),
    [
        ({"prompt_eval_count": 5, "eval_count": 3}, Tokens(input=5, output=3)),
        ({"prompt_eval_count": 5}, Tokens(input=5)),
        ({"eval_count": 3}, None),
        ({"prompt_eval_count": -5}, None),
        ({"prompt_eval_count": 5, "eval_count": "3"}, None),
    ],
)
def test_usage_is_read_or_it_is_none(event, tokens):
    assert to_tokens(event) == tokens


def test_a_call_without_an_id_gets_the_same_one_however_it_came():
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    done = {"message": {}, "done": True, "prompt_eval_count": 1}
    apart, _ = gather(read({"message": {"tool_calls": [call]}}, {"message": {"tool_calls": [call]}}, done))
    whole, _ = gather(ollama.from_body(json.dumps(done | {"message": {"tool_calls": [call, call]}}).encode()))
    assert apart == whole
    one, two = (call.id for call in whole[0].tool_calls)
    assert one != two


def test_what_follows_the_end_is_not_read():
    assert read({"message": {}, "done": True, "prompt_eval_count": 1}, {"error": "late"}) == [Finish("stop"), Usage(Tokens(input=1))]


def test_an_error_inside_a_stream_quotes_nothing():
    with pytest.raises(UpstreamFailure) as failure:
        read({"message": {"content": "a"}}, {"error": "you said hunter2", "status": 404})
    assert failure.value.kind == "not_found"
    assert "hunter2" not in failure.value.detail


@pytest.mark.parametrize("status", [True, "429", 200, 10**9, None])
def test_an_error_with_another_status_is_the_servers(status):
    with pytest.raises(UpstreamFailure) as failure:
        read({"error": "x", "status": status})
    assert failure.value.kind == "server"


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'{"message":[1]}',
        b'{"message":{"content":5}}',
        b'{"message":{"tool_calls":{}}}',
        b'{"message":{"tool_calls":[1]}}',
        b'{"message":{},"logprobs":[1]}',
        b'{"message":{},"done":true,"done_reason":1}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_not_of_its_type_is_malformed(line):
    with pytest.raises(UpstreamFailure) as failure:
        list(ollama.to_chunks([line + b"\n"]))
    assert failure.value.kind == "malformed"
