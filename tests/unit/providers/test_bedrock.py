"""What leaves for Bedrock, held against Amazon's own model of it, and what is understood of answers that are not as they should be."""

import base64
import json
import struct
from functools import cache
from pathlib import Path
from zlib import crc32

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as AmazonsCredentials
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from signalbox.aws.sign import Credentials, signed
from signalbox.errors import UpstreamFailure
from signalbox.money import Tokens
from signalbox.providers.bedrock import answer as bedrock_answer
from signalbox.providers.bedrock import converse as bedrock
from signalbox.providers.bedrock.models import model_of
from signalbox.providers.fit import lack_of
from signalbox.reply import Citation, Finish, TextDelta, ToolCallDelta, Usage, gather
from signalbox.request import Format, Image, Message, Reasoning, Request, Signature, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult
from signalbox.routing.catalog import CAPABILITIES, Provider, Target
from signalbox.routing.failures import KINDS

FIXTURES = Path(__file__).parents[2] / "fixtures" / "bedrock"
PROVIDER = Provider("bedrock", "bedrock", "https://bedrock-runtime.us-east-1.amazonaws.com", None, "bedrock", "sigv4")
CLAUDE, LLAMA, NOVA = "anthropic.claude-sonnet-4-5-20250929", "meta.llama4-maverick-instruct-v1:0", "amazon.nova-pro-v1:0"
MISTRAL, OLDER, QWEN = "mistral.mistral-large-2407-v1:0", "anthropic.claude-3-7-sonnet-20250219-v1:0", "qwen.qwen3-instruct-v1:0"
COHERE, R1, KIMI, GPT = "cohere.command-r-plus-v1:0", "deepseek.r1-v1:0", "kimi.k2-thinking-v1:0", "openai.gpt-oss-120b-1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
OPUS, NEWEST = "anthropic.claude-opus-4-5-20250514", "anthropic.claude-sonnet-5"
HELLO = Message("user", (Text("hello"),))
PNG = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


def target(model):
    return Target(f"bedrock/{model}", "bedrock", model, 200_000, 8_000, frozenset(CAPABILITIES) - {"embeddings"}, None, "bedrock")


def asked(*messages, **fields):
    return Request("openai_chat", "chat", messages or (HELLO,), **fields)


def sent(request, model=CLAUDE, max_tokens=None):
    body = json.loads(bedrock.to_http(request, target(model), PROVIDER, max_tokens).body)
    assert amazon_finds_wrong(body) == ""
    return body


@cache
def amazon():
    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")


def amazon_finds_wrong(body):
    """Nothing that Amazon's own model of Converse does not know, and all of the right type."""
    shape = amazon().operation_model("Converse").input_shape
    params = {"modelId": CLAUDE, **decoded(body)}
    unknown = list(strangers(params, shape))
    report = ParamValidator().validate(params, shape)
    return "; ".join(unknown) + (report.generate_report() if report.has_errors() else "")


def decoded(value):
    """Blobs as bytes, which the SDK wants and writes in base64."""
    if isinstance(value, list):
        return [decoded(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64decode(inner, validate=True) if name in ("bytes", "redactedContent") else decoded(inner)
        for name, inner in value.items()
    }


def strangers(value, shape, path=""):
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        for name, inner in value.items():
            if name not in shape.members:
                yield f"{path}.{name}"
            else:
                yield from strangers(inner, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for inner in value:
            yield from strangers(inner, shape.member, f"{path}[]")


@pytest.mark.parametrize("case", sorted(path.parent.name for path in FIXTURES.glob("*/upstream.json")))
def test_the_fixtures_are_what_amazons_own_model_takes(case):
    assert amazon_finds_wrong(json.loads((FIXTURES / case / "upstream.json").read_text())["body"]) == ""


def test_amazons_own_model_does_find_what_is_wrong():
    assert amazon_finds_wrong({"messages": [{"role": "user", "content": [{"txt": "x"}]}]})
    assert amazon_finds_wrong({"messages": [{"role": "user", "content": [{"text": 5}]}]})
    assert amazon_finds_wrong({"messages": [], "extra": 1})


@pytest.mark.parametrize(
    "model",
    [
        CLAUDE,
        LLAMA,
        "arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/a1b2c3d4e5f6",
        "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ],
)
def test_an_id_is_written_and_signed_as_amazon_does_it(model):
    http = bedrock.to_http(asked(), target(model), PROVIDER, 50)
    operation = amazon().operation_model("ConverseStream")
    theirs = create_serializer("rest-json").serialize_to_request(
        {"modelId": model, "messages": [{"role": "user", "content": [{"text": "hello"}]}]}, operation
    )
    assert http.url == PROVIDER.base_url + theirs["url_path"]

    ours = signed(http, Credentials("AKIDEXAMPLE", "secret", "token"), "us-east-1", "bedrock", 1_795_000_000)
    request = AWSRequest("POST", http.url, dict(http.headers), http.body)
    request.context["timestamp"] = ours.headers["x-amz-date"]
    signer = SigV4Auth(AmazonsCredentials("AKIDEXAMPLE", "secret", "token"), "bedrock", "us-east-1")
    request.headers["X-Amz-Date"] = ours.headers["x-amz-date"]
    request.headers["X-Amz-Security-Token"] = "token"
    to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    assert ours.headers["authorization"].endswith(f"Signature={signer.signature(to_sign, request)}")


def test_a_model_without_streaming_is_asked_for_a_whole_answer():
    http = bedrock.to_http(asked(), target(LLAMA)._replace(capabilities=frozenset()), PROVIDER, 5)
    assert http.url.endswith("/model/meta.llama4-maverick-instruct-v1%3A0/converse")
    assert http.headers["accept"] == "application/json"


def test_a_model_that_streams_no_tools_is_asked_for_a_whole_answer_where_there_are_some():
    operations = [
        bedrock.to_http(request, target(model), PROVIDER, 5).url.rpartition("/")[2]
        for request in (asked(tools=(Tool("f"),)), asked(*CALLED), asked())
        for model in (LLAMA, QWEN)
    ]
    assert operations == ["converse", "converse-stream", "converse", "converse-stream", "converse-stream", "converse-stream"]


def test_a_whole_answer_is_read_as_one_where_a_stream_was_expected():
    body = json.dumps({"output": {"message": {"content": [{"text": "a"}]}}, "stopReason": "end_turn"}).encode()
    assert understood(b"", *(body[at : at + 1] for at in range(len(body)))) == [TextDelta("a"), Finish("stop")]
    with pytest.raises(UpstreamFailure, match="malformed"):
        understood(body[:-1])


def test_what_was_not_said_is_not_sent():
    assert sent(asked(), LLAMA) == {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}


def test_temperature_zero_survives():
    assert sent(asked(temperature=0, top_p=0.5), LLAMA, 9)["inferenceConfig"] == {"maxTokens": 9, "temperature": 0, "topP": 0.5}


def test_a_result_has_its_images_its_failure_and_its_cache_point():
    parts = (Text("seen"), Image(PNG), Text("", {"type": "ephemeral"}))
    result = ToolResult("c", parts, failed=True)
    body = sent(asked(HELLO, Message("assistant", (ToolCall("c", "look", "{"),)), Message("tool", (result,)), tools=(Tool("look"),)))
    assert body["messages"][1]["content"] == [{"toolUse": {"toolUseId": "c", "name": "look", "input": {}}}]
    assert body["messages"][2]["content"] == [
        {
            "toolResult": {
                "toolUseId": "c",
                "content": [{"text": "seen"}, {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}],
                "status": "error",
            }
        },
        {"cachePoint": {"type": "default"}},
    ]


def test_cache_points_are_for_those_who_know_them():
    request = asked(Message("user", (Text("a", {"type": "ephemeral"}),)), tools=(Tool("f", cache={"type": "ephemeral"}),))
    assert "cachePoint" in json.dumps(sent(request, NOVA))
    assert "cachePoint" not in json.dumps(sent(request, QWEN))


def test_only_claude_is_sent_thoughts_and_only_its_own():
    parts = (Reasoning("a", Signature("anthropic", "s")), Reasoning("b"), Reasoning("c", Signature("google", "g")), Text("d"))
    request = asked(HELLO, Message("assistant", parts), HELLO)
    assert [list(block) for block in sent(request)["messages"][1]["content"]] == [["reasoningContent"], ["text"]]
    assert [list(block) for block in sent(request, R1)["messages"][1]["content"]] == [["text"]]


CALLED = (HELLO, Message("assistant", (ToolCall("c", "f", "{}"),)), Message("tool", (ToolResult("c", (Text("x"),)),)))


@pytest.mark.parametrize("choice", [None, ToolChoice("none"), ToolChoice("auto")])
def test_calls_of_the_past_need_tools_also_when_there_are_none(choice):
    assert sent(asked(*CALLED, tool_choice=choice), QWEN)["toolConfig"] == {
        "tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {}}}}}]
    }


def test_tools_that_may_not_be_called_are_left_out_but_for_those_of_the_past():
    tools = (Tool("f", "d", SCHEMA), Tool("g"))
    assert "toolConfig" not in sent(asked(tools=tools, tool_choice=ToolChoice("none")))
    body = sent(asked(*CALLED, tools=tools, tool_choice=ToolChoice("none")))
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["f"]
    assert body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"] == {"json": SCHEMA}
    assert "toolChoice" not in body["toolConfig"]
    assert body["additionalModelRequestFields"] == {"tool_choice": {"type": "none"}}


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        (ToolChoice("auto"), {"auto": {}}),
        (ToolChoice("required"), {"any": {}}),
        (ToolChoice("tool", "f"), {"tool": {"name": "f"}}),
        (None, None),
    ],
)
def test_a_choice_of_tools(choice, written):
    assert sent(asked(tools=(Tool("f"),), tool_choice=choice))["toolConfig"].get("toolChoice") == written


def test_claude_is_told_to_call_one_tool_at_a_time():
    fields = sent(asked(tools=(Tool("f"),), parallel_tool_calls=False))["additionalModelRequestFields"]
    assert fields == {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}


@pytest.mark.parametrize(
    ("model", "fields", "written"),
    [
        (CLAUDE, {"top_k": 5}, {"top_k": 5}),
        (COHERE, {"top_k": 5}, {"k": 5}),
        (NOVA, {"top_k": 5}, {"inferenceConfig": {"topK": 5}}),
        (MISTRAL, {"top_k": 5}, {"top_k": 5}),
        (CLAUDE, {"thinking": Thinking("low")}, {"thinking": {"type": "enabled", "budget_tokens": 2_048}}),
        (OPUS, {"thinking": Thinking("low")}, {"thinking": {"type": "enabled", "budget_tokens": 2048}, "output_config": {"effort": "low"}}),
        (NEWEST, {"thinking": Thinking("xhigh")}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}),
        (GPT, {"thinking": Thinking("xhigh")}, {"reasoning_effort": "high"}),
        (NOVA_2, {"thinking": Thinking("minimal")}, {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        (GPT, {"thinking": Thinking("none")}, None),
        (KIMI, {"thinking": Thinking("low")}, None),
    ],
)  # fmt: skip
def test_what_converse_has_no_field_for_is_said_in_the_models_own(model, fields, written):
    assert sent(asked(**fields), model).get("additionalModelRequestFields") == written


def test_a_budget_has_its_limit_beside_it():
    assert sent(asked(thinking=Thinking("high")))["inferenceConfig"] == {"maxTokens": 8_000}


@pytest.mark.parametrize("model", [CLAUDE, KIMI, QWEN, GPT, "us.deepseek.v3-v1:0"])
def test_converse_holds_these_to_a_schema(model):
    (form,) = sent(asked(response_format=Format(SCHEMA, "n", True, "d")), model)["outputConfig"].values()
    assert form["type"] == "json_schema"
    assert form["structure"]["jsonSchema"] | {"schema": None} == {"name": "n", "description": "d", "schema": None}
    assert json.loads(form["structure"]["jsonSchema"]["schema"]) == SCHEMA


@pytest.mark.parametrize(
    ("model", "choice"),
    [(OLDER, {"tool": {"name": "signalbox_answer"}}), (NOVA, {"tool": {"name": "signalbox_answer"}}), (MISTRAL, {"any": {}})],
)
def test_others_are_held_to_one_by_a_tool(model, choice):
    body = sent(asked(response_format=Format(SCHEMA)), model)
    assert body["toolConfig"]["toolChoice"] == choice
    (tool,) = body["toolConfig"]["tools"]
    assert tool["toolSpec"]["inputSchema"] == {"json": SCHEMA}
    assert "outputConfig" not in body


def test_json_without_a_schema_is_asked_for_in_words():
    assert "JSON object" in sent(asked(response_format=Format()), LLAMA)["system"][0]["text"]


@pytest.mark.parametrize(
    ("request_", "model", "parameter"),
    [
        (asked(), CLAUDE, None),
        (asked(Message("user", (Image("https://example.com/a.png"),))), CLAUDE, "messages"),
        (asked(Message("user", (Image("https://example.com/a.png"),))), LLAMA, "messages"),
        (asked(Message("user", (Image("data:image/svg+xml;base64,AA"),))), LLAMA, "messages"),
        (asked(Message("system", (Text("a"),))), LLAMA, "messages"),
        (asked(Message("system", (Text("a"),)), Message("assistant", (Text("b"),)), HELLO), LLAMA, "messages"),
        (asked(temperature=1.5), LLAMA, "temperature"),
        (asked(temperature=0.5, top_p=0.5), CLAUDE, "top_p"),
        (asked(temperature=0.5, top_p=0.5), LLAMA, None),
        (asked(top_k=1), LLAMA, "top_k"),
        (asked(thinking=Thinking("low"), temperature=0), CLAUDE, "temperature"),
        (asked(thinking=Thinking("low"), temperature=0), GPT, None),
        (asked(tools=(Tool("f"),), parallel_tool_calls=False), LLAMA, "parallel_tool_calls"),
        (asked(tools=(Tool("f"),), parallel_tool_calls=False), CLAUDE, None),
        (asked(tools=(Tool("f"),), parallel_tool_calls=False, tool_choice=ToolChoice("auto")), CLAUDE, None),
        (asked(tools=(Tool("f"),), parallel_tool_calls=False, tool_choice=ToolChoice("required")), CLAUDE, "parallel_tool_calls"),
        (asked(tools=(Tool("f"),), parallel_tool_calls=False, tool_choice=ToolChoice("none")), LLAMA, None),
        (asked(tools=(Tool("f"),), tool_choice=ToolChoice("required")), LLAMA, "tool_choice"),
        (asked(tools=(Tool("f"),), tool_choice=ToolChoice("tool", "f")), MISTRAL, "tool_choice"),
        (asked(tools=(Tool("f"),), tool_choice=ToolChoice("required")), MISTRAL, None),
        (asked(tools=(Tool("f"),), tool_choice=ToolChoice("auto")), LLAMA, None),
        (asked(*CALLED, tools=(Tool("f"),), tool_choice=ToolChoice("none")), LLAMA, "tool_choice"),
        (asked(*CALLED, tools=(Tool("f"),), tool_choice=ToolChoice("none")), CLAUDE, None),
        (asked(response_format=Format(SCHEMA)), LLAMA, "response_format"),
        (asked(response_format=Format(SCHEMA)), R1, "response_format"),
        (asked(response_format=Format(SCHEMA), tools=(Tool("f"),)), NOVA, "response_format"),
        (asked(response_format=Format(SCHEMA), tools=(Tool("f"),)), CLAUDE, None),
        (asked(response_format=Format(SCHEMA), thinking=Thinking("low")), OLDER, "response_format"),
    ],
)
def test_what_cannot_be_served_is_known_before_the_call(request_, model, parameter):
    lack = lack_of(request_, target(model), PROVIDER)
    assert (lack and lack[0]) == parameter


@pytest.mark.parametrize(
    ("id", "like"),
    [
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", CLAUDE),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0", CLAUDE),
        ("apac.amazon.nova-micro-v1:0", NOVA),
        ("moonshot.kimi-k2-thinking", KIMI),
        ("us.meta.llama3-3-70b-instruct-v1:0", LLAMA),
    ],
)
def test_a_region_or_an_arn_does_not_hide_the_model(id, like):
    assert model_of(id) == model_of(like)


# What comes back.


def header(name, value):
    return struct.pack("!B", len(name)) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()


def framed(payload, **headers):
    written = b"".join(header(f":{name.replace('_', '-')}", value) for name, value in headers.items())
    prelude = struct.pack("!II", 16 + len(written) + len(payload), len(written))
    message = prelude + struct.pack("!I", crc32(prelude)) + written + payload
    return message + struct.pack("!I", crc32(message))


def event(name, **payload):
    return framed(json.dumps(payload).encode(), event_type=name, content_type="application/json", message_type="event")


def delta(index=0, **fields):
    return event("contentBlockDelta", contentBlockIndex=index, delta=fields)


def begin(index=0, **fields):
    return event("contentBlockStart", contentBlockIndex=index, start=fields)


def understood(*events):
    return list(bedrock.to_chunks(events))


STOP = event("messageStop", stopReason="end_turn")
USE = {"toolUseId": "t", "name": "f"}


def whole(**fields):
    body = {"output": {"message": {"role": "assistant", "content": []}}, "stopReason": "end_turn"} | fields
    return list(bedrock.from_body(json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_an_answer_ends_in_our_words(theirs, ours):
    assert understood(event("messageStop", stopReason=theirs)) == whole(stopReason=theirs) == [Finish(ours)]


def test_amazon_has_no_stop_reason_that_we_do_not_know():
    known = {*bedrock_answer.FINISHES, *bedrock_answer.BREAKS, "end_turn", "stop_sequence"}
    assert set(amazon().shape_for("StopReason").enum) <= known


def test_what_was_stored_or_read_is_input_too():
    usage = {
        "inputTokens": 4,
        "outputTokens": 6,
        "totalTokens": 3_610,
        "cacheReadInputTokens": 2_048,
        "cacheWriteInputTokens": 1_552,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 1_500}, {"ttl": "5m", "inputTokens": 52}],
    }
    expected = Usage(Tokens(3_604, 2_048, 1_552, 6, 0, 1_500))
    assert understood(STOP, event("metadata", usage=usage, metrics={}))[-1] == whole(usage=usage)[-1] == expected


@pytest.mark.parametrize(
    "usage",
    [
        None,
        "x",
        {},
        {"inputTokens": 1},
        {"inputTokens": "1", "outputTokens": 1},
        {"inputTokens": 1, "outputTokens": 1, "cacheDetails": [{}]},
    ],
)
def test_a_count_that_nothing_can_store_is_as_good_as_none(usage):
    assert understood(STOP, event("metadata", usage=usage)) == whole(usage=usage) == [Finish("stop")]


def test_sources():
    citation = {
        "title": "T",
        "sourceContent": [{"text": "quo"}, {"text": "ted"}],
        "location": {"web": {"url": "https://a", "domain": "a"}},
    }
    other = {"title": "D", "source": "kb://1", "location": {"documentChar": {"documentIndex": 0, "start": 1, "end": 2}}}
    content = [{"citationsContent": {"content": [{"text": "so"}], "citations": [citation, other]}}]
    expected = [TextDelta("so"), Citation("https://a", "T", "quoted"), Citation("kb://1", "D", ""), Finish("stop")]
    assert understood(delta(text="so"), delta(citation=citation), delta(citation=other), STOP) == expected
    assert whole(output={"message": {"content": content}}) == expected


def test_the_tool_that_holds_the_answer_is_its_text():
    use = {"toolUseId": "t", "name": "signalbox_answer"}
    stream = [begin(0, toolUse=use), delta(0, toolUse={"input": '{"n": '}), delta(0, toolUse={"input": "1}"})]
    stop = [event("contentBlockStop", contentBlockIndex=0), event("messageStop", stopReason="tool_use")]
    expected = [TextDelta('{"n": 1}'), Finish("stop")]
    assert gather(understood(*stream, *stop)) == gather(expected)
    assert whole(output={"message": {"content": [{"toolUse": {**use, "input": {"n": 1}}}]}}, stopReason="tool_use") == expected


def test_a_call_without_arguments_has_an_empty_object_of_them():
    chunks = understood(begin(2, toolUse=USE), event("contentBlockStop", contentBlockIndex=2), event("messageStop", stopReason="tool_use"))
    assert chunks == [ToolCallDelta(0, "", "t", "f"), ToolCallDelta(0, "{}"), Finish("tool_calls")]


def test_what_is_new_is_passed_over():
    stream = [event("somethingNew", x=1), begin(0, image={"format": "png"}), delta(0, image={}), event("messageStart", role="assistant")]
    assert understood(*stream, delta(text="a"), STOP) == [TextDelta("a"), Finish("stop")]


@pytest.mark.parametrize(
    ("stream", "kind"),
    [
        (b"", "cut"),
        (delta(text="a"), "cut"),
        (STOP[:-1], "cut"),
        (event("messageStop", stopReason="malformed_tool_use"), "malformed"),
        (event("messageStop", stopReason=["x"]), "malformed"),
        (delta(text=5), "malformed"),
        (delta(toolUse={}), "malformed"),
        (delta(reasoningContent=[]), "malformed"),
        (delta(reasoningContent={"signature": 5}), "malformed"),
        (delta(citation={"title": 5}), "malformed"),
        (begin(0, toolUse={"name": "f", "toolUseId": 5}), "malformed"),
        (begin("0", toolUse=USE), "malformed"),
        (begin(0, toolUse=USE) + delta([0], toolUse={"input": "{"}), "malformed"),
        (framed(b"[]", event_type="messageStop", message_type="event"), "malformed"),
        (framed(b"{", event_type="messageStop", message_type="event"), "malformed"),
        (framed(b"\xff", event_type="messageStop", message_type="event"), "malformed"),
        (framed(b"{}"), "server"),
        (framed(b'{"message": "hunter2"}', exception_type="throttlingException", message_type="exception"), "rate_limited"),
        (framed(b'{"message": "hunter2"}', exception_type="ThrottlingException", message_type="exception"), "rate_limited"),
        (framed(b'{"message": "hunter2"}', exception_type="validationException", message_type="exception"), "bad_request"),
        (framed(b"{}", exception_type="internalServerException", message_type="exception"), "server"),
        (framed(b"{}", exception_type="modelTimeoutException", message_type="exception"), "timeout"),
        (framed(b"{}", exception_type="hunter2", message_type="exception"), "server"),
        (framed(b"", error_code="ServiceUnavailableException", error_message="hunter2", message_type="error"), "overloaded"),
    ],
)
def test_a_broken_stream_is_known_for_what_it_is(stream, kind):
    with pytest.raises(UpstreamFailure) as failure:
        understood(stream)
    assert failure.value.kind == kind
    assert "hunter2" not in failure.value.detail


def test_amazon_has_no_exception_in_streams_that_we_do_not_know():
    members = amazon().shape_for("ConverseStreamOutput").members
    assert {name for name in members if name.endswith("Exception")} <= set(bedrock_answer.EXCEPTIONS)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "malformed"),
        (b"[]", "malformed"),
        (b"{}", "malformed"),
        (b'{"output": {"message": {"content": ["x"]}}, "stopReason": "end_turn"}', "malformed"),
        (b'{"output": {"message": {"content": []}}}', "cut"),
    ],
)
def test_a_broken_body_is_known_for_what_it_is(body, kind):
    with pytest.raises(UpstreamFailure) as failure:
        list(bedrock.from_body(body))
    assert failure.value.kind == kind


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([0, 1, 10**40, "tool_use"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def objects(*names, **inner):
    return st.fixed_dictionaries({}, optional={name: inner.get(name, json_values) | json_values for name in (*names, *inner)})


uses = objects("toolUseId", "name", "input", "type")
reasonings = objects("text", "signature", "redactedContent")
deltas = objects("text", toolUse=uses, reasoningContent=reasonings, citation=objects("title", "source", "sourceContent", "location"))
usages = objects("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "cacheDetails")
names = st.sampled_from(["contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"])
payloads = objects("stopReason", contentBlockIndex=st.integers(0, 3), start=objects(toolUse=uses), delta=deltas, usage=usages)


@given(st.lists(st.tuples(names, payloads)))
def test_whatever_comes_is_understood_or_refused_here(stream):
    try:
        chunks = understood(*(event(name, **payload) for name, payload in stream), STOP)
    except UpstreamFailure as failure:
        assert failure.kind in KINDS  # noqa: PT017
        return
    for chunk in chunks:
        if isinstance(chunk, Usage):
            assert chunk.tokens.cache_write_1h <= chunk.tokens.cache_write <= chunk.tokens.input
    choices, _ = gather(chunks)
    json.dumps([choice.text for choice in choices] + [call.arguments for choice in choices for call in choice.tool_calls])
