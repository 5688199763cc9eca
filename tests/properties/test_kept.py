"""What is kept reads back as it was, and the names it is kept by: equal where requests mean the same, and nowhere else."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.admission.keys import Caller
from signalbox.completion.kept import Kept, chunks_of, from_bytes, to_bytes
from signalbox.completion.kept_names import ASIDE, ASIDE_EXTRA, answer_name, body_mark, canonical, once_name
from signalbox.completion.kept_terms import directives, terms_of
from signalbox.dialects import anthropic_messages, openai_chat, openai_responses
from signalbox.errors import STATUS
from signalbox.money import Tokens
from signalbox.reply import Choice, Citation, Embedding, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, gather
from signalbox.request import Format, Image, Message, Raw, Request, Signature, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult
from signalbox.request import Reasoning as Thought


def named(kind, **fields):
    return st.fixed_dictionaries(fields).map(lambda values: kind(**values))


def made(kind, *fields):
    return st.tuples(*fields).map(lambda values: kind(*values))


TEXTS = st.text(max_size=12)
COUNTS = st.integers(0, 10**6)
CHOICES = st.integers(0, 2)
SIGNATURES = st.none() | made(Signature, TEXTS, TEXTS, st.none() | TEXTS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-100, 100) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CHUNKS = st.one_of(
    made(TextDelta, TEXTS, CHOICES, st.lists(JSON, max_size=2).map(tuple)),
    made(ReasoningDelta, TEXTS, CHOICES, SIGNATURES, st.just(False)),
    made(ReasoningDelta, st.just(""), CHOICES, made(Signature, TEXTS, TEXTS), st.just(True)),
    made(ToolCallDelta, st.integers(0, 2), TEXTS, TEXTS, TEXTS, CHOICES, SIGNATURES),
    made(RefusalDelta, TEXTS, CHOICES),
    made(Citation, TEXTS, TEXTS, TEXTS, st.none() | COUNTS, st.none() | COUNTS, CHOICES),
    made(Finish, st.sampled_from(["stop", "length", "tool_calls", "content_filter"]), CHOICES, st.none() | TEXTS),
)
TOKENS = made(Tokens, *[COUNTS] * 6)
NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=4).map(tuple)


@given(st.lists(CHUNKS, max_size=12), TOKENS, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_an_answer_reads_back_as_it_was_and_streams_as_it_was(chunks, tokens, text, told):
    choices, _ = gather(chunks)
    kept = Kept(text, 1, text, text, tuple(choices), tokens, text, told)
    assert from_bytes(to_bytes(kept)) == kept
    read, counted = gather(chunks_of(kept))
    assert [_told(choice) for choice in read] == [
        _told(choice) for choice in choices if choice._replace(stop_sequence=None, logprobs=()) != Choice()
    ]
    assert counted == tokens


def _told(choice):
    """A source is its choice's, whichever number that has now; and what has not ended has ended in no stop sequence."""
    citations = tuple(citation._replace(choice=0) for citation in choice.citations)
    return choice._replace(citations=citations, stop_sequence=choice.stop_sequence if choice.finish else None)


@given(st.lists(NUMBERS, min_size=1, max_size=4), TOKENS)
def test_embeddings_read_back_to_the_last_bit(vectors, tokens):
    choices, _ = gather(Embedding(vector, number) for number, vector in enumerate(vectors))
    kept = from_bytes(to_bytes(Kept("i", 1, "m", "t", tuple(choices), tokens)))
    assert kept is not None
    assert [choice.parts[0].vector for choice in kept.choices] == vectors
    assert gather(chunks_of(kept)) == (choices, tokens)


@given(st.sampled_from(sorted(STATUS)), TEXTS, st.none() | TEXTS)
def test_an_error_reads_back_as_it_was(code, message, param):
    refusal = from_bytes(to_bytes(Kept("i", 1, "", "", refused=(code, message, param)))).refusal
    assert (refusal.code, refusal.message, refusal.param, refusal.status) == (code, message, param, STATUS[code])


@given(st.binary(max_size=40), st.binary(min_size=1, max_size=3), st.integers(0, 200))
def test_what_is_damaged_or_of_another_release_counts_as_not_kept(noise, damage, at):
    assert from_bytes(noise) is None
    packed = to_bytes(Kept("i", 1, "m", "t"))
    assert from_bytes(b"0" + packed[1:]) is None
    broken = packed[: at % len(packed)] + damage + packed[at % len(packed) + len(damage) :]
    assert from_bytes(broken) in (None, from_bytes(packed))


# ---------------------------------------------------------------- names

BASE = Request(
    dialect="openai_chat",
    model="chat",
    messages=(Message("user", (Text("hello"),)),),
    max_tokens=10,
    temperature=0,
    stop=("a",),
    tools=(Tool("weather", "tells it", {"type": "object"}),),
)
# Of each field another value that another answer may come of. What is missing here is in ASIDE: the test below says so.
OTHERWISE: dict[str, Any] = {
    "messages": (Message("user", (Text("hallo"),)),),
    "max_tokens": 11,
    "temperature": 0.1,
    "top_p": 0.5,
    "top_k": 3,
    "stop": ("b",),
    "seed": 1,
    "n": 2,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "logprobs": 2,
    "tools": (),
    "tool_choice": ToolChoice("required"),
    "parallel_tool_calls": False,
    "response_format": Format(),
    "thinking": Thinking("low"),
    "inputs": ("hello",),
    "dimensions": 256,
}


def test_every_field_either_makes_another_request_or_is_said_not_to():
    assert OTHERWISE.keys() | ASIDE - {"cache"} == set(Request._fields)


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_field_that_an_answer_depends_on_makes_another_request(name):
    assert canonical(BASE._replace(**{name: OTHERWISE[name]})) != canonical(BASE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream", True),
        ("include_usage", True),
        ("user", "ann"),
        ("model", "alias"),
        ("given", {"model": "chat"}),
        ("temperature", 0.0),
        ("dialect", "anthropic_messages"),
        ("messages", (Message("user", (Text("hello", {"type": "ephemeral"}),)),)),
        *(("extra", {each: "x"}) for each in sorted(ASIDE_EXTRA)),
    ],
)
def test_a_field_that_none_depends_on_makes_no_other(name, value):
    assert canonical(BASE._replace(**{name: value})) == canonical(BASE)


PARTS = st.one_of(
    made(Text, TEXTS),
    made(Image, TEXTS, st.none() | TEXTS),
    made(Thought, TEXTS, SIGNATURES, st.booleans()),
    made(ToolCall, TEXTS, TEXTS, TEXTS, SIGNATURES),
    made(Raw, JSON),
    made(ToolResult, TEXTS, st.lists(made(Text, TEXTS), max_size=2).map(tuple), st.booleans()),
)
MESSAGES = made(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    st.lists(PARTS, max_size=3).map(tuple),
    st.none() | TEXTS,
    st.dictionaries(TEXTS, JSON, max_size=2),
)
REQUESTS = named(
    Request,
    dialect=st.sampled_from(["openai_chat", "anthropic_messages"]),
    model=st.just("chat"),
    messages=st.lists(MESSAGES, max_size=3).map(tuple),
    stop=st.lists(TEXTS, max_size=2).map(tuple),
    temperature=st.none() | st.sampled_from([0, 0.0, 1, 1.0, 0.5]),
    inputs=st.lists(TEXTS | st.lists(COUNTS, max_size=3).map(tuple), max_size=2).map(tuple),
    extra=st.dictionaries(st.sampled_from(["logit_bias", "verbosity", "metadata"]), JSON, max_size=2),
)


def _meant(request: Request) -> Any:
    """By equality alone, which knows nothing of JSON: without what is aside, and with the dialect where something is its own."""
    extra = {name: value for name, value in request.extra.items() if name not in ASIDE_EXTRA}
    own = extra or any(message.extra or any(isinstance(part, Raw) for part in message.parts) for message in request.messages)
    return request.dialect if own else "", _typed(request.messages), request.stop, request.temperature, request.inputs, _typed(extra)


def _typed(value: Any) -> Any:
    """True is not 1, and a text is no image of the same fields."""
    if isinstance(value, tuple | list):
        return (type(value).__name__ if hasattr(value, "_fields") else "", [_typed(part) for part in value])
    if isinstance(value, dict):
        return {name: _typed(part) for name, part in value.items()}
    return (isinstance(value, bool), value)


@given(REQUESTS, REQUESTS)
def test_two_requests_share_a_name_if_and_only_if_they_mean_the_same(one, other):
    assert (json.dumps(canonical(one), sort_keys=True) == json.dumps(canonical(other), sort_keys=True)) == (_meant(one) == _meant(other))


@given(REQUESTS)
def test_a_request_shares_its_name_with_itself(request):
    again = request._replace(messages=tuple(request.messages), extra=dict(reversed(request.extra.items())), stream=True)
    assert json.dumps(canonical(request), sort_keys=True) == json.dumps(canonical(again), sort_keys=True)


def test_a_conversation_is_the_same_request_in_every_dialect():
    chat = {"model": "m", "temperature": 0, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    responses = {"model": "m", "temperature": 0.0, "max_output_tokens": 5, "input": "hi"}
    requests = [
        openai_chat.to_request(json.dumps(chat).encode(), {}),
        anthropic_messages.to_request(json.dumps(chat).encode(), {}),
        openai_responses.to_request(json.dumps(responses).encode(), {}),
    ]
    assert len({json.dumps(canonical(request)) for request in requests}) == 1


SECRET = b"x" * 32
IDS = st.text("ab/#", min_size=1, max_size=4)


@given(IDS, IDS, IDS, IDS, IDS, IDS)
def test_two_callers_never_share_a_claim(tenant, key, said, other_tenant, other_key, other_said):
    one = once_name(SECRET, Caller(key, tenant, "t", minted=True), said)
    other = once_name(SECRET, Caller(other_key, other_tenant, "u", minted=True), other_said)
    assert (one == other) == ((tenant, key, said) == (other_tenant, other_key, other_said))
    assert one != once_name(b"y" * 32, Caller(key, tenant, "t", minted=True), said)


TRIPS = made(
    lambda *values: SimpleNamespace(
        tenant=values[0],
        route=SimpleNamespace(name=values[1]),
        decision=SimpleNamespace(route=values[2], policies=values[3]),
        snapshot=SimpleNamespace(digest=values[4]),
        request=BASE._replace(seed=values[5]),
        told=values,
    ),
    IDS,
    IDS,
    IDS,
    st.lists(IDS, max_size=2).map(tuple),
    IDS,
    st.none() | st.integers(0, 1),
)


@given(TRIPS, TRIPS)
def test_two_tenants_routes_or_configurations_never_share_an_answer(one, other):
    assert (answer_name(SECRET, one) == answer_name(SECRET, other)) == (one.told == other.told)


@given(st.dictionaries(TEXTS, JSON, max_size=4), st.dictionaries(TEXTS, JSON, max_size=4))
def test_two_bodies_share_a_mark_if_and_only_if_they_say_the_same(one, other):
    marks = [body_mark(SECRET, "openai_chat", json.dumps(body, indent=indent).encode()) for body, indent in ((one, None), (other, 2))]
    assert (marks[0] == marks[1]) == (_typed(one) == _typed(other))
    assert marks[0] == body_mark(SECRET, "openai_chat", json.dumps(dict(reversed(one.items()))).encode())
    assert marks[0] != body_mark(SECRET, "anthropic_messages", json.dumps(one).encode())


# ---------------------------------------------------------------- terms


@given(st.text(max_size=30))
def test_no_header_breaks_anything(text):
    assert isinstance(directives(text), dict)
    terms = terms_of({"ttl_s": 5, "any": False, "max_kb": 64}, BASE, text)
    assert terms is None or terms.ttl_s == 5


@pytest.mark.parametrize(
    ("header", "reads", "max_age_s"),
    [
        ("", True, None),
        ("private, max-age=5", True, 5),
        ('Max-Age="7"', True, 7),
        ("max-age=never", False, 0),
        ("max-age=0", False, 0),
        ("no-cache, max-age=5", False, 5),
    ],
)
def test_what_a_client_says_of_a_kept_answer(header, reads, max_age_s):
    terms = terms_of({"ttl_s": 5}, BASE, header)
    assert terms is not None
    assert (terms.reads, terms.max_age_s) == (reads, max_age_s)
