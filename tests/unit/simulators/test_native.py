"""Formats of the providers' own: streamed and whole answers agree and bill alike, and each refuses in its own words."""

import json
from itertools import groupby

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from ops.simulators.answer import to_answer
from ops.simulators.bill import generated
from ops.simulators.exchange import CacheMark, Rejected, Stamp, Tokens
from ops.simulators.http import Request
from ops.simulators.providers import PROVIDERS, anthropic_checks, gemini_checks, vertex
from ops.simulators.providers.access_token import issued
from ops.simulators.providers.google_token import GOOGLE

STAMP = Stamp("seed", 1_790_000_000)
CITY = {"type": "object", "properties": {"city": {"type": "string"}}}


def operation(name, kind):
    return next(each for each in PROVIDERS[name].operations if each.name == kind)


def posted(body, model="sim-x", query=None, **headers):
    named = {"model": model, "project": "p", "location": "l"}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", "/", query or {}, headers, raw, named=named)


def anthropic(prompt, limit=None, thinks=False, **more):
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}} if thinks else {}
    body = {"model": "sim-x", "max_tokens": max(limit or 0, 1100 if thinks else 1), "messages": [{"role": "user", "content": prompt}]}
    body |= {"tools": [{"name": "clock", "input_schema": CITY}]} | thinking
    return posted(body | more, **{"x-api-key": "k", "anthropic-version": "2023-06-01"})


def bedrock(prompt, limit=None, thinks=False, model="sim-x", **more):
    thinking = {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}} if thinks else {}
    body = {
        "messages": [{"role": "user", "content": [{"text": prompt}]}],
        "inferenceConfig": {"maxTokens": max(limit or 0, 1100 if thinks else 1)},
        "toolConfig": {"tools": [{"toolSpec": {"name": "clock", "inputSchema": {"json": CITY}}}]},
    }
    return posted(body | thinking | more, model, authorization="Bearer k")


def gemini(prompt, limit=None, thinks=False, model="sim-x", **more):
    config = {"maxOutputTokens": limit or 1, "thinkingConfig": {"thinkingLevel": "LOW" if thinks else "MINIMAL", "includeThoughts": thinks}}
    body = {
        "contents": [{"role": "user", "parts": [{"text": prompt}]}],
        "generationConfig": config,
        "tools": [{"functionDeclarations": [{"name": "clock", "parametersJsonSchema": CITY}]}],
    }
    return posted(body | more, model, {"alt": "sse"}, **{"x-goog-api-key": "k", "authorization": f"Bearer {issued(GOOGLE)}"})


def said_whole_by_anthropic(body):
    blocks = [(block["type"], block.get("text") or block.get("thinking") or json.dumps(block.get("input"))) for block in body["content"]]
    return blocks, body["stop_reason"], (body["usage"]["input_tokens"], body["usage"]["output_tokens"])


def said_in_pieces_by_anthropic(frames):
    events = [json.loads(frame.data.split(b"data: ", 1)[1]) for frame in frames]
    assert events[0]["type"] == "message_start"
    assert [event["type"] for event in events][-2:] == ["message_delta", "message_stop"]
    blocks, usage = [], dict(events[0]["message"]["usage"])
    for event in events:
        if event["type"] == "content_block_start":
            assert event["index"] == len(blocks)
            blocks.append([event["content_block"]["type"], ""])
        if event["type"] == "content_block_delta":
            delta = event["delta"]
            blocks[event["index"]][1] += delta.get("text") or delta.get("thinking") or delta.get("partial_json") or ""
        if event["type"] == "message_delta":
            usage |= event["usage"]
            stop = event["delta"]["stop_reason"]
    return _parsed(blocks), stop, (usage["input_tokens"], usage["output_tokens"])


def _parsed(blocks):
    """A call's arguments as they parse, {} where the limit cut them off."""
    found = []
    for kind, text in blocks:
        if kind in ("tool_use", "toolUse"):
            try:
                text = json.dumps(json.loads(text))
            except ValueError:
                text = "{}"
        found.append((kind, text))
    return found


def said_whole_by_bedrock(body):
    blocks = []
    for block in body["output"]["message"]["content"]:
        ((kind, inner),) = block.items()
        text = inner if kind == "text" else json.dumps(inner["input"]) if kind == "toolUse" else inner["reasoningText"]["text"]
        blocks.append((kind, text))
    return blocks, body["stopReason"], (body["usage"]["inputTokens"], body["usage"]["outputTokens"])


def said_in_pieces_by_bedrock(frames):
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(frame.data for frame in frames))
    blocks, kinds = {}, []
    for message in buffer:
        kinds.append(message.headers[":event-type"])
        event = json.loads(message.payload)
        if kinds[-1] == "contentBlockStart":
            blocks[event["contentBlockIndex"]] = ["toolUse", ""]
        if kinds[-1] == "contentBlockDelta":
            ((kind, inner),) = event["delta"].items()
            text = inner if kind == "text" else inner.get("input", "") if kind == "toolUse" else inner.get("text", "")
            blocks.setdefault(event["contentBlockIndex"], [kind, ""])[1] += text
        if kinds[-1] == "messageStop":
            stop = event["stopReason"]
    assert (kinds[0], kinds[-2:]) == ("messageStart", ["messageStop", "metadata"])
    return _parsed(blocks.values()), stop, (event["usage"]["inputTokens"], event["usage"]["outputTokens"])


def said_whole_by_gemini(body):
    return _gemini_parts([body]), body["candidates"][0]["finishReason"], _gemini_usage(body)


def said_in_pieces_by_gemini(frames):
    chunks = [json.loads(frame.data.removeprefix(b"data: ").removesuffix(b"\r\n\r\n")) for frame in frames]
    counts = [_gemini_usage(chunk) for chunk in chunks]
    assert counts == sorted(counts)
    return _gemini_parts(chunks), chunks[-1]["candidates"][0]["finishReason"], counts[-1]


def _gemini_parts(chunks):
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    kinds = [
        ("call", json.dumps(part["functionCall"])) if "functionCall" in part else (part.get("thought", False), part["text"])
        for part in parts
    ]
    joined = [(kind, "".join(text for _, text in group)) for kind, group in groupby(kinds, key=lambda one: one[0])]
    return [one for one in joined if one[1]]


def _gemini_usage(body):
    usage = body["usageMetadata"]
    assert usage["totalTokenCount"] == sum(
        usage.get(name, 0) for name in ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    )
    return usage["promptTokenCount"], usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)


FORMATS = {
    "anthropic": (anthropic, "messages", "messages", said_whole_by_anthropic, said_in_pieces_by_anthropic),
    "bedrock": (bedrock, "converse", "converse-stream", said_whole_by_bedrock, said_in_pieces_by_bedrock),
    "gemini": (gemini, "generateContent", "streamGenerateContent", said_whole_by_gemini, said_in_pieces_by_gemini),
    "vertex": (gemini, "generateContent", "streamGenerateContent", said_whole_by_gemini, said_in_pieces_by_gemini),
}


@pytest.mark.parametrize("name", FORMATS)
@given(
    prompt=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
    | st.sampled_from(["call clock", "refuse", "a call clock call clock"]),
    limit=st.integers(1, 1300),
    thinks=st.booleans(),
)
def test_streamed_and_whole_say_and_bill_the_same(name, prompt, limit, thinks):
    made, whole, stream, read_whole, read_stream = FORMATS[name]
    ask = operation(name, whole).read(made(prompt, limit, thinks))
    answer = to_answer(ask)
    frames = operation(name, stream).frames(ask, answer, STAMP)
    told = read_whole(json.loads(operation(name, whole).whole(ask, answer, STAMP)))
    assert read_stream(frames) == told
    assert told[2] == (answer.tokens.input, answer.tokens.output)
    bills = [generated(answer, frames[:count]) for count in range(len(frames) + 1)]
    assert bills == sorted(bills)
    assert (bills[0], bills[-1]) == (answer.tokens._replace(output=0, reasoning=0), answer.tokens)
    assert [frame.usage for frame in frames].count(True) == 1


def refused(operation_, request):
    with pytest.raises(Rejected) as told:
        operation_.read(request)
    return told.value.status, json.loads(told.value.body)


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "eA=="}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "clock", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "noon"}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "forged"}


def talk(*contents):
    return {"messages": [{"role": ("user", "assistant")[place % 2], "content": content} for place, content in enumerate(contents)]}


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        ({"speed_limit": 1}, 400, "speed_limit: Extra inputs are not permitted"),
        ({"max_tokens": "5"}, 400, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": 0}, 400, "max_tokens: Input should be greater than or equal to 1"),
        ({"model": "nobody"}, 404, "model: nobody"),
        ({"model": "claude-opus-4-5-20251101", "max_tokens": 64_001}, 400, "max_tokens: 64001 > 64000, which is the maximum"),
        ({"model": "claude-opus-4-5-20251101", "temperature": 1, "top_p": 1}, 400, "`temperature` and `top_p` cannot both"),
        ({"system": None}, 400, "system: Input should be a valid list"),
        ({"tool_choice": {"type": "tool", "name": "x"}}, 400, "Tool 'x' not found"),
        ({"tools": [{"name": "a b", "input_schema": CITY}]}, 400, "tools.0.custom.name: String should match pattern"),
        (talk([IMAGE]), 400, "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png'"),
        (talk([{"type": "sound"}]), 400, "messages.0.content.0: Input tag 'sound' found using 'type'"),
        (talk("hi", [USE]), 400, "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1"),
        (talk("hi", "ho", [RESULT]), 400, "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1"),
        (talk("hi", [THOUGHT, USE], [RESULT]), 400, "messages.1.content.0: Invalid `signature` in `thinking` block"),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000} | talk("hi", [USE], [RESULT]),
            400,
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`",
        ),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, 400, "`max_tokens` must be greater than `thinking.budget_tokens`"),
    ],
)
def test_anthropic_refuses_in_its_own_words(more, status, told):
    got, body = refused(operation("anthropic", "messages"), anthropic("hi", 100, **more))
    assert (got, body["type"], body["error"]["message"][: len(told)]) == (status, "error", told)


def test_anthropics_newer_version_has_no_sampling_and_less_in_each_role():
    def request(**more):
        given = anthropic("hi", 100, **more)
        return Request("POST", "/", {}, dict(given.headers) | {"anthropic-version": "2026-10-21"}, given.body)

    api = operation("anthropic", "messages")
    assert api.read(request()).model == "sim-x"
    assert api.read(anthropic("hi", 100, temperature=1)).model == "sim-x"
    assert refused(api, request(temperature=1))[1]["error"]["message"] == "temperature: Extra inputs are not permitted"
    cited = {"type": "text", "text": "x", "citations": [{"type": "char_location"}]}
    assert refused(api, request(**talk([cited])))[0] == 400


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({}, 401, "authentication_error"),
        ({"x-api-key": "sk-bad-1", "anthropic-version": "2023-06-01"}, 401, "authentication_error"),
        ({"x-api-key": "k"}, 400, "invalid_request_error"),
        ({"x-api-key": "k", "anthropic-version": "2020-01-01"}, 400, "invalid_request_error"),
    ],
)
def test_anthropic_asks_for_a_key_and_a_version(headers, status, kind):
    got, body = refused(operation("anthropic", "messages"), Request("POST", "/", {}, headers, anthropic("hi").body))
    assert (got, body["error"]["type"]) == (status, kind)


def test_anthropic_counts_what_is_cached_beside_the_input_and_by_how_long_it_is_kept():
    marked = [{"type": "text", "text": "words " * 10, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    ask = operation("anthropic", "messages").read(anthropic("hi", 100, system=marked))
    (mark,) = ask.cache_marks
    assert mark == CacheMark(mark.tokens, True)
    assert 20 < mark.tokens < len(ask.prompt_tokens)
    answer = to_answer(ask, Tokens(cached=5, cache_write=3, cache_write_1h=2))
    usage = json.loads(operation("anthropic", "messages").whole(ask, answer, STAMP))["usage"]
    assert usage["input_tokens"] == len(ask.prompt_tokens) - 10
    assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (5, 5)
    assert usage["cache_creation"] == {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 2}


SAID = {"role": "user", "content": [{"text": "hi"}]}
CALLED = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "clock", "input": {}}}]}


@pytest.mark.parametrize(
    ("model", "more", "kind", "told"),
    [
        ("nobody", {}, "ValidationException", "The provided model identifier is invalid."),
        ("sim-x", {"messages": [SAID, SAID]}, "ValidationException", "A conversation must alternate"),
        ("sim-x", {"messages": [CALLED]}, "ValidationException", "A conversation must start with a user message"),
        ("sim-x", {"messages": [SAID, CALLED, SAID]}, "ValidationException", "Expected toolResult blocks at messages.2.content"),
        ("sim-x", {"messages": [SAID, CALLED], "toolConfig": None}, "ValidationException", "The toolConfig field must be defined"),
        (
            "sim-x",
            {"messages": [{"role": "user", "content": [{"text": " "}]}]},
            "ValidationException",
            "The text field in the ContentBlock",
        ),
        (
            "sim-x",
            {"messages": [{"role": "user", "content": [{}]}]},
            "ValidationException",
            "The format of the value at messages.0.content.0 is",
        ),
        ("sim-x", {"messages": "hi"}, "SerializationException", "STRING_VALUE can not be converted to List"),
        ("sim-x", {"temperature": 1}, "ValidationException", "Malformed input request: #/: extraneous key [temperature]"),
        (
            "sim-x",
            {"inferenceConfig": {"maxTokens": 0}},
            "ValidationException",
            "1 validation error detected: Value '0' at 'inferenceConfig.maxTokens'",
        ),
        ("deepseek.r1-v1:0", {}, "ValidationException", "This model doesn't support tool use."),
        (
            "us.anthropic.claude-sonnet-4-5-20250929",
            {"inferenceConfig": {"temperature": 1, "topP": 1}},
            "ValidationException",
            "The model returned",
        ),
        (
            "cohere.command-r-plus-v1:0",
            {"toolConfig": {"tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": {}}}}], "toolChoice": {"any": {}}}},
            "ValidationException",
            "This model doesn't support the toolConfig.toolChoice.any field.",
        ),
        (
            "cohere.command-r-plus-v1:0",
            {"system": [{"cachePoint": {"type": "default"}}]},
            "AccessDeniedException",
            "You invoked an unsupported",
        ),
    ],
)
def test_bedrock_refuses_in_its_own_words(model, more, kind, told):
    status, body = refused(operation("bedrock", "converse"), bedrock("hi", 100, model=model, **more))
    assert (status, body["__type"], body["message"][: len(told)]) == (403 if kind == "AccessDeniedException" else 400, kind, told)


def test_bedrock_streams_no_tools_where_the_model_does_not():
    llama = bedrock("hi", 100, model="meta.llama4-maverick-instruct-v1:0")
    assert operation("bedrock", "converse").read(llama).tools
    assert refused(operation("bedrock", "converse-stream"), llama)[1]["message"] == "This model doesn't support tool use in streaming mode."


def test_bedrock_says_which_sequence_stopped_it_where_it_is_asked_to():
    wanted = {"additionalModelResponseFieldPaths": ["/stop_sequence"], "inferenceConfig": {"stopSequences": ["STOP"]}}
    ask = operation("bedrock", "converse").read(bedrock("say: one STOP two", **wanted))
    body = json.loads(operation("bedrock", "converse").whole(ask, to_answer(ask), STAMP))
    assert (body["stopReason"], body["additionalModelResponseFields"]) == ("stop_sequence", {"stop_sequence": "STOP"})


@pytest.mark.parametrize(
    ("model", "body", "told"),
    [
        ("amazon.titan-embed-text-v2:0", {"inputText": "x", "dimensions": 3}, "#/dimensions: 3 is not a valid enum value"),
        ("amazon.titan-embed-text-v2:0", {"texts": ["x"]}, "#: required key [inputText] not found"),
        ("cohere.embed-english-v3", {"texts": ["x"]}, "#: required key [input_type] not found"),
        ("cohere.embed-english-v3", {"texts": ["x"] * 97, "input_type": "clustering"}, "#/texts: expected maxItems: 96"),
    ],
)
def test_bedrocks_embedding_models_refuse_in_their_own_words(model, body, told):
    status, said = refused(operation("bedrock", "invoke"), posted(body, model, authorization="Bearer k"))
    assert (status, told in said["message"]) == (400, True)


SPOKEN = {"role": "user", "parts": [{"text": "hi"}]}
DONE = {"role": "user", "parts": [{"functionResponse": {"name": "clock", "response": {"time": "noon"}}}]}


def calls(**signed):
    return {"role": "model", "parts": [{"functionCall": {"name": "clock", "args": {}}} | signed]}


def declared(schema):
    return {"tools": [{"functionDeclarations": [{"name": "clock", "parameters": schema}]}]}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"speed": 1}, 'Invalid JSON payload received. Unknown name "speed": Cannot find field.'),
        ({"generationConfig": {"stop": "x"}}, "Invalid JSON payload received. Unknown name \"stop\" at 'generation_config'"),
        ({"generationConfig": {"temperature": "hot"}}, "Invalid value at 'generation_config.temperature' (TYPE_FLOAT), \"hot\""),
        ({"generationConfig": {"maxOutputTokens": 65_537}}, "Unable to submit request because it has a maxOutputTokens value of 65537"),
        ({"generationConfig": {"responseSchema": {}}}, "response_schema is only allowed with response_mime_type"),
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}}, "You can only set only one of thinking"),
        ({"contents": []}, "* GenerateContentRequest.contents: contents is not specified"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "Please use a valid role: user, model."),
        ({"contents": [{"parts": [{}]}]}, "* GenerateContentRequest.contents[0].parts[0].data: required oneof field 'data' must have one"),
        ({"contents": [SPOKEN, calls(), SPOKEN]}, "Please ensure that the number of function response parts is equal"),
        ({"contents": [SPOKEN, calls(), DONE]}, "Function call is missing a thought_signature in functionCall parts."),
        ({"contents": [SPOKEN, calls(thoughtSignature="Zm9yZ2Vk"), DONE]}, "Thought signature is not valid."),
        (
            declared({"type": "object", "additionalProperties": False}),
            'Invalid JSON payload received. Unknown name "additionalProperties" at',
        ),
        (
            declared({"type": "object", "properties": {"city": {"type": "string", "const": "Oslo"}}}),
            "Invalid JSON payload received. Unknown name \"const\" at 'tools[0].function_declarations[0].parameters.properties.city'",
        ),
        ({"tools": [{"googleSearch": {}}, *declared({})["tools"]]}, "Built-in tools and Function Calling cannot be combined"),
    ],
)
def test_gemini_refuses_in_its_own_words(more, told):
    status, body = refused(operation("gemini", "generateContent"), gemini("hi", 100, model="gemini-3-pro", **more))
    assert (status, body["error"]["code"], body["error"]["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert body["error"]["message"].startswith(told)


def test_gemini_takes_its_own_signature_back_and_both_spellings_of_a_name():
    signed = {"contents": [SPOKEN, calls(thoughtSignature=gemini_checks.signature("clock", {})), DONE]}
    assert operation("gemini", "generateContent").read(gemini("hi", 100, model="gemini-3-pro", **signed)).prompt == ""
    snake = {"generationConfig": None, "generation_config": {"max_output_tokens": 7}}
    assert operation("gemini", "generateContent").read(gemini("hi", **snake)).max_tokens == 7


def test_geminis_keys_fail_as_they_do_there():
    api, body = operation("gemini", "generateContent"), gemini("hi", 100).body
    assert refused(api, Request("POST", "/", {}, {}, body, named={"model": "sim-x"}))[0] == 403
    status, told = refused(api, Request("POST", "/", {"key": "sk-bad"}, {}, body, named={"model": "sim-x"}))
    assert (status, told["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")


def test_gemini_streams_an_array_where_no_events_are_asked_for():
    stream = operation("gemini", "streamGenerateContent")
    given = gemini("say: one two", 400)
    ask = stream.read(Request("POST", "/", {}, given.headers, given.body, named=given.named))
    chunks = json.loads(b"".join(frame.data for frame in stream.frames(ask, to_answer(ask), STAMP)))
    assert "".join(part["text"] for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]) == "one two"
    assert ask.stream_type.startswith("application/json")


def test_a_prompt_that_gemini_blocks_has_no_candidates_and_costs_its_input():
    api = operation("gemini", "generateContent")
    ask = api.read(gemini("refuse prompt", 100))
    answer = to_answer(ask)
    body = json.loads(api.whole(ask, answer, STAMP))
    assert (body["promptFeedback"], "candidates" in body) == ({"blockReason": "PROHIBITED_CONTENT"}, False)
    assert (answer.tokens.output, body["usageMetadata"]["promptTokenCount"]) == (0, answer.tokens.input)


@pytest.mark.parametrize("version", ["vertex-2023-10-16", "2026-10-21"])
def test_claude_on_vertex_has_its_version_in_the_body_and_its_model_in_the_path(version):
    def request(**more):
        body = {"anthropic_version": version, "max_tokens": 9, "messages": [{"role": "user", "content": "say: hi"}]} | more
        return posted(body, "claude-sonnet-4-5@20250929", authorization=f"Bearer {issued(GOOGLE)}")

    api = operation("vertex", "rawPredict")
    ask = api.read(request())
    assert json.loads(api.whole(ask, to_answer(ask), STAMP))["model"] == "claude-sonnet-4-5-20250929"
    assert refused(api, request(model="x"))[1]["error"]["message"] == "model: Extra inputs are not permitted"
    assert refused(api, request(anthropic_version="2020-01-01"))[0] == 400


def test_vertex_takes_no_token_but_googles():
    for token in ("", "ya29.x", issued("entra"), issued(GOOGLE, lasts_s=-1)):
        with pytest.raises(Rejected) as told:
            vertex.check_access(posted({}, authorization=f"Bearer {token}"))
        assert told.value.status == 401
    vertex.check_access(posted({}, authorization=f"Bearer {issued(GOOGLE)}"))


def test_signatures_are_of_what_they_sign():
    assert anthropic_checks.signature("a") != anthropic_checks.signature("b")
    assert gemini_checks.signature("clock", {"a": 1}) != gemini_checks.signature("clock", {"a": 2})
