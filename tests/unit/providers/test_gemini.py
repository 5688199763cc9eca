"""What Gemini's fixtures cannot show: how models are told to think, what history becomes, and answers that are not what they should be."""

import json

import pytest

from signalbox.errors import Refusal, UpstreamFailure
from signalbox.money import Tokens
from signalbox.providers.google import gemini
from signalbox.providers.google.answer import to_tokens
from signalbox.reply import Citation, Finish, ReasoningDelta, TextDelta, ToolCallDelta, Usage, gather
from signalbox.request import Format, Image, Message, Reasoning, Request, Signature, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult
from signalbox.routing.catalog import Provider, Target

STUDIO = Provider("gemini", "gemini", "https://generativelanguage.googleapis.com/v1beta", "gemini", "gemini", "x-goog-api-key")
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def target(model="gemini-3.5-flash", *capabilities):
    return Target(f"gemini/{model}", "gemini", model, 1_000_000, 65_536, frozenset(capabilities), None, "gemini")


def body(*messages, model="gemini-3.5-flash", **fields):
    request = Request("openai_chat", "chat", messages, **fields)
    return json.loads(gemini.to_http(request, target(model, "reasoning"), STUDIO, request.max_tokens).body)


def asked(model, **thinking):
    return (
        body(Message("user", (Text("hi"),)), model=model, thinking=Thinking(**thinking)).get("generationConfig", {}).get("thinkingConfig")
    )


def read(*events):
    return list(gemini.to_chunks(f"data: {json.dumps(event)}\n\n".encode() for event in events))


def said(*parts, finish=None, **fields):
    return {"candidates": [{"content": {"parts": list(parts)}} | ({"finishReason": finish} if finish else {}) | fields], "responseId": "r1"}


@pytest.mark.parametrize(
    ("model", "thinking", "config"),
    [
        ("gemini-3.5-flash", {"effort": "none"}, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.1-pro-preview", {"effort": "none"}, {"thinkingLevel": "LOW"}),
        ("gemini-3.1-pro-preview", {"effort": "medium"}, {"includeThoughts": True, "thinkingLevel": "MEDIUM"}),
        ("gemini-3-pro-preview", {"effort": "medium"}, {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        ("gemini-flash-latest", {"effort": "minimal"}, {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("gemini-3.8-flash", {"effort": "xhigh"}, {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        ("gemini-3.8-flash", {"budget_tokens": 1_024}, {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("gemini-3.8-flash", {"budget_tokens": 4_000}, {"includeThoughts": True, "thinkingLevel": "MEDIUM"}),
        ("gemini-3.8-flash", {"budget_tokens": 60_000}, {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        ("gemini-3.8-flash", {"budget_tokens": 0}, {"thinkingLevel": "LOW"}),
        ("gemini-3.8-flash", {"effort": "low", "budget_tokens": 30_000}, {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("gemini-3.8-flash", {"summary": "auto"}, {"includeThoughts": True}),
        ("gemini-2.5-flash", {"effort": "none"}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"effort": "high"}, {"includeThoughts": True, "thinkingBudget": 24_576}),
        ("gemini-2.5-flash", {"budget_tokens": 31_999}, {"includeThoughts": True, "thinkingBudget": 24_576}),
        ("gemini-2.5-flash-lite", {"budget_tokens": 100}, {"includeThoughts": True, "thinkingBudget": 512}),
        ("gemini-2.5-pro", {"effort": "none"}, {"thinkingBudget": 128}),
        ("gemini-2.5-pro", {"effort": "low", "budget_tokens": 30_000}, {"includeThoughts": True, "thinkingBudget": 30_000}),
    ],
)
def test_each_model_is_told_to_think_in_the_way_it_knows(model, thinking, config):
    assert asked(model, **thinking) == config


def test_a_model_that_is_not_told_how_to_think_decides_itself():
    assert "generationConfig" not in body(Message("user", (Text("hi"),)))


def test_a_model_that_cannot_think_is_told_nothing_of_it():
    request = Request("openai_chat", "chat", (Message("user", (Text("hi"),)),), thinking=Thinking("none"))
    assert json.loads(gemini.to_http(request, target("gemini-2.0-flash"), STUDIO, None).body).keys() == {"contents"}


def test_a_tool_without_parameters_is_declared_by_its_name_alone():
    tools = (Tool("f", "", {}), Tool("g", None, None))
    assert body(Message("user", (Text("hi"),)), tools=tools)["tools"] == [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]


CALL = ToolCall("c1", "f", '{"a":1}', Signature("google", "sig"))
OTHERS = ToolCall("c2", "g", "[1]", Signature("openai", "not Google's"))


@pytest.mark.parametrize(
    ("model", "calls", "signatures"),
    [
        ("gemini-3-flash", (CALL, OTHERS), ["sig", None]),
        ("gemini-3-flash", (OTHERS, CALL), ["skip_thought_signature_validator", "sig"]),
        ("gemini-2.5-pro", (OTHERS, CALL), [None, "sig"]),
    ],
)
def test_the_first_call_of_a_turn_is_signed_where_models_ask_for_it(model, calls, signatures):
    (content,) = body(Message("assistant", calls), model=model)["contents"]
    assert [part.get("thoughtSignature") for part in content["parts"]] == signatures


def test_arguments_that_are_no_object_go_as_an_empty_one():
    history = Message(
        "assistant", tuple(ToolCall(f"c{place}", "f", text) for place, text in enumerate(["", "{", "[1]", "[" * 100_000, "{}"]))
    )
    assert [part["functionCall"]["args"] for part in body(history)["contents"][0]["parts"]] == [{}] * 5


def test_results_of_tools_are_one_turn_and_find_their_names():
    history = (
        Message("assistant", (CALL, OTHERS)),
        Message("tool", (ToolResult("c2", (Text("two"),), failed=True),)),
        Message("user", (ToolResult("c1", (Text("one"), Image(PICTURE))), Text("and now?"))),
        Message("tool", (ToolResult("old", (Text("three"),)),)),
    )
    picture = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    failed = {"functionResponse": {"id": "c2", "name": "g", "response": {"error": "two"}}}
    good = {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "one"}}}
    unknown = {"functionResponse": {"id": "old", "name": "old", "response": {"output": "three"}}}
    pictured = {"functionResponse": good["functionResponse"] | {"parts": [picture]}}
    assert [content["parts"] for content in body(*history)["contents"][1:]] == [[failed, pictured], [{"text": "and now?"}], [unknown]]
    older = body(*history, model="gemini-2.5-flash")["contents"][1]["parts"]
    assert older == [failed, good, picture]


def test_only_what_google_signed_goes_back_and_nothing_empty():
    blocks = (
        Reasoning("hm"),
        Reasoning("hm", Signature("anthropic", "x")),
        Reasoning("hm", Signature("google", "y")),
        Text(""),
        Text("so"),
    )
    (content,) = body(Message("assistant", blocks))["contents"]
    assert content == {"role": "model", "parts": [{"text": "", "thoughtSignature": "y"}, {"text": "so"}]}


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("tool", "f"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_a_choice_of_tools_is_a_mode(choice, config):
    assert body(Message("user", (Text("hi"),)), tools=(Tool("f"),), tool_choice=choice)["toolConfig"] == {"functionCallingConfig": config}


def test_a_choice_without_tools_is_not_told():
    assert "toolConfig" not in body(Message("user", (Text("hi"),)), tool_choice=ToolChoice("auto"))


@pytest.mark.parametrize(
    ("base_url", "kind", "path"),
    [
        ("https://x/v1beta", "gemini", "https://x/v1beta/models/a%2F..%2Fb:generateContent"),
        (
            "https://x/v1/projects/p/locations/l",
            "vertex",
            "https://x/v1/projects/p/locations/l/publishers/google/models/a%2F..%2Fb:generateContent",
        ),
        (
            "https://x/v1/projects/p/locations/l",
            "mine",
            "https://x/v1/projects/p/locations/l/publishers/google/models/a%2F..%2Fb:generateContent",
        ),
    ],
)
def test_a_model_stays_within_its_path(base_url, kind, path):
    provider = STUDIO._replace(base_url=base_url, kind=kind)
    assert gemini.to_http(Request("openai_chat", "m", (Message("user", (Text("hi"),)),)), target("a/../b"), provider, None).url == path


@pytest.mark.parametrize(
    ("fields", "model", "lack"),
    [
        ({"stop": ("a",) * 6}, "gemini-3-flash", "stop"),
        ({"stop": ("a",) * 5}, "gemini-3-flash", None),
        ({"frequency_penalty": 0.5}, "gemini-2.5-flash", "frequency_penalty"),
        ({"presence_penalty": -0.5, "frequency_penalty": 0}, "gemini-3-pro", "presence_penalty"),
        ({"presence_penalty": -0.5}, "gemini-2.0-flash", None),
        ({"response_format": Format(), "tools": (Tool("f"),)}, "gemini-2.5-pro", "response_format"),
        ({"response_format": Format(), "tools": (Tool("f"),)}, "gemini-3-pro", None),
        ({"messages": (Message("user", (Image("data:image/png,raw"),)),)}, "gemini-3-pro", "messages"),
        ({"messages": (Message("user", (Image(PICTURE), Image("https://x/y.png"))),)}, "gemini-3-pro", None),
    ],
)
def test_what_it_cannot_do_is_known_before(fields, model, lack):
    found = gemini.lacks(Request("openai_chat", "m", **fields), target(model), STUDIO)
    assert (found and found[0]) == lack


def test_a_body_that_is_too_deep_is_the_callers_fault():
    nested: dict = {}
    for _ in range(100_000):
        nested = {"a": nested}
    with pytest.raises(Refusal) as refusal:
        gemini.to_http(
            Request("openai_chat", "m", (Message("user", (Text("hi"),)),), tools=(Tool("f", None, nested),)), target(), STUDIO, None
        )
    assert refusal.value.code == "invalid_request"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("RECITATION", "content_filter"),
        ("SPII", "content_filter"),
        ("OTHER", "stop"),
        ("NEW", "stop"),
    ],
)
def test_why_it_ended_is_told_in_our_words(reason, finish):
    assert read(said({"text": "a"}, finish=reason)) == [TextDelta("a"), Finish(finish)]


@pytest.mark.parametrize(
    ("reason", "kind"), [("MALFORMED_FUNCTION_CALL", "malformed"), ("UNEXPECTED_TOOL_CALL", "malformed"), ("PUP_LIMITED_DISABLED", "auth")]
)
def test_what_broke_is_no_answer_but_counts(reason, kind):
    chunks = gemini.from_body(
        json.dumps(said(finish=reason) | {"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 2}}).encode()
    )
    assert next(chunks) == Usage(Tokens(input=9, output=2))
    with pytest.raises(UpstreamFailure) as failure:
        list(chunks)
    assert failure.value.kind == kind


def test_a_blocked_prompt_is_no_answer_but_counts():
    blocked = {"promptFeedback": {"blockReason": "hunter 2"}, "usageMetadata": {"promptTokenCount": 9}}
    chunks = gemini.from_body(json.dumps(blocked).encode())
    assert next(chunks) == Usage(Tokens(input=9))
    with pytest.raises(UpstreamFailure) as failure:
        next(chunks)
    assert (failure.value.kind, failure.value.counted) == ("content_filtered", True)
    assert "hunter" not in failure.value.detail


def test_an_error_inside_a_stream_quotes_nothing():
    with pytest.raises(UpstreamFailure) as failure:
        read(said({"text": "a"}), {"error": {"code": 503, "message": "you said hunter2", "status": "UNAVAILABLE"}})
    assert failure.value.kind == "overloaded"
    assert "hunter2" not in failure.value.detail


def test_several_answers_keep_apart():
    one, two = said({"text": "a"})["candidates"][0], said({"functionCall": {"name": "f"}}, finish="STOP", index=1)["candidates"][0]
    chunks = read({"candidates": [one, two], "responseId": "r"}, said({"text": "b"}, finish="STOP", index=0))
    choices, _ = gather(chunks)
    assert [(choice.text, choice.finish, len(choice.tool_calls)) for choice in choices] == [("ab", "stop", 0), ("", "tool_calls", 1)]


def test_a_signature_stands_behind_what_it_signs():
    chunks = read(said({"text": "hm", "thought": True, "thoughtSignature": "a"}, {"text": "x", "thoughtSignature": "b"}, finish="STOP"))
    assert chunks == [
        ReasoningDelta("hm", 0, Signature("google", "a")),
        TextDelta("x"),
        ReasoningDelta("", 0, Signature("google", "b")),
        Finish("stop"),
    ]


def test_a_call_without_an_id_gets_one_of_the_answers_own():
    chunks = read(said({"functionCall": {"name": "f", "args": {"ü": [1, 2]}}}), said({"functionCall": {"name": "g"}}, finish="STOP"))
    assert chunks == [ToolCallDelta(0, '{"ü":[1,2]}', "call_r1_0", "f"), ToolCallDelta(1, "{}", "call_r1_1", "g"), Finish("tool_calls")]


def test_sources_are_told_once_and_where_characters_are_counted():
    growing = {"groundingChunks": [{"web": {"uri": "https://a"}}]}
    grown = growing | {
        "groundingSupports": [
            {"segment": {"startIndex": 2, "endIndex": 5, "text": "bc"}, "groundingChunkIndices": [0, 7]},
            {"segment": {"partIndex": 1, "endIndex": 1, "text": "z"}, "groundingChunkIndices": [0]},
        ]
    }
    sources = {"citationSources": [{"endIndex": 2, "uri": "https://b", "license": ""}, {"startIndex": 1, "endIndex": 2}]}
    chunks = read(
        said({"text": "ü"}, groundingMetadata=growing),
        said({"text": "bcd"}, finish="STOP", groundingMetadata=grown, citationMetadata=sources),
    )
    assert [chunk for chunk in chunks if isinstance(chunk, Citation)] == [
        Citation("https://a", "", "bc", 1, 4),
        Citation("https://a", "", "z"),
        Citation("https://b", "", "", 0, 1),
    ]
    assert isinstance(chunks[-1], Finish)


def test_log_probabilities_without_a_text_are_not_lost():
    (chunk, _) = read(said(finish="STOP", logprobsResult={"chosenCandidates": [{"token": "a", "logProbability": -1}]}))
    assert chunk == TextDelta("", 0, ({"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": []},))


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (
            {
                "promptTokenCount": 10,
                "cachedContentTokenCount": 4,
                "candidatesTokenCount": 3,
                "thoughtsTokenCount": 5,
                "toolUsePromptTokenCount": 2,
            },
            Tokens(input=12, cached=4, output=8, reasoning=5),
        ),
        ({"promptTokenCount": 10, "cachedContentTokenCount": 40}, Tokens(input=10, cached=10)),
        ({"candidatesTokenCount": 3}, None),
        ({"promptTokenCount": -1}, None),
        ({"promptTokenCount": "10"}, None),
        ({"promptTokenCount": 10, "thoughtsTokenCount": 1.5}, None),
        ([1], None),
    ],
)
def test_usage_is_read_or_it_is_none(usage, tokens):
    assert to_tokens(usage) == tokens


@pytest.mark.parametrize(
    "event",
    [
        b"data: {\n\n",
        b"data: []\n\n",
        b'data: {"candidates":{}}\n\n',
        b'data: {"candidates":[1]}\n\n',
        b'data: {"candidates":[{"index":-1}]}\n\n',
        b'data: {"candidates":[{"content":{"parts":[{"text":5}]}}]}\n\n',
        b'data: {"candidates":[{"content":{"parts":[{"functionCall":"f"}]}}]}\n\n',
        b'data: {"candidates":[{"finishReason":{}}]}\n\n',
        b"data: \xff\n\n",
        b'data: {"candidates":' + b"[" * 100_000 + b"\n\n",
    ],
)
def test_what_is_not_of_its_type_is_malformed(event):
    with pytest.raises(UpstreamFailure) as failure:
        list(gemini.to_chunks([event]))
    assert failure.value.kind == "malformed"
