"""What Anthropic's clients write is read whole or refused by name; what they read back is what Anthropic publishes."""

import json

import httpx2
import pytest
from anthropic import NOT_GIVEN, Anthropic, APIStatusError
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message as Published
from anthropic.types import RawMessageStreamEvent
from anthropic.types.shared import ErrorResponse
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from signalbox.dialects.anthropic_messages import DIALECT
from signalbox.dialects.contract import Answer
from signalbox.errors import STATUS, Refusal
from signalbox.money import Tokens
from signalbox.reply import Choice, Citation, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, Usage, gather
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

HELLO = [{"role": "user", "content": "hello"}]
ANSWER = Answer("req_1", 1, "claude-x", Request("anthropic_messages", "chat"))
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def read(headers=(), **fields):
    body = {"model": "chat", "max_tokens": 64, "messages": HELLO} | fields
    return DIALECT.to_request(json.dumps({name: value for name, value in body.items() if value is not ...}).encode(), dict(headers))


def read_messages(*messages):
    return read(messages=list(messages)).messages


def blocks_of(*blocks, role="user"):
    return read_messages({"role": role, "content": list(blocks)})


def events_of(chunks):
    """Each event's name and data; the wire's form is checked on the way."""
    events = []
    for event in b"".join(DIALECT.to_events(ANSWER, chunks)).decode().removesuffix("\n\n").split("\n\n"):
        name, data = event.split("\n")
        assert name.startswith("event: ")
        assert data.startswith("data: ")
        value = json.loads(data.removeprefix("data: "))
        assert value["type"] == name.removeprefix("event: ")
        events.append(value)
    return events


def body_of(*parts, tokens=None, **fields):
    return json.loads(DIALECT.to_body(ANSWER, [Choice(tuple(parts), **{"finish": "stop"} | fields)], tokens or Tokens()))


# What is read


def test_the_parameters_are_read_and_the_unknown_ones_kept():
    request = read(
        temperature=0,
        top_p=0.5,
        top_k=0,
        stop_sequences=["END"],
        stream=True,
        metadata={"user_id": "u-1"},
        service_tier="auto",
        container=None,
    )
    assert request == Request(
        dialect="anthropic_messages",
        model="chat",
        messages=(Message("user", (Text("hello"),)),),
        stream=True,
        include_usage=True,
        max_tokens=64,
        temperature=0,
        top_p=0.5,
        top_k=0,
        stop=("END",),
        user="u-1",
        extra={"service_tier": "auto"},
    )


def test_metadata_that_says_more_is_passed_on_whole():
    request = read(metadata={"user_id": "u-1", "team": "t"})
    assert (request.user, request.extra) == ("u-1", {"metadata": {"user_id": "u-1", "team": "t"}})


@pytest.mark.parametrize("version", ["2026-10-21", "2023-06-01", "2023-01-01"])
def test_published_versions_are_read_and_so_is_none(version):
    assert read({"anthropic-version": version}) == read()


def test_another_version_is_refused():
    with pytest.raises(Refusal, match="2023-06-01") as refused:
        read({"anthropic-version": "2030-01-01"})
    assert (refused.value.code, refused.value.param) == ("invalid_request", "anthropic-version")


DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
CITED = {"type": "text", "text": "x", "citations": [{"type": "char_location"}]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 1}, "temperature"),
        ({"top_p": 1}, "top_p"),
        ({"top_k": 5}, "top_k"),
        ({"messages": [{"role": "assistant", "content": [DOCUMENT]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [CITED]}]}, "messages[0].content[0].citations"),
    ],
)
def test_what_the_newer_version_took_away_is_refused_there_alone(fields, param):
    assert read({"anthropic-version": "2023-06-01"}, **fields) == read(**fields)
    with pytest.raises(Refusal) as refused:
        read({"anthropic-version": "2026-10-21"}, **fields)
    assert (refused.value.code, refused.value.param) == ("invalid_request", param)


def test_what_the_newer_version_has_is_read_the_same():
    fields = {
        "temperature": None,
        "messages": [
            {"role": "user", "content": [DOCUMENT, {"type": "text", "text": "x", "citations": []}]},
            {"role": "assistant", "content": [CITED]},
        ],
    }
    assert read({"anthropic-version": "2026-10-21"}, **fields) == read(**fields)


def test_betas_are_passed_on():
    assert read({"anthropic-beta": "context-1m-2025-08-07, other-2026-01-01"}).extra == {
        "anthropic_beta": ["context-1m-2025-08-07", "other-2026-01-01"]
    }
    assert read(anthropic_beta=["a-2026"]).extra == read(anthropic_beta="a-2026").extra == {"anthropic_beta": ["a-2026"]}
    assert read({"anthropic-beta": " , "}).extra == {}


@pytest.mark.parametrize("betas", ["a\nb", ["a\r\nx-other: b"], ["\u20ac"], [1], {"a": 1}, 5, [["a"]]])
def test_betas_that_fit_into_no_header_are_refused(betas):
    with pytest.raises(Refusal) as refused:
        read(anthropic_beta=betas)
    assert (refused.value.code, refused.value.param) == ("invalid_request", "anthropic_beta")
    if isinstance(betas, str):
        with pytest.raises(Refusal):
            read({"anthropic-beta": betas})


@pytest.mark.parametrize("system", ["be brief", [{"type": "text", "text": "be brief"}]])
def test_the_system_prompt_goes_before_the_messages(system):
    assert read(system=system).messages == (Message("system", (Text("be brief"),)), Message("user", (Text("hello"),)))


def test_a_system_turn_in_mid_conversation_stays_there():
    assert [message.role for message in read_messages(*HELLO, {"role": "system", "content": "be brief"})] == ["user", "system"]


def test_marks_for_the_cache_are_kept_on_parts_and_tools():
    cache, hour = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
    request = read(
        system=[{"type": "text", "text": "s", "cache_control": hour}],
        tools=[{"name": "f", "input_schema": SCHEMA, "cache_control": cache}],
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}, "cache_control": cache},
                    {"type": "text", "text": "t", "cache_control": cache},
                ],
            },
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}, "cache_control": cache}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "cache_control": hour}]},
        ],
    )
    assert [part.cache for message in request.messages for part in message.parts] == [hour, cache, cache, cache, hour]
    assert request.tools[0].cache == cache


def test_a_conversation_with_tools_images_and_thoughts_is_read_block_by_block():
    messages = read_messages(
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
                {"type": "redacted_thinking", "data": "EmwK"},
                {"type": "text", "text": "I ask", "citations": None},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}},
                {"type": "tool_use", "id": "toolu_2", "name": "time", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"},
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "is_error": True,
                    "content": [
                        {"type": "text", "text": "no clock"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    ],
                },
                {"type": "text", "text": "and now?"},
            ],
        },
    )
    assert messages == (
        Message("user", (Text("look"), Image("data:image/png;base64,AAAA"), Image("https://x.example/a.png"))),
        Message(
            "assistant",
            (
                Reasoning("hm", Signature("anthropic", "EqQB")),
                Reasoning("", Signature("anthropic", "EmwK"), True),
                Text("I ask"),
                ToolCall("toolu_1", "weather", '{"city": "Zürich"}'),
                ToolCall("toolu_2", "time", "{}"),
            ),
        ),
        Message("tool", (ToolResult("toolu_1", (Text("sunny"),)),)),
        Message("tool", (ToolResult("toolu_2", (Text("no clock"), Image("data:image/png;base64,AAAA")), failed=True),)),
        Message("user", (Text("and now?"),)),
    )


def test_a_thought_without_a_signature_is_one_of_another_provider():
    assert blocks_of({"type": "thinking", "thinking": "hm", "signature": ""}, role="assistant")[0].parts == (Reasoning("hm"),)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}},
        {"type": "search_result", "source": "s", "title": "t", "content": []},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "image", "source": {"type": "url", "url": "u"}, "transformations": {"oversized_image": "error"}},
        {"type": "of_tomorrow"},
    ],
)
def test_what_only_anthropics_models_read_is_kept_as_it_is(block):
    assert blocks_of(block)[0].parts == (Raw(block),)
    (result,) = blocks_of({"type": "tool_result", "tool_use_id": "c", "content": [block]})[0].parts
    assert result.parts == (Raw(block),)


def test_an_empty_text_of_an_assistant_is_left_out():
    assert blocks_of({"type": "text", "text": ""}, {"type": "text", "text": "a"}, role="assistant")[0].parts == (Text("a"),)


def test_tools_are_read_and_those_of_anthropic_kept():
    request = read(
        tools=[
            {"name": "f", "description": "d", "input_schema": SCHEMA, "strict": True},
            {"type": "custom", "name": "g", "input_schema": SCHEMA, "eager_input_streaming": True, "allowed_callers": ["direct"]},
            {"type": "web_search_20260318", "name": "web_search", "max_uses": 2},
            {"name": "h", "input_schema": SCHEMA, "defer_loading": True},
        ]
    )
    assert request.tools == (
        Tool("f", "d", SCHEMA, True),
        Tool("g", None, SCHEMA),
        Raw({"type": "web_search_20260318", "name": "web_search", "max_uses": 2}),
        Raw({"name": "h", "input_schema": SCHEMA, "defer_loading": True}),
    )


@pytest.mark.parametrize(
    ("choice", "read_as", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("required"), False),
        ({"type": "auto", "disable_parallel_tool_use": False}, ToolChoice("auto"), True),
        ({"type": "none"}, ToolChoice("none"), None),
        ({"type": "tool", "name": "f"}, ToolChoice("tool", "f"), None),
    ],
)
def test_the_choice_of_a_tool(choice, read_as, parallel):
    request = read(tool_choice=choice)
    assert (request.tool_choice, request.parallel_tool_calls) == (read_as, parallel)


@pytest.mark.parametrize(
    ("fields", "thinking", "extra"),
    [
        ({}, None, {}),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, Thinking(None, 1024), {}),
        ({"thinking": {"type": "disabled"}}, Thinking("none"), {}),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, Thinking(summary="auto"), {}),
        ({"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}}, Thinking("xhigh"), {}),
        ({"output_config": {"effort": "low"}}, Thinking("low"), {}),
        ({"thinking": {"type": "between_tools"}}, Thinking("none"), {"thinking": {"type": "between_tools"}}),
        (
            {"output_config": {"effort": "low", "task_budget": {"total": 9}}},
            Thinking("low"),
            {"output_config": {"effort": "low", "task_budget": {"total": 9}}},
        ),
    ],
)
def test_how_much_to_think(fields, thinking, extra):
    request = read(**fields)
    assert (request.thinking, request.extra) == (thinking, extra)


@pytest.mark.parametrize("place", ["output_format", "output_config"])
def test_the_form_of_the_answer(place):
    form = {"type": "json_schema", "schema": SCHEMA}
    assert read(**{place: form if place == "output_format" else {"format": form}}).response_format == Format(SCHEMA)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ...}, "model"),
        ({"model": 5}, "model"),
        ({"max_tokens": ...}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"messages": ...}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": ["text"]}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_use"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "system", "content": [{"type": "document"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_result"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}]}]}, "messages[0].content[0].signature"),
        ({"messages": [{"role": "assistant", "content": [{"type": "redacted_thinking"}]}]}, "messages[0].content[0].data"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": "{}"}]}]},
            "messages[0].content[0].input",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/tiff"}}]}]},
            "messages[0].content[0].source.media_type",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}]}, "messages[0].content[0].source.url"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages[0].content[0].tool_use_id"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": 4}]}]},
            "messages[0].content[0].content",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "forever"}}]}]},
            "messages[0].content[0].cache_control.type",
        ),
        ({"system": 4}, "system"),
        ({"system": [{"type": "image"}]}, "system[0].type"),
        ({"temperature": 1.5}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"stop_sequences": "END"}, "stop_sequences"),
        ({"stop_sequences": [1]}, "stop_sequences"),
        ({"stream": "yes"}, "stream"),
        ({"metadata": {"user_id": 4}}, "metadata.user_id"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tools": [{"type": 4}]}, "tools[0].type"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "required"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": {"type": "on"}}, "thinking.type"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1023}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "adaptive", "display": "all"}}, "thinking.display"),
        ({"output_config": {"effort": "huge"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "json"}}}, "output_config.format.type"),
        ({"output_format": {"type": "json_schema"}}, "output_format.schema"),
    ],
)
def test_a_bad_body_is_refused_by_the_name_of_what_is_wrong(fields, param):
    with pytest.raises(Refusal) as refused:
        read(**fields)
    assert (refused.value.code, refused.value.param) == ("invalid_request", param)


def test_a_body_that_is_no_json_is_refused():
    with pytest.raises(Refusal, match="not JSON"):
        DIALECT.to_request(b"{", {})


# What is answered


def test_a_whole_answer_has_every_field():
    tokens = Tokens(input=100, cached=60, cache_write=30, output=20, reasoning=5, cache_write_1h=10)
    assert body_of(Text("hi"), tokens=tokens) == {
        "id": "msg_req_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": "hi", "citations": None}],
        "container": None,
        "diagnostics": None,
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 30,
            "cache_read_input_tokens": 60,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
            "output_tokens": 20,
            "output_tokens_details": {"thinking_tokens": 5},
            "server_tool_use": None,
            "service_tier": None,
            "inference_geo": None,
            "speed": None,
        },
    }


def test_blocks_stand_in_their_order():
    parts = [
        Reasoning("hm", Signature("anthropic", "EqQB")),
        Reasoning("", Signature("anthropic", "EmwK"), True),
        Text("I ask"),
        ToolCall("c1", "weather", '{"city": "Bern"}'),
        ToolCall("c2", "time", ""),
    ]
    assert body_of(*parts, finish="tool_calls")["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "EmwK"},
        {"type": "text", "text": "I ask", "citations": None},
        {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Bern"}, "caller": {"type": "direct"}},
        {"type": "tool_use", "id": "c2", "name": "time", "input": {}, "caller": {"type": "direct"}},
    ]


@pytest.mark.parametrize("arguments", ["", "{", "[1]", '"x"', "null", "[" * 100_000])
def test_arguments_that_are_no_object_are_an_empty_one(arguments):
    assert body_of(ToolCall("c", "f", arguments))["content"][0]["input"] == {}


def test_arguments_with_what_is_no_json_number_stay_json():
    content = DIALECT.to_body(ANSWER, [Choice((ToolCall("c", "f", '{"a": NaN, "b": 1e999}'),), finish="tool_calls")], Tokens())
    assert json.loads(content, parse_constant=pytest.fail)["content"][0]["input"] == {"a": None, "b": None}


@pytest.mark.parametrize(
    ("fields", "parts", "reason", "sequence"),
    [
        ({"finish": "stop"}, (), "end_turn", None),
        ({"finish": None}, (), "end_turn", None),
        ({"finish": "length"}, (), "max_tokens", None),
        ({"finish": "tool_calls"}, (), "tool_use", None),
        ({"finish": "stop"}, (ToolCall("c", "f", "{}"),), "tool_use", None),
        ({"finish": "stop", "stop_sequence": "END"}, (), "stop_sequence", "END"),
        ({"finish": "content_filter"}, (), "refusal", None),
        ({"finish": "stop", "refusal": "no"}, (), "refusal", None),
    ],
)
def test_why_it_stopped(fields, parts, reason, sequence):
    body = body_of(*parts, **fields)
    assert (body["stop_reason"], body["stop_sequence"]) == (reason, sequence)
    assert (body["stop_details"] is not None) == (reason == "refusal")


def test_a_refusal_can_be_read():
    assert [block["text"] for block in body_of(Text("well"), refusal="I won't")["content"]] == ["well", "I won't"]


def test_sources_stand_with_the_text():
    sources = (Citation("https://a.example", "A", "said"), Citation("https://b.example"))
    cited = body_of(Text("as said"), citations=sources)["content"]
    assert [(block["text"], [source["url"] for source in block["citations"]]) for block in cited] == [
        ("as said", ["https://a.example", "https://b.example"])
    ]
    assert cited[0]["citations"][0] == {
        "type": "web_search_result_location",
        "url": "https://a.example",
        "title": "A",
        "cited_text": "said",
        "encrypted_index": "",
    }


FOREIGN = [
    Reasoning("hm", Signature("openai", "gAAA.b", "rs_1")),
    Reasoning("", Signature("google", "CiQB"), True),
    ToolCall("c1", "f", '{"a": 1}', Signature("google", "CiQC")),
    ToolCall("c2", "g", "{}", Signature("google", "CiQD")),
]


def test_signatures_of_other_families_survive_a_round_trip():
    content = body_of(*FOREIGN, finish="tool_calls")["content"]
    (message,) = read_messages({"role": "assistant", "content": content})
    assert message.parts == tuple(FOREIGN)


# Events


def test_a_stream_is_the_published_sequence_of_events():
    chunks = [
        Usage(Tokens(input=9, cached=4, output=1)),
        ReasoningDelta("hm"),
        ReasoningDelta("", signature=Signature("anthropic", "EqQB")),
        TextDelta("It "),
        TextDelta("is"),
        Citation("https://a.example"),
        ToolCallDelta(0, "", "c1", "weather"),
        ToolCallDelta(0, '{"city"'),
        ToolCallDelta(0, ': "Bern"}'),
        ToolCallDelta(1, "", "c2", "time"),
        Finish("tool_calls"),
        Usage(Tokens(input=9, cached=4, output=12)),
    ]
    events = events_of(chunks)
    assert [(event["type"], event.get("index"), event.get("delta", {}).get("type")) for event in events] == [
        ("message_start", None, None),
        ("content_block_start", 0, None),
        ("content_block_delta", 0, "thinking_delta"),
        ("content_block_delta", 0, "signature_delta"),
        ("content_block_stop", 0, None),
        ("content_block_start", 1, None),
        ("content_block_delta", 1, "text_delta"),
        ("content_block_delta", 1, "text_delta"),
        ("content_block_delta", 1, "citations_delta"),
        ("content_block_stop", 1, None),
        ("content_block_start", 2, None),
        ("content_block_delta", 2, "input_json_delta"),
        ("content_block_delta", 2, "input_json_delta"),
        ("content_block_stop", 2, None),
        ("content_block_start", 3, None),
        ("content_block_stop", 3, None),
        ("message_delta", None, None),
        ("message_stop", None, None),
    ]
    assert (events[0]["message"]["usage"]["input_tokens"], events[0]["message"]["usage"]["output_tokens"]) == (5, 1)
    assert events[0]["message"]["content"] == []
    assert events[0]["message"]["stop_reason"] is None
    assert [event["content_block"] for event in events if event["type"] == "content_block_start"] == [
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "text", "text": "", "citations": None},
        {"type": "tool_use", "id": "c1", "name": "weather", "input": {}, "caller": {"type": "direct"}},
        {"type": "tool_use", "id": "c2", "name": "time", "input": {}, "caller": {"type": "direct"}},
    ]
    assert events[-2] == {
        "type": "message_delta",
        "delta": {"container": None, "stop_reason": "tool_use", "stop_sequence": None, "stop_details": None},
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 4,
            "output_tokens": 12,
            "output_tokens_details": {"thinking_tokens": 0},
            "server_tool_use": None,
        },
    }


def test_each_chunk_is_written_before_the_next_one_is_asked_for():
    taken = []

    def chunks():
        for text in ("a", "b"):
            taken.append(text)
            yield TextDelta(text)

    events = DIALECT.to_events(ANSWER, chunks())
    assert b"message_start" in next(events)
    assert taken == ["a"]
    assert b'"text":"a"' in next(events)
    assert taken == ["a"]
    assert b'"text":"b"' in next(events)


def test_pieces_of_several_calls_come_one_call_after_another():
    chunks = [
        ToolCallDelta(0, "", "c0", "f"),
        ToolCallDelta(1, '{"b"', "c1", "g"),
        ToolCallDelta(0, '{"a": '),
        ToolCallDelta(1, ": 2}"),
        TextDelta("done"),
        ToolCallDelta(0, "1}"),
        Finish("tool_calls"),
    ]
    told = [
        (event["index"], event["delta"].get("partial_json", event["delta"].get("text")))
        for event in events_of(chunks)
        if event["type"] == "content_block_delta"
    ]
    assert told == [(0, '{"a": '), (0, "1}"), (1, '{"b"'), (1, ": 2}"), (2, "done")]


def test_a_stream_without_an_answer_is_an_empty_message():
    assert [event["type"] for event in events_of([])] == ["message_start", "message_delta", "message_stop"]


def test_a_stream_that_breaks_ends_in_the_error():
    def chunks():
        yield TextDelta("It ")
        raise Refusal("upstream_failed", "The provider broke off.")

    events = events_of(chunks())
    assert [event["type"] for event in events] == ["message_start", "content_block_start", "content_block_delta", "error"]
    assert events[-1]["error"]["type"] == "api_error"
    assert events[-1]["error"]["code"] == "upstream_failed"
    assert events[-1]["request_id"] == ANSWER.id


@pytest.mark.parametrize("code", STATUS)
def test_an_error_has_the_published_form_and_our_code(code):
    error = json.loads(DIALECT.to_error(Refusal(code, "Do otherwise.", param="model"), "req_1"))
    assert (error["type"], error["request_id"]) == ("error", "req_1")
    assert (error["error"]["message"], error["error"]["code"], error["error"]["param"]) == ("Do otherwise.", code, "model")
    assert error["error"]["details"] == {"error_code": code}
    # These two are in the documentation of errors alone, and not among the types.
    if error["error"]["type"] not in ("request_too_large", "conflict_error"):
        ErrorResponse.model_validate(error)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_request", "invalid_request_error"),
        ("invalid_key", "authentication_error"),
        ("permission_denied", "permission_error"),
        ("model_not_found", "not_found_error"),
        ("method_not_allowed", "invalid_request_error"),
        ("idempotency_conflict", "conflict_error"),
        ("request_too_large", "request_too_large"),
        ("budget_exceeded", "rate_limit_error"),
        ("internal_error", "api_error"),
        ("upstream_failed", "api_error"),
        ("no_route", "overloaded_error"),
        ("deadline_exceeded", "timeout_error"),
    ],
)
def test_an_errors_type_is_anthropics(code, kind):
    assert json.loads(DIALECT.to_error(Refusal(code, "x")))["error"]["type"] == kind


# The official client


def client(respond):
    return Anthropic(
        api_key="none", base_url="http://test", max_retries=0, http_client=httpx2.Client(transport=httpx2.MockTransport(respond))
    )


def test_the_official_client_talks_there_and_back():
    """Two turns with a tool, the second one made of the first answer as the client holds it."""
    read_requests = []
    answers = [
        [
            ReasoningDelta("hm", signature=Signature("openai", "gAAA", "rs_1")),
            TextDelta("I ask"),
            ToolCallDelta(0, '{"city": "Bern"}', "c1", "weather", signature=Signature("google", "CiQC")),
            Finish("tool_calls"),
        ],
        [TextDelta("Sunny."), Finish("stop"), Usage(Tokens(input=50, cached=20, output=9))],
    ]

    def respond(request):
        read_requests.append(DIALECT.to_request(request.content, request.headers))
        events = b"".join(DIALECT.to_events(ANSWER, answers[len(read_requests) - 1]))
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=events)

    messages = [{"role": "user", "content": "Weather in Bern?"}]
    tools = [{"name": "weather", "input_schema": SCHEMA}]
    with client(respond) as anthropic:
        with anthropic.messages.stream(model="chat", max_tokens=64, messages=messages, tools=tools) as stream:
            first = stream.get_final_message()
        messages += [first.to_param(), {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "sunny"}]}]
        with anthropic.messages.stream(model="chat", max_tokens=64, messages=messages, tools=tools) as stream:
            second = stream.get_final_message()
    assert first.stop_reason == "tool_use"
    assert first.content[-1].input == {"city": "Bern"}
    assert (second.content[0].text, second.usage.input_tokens, second.usage.cache_read_input_tokens) == ("Sunny.", 30, 20)
    assert read_requests[1].messages[1:] == (
        Message(
            "assistant",
            (
                Reasoning("hm", Signature("openai", "gAAA", "rs_1")),
                Text("I ask"),
                ToolCall("c1", "weather", '{"city": "Bern"}', Signature("google", "CiQC")),
            ),
        ),
        Message("tool", (ToolResult("c1", (Text("sunny"),)),)),
    )


def test_the_official_client_raises_what_breaks_a_stream():
    def broken():
        yield TextDelta("It ")
        raise Refusal("upstream_failed", "The provider broke off.")

    def respond(request):
        events = b"".join(DIALECT.to_events(ANSWER, broken()))
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=events)

    with (
        client(respond) as anthropic,
        anthropic.messages.stream(model="chat", max_tokens=64, messages=HELLO) as stream,
        pytest.raises(APIStatusError) as raised,
    ):
        stream.get_final_message()
    assert (raised.value.type, raised.value.error_code) == ("api_error", "upstream_failed")
    assert raised.value.api_message == "The provider broke off."


# Any answer at all

texts = st.text(max_size=5)
counts = st.integers(0, 9)
families = st.sampled_from(["anthropic", "google", "openai"])
signatures = st.tuples(families, st.text(min_size=1, max_size=5)).map(lambda drawn: Signature(*drawn))
inputs = st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3) | st.none(), max_size=3)
said_chunks = st.one_of(
    texts.map(TextDelta),
    st.tuples(texts, st.none() | signatures).map(lambda drawn: ReasoningDelta(drawn[0], signature=drawn[1])),
    signatures.map(lambda signature: ReasoningDelta("", signature=signature, redacted=True)),
    st.tuples(texts, texts, texts).map(lambda drawn: Citation(*drawn)),
    st.tuples(counts, counts).map(lambda drawn: Usage(Tokens(input=30, cached=drawn[0], output=drawn[1]))),
)
finishes = st.tuples(st.sampled_from(["stop", "length", "tool_calls", "content_filter"]), st.none() | texts)


@st.composite
def calls(draw):
    """Some calls, the pieces of each in their order and those of all in any."""
    pieces = []
    for position in range(draw(st.integers(1, 3))):
        arguments = draw(st.just("") | inputs.map(json.dumps))
        cuts = sorted(draw(st.lists(st.integers(0, len(arguments)), max_size=3)))
        cut = [arguments[start:end] for start, end in zip([0, *cuts], [*cuts, len(arguments)], strict=True)]
        first = ToolCallDelta(position, cut[0], f"c{position}", "f", signature=draw(st.none() | signatures))
        pieces.append([first, *(ToolCallDelta(position, piece) for piece in cut[1:])])
    mixed = []
    while any(pieces):
        mixed.append(draw(st.sampled_from([queue for queue in pieces if queue])).pop(0))
    return mixed


def mingled(draw, first, second):
    """Both, each in its own order."""
    merged, left = [], [list(first), list(second)]
    while any(left):
        merged.append(draw(st.sampled_from([queue for queue in left if queue])).pop(0))
    return merged


@st.composite
def answers(draw):
    chunks = mingled(draw, draw(st.lists(said_chunks, max_size=8)), draw(st.just([]) | calls()))
    chunks += draw(st.lists(texts.map(RefusalDelta), max_size=2))
    reason, sequence = draw(finishes)
    written, output = draw(counts), draw(counts)
    return [*chunks, Finish(reason, stop_sequence=sequence), Usage(Tokens(input=30, cache_write=written, output=output))]


@given(answers())
def test_what_a_stream_adds_up_to_is_the_whole_answer(chunks):
    choices, tokens = gather(chunks)
    whole = json.loads(DIALECT.to_body(ANSWER, choices, tokens))
    adapter = TypeAdapter(RawMessageStreamEvent)
    snapshot, buffers = None, {}
    events = events_of(chunks)
    for event in events:
        adapter.validate_python(event)
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers, output_format=NOT_GIVEN)
    _check_order(events)
    Published.model_validate(whole)
    added = json.loads(snapshot.to_json(exclude_unset=False))
    assert _without_places(added) == _without_places(whole)


def _without_places(message):
    """Sources stand with the text at hand in a stream and with the last one in a whole answer; which they are must be the same."""
    sources = [source for block in message["content"] for source in block.get("citations") or ()]
    content = [{name: value for name, value in block.items() if name not in ("citations", "toolset_name")} for block in message["content"]]
    content = [block for block in content if block != {"type": "text", "text": ""}]
    usage = {name: value for name, value in message["usage"].items() if name != "cache_creation"}  # events do not tell how it is divided
    return {**message, "content": content, "usage": usage, "sources": sorted(json.dumps(source, sort_keys=True) for source in sources)}


def _check_order(events):
    """message_start, then block after block, then message_delta and message_stop."""
    names = [event["type"] for event in events]
    assert (names[0], names[-2:]) == ("message_start", ["message_delta", "message_stop"])
    index, inside = 0, False
    for event in events[1:-2]:
        assert event["index"] == index
        match event["type"]:
            case "content_block_start":
                assert not inside
                inside = True
            case "content_block_delta":
                assert inside
            case "content_block_stop":
                assert inside
                index, inside = index + 1, False
            case other:
                pytest.fail(other)
    assert not inside


def test_the_required_and_nullable_fields_are_there():
    """As the published TypeScript types have them: what is `| null` and not optional must be written."""
    chunks = [Usage(Tokens(5)), TextDelta("a"), ToolCallDelta(0, "{}", "c", "f"), Finish("tool_calls"), Usage(Tokens(5, output=2))]
    choices, tokens = gather(chunks)
    message = {"id", "container", "content", "model", "role", "stop_details", "stop_reason", "stop_sequence", "type", "usage"}
    usage = {
        "cache_creation",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "inference_geo",
        "input_tokens",
        "output_tokens",
    } | {
        "output_tokens_details",
        "server_tool_use",
        "service_tier",
    }
    text, call = {"citations", "text", "type"}, {"id", "caller", "input", "name", "type"}
    whole = json.loads(DIALECT.to_body(ANSWER, choices, tokens))
    events = events_of(chunks)
    begun = events[0]["message"]
    for value, fields in (
        (whole, message),
        (whole["usage"], usage),
        (whole["content"][0], text),
        (whole["content"][1], call),
        (begun, message),
        (begun["usage"], usage),
        (events[1]["content_block"], text),
        (events[4]["content_block"], call),
        (events[-2]["delta"], {"container", "stop_details", "stop_reason", "stop_sequence"}),
        (events[-2]["usage"], usage - {"cache_creation", "inference_geo", "service_tier"}),
    ):
        assert fields <= value.keys()
