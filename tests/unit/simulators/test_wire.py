"""The wire formats, without a wire: streamed and unstreamed answers agree, and every stretch of a stream has its bill."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.simulators.answer import to_answer
from ops.simulators.bill import cost_nanousd, generated
from ops.simulators.exchange import Rejected, Stamp, Tokens
from ops.simulators.http import Request
from ops.simulators.prices import PRICES
from ops.simulators.providers import PROVIDERS
from ops.simulators.providers.provider import Operation

STAMP = Stamp("seed", 1_790_000_000)
USER = [{"role": "user", "content": "hello"}]
TOOL = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}}}}


def posted(body: object, key: str = "sk-x") -> Request:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", "/", {}, {"authorization": f"Bearer {key}"} if key else {}, raw)


def read(name: str, **more):
    return chat(name).read(posted({"model": "sim-x", "messages": USER} | more))


def chat(name: str) -> Operation:
    return next(operation for operation in PROVIDERS[name].operations if operation.name == "chat")


def events(frames) -> list[dict]:
    *chunks, done = [frame.data.decode() for frame in frames]
    assert done == "data: [DONE]\n\n"
    return [json.loads(chunk.removeprefix("data: ")) for chunk in chunks]


def gathered(chunks: list[dict]) -> dict[int, tuple[str, str, str | None]]:
    """Text, arguments and finish by choice."""
    found: dict[int, tuple[str, str, str | None]] = {}
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        text, arguments, finish = found.get(choice["index"], ("", "", None))
        delta = choice["delta"]
        arguments += "".join(call["function"]["arguments"] for call in delta.get("tool_calls") or ())
        found[choice["index"]] = (text + (delta.get("content") or ""), arguments, finish or choice["finish_reason"])
    return found


@pytest.mark.parametrize("name", ["openai", "mistral"])
@given(
    prompt=st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.sampled_from(["call clock", "call clock call clock"]),
    n=st.integers(1, 3),
    limit=st.none() | st.integers(1, 30),
)
def test_streamed_and_unstreamed_answers_say_and_count_the_same(name, prompt, n, limit):
    provider = chat(name)
    ask = read(name, messages=[{"role": "user", "content": prompt}], n=n, max_tokens=limit, tools=[TOOL])
    answer = to_answer(ask)
    whole = json.loads(provider.whole(ask, answer, STAMP))
    frames = provider.frames(ask, answer, STAMP)
    told = {
        choice["index"]: (
            choice["message"]["content"] or "",
            "".join(call["function"]["arguments"] for call in choice["message"].get("tool_calls") or ()),
            choice["finish_reason"],
        )
        for choice in whole["choices"]
    }
    assert gathered(events(frames)) == told
    assert (whole["usage"]["prompt_tokens"], whole["usage"]["completion_tokens"]) == (answer.tokens.input, answer.tokens.output)
    bills = [generated(answer, frames[:count]) for count in range(len(frames) + 1)]
    assert bills == sorted(bills)
    assert bills[0] == answer.tokens._replace(output=0, reasoning=0)
    assert bills[-1] == answer.tokens


def test_openai_streams_role_content_finish_usage():
    ask = read("openai", messages=[{"role": "user", "content": "say: hi you"}], stream=True, stream_options={"include_usage": True})
    chunks = events(chat("openai").frames(ask, to_answer(ask), STAMP))
    assert [chunk["choices"][0]["delta"] if chunk["choices"] else None for chunk in chunks] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "hi"},
        {"content": " you"},
        {},
        None,
    ]
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * 4
    assert chunks[-1]["usage"]["completion_tokens"] == 2
    assert all(chunk["obfuscation"] for chunk in chunks)
    assert {(chunk["object"], chunk["id"], chunk["created"]) for chunk in chunks} == {
        ("chat.completion.chunk", chunks[0]["id"], STAMP.created)
    }


def test_openai_sends_usage_and_obfuscation_only_as_asked():
    ask = read("openai", stream=True, stream_options={"include_obfuscation": False})
    chunks = events(chat("openai").frames(ask, to_answer(ask), STAMP))
    assert all("usage" not in chunk and "obfuscation" not in chunk and chunk["choices"] for chunk in chunks)


def test_mistral_sends_usage_with_the_finish_unasked():
    ask = read("mistral", stream=True)
    chunks = events(chat("mistral").frames(ask, to_answer(ask), STAMP))
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks if "usage" in chunk] == ["stop"]
    assert chunks[-1]["usage"]["total_tokens"] == chunks[-1]["usage"]["prompt_tokens"] + chunks[-1]["usage"]["completion_tokens"]


def test_a_named_tool_finishes_as_the_provider_says():
    named = {"tool_choice": {"type": "function", "function": {"name": "clock"}}, "tools": [TOOL]}
    assert {name: to_answer(read(name, **named)).choices[0].finish for name in ("openai", "mistral")} == {
        "openai": "stop",
        "mistral": "tool_calls",
    }


def test_a_tool_result_ends_the_calling():
    call = {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
    talk = [
        {"role": "user", "content": "call clock"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
    ]
    assert to_answer(read("openai", messages=talk, tools=[TOOL])).choices[0].finish == "stop"


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"{", 400, None, None),
        (b'{"model": "sim-x", "messages": [{"role": "user", "content": "\\ud800"}]}', 400, None, None),
        ({"messages": USER}, 400, None, None),
        ({"model": "gpt-4o-mini"}, 400, "missing_required_parameter", "messages"),
        ({"model": "nobody", "messages": USER}, 404, "model_not_found", "model"),
        ({"model": "gpt-4o-mini", "messages": []}, 400, "empty_array", "messages"),
        ({"model": "gpt-4o-mini", "messages": "hi"}, 400, "invalid_type", "messages"),
        ({"model": "gpt-4o-mini", "messages": ["hi"]}, 400, "invalid_type", "messages[0]"),
        ({"model": "gpt-4o-mini", "messages": [{"role": "me", "content": "x"}]}, 400, "invalid_value", "messages[0].role"),
        ({"model": "gpt-4o-mini", "messages": [{"role": "user"}]}, 400, "invalid_type", "messages[0].content"),
        ({"model": "gpt-4o-mini", "messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]}, 400, None, "messages.[0].role"),
        ({"model": "gpt-4o-mini", "messages": USER, "max_tokens": 0}, 400, "integer_below_min_value", "max_tokens"),
        ({"model": "gpt-4o-mini", "messages": USER, "max_tokens": True}, 400, "invalid_type", "max_tokens"),
        ({"model": "gpt-4o-mini", "messages": USER, "max_tokens": 20_000}, 400, "invalid_value", "max_tokens"),
        ({"model": "gpt-4o-mini", "messages": USER, "temperature": 3}, 400, "decimal_above_max_value", "temperature"),
        ({"model": "gpt-4o-mini", "messages": USER, "speed": 1}, 400, None, None),
        ({"model": "gpt-4o-mini", "messages": USER, "reasoning_effort": "low"}, 400, None, None),
        ({"model": "gpt-5.2", "messages": USER, "max_tokens": 5}, 400, "unsupported_parameter", "max_tokens"),
        ({"model": "gpt-5-mini", "messages": USER, "max_tokens": 5}, 400, "unsupported_parameter", "max_tokens"),
        ({"model": "gpt-4o-mini", "messages": USER, "stream_options": {}}, 400, None, "stream_options"),
        ({"model": "gpt-4o-mini", "messages": USER, "tool_choice": "auto"}, 400, None, "tool_choice"),
        ({"model": "gpt-4o-mini", "messages": USER, "response_format": {"type": "json_object"}}, 400, None, "messages"),
        (
            {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "word " * 130_000}]},
            400,
            "context_length_exceeded",
            "messages",
        ),
    ],
)
def test_openai_refuses_in_its_own_words(body, status, code, param):
    with pytest.raises(Rejected) as refused:
        chat("openai").read(posted(body))
    error = json.loads(refused.value.body)["error"]
    assert (refused.value.status, error["code"], error["param"], error["type"]) == (status, code, param, "invalid_request_error")
    assert error["message"]


@pytest.mark.parametrize(
    ("body", "status", "kind", "code"),
    [
        (b"[]", 422, "json_invalid", None),
        ({"messages": USER}, 422, "missing", None),
        ({"model": "nobody", "messages": USER}, 400, "invalid_model", "1500"),
        ({"model": "sim-x", "messages": USER, "max_completion_tokens": 5}, 422, "extra_forbidden", None),
        ({"model": "sim-x", "messages": USER, "stream_options": {"include_usage": True}}, 422, "extra_forbidden", None),
        ({"model": "sim-x", "messages": USER, "max_tokens": "5"}, 422, "int_type", None),
        ({"model": "sim-x", "messages": [{"role": "developer", "content": "x"}]}, 422, "union_tag_invalid", None),
        ({"model": "sim-x", "messages": [*USER, {"role": "assistant", "content": "x"}]}, 400, "invalid_request_message_order", "3230"),
    ],
)
def test_mistral_refuses_in_its_own_words(body, status, kind, code):
    with pytest.raises(Rejected) as refused:
        chat("mistral").read(posted(body))
    error = json.loads(refused.value.body)
    named = error["message"]["detail"][0]["type"] if status == 422 else error["type"]
    assert (refused.value.status, error["object"], named, error["code"]) == (status, "error", kind, code)


@pytest.mark.parametrize(
    ("name", "code"), [("openai", {"": None, "sk-bad-1": "invalid_api_key"}), ("mistral", {"": None, "sk-bad-1": None})]
)
def test_a_key_is_asked_for(name, code):
    for key, expected in code.items():
        with pytest.raises(Rejected) as refused:
            chat(name).read(posted({"model": "sim-x", "messages": USER}, key))
        assert refused.value.status == 401
        assert json.loads(refused.value.body).get("error", {}).get("code") == expected


def test_prices_round_up_once():
    assert cost_nanousd(Tokens(1, 0, 0, 0), PRICES["mistral"]["mistral-small-latest"]) == 150
    assert cost_nanousd(Tokens(1000, 600, 10, 4), PRICES["openai"]["gpt-5.2"]) == 400 * 1750 + 600 * 175 + 10 * 14_000
    assert cost_nanousd(Tokens(3, 2, 0, 0), PRICES["openai"]["gpt-5-mini"]._replace(cached=1)) == 251
