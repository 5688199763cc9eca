"""What leaves for an OpenAI-compatible provider, and what is understood of its stream, however its bytes are cut."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.dialects import openai_chat
from signalbox.errors import Refusal, UpstreamFailure
from signalbox.money import Prices, Tokens
from signalbox.providers import openai
from signalbox.providers.sse import data_lines
from signalbox.reply import Finish, TextDelta, ToolCallDelta, Usage, gather
from signalbox.routing.catalog import Provider, Target
from signalbox.routing.failures import KINDS

OPENAI = Provider("openai", "openai", "https://api.openai.com/v1", "openai")
MISTRAL = Provider("mistral", "openai", "https://api.mistral.ai/v1", "mistral")
TARGET = Target("openai/gpt", "openai", "gpt", 1000, 100, frozenset(), Prices(1, 1, 1, 1, 1))


def sent(body, provider=OPENAI, max_tokens=None):
    request = openai_chat.to_request(json.dumps({"model": "chat"} | body).encode())
    return openai.to_http(request, TARGET, provider, "sk-x", max_tokens)


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
    "response_format": {"type": "json_object"},
    "seed": 0,
    "user": "u",
    "reasoning_effort": "low",
}


def test_what_the_client_said_arrives_unchanged():
    http = sent(CONVERSATION, max_tokens=50)
    body = json.loads(http.body)
    assert {name: body[name] for name in CONVERSATION} == CONVERSATION
    assert body["model"] == "gpt"
    assert body["max_completion_tokens"] == 50
    assert body["stream"]
    assert body["stream_options"] == {"include_usage": True}
    assert (http.method, http.url) == ("POST", "https://api.openai.com/v1/chat/completions")
    assert http.headers["authorization"] == "Bearer sk-x"


REPLAYED = {
    "role": "assistant",
    "content": "a",
    "reasoning_content": "hm",
    "annotations": [],
    "function_call": {"name": "f", "arguments": "{}"},
}


def test_what_we_do_not_know_of_a_message_arrives_too():
    messages = [REPLAYED, {"role": "tool", "tool_call_id": "c", "content": "42", "name": "f", "x": {"y": [1]}}]
    assert json.loads(sent({"messages": messages}).body)["messages"] == messages


def test_mistral_is_not_sent_what_it_refuses_of_its_own_answers():
    (message,) = json.loads(sent({"messages": [REPLAYED]}, MISTRAL).body)["messages"]
    assert message == {"role": "assistant", "content": "a", "function_call": {"name": "f", "arguments": "{}"}}


def test_what_could_just_be_read_is_written_or_refused_by_name():
    def deeper(frames, depth):
        if frames:
            return deeper(frames - 1, depth)
        return openai.to_http(request._replace(extra={"x": nested}), TARGET, OPENAI, None, None)

    request = openai_chat.to_request(b'{"model": "chat", "messages": [{"role": "user", "content": "a"}]}')
    nested = []
    for depth in range(1_000):
        nested = [nested]
        if depth > 800:
            try:
                deeper(50, depth)
            except Refusal as refusal:
                assert "too deeply" in refusal.message  # noqa: PT017


def test_what_was_not_said_is_not_sent():
    assert set(json.loads(sent({"messages": [{"role": "user", "content": "a"}]}).body)) == {"model", "messages", "stream", "stream_options"}


def test_mistral_has_its_own_names():
    body = json.loads(sent(CONVERSATION, MISTRAL, max_tokens=50).body)
    assert body["max_tokens"] == 50
    assert body["random_seed"] == 0
    assert body["messages"][0]["role"] == "system"
    assert not {"max_completion_tokens", "seed", "user", "stream_options"} & set(body)


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


calls = objects("index", "id", function=objects("name", "arguments"))
choices = objects("index", "finish_reason", logprobs=objects("content"), delta=objects("content", "refusal", tool_calls=st.lists(calls)))
usages = objects("prompt_tokens", "completion_tokens", prompt_tokens_details=objects("cached_tokens"))


@given(st.lists(objects("error", "object", choices=st.lists(choices), usage=usages)))
def test_whatever_comes_is_understood_by_the_dialects_or_refused_here(events):
    stream = [b"data: " + json.dumps(fields).encode() + b"\n\n" for fields in [*events, {"choices": [{"finish_reason": "stop"}]}]]
    try:
        chunks = list(openai.to_chunks(stream))
    except UpstreamFailure as failure:
        assert failure.kind in KINDS  # noqa: PT017
        return
    choices, tokens = gather(chunks)
    written = openai_chat.to_body("1", 5, "gpt", choices, tokens or Tokens())
    for body in [written, *(event.removeprefix(b"data: ") for event in openai_chat.to_events("1", 5, "gpt", chunks, True))]:
        json.loads(body.replace(b"[DONE]", b"0"), parse_constant=pytest.fail)


def test_a_log_probability_that_json_cannot_hold_is_none():
    stream = (
        b'data: {"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [{"logprob": -Infinity}]}, "finish_reason": "stop"}]}\n\n'
    )
    assert next(openai.to_chunks([stream])) == TextDelta("a", 0, ({"logprob": None},))


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_data_of_several_lines_is_one_event(newline):
    stream = b"data: a\ndata: b\n\ndata:c".replace(b"\n", newline)
    for cut in range(len(stream)):
        assert list(data_lines([stream[:cut], stream[cut:]])) == [b"a\nb", b"c"]
    assert list(data_lines(stream[at : at + 1] for at in range(len(stream)))) == [b"a\nb", b"c"]


def test_a_mark_is_a_mark_only_at_the_start():
    assert list(data_lines([b"\xef\xbb", b"\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n"])) == [b"a"]
