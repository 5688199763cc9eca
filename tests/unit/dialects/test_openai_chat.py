"""What a client writes is read whole or refused by name; what it reads back is the published form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from signalbox.dialects import openai_chat
from signalbox.dialects.contract import Answer
from signalbox.errors import Refusal
from signalbox.money import Tokens
from signalbox.reply import Choice, Citation, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, Usage, gather
from signalbox.request import (
    Format,
    Image,
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
ANSWER = Answer("1", 5, "gpt", Request("openai_chat", "chat"))


def read(**fields):
    return openai_chat.to_request(json.dumps({"model": "chat", "messages": HELLO} | fields).encode(), {})


def test_the_parameters_are_read_and_the_unknown_ones_kept():
    request = read(temperature=0, max_tokens=7, stop="END", stream=True, stream_options={"include_usage": True}, logit_bias={"1": 2})
    assert request.temperature == 0
    assert request.max_tokens == 7
    assert request.stop == ("END",)
    assert request.stream
    assert request.include_usage
    assert request.extra == {"logit_bias": {"1": 2}}


def test_max_completion_tokens_goes_before_its_old_name():
    assert read(max_tokens=7, max_completion_tokens=9).max_tokens == 9


def test_a_conversation_with_tools_and_images_is_read_part_by_part():
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
    request = read(
        messages=[
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:x"}}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]},
        ]
    )
    assert [message.parts for message in request.messages] == [
        (Text("be brief"),),
        (Text("look"), Image("data:x")),
        (ToolCall("c1", "weather", '{"city": "Bern"}'),),
        (ToolResult("c1", (Text("sunny"),)),),
        (Raw({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}),),
    ]


def test_the_fields_of_a_message_that_we_do_not_know_are_kept():
    fields = {"refusal": "no", "audio": {"id": "a"}}
    messages = [{"role": "assistant"} | fields, {"role": "assistant", "content": "a", "audio": None, "tool_calls": None}]
    assert [message.extra for message in read(messages=messages).messages] == [fields, {}]


def test_a_tools_result_keeps_its_name_and_all_of_its_text():
    parts = [{"type": "text", "text": "sun"}, {"type": "text", "text": "ny"}]
    (message,) = read(messages=[{"role": "tool", "tool_call_id": "c", "content": parts, "name": "weather"}]).messages
    assert (message.parts[0].text, message.parts[0].call_id, message.name) == ("sunny", "c", "weather")


def test_a_byte_order_mark_is_no_part_of_the_body():
    body = json.dumps({"model": "chat", "messages": HELLO}).encode()
    assert openai_chat.to_request(b"\xef\xbb\xbf" + body, {}) == openai_chat.to_request(body, {})


def test_a_character_of_two_escapes_is_whole():
    body = rb'{"model": "\ud83d\ude00 \\ud83d", "messages": [{"role": "user", "content": "a"}]}'
    assert openai_chat.to_request(body, {}).model == "😀 \\ud83d"


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        (b"not json", None, "not JSON (line 1, column 1)"),
        (b"\xff\xfe", None, "not UTF-8"),
        ('{"model": "chat"}'.encode("utf-16"), None, "not UTF-8"),
        (b'{"model": "\xed\xa0\x80"}', None, "not UTF-8"),
        (b'{"model": "chat", "max_tokens": ' + b"9" * 5_000 + b"}", None, "a number of thousands of digits"),
        (b'{"model": "\\ud83d"}', None, "half of a surrogate pair"),
        (b'{"model": "\\ude00\\ud83d"}', None, "half of a surrogate pair"),
        (b'{"model": "chat", "\\uDC00": 1}', None, "half of a surrogate pair"),
        (b'{"model": "chat", "x": [NaN]}', None, "NaN is no number"),
        (b'{"model": "chat", "x": -Infinity}', None, "-Infinity is no number"),
        (b'{"model": "chat", "x": 1e999}', None, "1e999 is no number"),
        (b"[" * 100_000, None, "nested too deeply"),
        (b"[]", None, "not a JSON object"),
        (b"{}", "model", "`model` is missing"),
        (b'{"model": 5}', "model", "must be a string"),
        (b'{"model": "chat"}', "messages", "missing or empty"),
        (b'{"model": "chat", "messages": []}', "messages", "missing or empty"),
        (b'{"model": "chat", "messages": "hi"}', "messages", "an array of objects"),
        (b'{"model": "chat", "messages": [1]}', "messages", "an array of objects"),
        (b'{"model": "chat", "messages": [{"role": "king"}]}', "messages[0].role", "must be one of"),
        (b'{"model": "chat", "messages": [{"role": ["user"]}]}', "messages[0].role", "must be one of"),
        (b'{"model": "chat", "messages": [{"role": "user"}]}', "messages[0].content", "is missing"),
        (
            b'{"model": "chat", "messages": [{"role": "user", "content": 3}]}',
            "messages[0].content",
            "must be a string or an array of objects",
        ),
        (b'{"model": "chat", "messages": [{"role": "user", "content": [{"type": "smell"}]}]}', "messages[0].content[0].type", "one of"),
        (b'{"model": "chat", "messages": [{"role": "tool", "content": "x"}]}', "messages[0].tool_call_id", "must be a string"),
        (
            b'{"model": "chat", "messages": [{"role": "assistant", "tool_calls": [{}]}]}',
            "messages[0].tool_calls[0].function",
            "an object",
        ),
        (b'{"model": "chat", "messages": [{"role": "assistant", "tool_calls": 5}]}', "messages[0].tool_calls", "an array of objects"),
        (
            b'{"model": "chat", "messages": [{"role": "tool", "tool_call_id": "c", "content": [{"type": "file", "file": {}}]}]}',
            "messages[0].content[0].type",
            "must be one of image_url, text",
        ),
    ],
)
def test_a_bad_body_is_refused_by_the_name_of_what_is_wrong(body, param, said):
    with pytest.raises(Refusal) as refused:
        openai_chat.to_request(body, {})
    assert refused.value.code == "invalid_request"
    assert refused.value.param == param
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", "hot"),
        ("temperature", 2.1),
        ("temperature", True),
        ("top_p", -1),
        ("max_tokens", 0),
        ("max_completion_tokens", 1.5),
        ("n", 0),
        ("stream", "yes"),
        ("stream_options", []),
        ("stop", 5),
        ("stop", ["a"] * 5),
        ("tools", {}),
        ("tool_choice", 1),
        ("response_format", "json"),
        ("seed", "x"),
        ("user", 7),
        ("reasoning_effort", "huge"),
        ("top_logprobs", 21),
        ("frequency_penalty", 3),
        ("tool_choice", "sometimes"),
        ("parallel_tool_calls", 1),
    ],
)
def test_a_parameter_of_the_wrong_type_is_named(field, value):
    with pytest.raises(Refusal) as refused:
        read(**{field: value})
    assert refused.value.param == field


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=12,
)
fields = st.sampled_from(
    ["model", "messages", "role", "content", "type", "tool_calls", "function", "stop", "stream_options", "tools", "text"]
)


@given(st.recursive(json_values, lambda inner: st.dictionaries(fields, inner | st.lists(inner, max_size=2), max_size=6), max_leaves=20))
def test_whatever_is_sent_is_read_or_refused(value):
    try:
        openai_chat.to_request(json.dumps(value).encode(), {})
    except Refusal as refusal:
        assert refusal.code == "invalid_request"  # noqa: PT017


pieces = st.sampled_from(["\\\\", "\\ud83d", "\\ude00", "\\uD83D", "\\uDC00", "\\u00e4", "😀", "d83d", "u", '\\"'])
literals = st.lists(pieces, max_size=6).map(lambda some: '"' + "".join(some) + '"') | st.sampled_from(
    ["NaN", "-Infinity", "1e999", "-1e400", "1.5", "1e-999"]
)


@given(literals, literals, st.sampled_from(["extra", "message", "model", "name"]))
def test_whatever_passes_can_be_sent_as_json_and_as_utf8(key, literal, place):
    key = key if key.startswith('"') else '"k"'
    fields = {"model": '"chat"', "extra": "0", "message": "0", "name": '"n"'} | {place: literal}
    message = '{{"role": "user", "content": "a", {key}: {message}, "name": {name}}}'.format(key=key, **fields)
    body = f'{{"model": {fields["model"]}, "messages": [{message}], {key}: {fields["extra"]}}}'
    try:
        request = openai_chat.to_request(body.encode(), {})
    except Refusal as refusal:
        assert refusal.code == "invalid_request"  # noqa: PT017
        return
    written = json.dumps(request._replace(extra=dict(request.extra), given={}), ensure_ascii=False, allow_nan=False)
    assert written.encode()


def test_an_answer_is_what_the_official_client_reads():
    choices, tokens = gather(
        [
            TextDelta("Hel"),
            TextDelta("lo"),
            ToolCallDelta(0, '{"a"', "c1", "f"),
            ToolCallDelta(0, ":1}"),
            Finish("stop"),
            Usage(Tokens(9, 4, 0, 3, 1)),
        ]
    )
    answer = ChatCompletion.model_validate_json(openai_chat.to_body(ANSWER, choices, tokens), strict=True)
    message = answer.choices[0].message
    assert (message.content, message.refusal, message.annotations) == ("Hello", None, [])
    assert message.tool_calls[0].function.arguments == '{"a":1}'
    assert answer.usage.total_tokens == 12
    assert answer.usage.prompt_tokens_details.cached_tokens == 4


def test_an_empty_answer_is_an_empty_text():
    body = json.loads(openai_chat.to_body(ANSWER, [Choice(finish="stop")], Tokens()))
    assert body["choices"][0]["message"]["content"] == ""


def events(chunks, include_usage=True):
    answer = ANSWER._replace(request=ANSWER.request._replace(include_usage=include_usage))
    return [event.decode().removeprefix("data: ").strip() for event in openai_chat.to_events(answer, chunks)]


def test_a_stream_has_the_role_first_the_finish_then_the_usage_and_its_end():
    *chunks, end = events([TextDelta("Hi"), Usage(Tokens(9, 0, 0, 3)), Finish("stop")])
    read = [ChatCompletionChunk.model_validate_json(chunk) for chunk in chunks]
    assert [chunk.choices[0].delta.role for chunk in read[:3]] == ["assistant", None, None]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in read[:3]) == "Hi"
    assert read[2].choices[0].finish_reason == "stop"
    assert (read[3].choices, read[3].usage.prompt_tokens) == ([], 9)
    assert all('"usage":null' in chunk for chunk in chunks[:3])
    assert end == "[DONE]"


def test_usage_is_streamed_only_when_asked_for():
    assert "usage" not in "".join(events([TextDelta("Hi"), Usage(Tokens(9, 0, 0, 3)), Finish("stop")], include_usage=False))


def test_several_choices_keep_their_index():
    read = [json.loads(event) for event in events([TextDelta("a", 0), TextDelta("b", 1), Finish("stop", 1), Finish("stop", 0)])[:-2]]
    assert [event["choices"][0]["index"] for event in read] == [0, 0, 1, 1, 1, 0]


def test_tools_choices_and_formats_become_the_plain_forms():
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}}
    request = read(
        tools=[{"type": "function", "function": function}, {"type": "custom", "custom": {"name": "x"}}],
        tool_choice={"type": "function", "function": {"name": "f"}},
        response_format=schema,
        reasoning_effort="low",
        logprobs=True,
        top_logprobs=0,
        frequency_penalty=0,
    )
    assert request.tools == (Tool("f", "d", {"type": "object"}, True), Raw({"type": "custom", "custom": {"name": "x"}}))
    assert request.tool_choice == ToolChoice("tool", "f")
    assert request.response_format == Format({"type": "object"}, "n", True)
    assert (request.thinking, request.logprobs, request.frequency_penalty) == (Thinking("low"), 0, 0)
    assert read(response_format={"type": "json_object"}).response_format == Format()
    assert read(response_format={"type": "text"}).response_format is None
    assert read(tools=[{"type": "function", "function": {"name": "f"}}], tool_choice="required").tool_choice == ToolChoice("required")


def test_functions_and_their_calls_are_tools_of_an_older_spelling():
    messages = [
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "42"},
    ]
    request = read(functions=[{"name": "f", "parameters": {}}], messages=messages)
    assert request.tools == (Tool("f", None, {}),)
    assert [message.parts for message in request.messages] == [(ToolCall("f", "f", "{}"),), (ToolResult("f", (Text("42"),)),)]


SIGNED = [
    ReasoningDelta("I thi"),
    ReasoningDelta("nk"),
    ReasoningDelta("", signature=Signature("anthropic", "sig", None)),
    ReasoningDelta("", signature=Signature("anthropic", "sealed"), redacted=True),
    TextDelta("so"),
    ToolCallDelta(0, "{}", "c1", "f", signature=Signature("google", "tsig")),
    Citation("https://example.com", "Example", start=0, end=2),
    Finish("tool_calls"),
]
BLOCKS = (Reasoning("I think", Signature("anthropic", "sig")), Reasoning("", Signature("anthropic", "sealed"), True))


def test_signed_reasoning_comes_back_as_it_went_out():
    choices, _ = gather(SIGNED)
    body = json.loads(openai_chat.to_body(ANSWER, choices, Tokens()))
    message = body["choices"][0]["message"]
    assert message["reasoning_content"] == "I think"
    assert message["annotations"][0]["url_citation"] == {"start_index": 0, "end_index": 2, "title": "Example", "url": "https://example.com"}
    (back,) = read(messages=[message]).messages
    assert back.parts == (*BLOCKS, Text("so"), ToolCall("c1", "f", "{}", Signature("google", "tsig")))


def test_a_streams_details_hold_each_block_whole_once_it_is_signed():
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events(SIGNED)[:-2]]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "I think"
    details = [detail for delta in deltas for detail in delta.get("reasoning_details", ())]
    (back,) = read(messages=[{"role": "assistant", "content": "so", "reasoning_details": details}]).messages
    assert back.parts == (*BLOCKS, Text("so"))


def test_every_required_field_is_there_whatever_was_answered():
    chunks = [RefusalDelta("no"), Finish("content_filter"), Usage(Tokens(1, 0, 0, 1))]
    choices, tokens = gather(chunks)
    body = json.loads(openai_chat.to_body(ANSWER, choices, tokens))
    assert set(body) == {"id", "object", "created", "model", "choices", "usage"}
    assert set(body["choices"][0]) == {"index", "message", "logprobs", "finish_reason"}
    assert {"role", "content", "refusal", "annotations"} <= set(body["choices"][0]["message"])
    assert (body["choices"][0]["message"]["content"], body["choices"][0]["message"]["refusal"]) == (None, "no")
    for event in events(chunks)[:-2]:
        assert set(json.loads(event)["choices"][0]) == {"index", "delta", "logprobs", "finish_reason"}


def test_a_stream_that_breaks_ends_in_the_error_and_its_end():
    def broken():
        yield TextDelta("Hel")
        raise Refusal("upstream_failed", "No target answered.")

    *_, error, end = "".join(event.decode() for event in openai_chat.to_events(ANSWER, broken())).strip().split("\n\n")
    assert json.loads(error.removeprefix("data: "))["error"]["code"] == "upstream_failed"
    assert end == "data: [DONE]"
