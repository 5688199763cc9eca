"""What a client writes as Responses is read whole or refused by name; what it reads back has every field of the published object."""

import json

import pytest
from openai.types.responses import Response

from signalbox.dialects import openai_responses
from signalbox.dialects.contract import Answer
from signalbox.dialects.openai_responses import DIALECT
from signalbox.errors import Refusal
from signalbox.money import Tokens
from signalbox.reply import Choice, Citation
from signalbox.request import (
    Format,
    Image,
    Message,
    Raw,
    Reasoning,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)


def read(**fields):
    return DIALECT.to_request(json.dumps({"model": "chat", "input": "hello"} | fields).encode(), {})


def refused(**fields):
    with pytest.raises(Refusal) as caught:
        read(**fields)
    return caught.value


def body(choice, tokens=None, **fields):
    answer = Answer("req_0123abcd", 1_790_000_000, "gpt-5.2", read(**fields))
    return json.loads(DIALECT.to_body(answer, [choice], tokens or Tokens(input=10, cached=4, cache_write=2, output=5, reasoning=3)))


def test_a_string_is_what_the_user_says():
    assert read().messages == (Message("user", (Text("hello"),)),)


def test_instructions_come_before_all_else():
    assert read(instructions="be brief").messages[0] == Message("system", (Text("be brief"),))


def test_the_parameters_are_read_and_the_unknown_ones_kept():
    request = read(
        temperature=0,
        top_p=0.5,
        max_output_tokens=7,
        stream=True,
        stream_options={"include_obfuscation": False},
        parallel_tool_calls=False,
        user="u",
        store=True,
        metadata={"a": "b"},
        truncation="auto",
        service_tier="flex",
        safety_identifier="s",
        prompt_cache_key="k",
        max_tool_calls=3,
        background=False,
        previous_response_id=None,
        text={"verbosity": "low"},
        include=["reasoning.encrypted_content", "file_search_call.results"],
        something_new=[1],
    )
    assert (request.temperature, request.top_p, request.max_tokens, request.stream) == (0, 0.5, 7, True)
    assert (request.parallel_tool_calls, request.user, request.include_usage) == (False, "u", True)
    assert request.extra == {
        "metadata": {"a": "b"},
        "truncation": "auto",
        "service_tier": "flex",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "verbosity": "low",
        "include": ["file_search_call.results"],
        "something_new": [1],
    }


def test_a_limit_on_the_calls_of_built_in_tools_is_kept_where_there_are_any():
    assert read(max_tool_calls=3, tools=[{"type": "web_search"}]).extra["max_tool_calls"] == 3


def test_what_was_given_is_kept_as_it_was():
    given = {"model": "chat", "input": [{"role": "user", "content": "a"}], "store": True, "text": {"verbosity": "low"}}
    assert read(**given).given == given


@pytest.mark.parametrize(
    ("fields", "logprobs"),
    [({}, None), ({"top_logprobs": 0}, None), ({"top_logprobs": 4}, 4), ({"include": ["message.output_text.logprobs"]}, 0)],
)
def test_logprobs_are_asked_for_by_their_number_or_by_name(fields, logprobs):
    assert read(**fields).logprobs == logprobs


WEATHER = {"type": "function", "name": "weather", "description": "of a city", "parameters": {"type": "object"}, "strict": True}


def test_functions_are_tools_and_whatever_else_is_passed_on_as_it_is():
    search, deferred = {"type": "web_search", "search_context_size": "low"}, WEATHER | {"defer_loading": True}
    assert read(tools=[WEATHER, {"type": "function", "name": "f", "strict": None}, search, deferred]).tools == (
        Tool("weather", "of a city", {"type": "object"}, True),
        Tool("f"),
        Raw(search),
        Raw(deferred),
    )


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ("auto", ToolChoice("auto")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("tool", "f")),
        ({"type": "web_search"}, Raw({"type": "web_search"})),
        ({"type": "allowed_tools", "mode": "auto", "tools": []}, Raw({"type": "allowed_tools", "mode": "auto", "tools": []})),
    ],
)
def test_the_choice_of_tools(given, choice):
    assert read(tool_choice=given).tool_choice == choice


SCHEMA = {"type": "json_schema", "name": "city", "schema": {"type": "object"}, "strict": True, "description": "d"}


@pytest.mark.parametrize(
    ("given", "format"),
    [({"type": "text"}, None), ({"type": "json_object"}, Format()), (SCHEMA, Format({"type": "object"}, "city", True, "d"))],
)
def test_the_format_of_the_text(given, format):
    assert read(text={"format": given}).response_format == format


@pytest.mark.parametrize(
    ("given", "thinking", "extra"),
    [
        ({"effort": "low", "summary": "auto"}, Thinking("low", None, "auto"), {}),
        ({"generate_summary": "concise"}, Thinking(None, None, "concise"), {}),
        ({"effort": "max", "context": "all_turns"}, Thinking("xhigh"), {"reasoning": {"effort": "max", "context": "all_turns"}}),
        ({"effort": None}, None, {}),
    ],
)
def test_how_much_to_reason(given, thinking, extra):
    request = read(reasoning=given)
    assert (request.thinking, dict(request.extra)) == (thinking, extra)


def test_a_conversation_is_read_item_by_item():
    web = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
    file = {"type": "input_file", "file_id": "file_1"}
    request = read(
        input=[
            {"role": "developer", "content": "be brief"},
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "look", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
                    {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"},
                    {"type": "input_image", "file_id": "file_2", "detail": "auto"},
                    file,
                ],
            },
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA"},
            web,
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "phase": "commentary",
                "content": [{"type": "output_text", "text": "I ask", "annotations": [], "logprobs": []}],
            },
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": "{}", "status": "completed"},
            {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": ""},
            {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
            {
                "type": "function_call_output",
                "call_id": "c2",
                "output": [{"type": "input_text", "text": "rain"}, {"type": "input_image", "image_url": "https://x/y.png"}],
            },
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            {"role": "assistant", "content": "but"},
        ]
    )
    assert request.messages == (
        Message("developer", (Text("be brief"),)),
        Message(
            "user",
            (
                Text("look", {"type": "ephemeral", "ttl": "1h"}),
                Image("data:image/png;base64,AA", "low"),
                Raw({"type": "input_image", "file_id": "file_2", "detail": "auto"}),
                Raw(file),
            ),
        ),
        Message(
            "assistant",
            (
                Reasoning("hm", Signature("openai", "gAAA", "rs_1")),
                Raw(web),
                Text("I ask"),
                ToolCall("c1", "weather", "{}"),
                ToolCall("c2", "weather", ""),
            ),
            None,
            {"phase": "commentary"},
        ),
        Message("tool", (ToolResult("c1", (Text("sunny"),)),)),
        Message("tool", (ToolResult("c2", (Text("rain"), Image("https://x/y.png"))),)),
        Message("assistant", (Text("no"),)),
        Message("assistant", (Text("but"),)),
    )


def test_a_text_between_two_calls_does_not_part_them_from_their_results():
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    items = [{"role": "assistant", "content": "a"}, call | {"call_id": "1"}, {"role": "assistant", "content": "b"}, call | {"call_id": "2"}]
    (message,) = read(input=items).messages
    assert [type(part) for part in message.parts] == [Text, ToolCall, Text, ToolCall]


def test_a_call_of_a_tool_that_only_openai_knows_is_passed_on_as_it_is():
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "namespace": "n"}
    assert read(input=[call]).messages == (Message("assistant", (Raw(call),)),)


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt", "context_management"])
def test_what_would_have_to_be_stored_is_refused(name):
    refusal = refused(**{name: {"id": "x"}})
    assert (refusal.code, refusal.param, refusal.status) == ("unsupported_parameter", name, 400)
    assert name in refusal.message


def test_background_is_refused():
    assert refused(background=True).code == "unsupported_parameter"


def test_a_reference_to_a_stored_item_is_refused_by_its_place():
    refusal = refused(input=[{"role": "user", "content": "a"}, {"type": "item_reference", "id": "msg_1"}])
    assert (refusal.code, refusal.param) == ("unsupported_parameter", "input[1]")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 7}, "input"),
        ({"input": ["a"]}, "input"),
        ({"input": [{"role": "tool", "content": "a"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "image_url"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": 1}]}]}, "input[0].content[0].image_url"),
        ({"input": [{"type": 5}]}, "input[0].type"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "input[0].arguments"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
        ({"input": [{"type": "reasoning", "summary": [{}]}]}, "input[0].summary[0].text"),
        ({"input": [{"type": "reasoning", "encrypted_content": 1}]}, "input[0].encrypted_content"),
        ({"instructions": 1}, "instructions"),
        ({"temperature": 3}, "temperature"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"include": [1]}, "include"),
        ({"stream": "yes"}, "stream"),
        ({"store": "yes"}, "store"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"truncation": "some"}, "truncation"),
        ({"service_tier": 1}, "service_tier"),
        ({"service_tier": []}, "service_tier"),
        ({"safety_identifier": 5}, "safety_identifier"),
        ({"prompt_cache_key": 5}, "prompt_cache_key"),
        ({"text": {"verbosity": "loud"}}, "text.verbosity"),
        ({"text": {"format": {"type": "json_schema", "name": "a", "schema": {}, "strict": "yes"}}}, "text.format.strict"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [WEATHER | {"strict": 1}]}, "tools[0].strict"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema"),
        ({"text": {"format": "json"}}, "text.format"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"reasoning": {"summary": "long"}}, "reasoning.summary"),
    ],
)
def test_what_is_of_the_wrong_form_is_refused_by_name(fields, param):
    refusal = refused(**fields)
    assert (refusal.code, refusal.param) == ("invalid_request", param)


# The published object, and which of its fields can never be null.
# https://platform.openai.com/docs/api-reference/responses/object
NEVER_NULL = {
    "id",
    "object",
    "created_at",
    "model",
    "output",
    "parallel_tool_calls",
    "tool_choice",
    "tools",
    "status",
    "text",
    "usage",
    "reasoning",
    "metadata",
    "background",
    "truncation",
    "top_logprobs",
}
WHOLE = Choice(
    (
        Reasoning("hm", Signature("anthropic", "EqQB")),
        Text("It is sunny."),
        ToolCall("call_1", "weather", '{"city":"Bern"}'),
        ToolCall("", "weather", "{}", Signature("google", "CiQB")),
    ),
    logprobs=({"token": "It is sunny.", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "It", "logprob": -1}]},),
    citations=(Citation("https://a.example/x", "A", "", 0, 5), Citation("https://b.example")),
    finish="tool_calls",
)


def test_every_field_of_the_published_object_is_there_and_null_only_where_it_may_be():
    written = body(WHOLE)
    Response.model_validate(written)
    assert set(Response.model_fields) - set(written) == set()
    assert {name for name in NEVER_NULL if written[name] is None} == set()
    assert set(written) - set(Response.model_fields) == {"store"}
    assert written["store"] is False


def test_the_output_holds_the_items_in_their_order():
    packed = "sb1.anthropic..EqQB"
    assert body(WHOLE)["output"] == [
        {
            "id": "rs_0123abcd_0",
            "type": "reasoning",
            "status": "completed",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": packed,
        },
        {
            "id": "msg_0123abcd_1",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "phase": None,
            "content": [
                {
                    "type": "output_text",
                    "text": "It is sunny.",
                    "annotations": [
                        {"type": "url_citation", "start_index": 0, "end_index": 5, "url": "https://a.example/x", "title": "A"},
                        {"type": "url_citation", "start_index": 0, "end_index": 12, "url": "https://b.example", "title": ""},
                    ],
                    "logprobs": [
                        {
                            "token": "It is sunny.",
                            "logprob": -0.5,
                            "bytes": list(b"It is sunny."),
                            "top_logprobs": [{"token": "It", "logprob": -1, "bytes": [73, 116]}],
                        }
                    ],
                }
            ],
        },
        {
            "id": "fc_0123abcd_2",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "weather",
            "arguments": '{"city":"Bern"}',
        },
        {
            "id": "fc_0123abcd_3",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_0123abcd_3",
            "name": "weather",
            "arguments": "{}",
            "extra_content": {"google": {"thought_signature": "CiQB"}},
        },
    ]


def test_the_usage_is_told_in_detail():
    assert body(WHOLE)["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 15,
    }


def test_the_request_is_repeated():
    fields = {
        "instructions": "be brief",
        "temperature": 0,
        "top_p": 0.5,
        "max_output_tokens": 7,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "tool_choice": {"type": "function", "name": "f"},
        "truncation": "auto",
        "user": "u",
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "top_logprobs": 3,
        "service_tier": "flex",
    }
    written = body(WHOLE, **fields, tools=[{"type": "function", "name": "f"}, {"type": "web_search"}], text={"format": SCHEMA})
    assert {name: written[name] for name in fields} == fields
    assert written["tools"] == [
        {"type": "function", "name": "f", "description": None, "parameters": None, "strict": None},
        {"type": "web_search"},
    ]
    assert written["text"] == {"format": SCHEMA, "verbosity": "medium"}
    assert (written["model"], written["id"], written["created_at"]) == ("gpt-5.2", "resp_0123abcd", 1_790_000_000)
    Response.model_validate(written)


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        (None, "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
    ],
)
def test_how_it_ended(finish, status, reason):
    written = body(Choice((Reasoning("hm"), Text("a")), finish=finish))
    assert written["status"] == status
    assert written["incomplete_details"] == ({"reason": reason} if reason else None)
    assert written["error"] is None
    assert [item["status"] for item in written["output"]] == ["completed", status]


def test_reasoning_that_is_signed_was_whole():
    (item,) = body(Choice((Reasoning("hm", Signature("openai", "gAAA")),), finish="length"))["output"]
    assert item["status"] == "completed"


def test_a_refusal_is_a_message():
    (item,) = body(Choice(refusal="I cannot"))["output"]
    assert item["content"] == [{"type": "refusal", "refusal": "I cannot"}]
    Response.model_validate(body(Choice(refusal="I cannot")))


def test_texts_apart_share_what_counts_the_answers_characters():
    choice = Choice(
        (Text("ab"), Reasoning("hm"), Text("cd")),
        logprobs=tuple({"token": token, "logprob": -1.0} for token in ("a", "b", "cd")),
        citations=(Citation("https://1", "", "", 0, 2), Citation("https://2", "", "", 2, 4), Citation("https://3", "", "", 9, 12)),
    )
    first, _, second = body(choice)["output"]
    assert [record["token"] for record in first["content"][0]["logprobs"]] == ["a", "b"]
    assert [record["token"] for record in second["content"][0]["logprobs"]] == ["cd"]
    assert [(a["url"], a["start_index"], a["end_index"]) for a in first["content"][0]["annotations"]] == [("https://1", 0, 2)]
    assert [(a["url"], a["start_index"], a["end_index"]) for a in second["content"][0]["annotations"]] == [
        ("https://2", 0, 2),
        ("https://3", 2, 2),
    ]


REASONINGS = [
    Reasoning("hm"),
    Reasoning("hm", Signature("anthropic", "EqQB.x")),
    Reasoning("", Signature("anthropic", "EqQB")),
    Reasoning("", Signature("anthropic", "EmwK"), True),
    Reasoning("hm", Signature("google", "CiQB", "a.b")),
    Reasoning("hm", Signature("openai", "gAAA", "rs_68d")),
    Reasoning("", Signature("openai", "gAAA", "rs_68d"), True),
]


@pytest.mark.parametrize("reasoning", REASONINGS)
def test_reasoning_comes_back_as_what_it_was(reasoning):
    call = ToolCall("c1", "f", '{"a": 1}', Signature("google", "CiQB"))
    output = body(Choice((reasoning, Text("a"), call)))["output"]
    results = [{"type": "function_call_output", "call_id": "c1", "output": "x"}]
    assert read(input=[*output, *results]).messages == (
        Message("assistant", (reasoning, Text("a"), call), None, {}),
        Message("tool", (ToolResult("c1", (Text("x"),)),)),
    )


def test_openais_own_reasoning_reaches_the_client_as_it_is():
    (item,) = body(Choice((REASONINGS[-1],)))["output"]
    assert (item["id"], item["encrypted_content"]) == ("rs_68d", "gAAA")


def test_an_error_is_openais():
    error = json.loads(DIALECT.to_error(Refusal("invalid_request", "`input` is missing.", param="input")))
    assert error == {
        "error": {"message": "`input` is missing.", "type": "invalid_request_error", "param": "input", "code": "invalid_request"}
    }


def test_no_choice_at_all_is_an_empty_output():
    answer = Answer("req_1", 1, "m", read())
    assert json.loads(openai_responses.to_body(answer, [], Tokens()))["output"] == []
