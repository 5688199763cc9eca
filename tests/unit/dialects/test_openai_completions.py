"""The old completions: one prompt in, texts out, and what they cannot be asked for is refused by name."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

from signalbox.dialects.contract import Answer
from signalbox.dialects.openai_completions import DIALECT
from signalbox.errors import Refusal
from signalbox.money import Tokens
from signalbox.reply import Choice, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, Usage, gather
from signalbox.request import Message, Request, Text


def token(text, logprob, **others):
    return {"token": text, "logprob": logprob, "bytes": None, "top_logprobs": [{"token": t, "logprob": p} for t, p in others.items()]}


def read(**fields):
    body = {"model": "chat", "prompt": "Once"} | fields
    return DIALECT.to_request(json.dumps({name: value for name, value in body.items() if value is not ...}).encode(), {})


def answer(include_usage=False):
    return Answer("req_1", 7, "gpt-x", Request("openai_completions", "chat", include_usage=include_usage))


def events_of(chunks, include_usage=False):
    events = b"".join(DIALECT.to_events(answer(include_usage), chunks)).decode().removesuffix("\n\n").split("\n\n")
    assert all(event.startswith("data: ") for event in events)
    assert events[-1] == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events[:-1]]


def test_the_parameters_are_read_and_the_unknown_ones_kept():
    request = read(
        prompt=["Once"],
        temperature=0,
        top_p=1,
        n=2,
        stop="END",
        seed=3,
        logprobs=0,
        frequency_penalty=-1,
        presence_penalty=1,
        max_tokens=9,
        user="u",
        stream=True,
        stream_options={"include_usage": True},
        logit_bias={"1": 2},
        echo=False,
        suffix=None,
        best_of=1,
    )
    assert request == Request(
        dialect="openai_completions",
        model="chat",
        messages=(Message("user", (Text("Once"),)),),
        stream=True,
        include_usage=True,
        max_tokens=9,
        temperature=0,
        top_p=1,
        stop=("END",),
        seed=3,
        n=2,
        frequency_penalty=-1,
        presence_penalty=1,
        logprobs=0,
        user="u",
        extra={"logit_bias": {"1": 2}},
    )


def test_an_answer_has_sixteen_tokens_where_nothing_is_said():
    assert read().max_tokens == 16


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"model": ...}, "invalid_request", "model"),
        ({"prompt": ...}, "invalid_request", "prompt"),
        ({"prompt": ""}, "invalid_request", "prompt"),
        ({"prompt": []}, "invalid_request", "prompt"),
        ({"prompt": {}}, "invalid_request", "prompt"),
        ({"prompt": ["a", 1]}, "invalid_request", "prompt"),
        ({"prompt": ["a", "b"]}, "unsupported_parameter", "prompt"),
        ({"prompt": [1, 2]}, "unsupported_parameter", "prompt"),
        ({"prompt": [[1, 2]]}, "unsupported_parameter", "prompt"),
        ({"echo": True}, "unsupported_parameter", "echo"),
        ({"suffix": "end"}, "unsupported_parameter", "suffix"),
        ({"best_of": 2}, "unsupported_parameter", "best_of"),
        ({"logprobs": 6}, "invalid_request", "logprobs"),
        ({"logprobs": True}, "invalid_request", "logprobs"),
        ({"max_tokens": 0}, "invalid_request", "max_tokens"),
        ({"n": 0}, "invalid_request", "n"),
        ({"stop": ["a"] * 5}, "invalid_request", "stop"),
        ({"temperature": 3}, "invalid_request", "temperature"),
        ({"stream": 1}, "invalid_request", "stream"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(fields, code, param):
    with pytest.raises(Refusal) as refused:
        read(**fields)
    assert (refused.value.code, refused.value.param) == (code, param)


def test_a_whole_answer_has_every_field():
    choices = [
        Choice((Text("upon a"),), logprobs=(token(" upon", -0.1, A=-2.0), token(" a", -0.2)), finish="length"),
        Choice((Text("more"),), finish="tool_calls"),
        Choice((), refusal="I won't", finish="content_filter"),
    ]
    body = json.loads(DIALECT.to_body(answer(), choices, Tokens(input=3, output=4, cached=1, reasoning=2)))
    Completion.model_validate(body)
    assert body == {
        "id": "cmpl-req_1",
        "object": "text_completion",
        "created": 7,
        "model": "gpt-x",
        "choices": [
            {
                "index": 0,
                "text": "upon a",
                "logprobs": {
                    "text_offset": [0, 5],
                    "token_logprobs": [-0.1, -0.2],
                    "tokens": [" upon", " a"],
                    "top_logprobs": [{"A": -2.0, " upon": -0.1}, {" a": -0.2}],
                },
                "finish_reason": "length",
            },
            {"index": 1, "text": "more", "logprobs": None, "finish_reason": "stop"},
            {"index": 2, "text": "I won't", "logprobs": None, "finish_reason": "content_filter"},
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 2,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
    }


def test_a_stream_ends_with_its_usage_where_that_was_asked_for():
    chunks = [TextDelta("a"), Finish("stop"), Usage(Tokens(3, output=1))]
    first, second, last = events_of(chunks, include_usage=True)
    assert first == {
        "id": "cmpl-req_1",
        "object": "text_completion",
        "created": 7,
        "model": "gpt-x",
        "choices": [{"index": 0, "text": "a", "logprobs": None, "finish_reason": None}],
        "usage": None,
    }
    assert (second["choices"][0]["finish_reason"], second["usage"]) == ("stop", None)
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 4)
    assert all("usage" not in event for event in events_of(chunks))


def test_a_stream_that_breaks_ends_in_the_error():
    def chunks():
        yield TextDelta("a")
        raise Refusal("upstream_failed", "The provider broke off.")

    assert events_of(chunks())[-1]["error"]["code"] == "upstream_failed"


def test_an_error_is_openais():
    error = json.loads(DIALECT.to_error(Refusal("invalid_request", "Do otherwise.", param="prompt")))["error"]
    assert error == {"message": "Do otherwise.", "type": "invalid_request_error", "param": "prompt", "code": "invalid_request"}


texts = st.text(max_size=4)
places = st.integers(0, 2)
logprobs = st.lists(st.tuples(texts, st.floats(-9, 0)), max_size=2).map(lambda drawn: tuple(token(*pair) for pair in drawn))
said = st.one_of(
    st.tuples(texts, places, logprobs).map(lambda drawn: TextDelta(*drawn)),
    st.tuples(texts, places).map(lambda drawn: ReasoningDelta(*drawn)),
    places.map(lambda place: ToolCallDelta(0, "{}", "c", "f", place)),
    st.integers(0, 9).map(lambda count: Usage(Tokens(9, output=count))),
)


@given(st.lists(said, max_size=8), st.lists(texts.map(RefusalDelta), max_size=2), st.sampled_from(["stop", "length", "tool_calls"]))
def test_what_a_stream_adds_up_to_is_the_whole_answer(chunks, refusals, reason):
    chunks = [*chunks, *refusals]
    chunks += [Finish(reason, place) for place in sorted({0} | {chunk.choice for chunk in chunks if not isinstance(chunk, Usage)})]
    chunks.append(Usage(Tokens(9, output=5)))
    choices, tokens = gather(chunks)
    whole = json.loads(DIALECT.to_body(answer(), choices, tokens))
    added = {}
    *events, last = events_of(chunks, include_usage=True)
    for event in events:
        (delta,) = event["choices"]
        Completion.model_validate(event | {"choices": [delta | {"finish_reason": delta["finish_reason"] or "stop"}]})
        choice = added.setdefault(delta["index"], {"text": "", "logprobs": None, "finish_reason": None})
        choice["text"] += delta["text"]
        choice["finish_reason"] = choice["finish_reason"] or delta["finish_reason"]
        if delta["logprobs"]:
            choice["logprobs"] = choice["logprobs"] or {name: [] for name in delta["logprobs"]}
            for name, values in delta["logprobs"].items():
                choice["logprobs"][name] += values
    # A whole answer numbers the choices that there are.
    assert [{"index": index} | added[place] for index, place in enumerate(sorted(added))] == [dict(choice) for choice in whole["choices"]]
    assert last["usage"] == whole["usage"]
