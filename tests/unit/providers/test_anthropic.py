"""What leaves for Anthropic beside what its fixtures show, and what is understood of a stream that is not as it should be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.errors import Refusal, UpstreamFailure
from signalbox.money import Tokens
from signalbox.providers.anthropic import messages as anthropic
from signalbox.providers.anthropic import vertex as anthropic_vertex
from signalbox.providers.anthropic.schema import held
from signalbox.providers.fit import lack_of
from signalbox.reply import Citation, Finish, ReasoningDelta, TextDelta, ToolCallDelta, Usage, gather
from signalbox.request import (
    Format,
    Image,
    Message,
    Raw,
    Reasoning,
    Request,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from signalbox.routing.catalog import CAPABILITIES, Provider, Target
from signalbox.routing.failures import KINDS

PROVIDER = Provider("anthropic", "anthropic", "https://api.anthropic.com", "anthropic", "anthropic", "x-api-key")
TARGET = Target(
    "anthropic/c", "anthropic", "claude-sonnet-4-5", 200_000, 64_000, frozenset(CAPABILITIES) - {"embeddings"}, None, "anthropic"
)
HELLO = Message("user", (Text("hello"),))
WEATHER = Tool("weather")


def asked(*messages, dialect="openai_chat", **fields):
    return Request(dialect, "chat", messages or (HELLO,), **fields)


def sent(request, target=TARGET, max_tokens=None):
    return json.loads(anthropic.to_http(request, target, PROVIDER, max_tokens).body)


def lacking(request, target=TARGET):
    lack = lack_of(request, target, PROVIDER)
    return lack and lack[0]


def test_what_was_not_said_is_not_sent():
    assert sent(asked()) == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        "stream": True,
    }


def test_a_model_without_streaming_is_asked_for_a_whole_answer():
    target = TARGET._replace(capabilities=frozenset({"tools"}))
    http = anthropic.to_http(asked(), target, PROVIDER, 5)
    assert "stream" not in json.loads(http.body)
    assert http.headers["accept"] == "application/json"


def test_no_key_is_in_what_the_wire_writes():
    assert set(anthropic.to_http(asked(), TARGET, PROVIDER, 5).headers) == {
        "content-type",
        "accept",
        "accept-encoding",
        "anthropic-version",
    }


def test_a_temperature_of_nothing_survives():
    assert sent(asked(temperature=0))["temperature"] == 0


def test_images_of_a_result_and_its_failure_arrive():
    result = ToolResult("c", (Text("seen"), Image("data:image/jpg;base64,AAAA")), failed=True, cache={"type": "ephemeral"})
    call = ToolCall("c", "look", '{"at": [1, {"x": null}]}')
    messages = sent(asked(HELLO, Message("assistant", (call,)), Message("tool", (result,))))["messages"]
    assert messages[1]["content"] == [{"type": "tool_use", "id": "c", "name": "look", "input": {"at": [1, {"x": None}]}}]
    assert messages[2] == {
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "tool_use_id": "c",
                "content": [
                    {"type": "text", "text": "seen"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
                ],
                "is_error": True,
                "cache_control": {"type": "ephemeral"},
            }
        ],
    }


def test_a_result_without_a_word_has_no_content():
    messages = sent(asked(HELLO, Message("assistant", (ToolCall("c", "f", ""),)), Message("tool", (ToolResult("c", (Text(""),)),))))[
        "messages"
    ]
    assert messages[-1]["content"] == [{"type": "tool_result", "tool_use_id": "c"}]


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "7", '"x"', "[" * 100_000, "NaN"])
def test_arguments_that_are_no_object_become_one(arguments):
    (block,) = sent(asked(HELLO, Message("assistant", (ToolCall("c", "f", arguments),))))["messages"][1]["content"]
    assert block["input"] == {}


def test_turns_alternate_and_none_is_empty():
    messages = sent(
        asked(
            Message("system", (Text("be"),)),
            HELLO,
            Message("assistant", (Text(""),)),
            Message("user", (Text(" \n"),)),
            Message("user", (Text("b"),)),
            Message("assistant", (Text("c"),)),
            Message("assistant", (ToolCall("1", "f", "{}"), ToolCall("2", "f", "{}"))),
            Message("tool", (ToolResult("1", (Text("x"),)),)),
            Message("tool", (ToolResult("2", (Text("y"),)),)),
        )
    )["messages"]
    assert [(message["role"], len(message["content"])) for message in messages] == [("user", 2), ("assistant", 3), ("user", 2)]


@pytest.mark.parametrize("id", ["functions.f:0", "", "a" * 65, "größe", "\ud800", "a b"])
def test_an_id_of_another_provider_fits_and_agrees_with_its_result(id):
    messages = sent(asked(HELLO, Message("assistant", (ToolCall(id, "f", "{}"),)), Message("tool", (ToolResult(id, (Text("x"),)),))))[
        "messages"
    ]
    written = messages[1]["content"][0]["id"]
    assert messages[2]["content"][0]["tool_use_id"] == written
    assert written.isascii()
    assert written.replace("_", "").replace("-", "").isalnum()
    assert len(written) <= 64


def test_only_claudes_own_thoughts_are_sent_back_and_in_their_order():
    parts = (
        Reasoning("a", Signature("anthropic", "s1")),
        Text("b"),
        Reasoning("", Signature("anthropic", "r"), True),
        Reasoning("c", Signature("google", "g")),
        Reasoning("d", Signature("openai", "o", "rs_1"), True),
        Reasoning("e"),
        Text("f"),
    )
    request = asked(HELLO, Message("assistant", parts), HELLO)
    assert sent(request)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "a", "signature": "s1"},
        {"type": "text", "text": "b"},
        {"type": "redacted_thinking", "data": "r"},
        {"type": "text", "text": "f"},
    ]
    unthinking = TARGET._replace(capabilities=TARGET.capabilities - {"reasoning"})
    assert [block["type"] for block in sent(request, unthinking)["messages"][1]["content"]] == ["text", "text"]


@pytest.mark.parametrize(
    ("choice", "parallel", "written"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("tool", "weather"), None, {"type": "tool", "name": "weather"}),
        (Raw({"type": "auto", "new": 1}), None, {"type": "auto", "new": 1}),
    ],
)
def test_a_choice_of_tools(choice, parallel, written):
    assert sent(asked(tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=parallel)).get("tool_choice") == written


def test_a_choice_without_tools_is_none():
    assert "tool_choice" not in sent(asked(tool_choice=ToolChoice("auto"), parallel_tool_calls=False))


def test_a_strict_tool_is_held_where_the_model_can_be():
    tool = Tool("f", "d", {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}, True)
    (strict,) = sent(asked(tools=(tool,)))["tools"]
    assert strict["strict"] is True
    assert strict["input_schema"] == {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    (loose,) = sent(asked(tools=(tool,)), TARGET._replace(model="claude-3-7-sonnet-20250219"))["tools"]
    assert "strict" not in loose
    assert loose["input_schema"]["properties"]["n"]["minimum"] == 1


def test_json_without_a_schema_is_asked_for_in_words():
    system = sent(asked(Message("system", (Text("be"),)), HELLO, response_format=Format()))["system"]
    assert system[0]["text"] == "be"
    assert "JSON object" in system[1]["text"]


def test_a_schema_keeps_all_that_can_be_held():
    schema = {
        "type": "object",
        "description": "d",
        "properties": {
            "minimum": {"type": "number", "maximum": 9, "description": "a name like a bound's"},
            "list": {"type": "array", "minItems": 3, "maxItems": 4, "items": {"$ref": "#/$defs/one"}},
            "first": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 2, "format": "date"}},
            "fixed": {"enum": [{"minimum": 1}, "x"], "default": {"maxItems": 2}},
            "open": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 3}},
        },
        "required": ["minimum"],
        "$defs": {"one": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {}}]}},
    }
    assert held(schema) == {
        "type": "object",
        "description": "d",
        "properties": {
            "minimum": {"type": "number", "description": "a name like a bound's"},
            "list": {"type": "array", "items": {"$ref": "#/$defs/one"}},
            "first": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "date"}},
            "fixed": {"enum": [{"minimum": 1}, "x"], "default": {"maxItems": 2}},
            "open": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["minimum"],
        "$defs": {"one": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {}, "additionalProperties": False}]}},
        "additionalProperties": False,
    }


OWN = "anthropic_messages"


def test_what_claudes_own_clients_say_beyond_our_words_goes_out_as_it_is():
    request = asked(
        Message("user", (Raw({"type": "document", "source": {"type": "text", "data": "x"}}),)),
        dialect=OWN,
        tools=(Raw({"type": "bash_20250124", "name": "bash"}), WEATHER),
        user="u",
        response_format=Format({"type": "object", "additionalProperties": False}),
        extra={
            "anthropic_beta": ["a-2026", "b-2026"],
            "container": "c",
            "metadata": {"user_id": "x", "more": 1},
            "output_config": {"task_budget": {"total": 5}, "format": "theirs"},
            "tool_choice": None,
        },
    )
    http = anthropic.to_http(request, TARGET, PROVIDER, 5)
    body = json.loads(http.body)
    assert http.headers["anthropic-beta"] == "a-2026,b-2026"
    assert "anthropic_beta" not in body
    assert body["messages"][0]["content"][0]["type"] == "document"
    assert body["tools"][0] == {"type": "bash_20250124", "name": "bash"}
    assert body["container"] == "c"
    assert body["metadata"] == {"user_id": "u", "more": 1}
    assert body["output_config"]["task_budget"] == {"total": 5}
    assert body["output_config"]["format"]["type"] == "json_schema"


def test_what_other_clients_say_beyond_our_words_is_not_sent():
    http = anthropic.to_http(asked(extra={"anthropic_beta": ["a"], "store": True}), TARGET, PROVIDER, 5)
    assert "anthropic-beta" not in http.headers
    assert "store" not in json.loads(http.body)


def test_how_to_think_is_the_clients_own_word():
    request = asked(dialect=OWN, thinking=Thinking("none"), extra={"thinking": {"type": "between_tools"}})
    assert sent(request, TARGET._replace(model="claude-sonnet-5-5"))["thinking"] == {"type": "between_tools"}


@pytest.mark.parametrize(
    ("request_", "model", "parameter"),
    [
        (asked(Message("system", (Text("only"),))), "claude-sonnet-4-5", "messages"),
        (asked(Message("user", (Image("data:image/tiff;base64,AA"),))), "claude-sonnet-4-5", "messages"),
        (asked(Message("tool", (ToolResult("c", (Image("data:text/plain,AA"),)),))), "claude-sonnet-4-5", "messages"),
        (asked(Message("user", (Image("https://example.com/a.bmp"),))), "claude-sonnet-4-5", None),
        (asked(response_format=Format({"type": "object"})), "claude-opus-4-1", "response_format"),
        (asked(response_format=Format()), "claude-opus-4-1", None),
        (asked(n=2), "claude-sonnet-4-5", "n"),
        (asked(seed=1), "claude-sonnet-4-5", "seed"),
        (asked(logprobs=1), "claude-sonnet-4-5", "logprobs"),
        (asked(top_k=4, parallel_tool_calls=False), "claude-sonnet-4-5", None),
        (asked(stop=("END", "\n\n")), "claude-sonnet-4-5", "stop"),
        (asked(stop=("END", "")), "claude-sonnet-4-5", None),
        (asked(extra={"weird": 1}), "claude-sonnet-4-5", "weird"),
        (asked(dialect=OWN, extra={"weird": 1}), "claude-sonnet-4-5", None),
        (asked(dialect=OWN, extra={"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}}), "claude-opus-4-6", None),
        (
            asked(dialect=OWN, extra={"context_management": {"edits": [{"type": "compact_20260112"}]}}),
            "claude-opus-4-6",
            "context_management",
        ),
        (asked(dialect=OWN, extra={"context_management": {"edits": "x"}}), "claude-opus-4-6", None),  # which Anthropic judges
    ],
)
def test_what_cannot_be_served_is_known_before_the_call(request_, model, parameter):
    assert lacking(request_, TARGET._replace(model=model)) == parameter


def test_google_fetches_no_images():
    target = TARGET._replace(wire="anthropic_vertex")
    assert lacking(asked(Message("user", (Image("https://example.com/a.png"),))), target) == "messages"
    assert lacking(asked(Message("user", (Image("data:image/png;base64,AA"),))), target) is None


def test_google_is_asked_for_a_whole_answer_by_another_name():
    target = TARGET._replace(capabilities=frozenset(), model="claude-opus-4-5@20251101")
    provider = PROVIDER._replace(base_url="https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5")
    http = anthropic_vertex.to_http(asked(dialect=OWN, extra={"anthropic_beta": ["a"]}), target, provider, 5)
    assert http.url == f"{provider.base_url}/publishers/anthropic/models/claude-opus-4-5@20251101:rawPredict"
    assert http.headers["anthropic-beta"] == "a"
    assert "model" not in json.loads(http.body)


def test_what_could_just_be_read_is_written_or_refused_by_name():
    nested: list = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(Refusal, match="too deeply"):
        anthropic.to_http(asked(dialect=OWN, extra={"x": nested}), TARGET, PROVIDER, 5)


# What comes back.


def event(**fields):
    return f"event: {fields.get('type')}\ndata: {json.dumps(fields)}\n\n".encode()


def start(**usage):
    return event(type="message_start", message={"id": "m", "type": "message", "usage": {"input_tokens": 9, "output_tokens": 1} | usage})


def block(index=0, **fields):
    return event(type="content_block_start", index=index, content_block=fields)


def delta(index=0, **fields):
    return event(type="content_block_delta", index=index, delta=fields)


def stop(reason="end_turn", usage=None, **fields):
    return event(type="message_delta", delta={"stop_reason": reason, **fields}, usage=usage) + event(type="message_stop")


def understood(*events):
    return list(anthropic.to_chunks(events))


def test_the_count_is_of_all_so_far_and_what_was_stored_or_read_is_input_too():
    first = start(
        cache_read_input_tokens=100,
        cache_creation_input_tokens=50,
        cache_creation={"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
    )
    chunks = understood(first, stop(usage={"output_tokens": 7, "input_tokens": None, "output_tokens_details": {"thinking_tokens": 9}}))
    assert chunks == [
        Usage(Tokens(159, 100, 50, 1, 0, 30)),
        Finish("stop"),
        Usage(Tokens(159, 100, 50, 7, 7, 30)),  # behind the end, so that it counts for the last also where the stream breaks here
    ]


def test_the_last_count_replaces_the_first_also_of_the_input():
    """A search at Anthropic makes the input longer on the way."""
    chunks = understood(start(), stop(usage={"input_tokens": 2_000, "cache_creation_input_tokens": 3, "output_tokens": 5}))
    assert gather(chunks)[1] == Tokens(2_003, 0, 3, 5)


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": "many", "output_tokens": 1},
        {"input_tokens": -1, "output_tokens": 1},
        {"input_tokens": 1},
        {"input_tokens": 1, "output_tokens": 10**10},
        {"input_tokens": 1, "output_tokens": 1, "cache_creation": [1]},
        {"input_tokens": 1.5, "output_tokens": 1},
        {"input_tokens": True, "output_tokens": 1},
        {"input_tokens": 1, "output_tokens": 1, "output_tokens_details": "x"},
        "x",
        [1],
        7,
    ],
)
def test_a_count_that_nothing_can_store_is_as_good_as_none(usage):
    assert understood(stop(usage=usage)) == [Finish("stop")]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_an_answer_ends_in_our_words(theirs, ours):
    assert understood(stop(theirs)) == [Finish(ours)]


def test_thoughts_and_words_keep_their_order():
    chunks = understood(
        start(),
        block(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking="hm"),
        delta(0, type="signature_delta", signature="s1"),
        event(type="content_block_stop", index=0),
        block(1, type="redacted_thinking", data="r"),
        event(type="content_block_stop", index=1),
        block(2, type="thinking", thinking="", signature=""),  # one whose text the client did not want to see
        delta(2, type="signature_delta", signature="s2"),
        event(type="content_block_stop", index=2),
        block(3, type="text", text="so"),
        stop(),
    )
    (choice,), _ = gather(chunks)
    assert choice.parts == (
        Reasoning("hm", Signature("anthropic", "s1")),
        Reasoning("", Signature("anthropic", "r"), True),
        Reasoning("", Signature("anthropic", "s2")),
        Text("so"),
    )


def test_what_runs_at_anthropic_is_no_call_of_the_clients():
    chunks = understood(
        block(0, type="server_tool_use", id="srvtoolu_1", name="web_search", input={}),
        delta(0, type="input_json_delta", partial_json='{"query": "x"}'),
        event(type="content_block_stop", index=0),
        block(1, type="web_search_tool_result", tool_use_id="srvtoolu_1", content=[{"type": "web_search_result", "url": "https://x"}]),
        event(type="content_block_stop", index=1),
        block(2, type="tool_use", id="toolu_1", name="f", input={}),
        delta(2, type="input_json_delta", partial_json='{"a": 1}'),
        event(type="content_block_stop", index=2),
        stop("tool_use"),
    )
    assert chunks == [ToolCallDelta(0, "", "toolu_1", "f"), ToolCallDelta(0, '{"a": 1}'), Finish("tool_calls")]


def test_a_call_without_arguments_has_an_empty_object_of_them():
    stream = [block(3, type="tool_use", id="t", name="f", input={}), event(type="content_block_stop", index=3), stop("tool_use")]
    (choice,), _ = gather(understood(*stream))
    assert choice.tool_calls == (ToolCall("t", "f", "{}"),)


def test_sources_of_all_kinds():
    citations = [
        {"type": "web_search_result_location", "url": "https://a", "title": "A", "cited_text": "x", "encrypted_index": "e"},
        {"type": "search_result_location", "source": "https://b", "title": None, "cited_text": "y", "search_result_index": 0},
        {"type": "char_location", "document_index": 0, "document_title": "C", "cited_text": "z", "start_char_index": 0},
    ]
    chunks = understood(
        block(0, type="text", text=""), *(delta(0, type="citations_delta", citation=citation) for citation in citations), stop()
    )
    assert chunks[:-1] == [Citation("https://a", "A", "x"), Citation("https://b", "", "y"), Citation("", "C", "z")]


def test_what_is_new_is_passed_over():
    stream = [
        event(type="something_new", x=1),
        event(type="ping"),
        block(0, type="new_block"),
        delta(0, type="new_delta", y=2),
        event(type="content_block_stop", index=0),
        delta(0, type="text_delta", text="a"),
        stop(),
    ]
    assert understood(*stream) == [TextDelta("a"), Finish("stop")]


@pytest.mark.parametrize(
    ("stream", "kind"),
    [
        (b"", "cut"),
        (start(), "cut"),
        (delta(type="text_delta", text="a"), "cut"),
        (event(type="message_stop"), "cut"),
        (b"data: {nonsense\n\n", "malformed"),
        (b"data: []\n\n", "malformed"),
        (b"data: 7\n\n", "malformed"),
        (b"data: {}\n\n", "malformed"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "malformed"),
        (b'data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "\xff"}}\n\n', "malformed"),
        (event(type="message_start"), "malformed"),
        (event(type=["message_start"]), "malformed"),
        (event(type="content_block_delta", index=0), "malformed"),
        (delta(type="text_delta", text=5), "malformed"),
        (delta(type="text_delta"), "malformed"),
        (delta(type="thinking_delta", thinking={}), "malformed"),
        (delta(type="signature_delta", signature=[1]), "malformed"),
        (delta(type="citations_delta", citation="x"), "malformed"),
        (delta(type="citations_delta", citation={"url": 5}), "malformed"),
        (block(type="tool_use", id=5, name="f", input={}), "malformed"),
        (block(type="tool_use", id="t", name=["f"], input={}), "malformed"),
        (block("x", type="tool_use", id="t", name="f", input={}), "malformed"),
        (block(-1, type="tool_use", id="t", name="f", input={}), "malformed"),
        (block(type="tool_use", id="t", name="f") + delta([0], type="input_json_delta", partial_json="{"), "malformed"),
        (block(type="tool_use", id="t", name="f") + delta(0, type="input_json_delta", partial_json={}), "malformed"),
        (block(type="redacted_thinking"), "malformed"),
        (stop(["end_turn"]), "malformed"),
        (event(type="error"), "malformed"),
        (event(type="error", error="overloaded"), "malformed"),
        (event(type="error", error={"type": "overloaded_error", "message": "Overloaded"}), "overloaded"),
        (event(type="error", error={"type": "api_error", "message": "m"}), "server"),
        (event(type="error", error={"type": "timeout_error", "message": "m"}), "timeout"),
        (event(type="error", error={"type": "invalid_request_error", "message": "m"}), "bad_request"),
        (event(type="error", error={"type": "permission_error", "message": "m"}), "auth"),
        (event(type="error", error={"type": "new_error", "message": "m"}), "server"),
        (start() + event(type="error", error={"type": "rate_limit_error", "message": "hunter2"}), "rate_limited"),
    ],
)
def test_a_broken_stream_is_known_for_what_it_is(stream, kind):
    with pytest.raises(UpstreamFailure) as failure:
        understood(stream)
    assert failure.value.kind == kind
    assert "hunter2" not in failure.value.detail


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "malformed"),
        (b"[]", "malformed"),
        (b"{}", "malformed"),
        (b'{"type": "message", "content": {}}', "malformed"),
        (b'{"type": "message", "content": ["x"], "stop_reason": "end_turn"}', "malformed"),
        (b'{"type": "message", "content": [], "stop_reason": null}', "cut"),
        (b'{"type": "error", "error": {"type": "overloaded_error"}}', "overloaded"),
    ],
)
def test_a_broken_body_is_known_for_what_it_is(body, kind):
    with pytest.raises(UpstreamFailure) as failure:
        list(anthropic.from_body(body))
    assert failure.value.kind == kind


@given(st.binary())
def test_garbage_never_gets_past(stream):
    for read in (lambda: anthropic.to_chunks([stream]), lambda: anthropic.from_body(stream)):
        with pytest.raises(UpstreamFailure):
            list(read())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["text", "tool_use", "end_turn", 0, 1, 10**40]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def objects(*names, **inner):
    """Of these names, each holding what it should or anything else."""
    return st.fixed_dictionaries({}, optional={name: inner.get(name, json_values) | json_values for name in (*names, *inner)})


kinds = st.sampled_from(["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use"])
deltas = st.sampled_from(["text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta"])
types = st.sampled_from(["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "error"])
usages = objects("input_tokens", "output_tokens", "cache_creation_input_tokens", cache_creation=objects("ephemeral_1h_input_tokens"))
blocks = objects("id", "name", "input", "text", "thinking", "signature", "data", type=kinds, citations=st.lists(objects("url", "title")))
pieces = objects("text", "partial_json", "thinking", "signature", "stop_reason", "stop_sequence", type=deltas, citation=objects("url"))
events = objects(
    type=types,
    index=st.integers(0, 3),
    content_block=blocks,
    delta=pieces,
    usage=usages,
    message=objects(usage=usages),
    error=objects("type"),
)


@given(st.lists(events))
def test_whatever_comes_is_understood_or_refused_here(stream):
    try:
        chunks = understood(*(event(**fields) for fields in stream), stop())
    except UpstreamFailure as failure:
        assert failure.kind in KINDS  # noqa: PT017
        return
    for chunk in chunks:
        match chunk:
            case TextDelta(text) | ReasoningDelta(text) | ToolCallDelta(_, text):
                assert isinstance(text, str)
            case Citation(url, title, quote):
                assert all(isinstance(field, str) for field in (url, title, quote))
            case Usage(tokens):
                assert 0 <= tokens.cached + tokens.cache_write <= tokens.input
                assert tokens.cache_write_1h <= tokens.cache_write
                assert tokens.reasoning <= tokens.output
    gather(chunks)
