"""What leaves for OpenAI's Responses, and what is understood of them, beside what test_fixtures.py holds for every provider."""

import json
from pathlib import Path

import pytest

from signalbox.dialects.contract import Answer
from signalbox.dialects.openai_responses import DIALECT
from signalbox.errors import Refusal, UpstreamFailure
from signalbox.money import Tokens
from signalbox.providers.fit import lack_of
from signalbox.providers.openai.responses import WIRE
from signalbox.reply import Citation, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, Usage, gather
from signalbox.request import Message, Reasoning, Request, Signature, Text, Thinking, ToolResult
from signalbox.routing.catalog import Provider, Target
from signalbox.routing.failures import KINDS

FIXTURES = Path(__file__).parents[2] / "fixtures" / "openai_responses"
CASES = sorted(path.parent.name for path in FIXTURES.glob("*/request.json"))
IN_STREAM = sorted(path.stem for path in (FIXTURES / "errors").glob("in_stream*.json"))

OPENAI = Provider("openai", "openai", "https://api.openai.com/v1", "openai", "openai")
TARGET = Target(
    "openai/gpt-5.2",
    "openai",
    "gpt-5.2-2025-12-11",
    400_000,
    128_000,
    frozenset({"tools", "vision", "json_schema", "streaming", "reasoning"}),
    None,
)


def read(path):
    return json.loads((FIXTURES / path).read_text())


def sent(request, target=TARGET, provider=OPENAI, max_tokens=None):
    return json.loads(WIRE.to_http(request, target, provider, max_tokens).body)


def own(**fields):
    return DIALECT.to_request(json.dumps({"model": "chat", "input": "hello"} | fields).encode(), {})


@pytest.mark.parametrize("case", CASES)
def test_what_it_answered_can_be_sent_again(case):
    """Through a client of the same dialect: reasoning and calls reach OpenAI as they came from it."""
    whole = read(f"{case}/whole.json")
    choices, tokens = gather(WIRE.from_body(json.dumps(whole).encode()))
    answered = json.loads(DIALECT.to_body(Answer("req_1", 1, "gpt-5.2", own()), choices, tokens or Tokens()))["output"]
    again = sent(own(input=[{"role": "user", "content": "a"}, *answered, {"role": "user", "content": "b"}]))["input"]
    for kind, fields in {"reasoning": ("id", "encrypted_content"), "function_call": ("call_id", "name", "arguments")}.items():
        came = [tuple(item[field] for field in fields) for item in whole["output"] if item["type"] == kind]
        assert [tuple(item[field] for field in fields) for item in again if item["type"] == kind] == came


@pytest.mark.parametrize("name", IN_STREAM)
def test_an_error_inside_a_stream_shows_its_kind_and_none_of_its_words(name):
    error = read(f"errors/{name}.json")
    with pytest.raises(UpstreamFailure) as caught:
        list(WIRE.to_chunks([error["stream"].encode()]))
    assert caught.value.kind == error["kind"]
    assert caught.value.kind in KINDS
    assert not any(word in caught.value.detail for word in ("Rate limit reached", "flagged", "occurred"))


def event(kind, **fields):
    return f"data: {json.dumps({'type': kind} | fields)}\n\n".encode()


DONE = event("response.completed", response={"status": "completed", "output": []})
TEXT = event("response.output_text.delta", output_index=0, content_index=0, delta="a")


@pytest.mark.parametrize("stream", [b"", TEXT, TEXT + b"data: [DONE]\n\n", event("response.in_progress")])
def test_a_stream_without_its_last_event_was_cut(stream):
    with pytest.raises(UpstreamFailure, match="cut"):
        list(WIRE.to_chunks([stream]))


@pytest.mark.parametrize(
    "stream",
    [
        b"data: {\n\n",
        b"data: []\n\n",
        b"data: \xff\n\n",
        event("response.output_text.delta", output_index=0, content_index=0, delta=7),
        event("response.output_text.delta", output_index="0", content_index=0, delta="a"),
        event("response.output_item.added", output_index=0, item=None),
        event("response.function_call_arguments.delta", output_index=0, delta="{}"),
        event("response.output_text.annotation.added", annotation=None),
        event("response.completed"),
        event("response.completed", response={"output": []}),
    ],
)
def test_what_is_no_event_of_a_response_is_malformed(stream):
    with pytest.raises(UpstreamFailure, match="malformed"):
        list(WIRE.to_chunks([stream, DONE]))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"status": "completed"}', b'{"status": "completed", "output": [{}]}'])
def test_what_is_no_response_is_malformed(body):
    with pytest.raises(UpstreamFailure, match="malformed"):
        list(WIRE.from_body(body))


def test_a_whole_body_that_failed_is_a_failure():
    body = {"status": "failed", "output": [], "error": {"code": "rate_limit_exceeded", "message": "secret"}, "usage": {"input_tokens": 3}}
    chunks = WIRE.from_body(json.dumps(body).encode())
    assert next(chunks) == Usage(Tokens(3))  # it is billed all the same
    with pytest.raises(UpstreamFailure) as caught:
        next(chunks)
    assert (caught.value.kind, "secret" in caught.value.detail) == ("rate_limited", False)


def test_an_error_for_a_body_is_a_failure():
    with pytest.raises(UpstreamFailure, match="overloaded"):
        list(WIRE.from_body(b'{"error": {"type": "overloaded_error", "message": "x"}}'))


def test_what_comes_whole_at_the_end_of_an_item_alone_is_not_lost():
    """Some servers of this format send no deltas."""
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "a", "annotations": []}, {"type": "refusal", "refusal": "no"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    stream = b"".join(event("response.output_item.done", output_index=place, item=item) for place, item in enumerate(items)) + DONE
    assert list(WIRE.to_chunks([stream])) == [
        ReasoningDelta("hm"),
        TextDelta("a"),
        RefusalDelta("no"),
        ToolCallDelta(0, "", "c", "f"),
        ToolCallDelta(0, "{}"),
        Finish("tool_calls"),
    ]


def test_reasoning_that_is_shown_itself_is_read_like_its_summary():
    stream = event("response.reasoning_text.delta", output_index=0, content_index=0, delta="hm") + DONE
    assert list(WIRE.to_chunks([stream])) == [ReasoningDelta("hm"), Finish("stop")]


def test_the_characters_of_each_part_are_counted_from_where_it_begins():
    parts = [
        {"type": "output_text", "text": "ab", "annotations": []},
        {
            "type": "output_text",
            "text": "cd",
            "annotations": [{"type": "url_citation", "url": "https://x", "start_index": 0, "end_index": 2}],
        },
    ]
    body = {"status": "completed", "output": [{"type": "message", "content": parts}]}
    assert Citation("https://x", "", "", 2, 4) in list(WIRE.from_body(json.dumps(body).encode()))


@pytest.mark.parametrize("usage", [{}, {"input_tokens": -1}, {"input_tokens": "3"}, [], {"input_tokens": 3, "output_tokens": True}])
def test_no_finished_answer_fails_by_its_count(usage):
    body = {"status": "completed", "output": [], "usage": usage}
    assert list(WIRE.from_body(json.dumps(body).encode())) == [Finish("stop")]


def test_parts_are_never_more_than_the_whole():
    usage = {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 9},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 7},
    }
    body = {"status": "completed", "output": [], "usage": usage}
    assert next(WIRE.from_body(json.dumps(body).encode())) == Usage(Tokens(5, 4, 1, 2, 2))


def test_azure_has_it_in_its_own_place():
    azure = Provider("azure", "azure", "https://mine.openai.azure.com", "azure", "azure", "api-key")
    assert WIRE.to_http(own(), TARGET, azure, None).url == "https://mine.openai.azure.com/openai/v1/responses"


def test_a_model_that_cannot_stream_is_asked_for_a_whole_body():
    http = WIRE.to_http(own(), TARGET._replace(capabilities=frozenset({"reasoning"})), OPENAI, None)
    assert "stream" not in json.loads(http.body)
    assert http.headers["accept"] == "application/json"


def test_a_model_that_does_not_think_is_not_asked_for_its_thoughts():
    body = sent(own(reasoning={"effort": "none", "summary": "auto"}), TARGET._replace(capabilities=frozenset({"streaming"})))
    assert not body.keys() & {"include", "reasoning"}


def test_nothing_is_stored_whatever_the_client_says():
    assert sent(own(store=True))["store"] is False


def test_what_others_signed_and_what_nobody_did_is_not_sent():
    parts = (Reasoning("hm"), Reasoning("", Signature("anthropic", "EqQB")), Text("a"))
    request = Request("anthropic_messages", "chat", (Message("user", (Text("q"),)), Message("assistant", parts)))
    assert [item["type"] for item in sent(request)["input"]] == ["message", "message"]


def test_a_mark_on_a_prefix_is_written_only_for_who_knows_which_models_read_it():
    messages = (Message("user", (Text("a", {"type": "ephemeral"}),)),)
    assert sent(Request("anthropic_messages", "chat", messages))["input"][0]["content"] == "a"
    assert sent(Request("openai_responses", "chat", messages))["input"][0]["content"] == [
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}
    ]


def test_a_budget_of_tokens_becomes_an_effort():
    request = Request("anthropic_messages", "chat", (Message("user", (Text("a"),)),), thinking=Thinking(None, 4_000))
    assert sent(request)["reasoning"] == {"effort": "low"}


def test_words_of_the_system_alone_stay_in_the_input():
    request = Request("openai_chat", "chat", (Message("system", (Text("a"),)),))
    assert [item["role"] for item in sent(request)["input"]] == ["system"]


def test_an_empty_result_is_still_one():
    request = Request("openai_chat", "chat", (Message("tool", (ToolResult("c", ()),)),))
    assert sent(request)["input"] == [{"type": "function_call_output", "call_id": "c", "output": ""}]


def test_what_openai_alone_knows_is_not_sent_for_others():
    request = Request("openai_chat", "chat", (Message("user", (Text("a"),), None, {"x": 1}),), extra={"logit_bias": {}})
    assert sent(request)["input"] == [{"type": "message", "role": "user", "content": "a"}]
    assert "logit_bias" not in sent(request)


@pytest.mark.parametrize(
    ("tool", "served"),
    [
        ({"type": "web_search"}, True),
        ({"type": "web_search_preview_2025_03_11"}, True),
        ({"type": "file_search", "vector_store_ids": ["vs_1"]}, True),
        ({"type": "code_interpreter", "container": {"type": "auto"}}, True),
        ({"type": "mcp", "server_label": "a", "require_approval": "never"}, True),
        ({"type": "mcp", "server_label": "a"}, False),
        ({"type": "custom", "name": "sql"}, False),
        ({"type": "computer_use_preview"}, False),
        ({"type": "local_shell"}, False),
        ({"type": "image_generation"}, False),
    ],
)
def test_tools_are_served_whose_results_are_told_in_the_text(tool, served):
    lack = lack_of(own(tools=[tool]), TARGET, OPENAI)
    assert (lack is None) == served
    assert served or lack[0] == "tools"


def test_stop_sequences_are_refused_before_the_call():
    request = Request("openai_chat", "chat", (Message("user", (Text("a"),)),), stop=("x",))
    assert WIRE.lacks(request, TARGET, OPENAI)[0] == "stop"


def test_what_is_nested_too_deeply_is_refused():
    deep = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(Refusal, match="nested"):
        WIRE.to_http(Request("openai_responses", "chat", extra={"x": deep}), TARGET, OPENAI, None)
