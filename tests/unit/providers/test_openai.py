"""What leaves for a provider that speaks chat completions, and what is understood of its answers, however their bytes are cut."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.dialects import openai_chat
from signalbox.dialects.contract import Answer
from signalbox.errors import Refusal, UpstreamFailure
from signalbox.money import Prices, Tokens
from signalbox.providers.fit import lack_of
from signalbox.providers.openai import chat as openai
from signalbox.providers.openai.reasoning import THINKING, effort_of
from signalbox.providers.rows import ROWS
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
from signalbox.routing.catalog import Provider, Target
from signalbox.routing.failures import KINDS

CAPABILITIES = frozenset({"tools", "vision", "json_schema", "streaming", "reasoning"})
TARGET = Target("openai/gpt", "openai", "gpt", 1000, 100, CAPABILITIES, Prices(1, 1, 1, 1, 1, 1))


def provider(kind="openai"):
    return Provider("mine", "openai", "https://api.example.org/v1", None, kind)


def written(request, kind="openai", max_tokens=None, target=TARGET):
    """The body, as it is read on the other side."""
    return json.loads(openai.to_http(request, target, provider(kind), max_tokens).body)


def sent(body, kind="openai", max_tokens=None):
    return written(openai_chat.to_request(json.dumps({"model": "chat"} | body).encode(), {}), kind, max_tokens)


def messages(*given, kind="openai"):
    return written(Request("openai_chat", "chat", given), kind)["messages"]


CONVERSATION = {
    "messages": [
        {"role": "developer", "content": "be brief", "name": "boss"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:x", "detail": "low"}}],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "42"},
    ],
    "temperature": 0,
    "stop": ["x"],
    "n": 2,
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "logprobs": True,
    "frequency_penalty": 0,
    "seed": 0,
    "user": "u",
    "reasoning_effort": "low",
    "logit_bias": {"1": -100},
    "service_tier": "flex",
}


def test_what_the_client_said_arrives_unchanged():
    request = openai_chat.to_request(json.dumps({"model": "chat"} | CONVERSATION).encode(), {})
    http = openai.to_http(request, TARGET, provider(), 50)
    assert json.loads(http.body) == CONVERSATION | {
        "model": "gpt",
        "max_completion_tokens": 50,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert (http.method, http.url) == ("POST", "https://api.example.org/v1/chat/completions")
    assert not {"authorization", "api-key"} & set(http.headers)


def test_what_was_not_said_is_not_sent():
    assert set(sent({"messages": [{"role": "user", "content": "a"}]})) == {"model", "messages", "stream", "stream_options"}


def test_a_model_that_cannot_stream_is_asked_for_the_whole():
    request = Request("openai_chat", "chat", (Message("user", (Text("a"),)),))
    http = openai.to_http(request, TARGET._replace(capabilities=frozenset()), provider(), None)
    assert set(json.loads(http.body)) == {"model", "messages"}
    assert http.headers["accept"] == "application/json"


def test_a_provider_of_an_unknown_kind_is_spoken_to_as_openai_was_at_first():
    known, unknown = sent(CONVERSATION, "openai", 5), sent(CONVERSATION, "", 5)
    assert unknown.pop("max_tokens") == known.pop("max_completion_tokens") == 5
    assert unknown == known


def test_an_answer_that_is_not_streamed_is_read_whole_however_it_comes():
    body = b' {"choices":[{"index":0,"message":{"content":"{}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}'
    expected = [TextDelta("{}"), Finish("stop"), Usage(Tokens(3, output=1))]
    for cut in range(len(body)):
        assert list(openai.to_chunks([b"", body[:cut], body[cut:]])) == expected


def test_zero_is_a_value():
    request = Request("openai_chat", "chat", (), temperature=0, top_p=0, seed=0, frequency_penalty=0, presence_penalty=0, logprobs=0)
    body = written(request)
    assert {name: body[name] for name in ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty")} == dict.fromkeys(
        ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty"), 0
    )
    assert body["logprobs"] is True
    assert "top_logprobs" not in body


def test_what_only_its_own_clients_say_is_not_sent_for_others():
    assert "store" in written(Request("openai_chat", "chat", (), extra={"store": True}))
    assert "store" in written(Request("openai_completions", "chat", (), extra={"store": True}))
    assert "store" not in written(Request("anthropic_messages", "chat", (), extra={"store": True}))


def test_tools_and_choices_are_written_back():
    tools = (Tool("f", "does f", {"type": "object"}, True), Raw({"type": "browser_search"}))
    body = written(Request("openai_chat", "chat", (), tools=tools, tool_choice=ToolChoice("tool", "f")))
    assert body["tools"][0]["function"] == {"name": "f", "description": "does f", "parameters": {"type": "object"}, "strict": True}
    assert body["tools"][1] == {"type": "browser_search"}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    for mode in ("auto", "none", "required"):
        assert written(Request("openai_chat", "chat", (), tools=tools, tool_choice=ToolChoice(mode)))["tool_choice"] == mode
    own = Request("openai_chat", "chat", (), tools=tools, tool_choice=Raw({"type": "allowed_tools"}))
    assert written(own)["tool_choice"] == {"type": "allowed_tools"}


def test_a_choice_among_no_tools_is_not_sent():
    """Codex sends one always, and who speaks chat completions refuses it."""
    request = Request("openai_responses", "chat", (), tool_choice=ToolChoice("auto"), parallel_tool_calls=False)
    assert not {"tool_choice", "parallel_tool_calls"} & set(written(request))
    assert {"tool_choice", "parallel_tool_calls"} < set(written(request._replace(tools=(Tool("f"),))))


def test_a_tool_whose_calls_would_be_lost_is_refused():
    request = Request("openai_chat", "chat", (Message("user", (Text("hi"),)),), tools=(Raw({"type": "custom", "custom": {"name": "g"}}),))
    assert lack_of(request, TARGET, provider()) == ("tools", "calls of custom tools cannot be passed on; those of functions can")
    assert lack_of(request._replace(tools=(Raw({"type": "browser_search"}),)), TARGET, provider("groq")) is None


def test_a_call_without_arguments_has_an_empty_object():
    (message,) = messages(Message("assistant", (ToolCall("c", "f", ""),)))
    assert message["tool_calls"][0]["function"]["arguments"] == "{}"


def test_every_result_is_a_message_and_the_pictures_in_them_follow_as_the_users():
    picture = Image("data:image/png;base64,AA==")
    shown = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    results = Message("user", (ToolResult("a", (Text("one"), picture)), ToolResult("b", (Text("two"),)), Text("go on")))
    assert messages(results) == [
        {"role": "tool", "tool_call_id": "a", "content": "one"},
        {"role": "tool", "tool_call_id": "b", "content": "two"},
        {"role": "user", "content": [{"type": "text", "text": "What a returned:"}, shown, {"type": "text", "text": "go on"}]},
    ]
    apart = (Message("tool", (ToolResult("a", (picture,)),)), Message("tool", (ToolResult("b", (Text("two"),)),)))
    roles = [message["role"] for message in messages(*apart, Message("assistant", (Text("ok"),)))]
    assert roles == ["tool", "tool", "user", "assistant"]
    assert [message["role"] for message in messages(*apart)] == ["tool", "tool", "user"]


SIGNED = Reasoning("hm", Signature("anthropic", "sig"))


@pytest.mark.parametrize(
    ("kind", "field", "again"),
    [
        ("openai", None, None),
        ("xai", None, None),
        ("deepseek", "reasoning_content", "hm"),
        ("groq", "reasoning", "hm"),
        ("litellm", "thinking_blocks", [{"type": "thinking", "thinking": "hm", "signature": "sig"}]),
        (
            "openrouter",
            "reasoning_details",
            [{"type": "reasoning.text", "text": "hm", "signature": "sig", "format": "anthropic-claude-v1", "index": 0}],
        ),
    ],
)
def test_reasoning_is_sent_again_in_the_field_that_a_provider_reads(kind, field, again):
    (message,) = messages(Message("assistant", (SIGNED, Text("a"))), kind=kind)
    assert message == {"role": "assistant", "content": "a"} | ({field: again} if field else {})


def test_reasoning_that_nobody_signed_is_not_sent_as_signed():
    (message,) = messages(Message("assistant", (Reasoning("hm"), Reasoning("h", Signature("google", "s")), Text("a"))), kind="litellm")
    assert message == {"role": "assistant", "content": "a"}
    (message,) = messages(Message("assistant", (Reasoning("", Signature("google", "s", "call_1"), True), Text("a"))), kind="openrouter")
    assert message["reasoning_details"] == [
        {"type": "reasoning.encrypted", "data": "s", "id": "call_1", "format": "google-gemini-v1", "index": 0}
    ]


def test_what_is_given_back_to_openrouter_is_what_it_gave():
    """Its details, read into chunks, gathered, and written again."""
    details = [
        {"type": "reasoning.text", "text": "a", "signature": "s1", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "s2", "format": "anthropic-claude-v1", "index": 1},
        {"type": "reasoning.summary", "summary": "b", "format": "openai-responses-v1", "index": 2},
        {"type": "reasoning.encrypted", "data": "s3", "id": "rs_1", "format": "openai-responses-v1", "index": 3},
    ]
    body = {"choices": [{"message": {"content": "x", "reasoning": "ab", "reasoning_details": details}, "finish_reason": "stop"}]}
    (choice,), _ = gather(openai.from_body(json.dumps(body).encode()))
    (message,) = messages(Message("assistant", choice.parts), kind="openrouter")
    assert message == {"role": "assistant", "content": "x", "reasoning_details": details}


def test_a_signed_call_comes_from_google_and_goes_back_to_it():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    call["extra_content"] = {"google": {"thought_signature": "sig"}}
    body = {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    (choice,), _ = gather(openai.from_body(json.dumps(body).encode()))
    assert choice.tool_calls == (ToolCall("c", "f", "{}", Signature("google", "sig")),)
    assert messages(Message("assistant", choice.parts), kind="")[0]["tool_calls"] == [call]
    assert "extra_content" not in messages(Message("assistant", choice.parts), kind="openai")[0]["tool_calls"][0]


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(st.characters(codec="utf-8"), max_size=20))
def test_mistrals_ids_have_nine_characters_and_stay_apart(one, other):
    def ids(id):
        written = messages(Message("assistant", (ToolCall(id, "f", "{}"),)), Message("tool", (ToolResult(id, ()),)), kind="mistral")
        return written[0]["tool_calls"][0]["id"], written[1]["tool_call_id"]

    called, answered = ids(one)
    assert called == answered
    assert len(called) == 9
    assert called.isascii()
    assert called.isalnum()
    assert (called == ids(other)[0]) == (one == other)
    assert ids(called)[0] == called


@pytest.mark.parametrize(
    ("budget", "effort"),
    [(0, "none"), (1, "minimal"), (1_024, "minimal"), (1_025, "low"), (16_384, "medium"), (16_385, "high"), (10**6, "high")],
)
def test_a_budget_is_said_as_the_nearest_effort(budget, effort):
    assert effort_of(Thinking(budget_tokens=budget)) == effort
    assert effort_of(Thinking("low", budget)) == "low"


@pytest.mark.parametrize(
    ("kind", "thinking", "said"),
    [
        ("openai", Thinking("xhigh"), {"reasoning_effort": "xhigh"}),
        ("openai", Thinking(summary="auto"), {}),
        ("groq", Thinking("minimal"), {"reasoning_effort": "low"}),
        ("deepseek", Thinking("none"), {"thinking": {"type": "disabled"}}),
        ("deepseek", Thinking("medium"), {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        ("together", Thinking("none"), {"reasoning": {"enabled": False}}),
        ("openrouter", Thinking(budget_tokens=2_000), {"reasoning": {"max_tokens": 2_000}}),
        ("openrouter", Thinking("low", 2_000), {"reasoning": {"effort": "low"}}),
        ("openrouter", Thinking(budget_tokens=0), {"reasoning": {"effort": "none"}}),
        ("litellm", Thinking(budget_tokens=2_000), {"thinking": {"type": "enabled", "budget_tokens": 2_000}}),
        ("litellm", Thinking("low"), {"reasoning_effort": "low"}),
        ("llama_cpp_python", Thinking("low"), {}),
    ],
)
def test_each_is_told_in_its_own_words_how_much_to_reason(kind, thinking, said):
    body = written(Request("openai_chat", "chat", (), thinking=thinking), kind)
    assert {name: body[name] for name in ("reasoning_effort", "reasoning", "thinking") if name in body} == said


@pytest.mark.parametrize("kind", ["openai", "azure", "deepseek", "together", "openrouter", "litellm"])
def test_a_model_that_does_not_think_is_not_told_to_stop_thinking(kind):
    request = Request("anthropic_messages", "chat", (Message("user", (Text("hi"),)),), thinking=Thinking("none"))
    plain = TARGET._replace(capabilities=CAPABILITIES - {"reasoning"})
    assert written(request, kind, target=plain) == written(request._replace(thinking=None), kind, target=plain)


def test_a_schema_is_said_as_a_provider_reads_it():
    format = Format({"type": "object"}, "town", True, "a town")
    schema = {"name": "town", "description": "a town", "schema": {"type": "object"}, "strict": True}
    request = Request("openai_chat", "chat", (), response_format=format)
    assert written(request)["response_format"] == {"type": "json_schema", "json_schema": schema}
    assert written(request, "llama_cpp_python")["response_format"] == {"type": "json_object", "schema": {"type": "object"}}
    assert written(request._replace(response_format=Format()))["response_format"] == {"type": "json_object"}


def test_marks_of_caching_go_to_those_who_read_them():
    mark = {"type": "ephemeral"}
    said = Message("system", (Text("a", mark),))
    assert messages(said, kind="openrouter")[0]["content"] == [{"type": "text", "text": "a", "cache_control": mark}]
    assert messages(said)[0]["content"] == "a"
    assert "cache_control" not in json.dumps(messages(Message("user", (Text("a", mark), Image("data:x", None, mark)))))


def test_who_takes_no_parts_gets_one_text():
    said = Message("system", (Text("a"), Text("b")))
    assert messages(said, kind="deepseek")[0]["content"] == "a\nb"
    assert messages(said)[0]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


REQUESTS = {
    "n": Request("openai_chat", "chat", (), n=2),
    "top_k": Request("openai_chat", "chat", (), top_k=5),
    "seed": Request("openai_chat", "chat", (), seed=0),
    "stop": Request("openai_chat", "chat", (), stop=("END",)),
    "logprobs": Request("openai_chat", "chat", (), logprobs=0),
    "logit_bias": Request("openai_chat", "chat", (), extra={"logit_bias": {"50256": -100}}),
    "frequency_penalty": Request("openai_chat", "chat", (), frequency_penalty=0.1),
    "presence_penalty": Request("openai_chat", "chat", (), presence_penalty=-0.1),
    "tools": Request("openai_chat", "chat", (), tools=(Tool("f"),)),
    "tool_choice.tool": Request("openai_chat", "chat", (), tools=(Tool("f"),), tool_choice=ToolChoice("tool", "f")),
    "parallel_tool_calls": Request("openai_chat", "chat", (), tools=(Tool("f"),), parallel_tool_calls=False),
    "response_format.json_object": Request("openai_chat", "chat", (), response_format=Format()),
    "response_format.json_schema": Request("openai_chat", "chat", (), response_format=Format({})),
    "response_format.with_tools": Request("openai_chat", "chat", (), tools=(Tool("f"),), response_format=Format({})),
}


@pytest.mark.parametrize("kind", [kind for kind, row in ROWS.items() if row.wire == "openai"])
def test_what_a_provider_lacks_is_refused_before_a_call_and_nothing_else_is(kind):
    lacking = {**ROWS[kind].lacks, **ROWS[kind].thinkers_lack}
    assert set(lacking) <= set(REQUESTS)
    for field, request in REQUESTS.items():
        lack = lack_of(request, TARGET, provider(kind))
        if field in lacking:
            assert lack == (field.partition(".")[0], lacking[field])
        elif not any(openai.NEEDS[other](request) for other in lacking):
            assert lack is None


@pytest.mark.parametrize(
    ("model", "effort", "refused"),
    [
        ("gpt-5-mini", None, True),
        ("gpt-5", None, True),
        ("o4-mini", None, True),
        ("gpt-5.2", None, False),
        ("gpt-5.2", "none", False),
        ("gpt-5.2", "low", True),
    ],
)
@pytest.mark.parametrize("asked", [{"logprobs": 0}, {"temperature": 0.0}, {"top_p": 0.9}], ids=str)
@pytest.mark.parametrize(("kind", "dialect"), [("openai", "openai_chat"), ("openai", "openai_responses"), ("azure", "openai_chat")])
def test_what_openais_models_do_not_take_while_they_reason(kind, dialect, asked, model, effort, refused):
    request = Request(dialect, "chat", (), thinking=Thinking(effort) if effort else None, **asked)
    target = TARGET._replace(model=model, capabilities=frozenset({"reasoning"}))
    lack = lack_of(request, target, provider(kind))
    assert lack == ((*asked, "it takes none while it reasons") if refused else None)
    assert lack_of(request._replace(temperature=1, top_p=1.0, logprobs=None), target, provider(kind)) is None


@pytest.mark.parametrize("name", ["stop", "frequency_penalty", "presence_penalty"])
def test_what_only_chat_completions_have_is_not_taken_while_they_reason_either(name):
    target = TARGET._replace(model="gpt-5-mini", capabilities=frozenset({"reasoning"}))
    assert lack_of(REQUESTS[name], target, provider("openai")) == (name, "it takes none while it reasons")
    assert lack_of(REQUESTS[name], target._replace(model="gpt-5.2"), provider("openai")) is None


def test_what_only_models_that_reason_refuse_goes_to_the_others():
    stops = REQUESTS["stop"]
    assert lack_of(stops, TARGET._replace(capabilities=frozenset({"reasoning"})), provider("xai")) == (
        "stop",
        ROWS["xai"].thinkers_lack["stop"],
    )
    assert lack_of(stops, TARGET._replace(capabilities=frozenset()), provider("xai")) is None


def test_mistral_has_its_own_names():
    body = sent(CONVERSATION, "mistral", max_tokens=50)
    assert body["max_tokens"] == 50
    assert body["random_seed"] == 0
    assert body["messages"][0] == {"role": "system", "content": "be brief"}
    assert not {"max_completion_tokens", "seed", "user", "stream_options"} & set(body)


def test_after_a_tools_result_mistral_hears_the_assistant_first():
    call, result = Message("assistant", (ToolCall("c", "f", "{}"),)), ToolResult("c", (Text("42"),))
    more, pictured = Message("user", (Text("and?"),)), ToolResult("c", (Image("data:image/png;base64,AA=="),))
    assert [said["role"] for said in messages(call, Message("tool", (result,)), more, kind="mistral")] == [
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert [said["role"] for said in messages(call, Message("tool", (pictured,)), kind="mistral")] == [
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert [said["role"] for said in messages(call, Message("tool", (result, result)), call, kind="mistral")] == [
        "assistant", "tool", "tool", "assistant",
    ]  # fmt: skip
    assert [said["role"] for said in messages(call, Message("tool", (result,)), more)] == ["assistant", "tool", "user"]


REPLAYED: dict[str, object] = {"role": "assistant", "content": "a", "annotations": [], "refusal": None, "audio": {"id": "x"}, "x": 1}


def test_what_we_do_not_know_of_a_message_arrives_too():
    given = [REPLAYED, {"role": "tool", "tool_call_id": "c", "content": "42", "name": "f", "x": {"y": [1]}}]
    assert sent({"messages": given})["messages"] == [
        {"role": "assistant", "content": "a", "audio": {"id": "x"}, "x": 1},
        {"role": "tool", "tool_call_id": "c", "content": "42", "name": "f", "x": {"y": [1]}},
    ]


def test_what_another_dialect_knows_of_a_message_stays_here():
    said = Message("assistant", (Text("a"),), None, {"phase": "commentary"})
    assert written(Request("openai_responses", "chat", (said,)), "mistral")["messages"] == [{"role": "assistant", "content": "a"}]


def test_who_is_strict_is_not_sent_again_what_our_answers_bring():
    (message,) = sent({"messages": [REPLAYED | {"name": "n"}]}, "groq")["messages"]
    assert message == {"role": "assistant", "content": "a", "x": 1}


def test_what_could_just_be_read_is_written_or_refused_by_name():
    def deeper(frames, depth):
        if frames:
            return deeper(frames - 1, depth)
        return openai.to_http(request._replace(extra={"x": nested}), TARGET, provider(), None)

    request = openai_chat.to_request(b'{"model": "chat", "messages": [{"role": "user", "content": "a"}]}', {})
    nested = []
    for depth in range(1_000):
        nested = [nested]
        if depth > 800:
            try:
                deeper(50, depth)
            except Refusal as refusal:
                assert "too deeply" in refusal.message  # noqa: PT017


def test_every_way_of_telling_is_used():
    assert {row.thinking for row in ROWS.values()} == set(THINKING)


def event(delta=None, finish=None, index=0, **fields):
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"choices": choices} | fields).encode() + b"\n\n"


STREAM = b"".join(
    [
        b": keep-alive\n\n",
        event({"role": "assistant", "content": ""}),
        event({"content": "Grüezi "}),
        event({"content": "Welt"}),
        event({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]}),
        event({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
        event({}, "tool_calls"),
        event(
            usage={
                "prompt_tokens": 9,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 2},
            }
        ),
        b"data: [DONE]\n\n",
    ]
)
CHUNKS = [
    TextDelta("Grüezi "),
    TextDelta("Welt"),
    ToolCallDelta(0, "", "c", "f"),
    ToolCallDelta(0, "{}"),
    Finish("tool_calls"),
    Usage(Tokens(9, 4, 0, 5, 2)),
]


@given(st.lists(st.integers(0, len(STREAM))), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_a_stream_means_the_same_wherever_its_bytes_are_cut(cuts, newline, mark):
    stream = mark + STREAM.replace(b"\n", newline)
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    assert list(openai.to_chunks(pieces)) == CHUNKS


def test_usage_that_comes_with_the_finish_is_read_too():
    chunks = list(
        openai.to_chunks(
            [event({"content": "a"}), event({}, "stop", usage={"prompt_tokens": 1, "completion_tokens": 2}), b"data: [DONE]\n\n"]
        )
    )
    assert gather(chunks)[1] == Tokens(1, 0, 0, 2)


@pytest.mark.parametrize(
    ("stream", "kind"),
    [
        (b"", "cut"),
        (event({"content": "a"}), "cut"),
        (event({"content": "a"}) + b"data: [DONE]\n\n", "cut"),
        (b"data: {nonsense\n\n", "malformed"),
        (b"data: []\n\n", "malformed"),
        (b"data: 7\n\n", "malformed"),
        (b'data: {"choices": [{"delta": "x"}]}\n\n', "malformed"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "malformed"),
        (b'data: {"choices": [{"index": 0, "delta": {"content": "\xff"}}]}\n\n', "malformed"),
        (event({"content": "a"}, index="1"), "malformed"),
        (event({"content": "a"}, index=[0]), "malformed"),
        (event({"content": "a"}, index=-1), "malformed"),
        (event({"content": "a"}, index=True), "malformed"),
        (event({"content": "a"}, index=10**40), "malformed"),
        (event({"tool_calls": [{"index": "x", "id": "b", "function": {"name": "g", "arguments": ""}}]}), "malformed"),
        (event({"tool_calls": [{"index": 0, "id": ["b"], "function": {"name": "g", "arguments": ""}}]}), "malformed"),
        (event({"tool_calls": [{"index": 0, "id": "b", "function": {"name": {}, "arguments": ""}}]}), "malformed"),
        (event({"tool_calls": [{"index": 0, "id": "b", "function": {"name": "g", "arguments": {"a": 1}}}]}), "malformed"),
        (event({}, finish=["stop"]), "malformed"),
        (b'data: {"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": "abc"}}]}\n\n', "malformed"),
        (event({"content": "a"}) + event({}, "error"), "server"),
        (event({"content": "a"}) + event({}, "insufficient_system_resource"), "overloaded"),
        (b'data: {"choices": [{"index": 0, "delta": {"content": 5}}]}\n\n', "malformed"),
        (b'data: {"error": {"message": "overloaded"}}\n\n', "server"),
        (b'data: {"error": "overloaded"}\n\n', "server"),
        (event(error={"type": "overloaded_error"}), "overloaded"),
        (event(error={"type": "requests", "code": "rate_limit_exceeded"}), "rate_limited"),
        (event(error={"type": "invalid_request_error", "code": "context_length_exceeded"}), "context_too_long"),
        (event(error={"code": "content_filter"}), "content_filtered"),
        (event(error={"code": 429}), "rate_limited"),
        (event(error={"code": 400}), "server"),
        (b'data: {"object": "error", "message": "m", "type": "rate_limited", "code": "1300"}\n\n', "rate_limited"),
    ],
)
def test_a_broken_stream_is_known_for_what_it_is(stream, kind):
    with pytest.raises(UpstreamFailure) as failure:
        list(openai.to_chunks([stream]))
    assert failure.value.kind == kind


@given(st.binary())
def test_garbage_never_gets_past(stream):
    with pytest.raises(UpstreamFailure):
        list(openai.to_chunks([stream]))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("eos_token", "stop"),
    ],
)
def test_an_answer_ends_in_our_words(theirs, ours):
    assert list(openai.to_chunks([event({}, theirs)])) == [Finish(ours)]


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 10**40, "completion_tokens": 2},
        {"prompt_tokens": 1_000_000_001, "completion_tokens": 2},
        {"prompt_tokens": -5, "completion_tokens": 2},
        {"prompt_tokens": 5, "completion_tokens": -2},
        {"prompt_tokens": "many"},
        {"prompt_tokens": 10.0},
        {"prompt_tokens": True},
        {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": "all"}},
        {"prompt_tokens": 5, "prompt_tokens_details": [1]},
        {"completion_tokens": 2},
        "x",
        [5, 2],
        7,
    ],
)
def test_a_count_that_nothing_can_store_is_as_good_as_none(usage):
    """The answer is whole, so it is not failed; without a Usage the attempt is estimated."""
    assert list(openai.to_chunks([event({"content": "a"}), event({}, "stop"), event(usage=usage)])) == [TextDelta("a"), Finish("stop")]


def test_more_cached_than_came_in_is_all_that_came_in():
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 9}}
    assert openai.to_tokens(usage | {"completion_tokens_details": {"reasoning_tokens": 9}}) == Tokens(5, 5, 0, 2, 2)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["stop", "error", 0, 1, 10**40]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def objects(*names, **inner):
    """Of these names, each holding what it should or anything else."""
    return st.fixed_dictionaries({}, optional={name: inner.get(name, json_values) | json_values for name in (*names, *inner)})


calls = objects("index", "id", function=objects("name", "arguments"), extra_content=objects(google=objects("thought_signature")))
details = objects("text", "summary", "data", "signature", "id", "format", type=st.sampled_from(["reasoning.text", "reasoning.encrypted"]))
parts = objects("text", "thinking", type=st.sampled_from(["text", "thinking", "reference"]))
said = objects(
    "content",
    "refusal",
    "reasoning",
    "reasoning_content",
    content=st.lists(parts, max_size=2),
    tool_calls=st.lists(calls, max_size=2),
    function_call=objects("name", "arguments"),
    reasoning_details=st.lists(details, max_size=2),
    thinking_blocks=st.lists(objects("thinking", "signature", "data"), max_size=2),
    annotations=st.lists(objects("type", url_citation=objects("url", "title", "start_index")), max_size=2),
)
choices = objects("index", "finish_reason", "error", logprobs=objects("content"), delta=said, message=said)
usages = objects("prompt_tokens", "completion_tokens", "total_tokens", "citation_tokens", prompt_tokens_details=objects("cached_tokens"))
bodies = objects("error", "object", "citations", "search_results", "x_groq", choices=st.lists(choices, max_size=3), usage=usages)


@given(st.lists(bodies, max_size=3))
def test_whatever_comes_is_understood_by_the_dialects_or_refused_here(events):
    stream = [b"data: " + json.dumps(fields).encode() + b"\n\n" for fields in [*events, {"choices": [{"finish_reason": "stop"}]}]]
    try:
        chunks = list(openai.to_chunks(stream))
    except UpstreamFailure as failure:
        assert failure.kind in KINDS  # noqa: PT017
        return
    choices, tokens = gather(chunks)
    answer = Answer("1", 5, "gpt", Request("openai_chat", "gpt", include_usage=True))
    whole = openai_chat.to_body(answer, choices, tokens or Tokens())
    for body in [whole, *(event.removeprefix(b"data: ") for event in openai_chat.to_events(answer, chunks))]:
        json.loads(body.replace(b"[DONE]", b"0"), parse_constant=pytest.fail)


@given(bodies)
def test_a_whole_answer_is_understood_or_refused_as_a_streamed_one_is(body):
    streamed = body | {"choices": [choice | {"delta": choice.get("message")} for choice in body["choices"]]} if wellformed(body) else body
    assert outcome(openai.from_body(json.dumps(body).encode())) == outcome(
        openai.to_chunks([b"data: " + json.dumps(streamed).encode() + b"\n\n"])
    )


def wellformed(body):
    given = body.get("choices")
    return isinstance(given, list) and all(isinstance(choice, dict) for choice in given)


def outcome(chunks):
    try:
        return list(chunks)
    except UpstreamFailure as failure:
        return failure.kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "malformed"),
        (b"[]", "malformed"),
        (b"\xff", "malformed"),
        (b"{", "malformed"),
        (b"[" * 100_000, "malformed"),
        (b"{}", "cut"),
        (b'{"choices": [{"message": {"content": "a"}}]}', "cut"),
        (b'{"choices": [{"message": {"content": "a"}, "finish_reason": "error"}]}', "server"),
        (b'{"error": {"code": 429, "message": "m"}}', "rate_limited"),
        (b'{"choices": [{"error": {"code": 503, "message": "m"}, "finish_reason": "error"}]}', "overloaded"),
    ],
)
def test_a_broken_body_is_known_for_what_it_is(body, kind):
    with pytest.raises(UpstreamFailure) as failure:
        list(openai.from_body(body))
    assert failure.value.kind == kind


def read(delta, **fields):
    """The chunks of one event, without its finish."""
    return list(openai.to_chunks([event(delta, "stop", **fields)]))[:-1]


def test_reasoning_that_is_said_twice_is_read_once():
    assert read({"reasoning": "a", "reasoning_content": "a"}) == [ReasoningDelta("a")]
    signed = {"type": "reasoning.text", "text": "a", "signature": "s", "format": "google-gemini-v1"}
    assert read({"reasoning": "a", "reasoning_details": [signed]}) == [ReasoningDelta("a", 0, Signature("google", "s"))]
    block = {"type": "thinking", "thinking": "a", "signature": None}
    assert read({"reasoning_content": "a", "thinking_blocks": [block]}) == [ReasoningDelta("a")]


def test_a_signature_of_a_family_that_nobody_knows_is_left_out():
    assert read({"reasoning_details": [{"type": "reasoning.text", "text": "a", "signature": "s", "format": "unknown"}]}) == [
        ReasoningDelta("a")
    ]


def test_reasoning_that_is_sealed_is_so_for_clients_too():
    sealed = {"type": "reasoning.encrypted", "data": "s", "format": "anthropic-claude-v1"}
    assert read({"reasoning_details": [sealed]}) == [ReasoningDelta("", 0, Signature("anthropic", "s"), True)]
    assert read({"thinking_blocks": [{"type": "redacted_thinking", "data": "s"}]}) == [
        ReasoningDelta("", 0, Signature("anthropic", "s"), True)
    ]


def test_sources_that_come_with_every_event_are_told_once():
    listed = [event({"content": letter}, citations=["https://a", "https://b"][: at + 1]) for at, letter in enumerate("xy")]
    chunks = list(openai.to_chunks([*listed, event({}, "stop", citations=["https://a", "https://b"])]))
    assert [chunk for chunk in chunks if isinstance(chunk, Citation)] == [Citation("https://a"), Citation("https://b")]


def test_a_call_of_old_is_a_call():
    stream = [
        event({"function_call": {"name": "f", "arguments": ""}}, id="r"),
        event({"function_call": {"arguments": "{}"}}, id="r"),
        event({}, "function_call"),
    ]
    (choice,), _ = gather(openai.to_chunks(stream))
    assert choice.tool_calls == (ToolCall("call_r", "f", "{}"),)
    both = {"function_call": {"name": "f", "arguments": "{}"}, "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}
    assert read(both) == [ToolCallDelta(0, "{}", "c", "f")]


def calls_of(*deltas):
    (choice,), _ = gather(openai.to_chunks([*(event({"tool_calls": [delta]}, id="r") for delta in deltas), event({}, "tool_calls")]))
    return choice.tool_calls


def test_calls_that_all_begin_at_index_0_stay_apart():
    one, other = ({"index": 0, "id": id, "function": {"name": "f", "arguments": text}} for id, text in (("a", '{"x":1}'), ("b", '{"x":2}')))
    assert calls_of(one, other) == (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "f", '{"x":2}'))


@pytest.mark.parametrize(
    ("first", "next", "id"),
    [
        ({"id": "a", "name": "f"}, {}, "a"),
        ({"id": "a", "name": "f"}, {"id": "a", "name": "f"}, "a"),
        ({"id": "a", "name": "f"}, {"id": "another", "name": None}, "a"),  # a new id for every piece, as vLLM once did
        ({"id": "a"}, {"name": "f"}, "a"),
        ({"name": "f"}, {}, "call_r_0"),
        ({"id": "", "name": "f"}, {"id": "", "name": ""}, "call_r_0"),
    ],
)
def test_a_call_is_one_however_often_it_is_named(first, next, id):
    pieces = [
        {"index": 1, "id": said.get("id"), "function": {"name": said.get("name"), "arguments": text}}
        for said, text in ((first, '{"x"'), (next, ":1}"))
    ]
    assert calls_of(*pieces) == (ToolCall(id, "f", '{"x":1}'),)
    chunks = list(openai.to_chunks([*(event({"tool_calls": [piece]}, id="r") for piece in pieces), event({}, "stop")]))
    assert [chunk.id for chunk in chunks[:2]] == [id, None]
    assert {chunk.position for chunk in chunks[:2]} == {0}


REASONED = {"completion_tokens_details": {"reasoning_tokens": 94}}


@pytest.mark.parametrize(
    ("input", "output", "more", "tokens"),
    [
        (9, 4, {"prompt_cache_hit_tokens": 5}, Tokens(9, 5, 0, 4)),
        (9, 4, {"prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3}}, Tokens(9, 5, 3, 4)),
        (9, 4, {"cache_creation_input_tokens": 30}, Tokens(9, 0, 9, 4)),
        # xAI's reasoning is beside the answer's tokens, everybody else's is a part of them: the sum tells.
        (32, 9, {"total_tokens": 135} | REASONED, Tokens(32, 0, 0, 103, 94)),
        (32, 103, {"total_tokens": 135} | REASONED, Tokens(32, 0, 0, 103, 94)),
        (32, 103, REASONED, Tokens(32, 0, 0, 103, 94)),
        (8, 9, {"total_tokens": 542}, Tokens(8, 0, 0, 534, 525)),  # Google's: nothing but the sum tells of its thoughts
        (8, 9, {"total_tokens": 17}, Tokens(8, 0, 0, 9)),
        (8, 9, {"total_tokens": 3}, Tokens(8, 0, 0, 9)),
        (33, 7, {"total_tokens": 40, "citation_tokens": 20, "reasoning_tokens": 70}, Tokens(53, 0, 0, 77, 70)),
    ],
)
def test_every_providers_count_comes_to_the_same(input, output, more, tokens):
    assert openai.to_tokens({"prompt_tokens": input, "completion_tokens": output} | more) == tokens


def test_a_log_probability_that_json_cannot_hold_is_none():
    stream = (
        b'data: {"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [{"logprob": -Infinity}]}, "finish_reason": "stop"}]}\n\n'
    )
    assert next(openai.to_chunks([stream])) == TextDelta("a", 0, ({"logprob": None},))
