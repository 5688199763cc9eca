"""The stream of a Response: events of the published form and order, that add up to the object which an unstreamed answer is."""

import json
from typing import get_args

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import APIError, OpenAI, omit
from openai._streaming import Stream
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent

from signalbox.dialects.contract import Answer
from signalbox.dialects.openai_responses import DIALECT
from signalbox.errors import Refusal
from signalbox.money import Tokens
from signalbox.reply import (
    Citation,
    Embedding,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
    gather,
)
from signalbox.request import Signature

TYPES = {get_args(type_.model_fields["type"].annotation)[0]: type_ for type_ in get_args(get_args(ResponseStreamEvent)[0])}
TOKENS = Tokens(input=10, cached=4, output=5, reasoning=3)
GIVEN = {"model": "chat", "input": "hello", "stream": True, "instructions": "be brief", "tools": [{"type": "function", "name": "f"}]}
ANSWER = Answer("req_0123abcd", 1_790_000_000, "gpt-5.2", DIALECT.to_request(json.dumps(GIVEN).encode(), {}))


def streamed(chunks):
    return list(DIALECT.to_events(ANSWER, chunks))


def events(chunks):
    """As data, with the name of each checked against its line."""
    found = []
    for event in b"".join(streamed(chunks)).decode().removesuffix("\n\n").split("\n\n"):
        name, data = event.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def names(chunks):
    return [event["type"].removeprefix("response.") for event in events(chunks)]


def body(chunks):
    choices, tokens = gather(chunks)
    return json.loads(DIALECT.to_body(ANSWER, choices, tokens or Tokens()))


# Each event's own fields. https://platform.openai.com/docs/api-reference/responses-streaming
LIFE = {"type", "sequence_number", "response"}
ITEM = {"type", "sequence_number", "output_index", "item"}
IN_ITEM = {"type", "sequence_number", "output_index", "item_id"}
IN_PART = IN_ITEM | {"content_index"}
IN_SUMMARY = IN_ITEM | {"summary_index"}
FIELDS = {
    "response.created": LIFE,
    "response.in_progress": LIFE,
    "response.completed": LIFE,
    "response.incomplete": LIFE,
    "response.failed": LIFE,
    "error": {"type", "sequence_number", "code", "message", "param", "error"},
    "response.output_item.added": ITEM,
    "response.output_item.done": ITEM,
    "response.content_part.added": IN_PART | {"part"},
    "response.content_part.done": IN_PART | {"part"},
    "response.output_text.delta": IN_PART | {"delta", "logprobs"},
    "response.output_text.done": IN_PART | {"text", "logprobs"},
    "response.output_text.annotation.added": IN_PART | {"annotation_index", "annotation"},
    "response.refusal.delta": IN_PART | {"delta"},
    "response.refusal.done": IN_PART | {"refusal"},
    "response.reasoning_summary_part.added": IN_SUMMARY | {"part"},
    "response.reasoning_summary_part.done": IN_SUMMARY | {"part"},
    "response.reasoning_summary_text.delta": IN_SUMMARY | {"delta"},
    "response.reasoning_summary_text.done": IN_SUMMARY | {"text"},
    "response.function_call_arguments.delta": IN_ITEM | {"delta"},
    "response.function_call_arguments.done": IN_ITEM | {"name", "arguments"},
}
# What may follow what within one item, from its opening to its end.
MESSAGE = {
    "output_item.added": {"content_part.added"},
    "content_part.added": {"output_text.delta", "output_text.annotation.added", "output_text.done", "refusal.delta", "refusal.done"},
    "output_text.delta": {"output_text.delta", "output_text.annotation.added", "output_text.done"},
    "output_text.annotation.added": {"output_text.delta", "output_text.annotation.added", "output_text.done"},
    "output_text.done": {"content_part.done"},
    "refusal.delta": {"refusal.delta", "refusal.done"},
    "refusal.done": {"content_part.done"},
    "content_part.done": {"output_item.done"},
    "output_item.done": set(),
}
REASONING = {
    "output_item.added": {"reasoning_summary_part.added", "output_item.done"},
    "reasoning_summary_part.added": {"reasoning_summary_text.delta"},
    "reasoning_summary_text.delta": {"reasoning_summary_text.delta", "reasoning_summary_text.done"},
    "reasoning_summary_text.done": {"reasoning_summary_part.done"},
    "reasoning_summary_part.done": {"output_item.done"},
    "output_item.done": set(),
}
CALL = {
    "output_item.added": {"function_call_arguments.delta", "function_call_arguments.done"},
    "function_call_arguments.delta": {"function_call_arguments.delta", "function_call_arguments.done"},
    "function_call_arguments.done": {"output_item.done"},
    "output_item.done": set(),
}
ORDERS = {"message": MESSAGE, "reasoning": REASONING, "function_call": CALL}


def check_form(found):
    """Numbered without a gap, each of its published form, all of one response."""
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    for event in found:
        TYPES[event["type"]].model_validate(event)
        assert set(event) == FIELDS[event["type"]]
    assert {event["response"]["id"] for event in found if "response" in event} == {"resp_0123abcd"}


def check_order(found):
    """created, in_progress, then items that are opened in order and closed for good, and one last event."""
    assert [event["type"] for event in found[:2]] == ["response.created", "response.in_progress"]
    assert found[-1]["type"] in ("response.completed", "response.incomplete", "response.failed")
    broke = found[-1]["type"] == "response.failed"
    last = {}
    kinds = {}
    texts = {}
    for event in found[2 : -2 if broke else -1]:
        index, name = event["output_index"], event["type"].removeprefix("response.")
        if name == "output_item.added":
            assert index == len(last)
            kinds[index], texts[index] = event["item"], ""
        else:
            assert name in ORDERS[kinds[index]["type"]][last[index]]
        assert event.get("item_id", kinds[index]["id"]) == kinds[index]["id"]
        last[index] = name
        texts[index] += event.get("delta", "")
        for field in ("text", "refusal", "arguments"):
            assert event.get(field, texts[index]) == texts[index]
        if name == "output_item.done":
            done = event["item"]
            assert {field: done[field] for field in ("id", "type")} == {field: kinds[index][field] for field in ("id", "type")}
            assert done["status"] in ("completed", "incomplete")
            kinds[index] = done
    assert broke or set(last.values()) <= {"output_item.done"}
    return [kinds[index] for index in sorted(kinds)]


HELLO = [TextDelta("Hel"), TextDelta("lo"), Finish("stop"), Usage(TOKENS)]


def test_a_text_is_told_in_the_published_order():
    assert names(HELLO) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_reasoning_and_calls_are_told_in_the_published_order():
    chunks = [
        ReasoningDelta("h"),
        ReasoningDelta("m"),
        ReasoningDelta("", 0, Signature("openai", "gAAA", "rs_1")),
        ToolCallDelta(0, "", "c1", "f"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(0, "1}"),
        ToolCallDelta(1, "{}", "c2", "f"),
        Finish("tool_calls"),
    ]
    assert names(chunks)[2:-1] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]


def test_calls_told_in_turns_stay_open_until_they_are_whole():
    chunks = [
        ToolCallDelta(0, '{"a":', "c1", "f"),
        ToolCallDelta(1, '{"b":', "c2", "f"),
        ToolCallDelta(0, "1}"),
        ToolCallDelta(1, "2}"),
        Finish("tool_calls"),
    ]
    found = events(chunks)
    check_form(found)
    assert [item["arguments"] for item in check_order(found)] == ['{"a":1}', '{"b":2}']


def test_a_refusal_is_told_as_one():
    assert names([RefusalDelta("I ca"), RefusalDelta("nnot"), Finish("stop")])[2:-1] == [
        "output_item.added",
        "content_part.added",
        "refusal.delta",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
    ]


def test_a_source_is_told_as_soon_as_its_words_are_there():
    chunks = [
        TextDelta("sunny"),
        Citation("https://a", "A", "", 0, 5),
        Citation("https://b", "B", "", 6, 9),
        TextDelta(" and dry"),
        Citation("https://c"),
        Finish("stop"),
    ]
    told = [name for name in names(chunks) if name.startswith("output_text")]
    assert told == [
        f"output_text.{kind}" for kind in ("delta", "annotation.added", "delta", "annotation.added", "annotation.added", "done")
    ]
    annotations = [event["annotation"] for event in events(chunks) if "annotation" in event]
    assert [(found["url"], found["start_index"], found["end_index"]) for found in annotations] == [
        ("https://a", 0, 5),
        ("https://b", 6, 9),
        ("https://c", 0, 13),
    ]


def test_sources_are_told_in_the_order_in_which_they_came():
    chunks = [TextDelta("sunny"), Citation("a", "", "", 5, 5), Citation("b", "", "", 6, 9), TextDelta(" and dry"), Finish("stop")]
    found = events(chunks)
    assert [event["annotation"]["url"] for event in found if "annotation" in event] == ["a", "b"]
    assert found[-2]["item"] == found[-1]["response"]["output"][0]


def test_a_source_of_a_message_that_is_closed_stands_in_the_last_event():
    chunks = [TextDelta("sunny"), ToolCallDelta(0, "{}", "c", "f"), Citation("https://a", "A", "", 0, 5), Finish("tool_calls")]
    found = events(chunks)
    check_form(found)
    check_order(found)
    assert found[-1]["response"]["output"][0]["content"][0]["annotations"][0]["url"] == "https://a"
    assert found[-1]["response"]["output"] == body(chunks)["output"]


def test_logprobs_come_with_their_text():
    logprobs = ({"token": "Hel", "logprob": -0.5, "bytes": [72, 101, 108], "top_logprobs": []},)
    found = events([TextDelta("Hel", 0, logprobs), TextDelta("lo"), Finish("stop")])
    assert [event["logprobs"] for event in found if event["type"] == "response.output_text.delta"] == [list(logprobs), []]
    check_form(found)


def test_the_usage_is_in_the_last_event_and_absent_before():
    first, *_, last = events(HELLO)
    assert (first["response"]["usage"], first["response"]["status"], first["response"]["output"]) == (None, "in_progress", [])
    assert last["response"]["usage"]["total_tokens"] == 15


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_is_cut_short_is_incomplete(finish, reason):
    found = events([TextDelta("Hel"), Finish(finish)])
    assert found[-1]["type"] == "response.incomplete"
    assert found[-1]["response"]["incomplete_details"] == {"reason": reason}
    assert [event["item"]["status"] for event in found if event["type"] == "response.output_item.done"] == ["incomplete"]


def broken(chunks, refusal):
    yield from chunks
    raise refusal


BREAK = Refusal("upstream_failed", "No target answered. Try again.")


def test_a_stream_that_breaks_ends_in_an_error_and_a_failed_response():
    found = events(broken([TextDelta("Hel")], BREAK))
    check_form(found)
    check_order(found)
    error, failed = found[-2:]
    assert (error["type"], error["code"], error["message"]) == ("error", "upstream_failed", BREAK.message)
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {
        "code": "server_error",
        "type": "upstream_failed",
        "message": BREAK.message,
        "param": None,
        "misalignment": None,
    }
    assert [item["status"] for item in failed["response"]["output"]] == ["incomplete"]


CLIENT = OpenAI(api_key="none", base_url="http://127.0.0.1:9")


class FromHere:
    """Bytes, to be read as the official client reads a connection."""

    request = httpx.Request("POST", "http://127.0.0.1:9/v1/responses")

    def __init__(self, pieces):
        self._pieces = pieces

    def iter_bytes(self):
        return iter(self._pieces)

    def close(self):
        pass


def as_the_official_client_reads(chunks):
    return Stream(cast_to=ResponseStreamEvent, response=FromHere(streamed(chunks)), client=CLIENT)


def test_the_official_client_raises_what_broke_the_stream():
    with pytest.raises(APIError) as caught:
        list(as_the_official_client_reads(broken([TextDelta("Hel")], BREAK)))
    assert (caught.value.code, caught.value.message) == ("upstream_failed", BREAK.message)


def test_what_answers_no_such_request_is_left_out():
    assert names([TextDelta("second", 1), Embedding((0.5,)), *HELLO]) == names(HELLO)


TEXT = st.text(min_size=1, max_size=6)
SIGNATURES = st.builds(
    Signature, st.sampled_from(["openai", "anthropic", "google"]), st.text("gA=", min_size=1, max_size=4), st.sampled_from([None, "rs_1"])
)


@st.composite
def text_deltas(draw):
    """With or without log probabilities, which are of the same characters."""
    text = draw(TEXT)
    return TextDelta(text, 0, tuple({"token": letter, "logprob": -1.0, "bytes": None, "top_logprobs": []} for letter in text))


CITATIONS = st.builds(
    Citation,
    st.just("https://a"),
    st.text(max_size=3),
    st.just(""),
    st.none() | st.integers(0, 20),
    st.none() | st.integers(0, 20),
    st.just(0),
)
REASONINGS = st.one_of(
    st.builds(ReasoningDelta, TEXT, st.just(0), st.none(), st.just(False)),
    st.builds(ReasoningDelta, st.text(max_size=3), st.just(0), SIGNATURES, st.just(False)),
    st.builds(ReasoningDelta, st.just(""), st.just(0), SIGNATURES, st.just(True)),
)
ARGUMENTS = st.dictionaries(st.text(max_size=2), st.integers() | st.text(max_size=3), max_size=2).map(json.dumps) | st.sampled_from(
    ["", '{"a":', "null"]
)


@st.composite
def calls(draw):
    """The pieces of one call, and its place among the others unknown yet."""
    arguments = draw(ARGUMENTS)
    cuts = sorted(draw(st.lists(st.integers(0, len(arguments)), max_size=2)))
    pieces = [arguments[start:end] for start, end in zip([0, *cuts], [*cuts, len(arguments)], strict=True)]
    signature = draw(st.none() | SIGNATURES)
    return [
        ToolCallDelta(0, piece, None if place else "c", None if place else "f", 0, None if place else signature)
        for place, piece in enumerate(pieces)
    ]


def with_an_id_of_its_own(chunk, place):
    signature = isinstance(chunk, ReasoningDelta) and chunk.signature
    return chunk._replace(signature=signature._replace(id=f"rs_{place}")) if signature and signature.id else chunk


@st.composite
def answers(draw, *, anywhere=False):
    """What is said, with calls that may be told in turns; a refusal at its end, where models put it, or `anywhere`."""
    said = draw(st.lists(st.one_of(text_deltas(), REASONINGS, CITATIONS), max_size=8))
    for position, call in enumerate(draw(st.lists(calls(), max_size=3))):
        places = sorted(draw(st.lists(st.integers(0, len(said)), min_size=len(call), max_size=len(call))))
        for shift, (place, piece) in enumerate(zip(places, call, strict=True)):
            said.insert(place + shift, piece._replace(position=position, id=piece.id and f"c{position}"))
    for refusal in draw(st.lists(st.builds(RefusalDelta, TEXT, st.just(0)), max_size=2)):
        said.insert(draw(st.integers(0, len(said))) if anywhere else len(said), refusal)
    said = [with_an_id_of_its_own(chunk, place) for place, chunk in enumerate(said)]
    finish = draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"]))
    return [*said, Finish(finish), *([Usage(TOKENS)] if draw(st.booleans()) else [])]


@given(answers(anywhere=True))
def test_any_answer_is_told_in_the_published_form_and_order(chunks):
    found = events(chunks)
    check_form(found)
    items = check_order(found)
    said = found[-1]["response"]["output"]
    assert [without_annotations(item) for item in said] == [without_annotations(item) for item in items]


def without_annotations(item):
    """Those that come when their message is closed are in the last event alone."""
    content = [{**part, "annotations": None} if "annotations" in part else part for part in item.get("content", [])]
    return {**item, "content": content}


@given(answers())
def test_a_stream_adds_up_to_the_object_that_an_unstreamed_answer_is(chunks):
    whole, last = body(chunks), events(chunks)[-1]["response"]
    if not any(isinstance(chunk, Usage) for chunk in chunks):
        whole["usage"] = None
    assert last == whole


@settings(deadline=None)  # its own work takes most of the time
@given(answers())
def test_the_official_client_adds_the_events_up_to_the_same(chunks):
    state = ResponseStreamState(text_format=omit, input_tools=omit)
    for event in as_the_official_client_reads(chunks):
        state.handle_event(event)
    last = events(chunks)[-1]
    if last["type"] == "response.completed":
        assert as_told(state._completed_response.to_dict()["output"]) == last["response"]["output"]


def as_told(value):
    """Without what the client puts beside it: what it was asked to parse."""
    if isinstance(value, list):
        return [as_told(item) for item in value]
    if isinstance(value, dict):
        return {name: as_told(item) for name, item in value.items() if name not in ("parsed", "parsed_arguments")}
    return value


@given(answers(), st.integers(0, 8))
def test_a_stream_that_breaks_anywhere_ends_well(chunks, place):
    found = events(broken(chunks[:place], BREAK))
    check_form(found)
    check_order(found)
