"""What the simulated models say is a function of what they are asked."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.simulators.answer import to_answer
from ops.simulators.exchange import Ask
from ops.simulators.prompt_cache import PromptCache
from ops.simulators.schema import instance
from ops.simulators.tokens import prompt_tokens, split

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}}}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def asked(prompt: str, **more) -> Ask:
    return Ask(**{"model": "sim-x", "prompt": prompt, "prompt_tokens": tuple(prompt_tokens(prompt))} | more)


def said(prompt: str, **more) -> str | None:
    return to_answer(asked(prompt, **more)).choices[0].text


@given(st.text())
def test_tokens_make_up_the_text_and_are_no_more_than_its_bytes(text):
    assert "".join(split(text)) == text
    assert len(split(text)) <= len(text.encode("utf-8", "surrogatepass"))


@given(st.lists(json_values))
def test_a_prompt_has_no_more_tokens_than_its_request_has_bytes(messages):
    request = json.dumps({"model": "", "messages": messages}, ensure_ascii=False, separators=(",", ":"))
    assert len(prompt_tokens(messages)) <= len(request.encode("utf-8", "surrogatepass"))


@given(st.text(), st.integers(1, 3), st.none() | st.integers(1, 40), st.sampled_from([None, "low", "high"]))
def test_the_same_ask_gets_the_same_answer_within_its_limit(prompt, n, limit, effort):
    ask = asked(prompt, n=n, max_tokens=limit, reasoning_effort=effort)
    answer = to_answer(ask)
    assert answer == to_answer(ask)
    assert answer.tokens.output == answer.tokens.reasoning + sum(len(split(choice.text or "")) for choice in answer.choices)
    if limit is not None:
        assert answer.tokens.output <= n * limit


def test_the_prompt_dictates():
    assert said("Please say: hello world") == "hello world"
    assert len((said("words=50") or "").split()) == 50
    assert said("tell me something") != said("tell me something else")


def test_choices_differ():
    first, second = to_answer(asked("hi", n=2)).choices
    assert first.text != second.text


def test_a_stop_sequence_is_left_out_and_ends_the_answer():
    choice = to_answer(asked("say: one two three", stop=("three", "two"))).choices[0]
    assert (choice.text, choice.finish) == ("one ", "stop")


def test_a_limit_cuts_and_says_so():
    choice = to_answer(asked("words=50", max_tokens=3)).choices[0]
    assert (len(choice.pieces), choice.finish) == (3, "length")


def test_reasoning_takes_from_the_limit_first():
    answer = to_answer(asked("words=50", max_tokens=70, reasoning_effort="low"))
    assert (answer.tokens.reasoning, answer.tokens.output, answer.choices[0].finish) == (64, 70, "length")
    starved = to_answer(asked("words=50", max_tokens=10, reasoning_effort="high"))
    assert (starved.tokens.reasoning, starved.tokens.output, starved.choices[0].text) == (10, 10, "")


@pytest.mark.parametrize(
    ("prompt", "more", "calls"),
    [
        ("call weather", {}, [("weather", {"city": "text", "days": 3})]),
        ('call weather {"city": "Oslo"} now', {}, [("weather", {"city": "Oslo"})]),
        ("call weather and call clock", {}, [("weather", {"city": "text", "days": 3}), ("clock", {})]),
        ("call weather and call clock", {"parallel_tool_calls": False}, [("weather", {"city": "text", "days": 3})]),
        ("call nobody", {}, []),
        ("hello", {"tools_must": ("clock",)}, [("clock", {})]),
    ],
)
def test_tools_are_called_when_told(prompt, more, calls):
    choice = to_answer(asked(prompt, tools={"weather": WEATHER, "clock": {}}, **more)).choices[0]
    assert [(name, json.loads(arguments)) for name, arguments in choice.calls] == calls
    assert choice.finish == ("tool_calls" if calls else "stop")


def test_a_schema_gets_an_instance_and_say_may_write_it():
    assert json.loads(said("hi", schema=WEATHER) or "") == {"city": "text", "days": 3}
    assert said('say: {"city": 1}', schema=WEATHER) == '{"city": 1}'
    assert json.loads(said("say: hello", schema={}) or "") == {"reply": "hello"}


def test_a_schema_may_refer_to_itself():
    tree = {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}}
    assert "next" in instance(tree)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 7}, 7),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
        ({"type": ["string", "null"]}, "text"),
    ],
)
def test_instances(schema, value):
    assert instance(schema) == value


def test_a_prefix_seen_before_is_cached_in_steps_of_128_from_1024():
    cache, tokens = PromptCache(), [str(number) for number in range(1300)]
    assert cache.cached("m", tokens) == 0
    assert cache.cached("m", tokens) == 1280
    assert cache.cached("other", tokens) == 0
    assert cache.cached("m", [*tokens[:1200], "another", "end"]) == 1152
    assert cache.cached("m", tokens[:1000]) == 0
    assert cache.cached("m", ["first", *tokens]) == 0
