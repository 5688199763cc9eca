"""Of an upstream's error only names are told, whatever else it holds."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.providers.errors import KEY, NAME, error_names, failure_of, names_of, param_of
from signalbox.routing.failures import KINDS


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            {"message": "you said hunter2", "type": "invalid_request_error", "code": "bad.thing-1", "param": "messages[0].content"},
            "type=invalid_request_error code=bad.thing-1 param=messages[0].content",
        ),
        ({"type": "BadRequestError", "code": 400, "param": None}, "type=BadRequestError code=400"),
        ({"type": "you said hunter2", "code": "ok"}, "type=withheld code=ok"),
        ({"type": "a" * 61, "code": "a\n", "param": "größe"}, "type=withheld code=withheld param=withheld"),
        ({"code": "sk-LEAKEDKEY123"}, "code=withheld"),
        ({"code": "sk-proj-abc"}, "code=withheld"),
        ({"code": "gsk_aB3dE5gH7jK9mN1pQ3sT"}, "code=withheld"),
        ({"type": {"a": "hunter2"}, "code": ["hunter2"], "param": 1.5}, "type=withheld code=withheld param=withheld"),
        ({"type": True, "code": 10**5000}, "type=withheld code=withheld"),
        ({"message": "hunter2"}, ""),
        ("hunter2", "withheld"),
        (["hunter2"], "withheld"),
        (None, "withheld"),
    ],
)
def test_names_are_told_and_words_are_not(error, told):
    assert names_of(error) == told


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"error": {"message": "hunter2", "code": "bad_thing"}}', "code=bad_thing"),
        (
            b'{"object": "error", "message": "hunter2", "type": "invalid_model", "param": null, "code": "1500"}',
            "type=invalid_model code=1500",
        ),
        (b'{"detail": "hunter2"}', ""),
        (b'{"error": "hunter2"}', "withheld"),
        (b'{"error": {"code": "cut in the midd', "an error body of another form"),
        (b"<html>hunter2</html>", "an error body of another form"),
        (b'["hunter2"]', "an error body of another form"),
        (b"\xff", "an error body of another form"),
        (b"", "an error body of another form"),
        (b"[" * 100_000, "an error body of another form"),
        (b'{"error":' * 100_000, "an error body of another form"),
    ],
)
def test_a_body_of_any_form_is_read(body, told):
    assert error_names(body) == told


FIXTURES = Path(__file__).parents[2] / "fixtures"
NAMED = {  # the provider: what it says was wrong, in `errors/bad_request.json`
    "anthropic": "messages.0.content.0.text",
    "bedrock": "messages.0.content",
    "cohere": "messages[0].role",
    "gemini": "generation_config",
    "mistral": "stream_options",
    "openai": "messages[0].role",
    "openai_responses": "max_output_tokens",
    "vertex": "generation_config",
    "vertex_claude": "max_tokens",
}


@pytest.mark.parametrize("provider", sorted(path.parents[1].name for path in FIXTURES.glob("*/errors/bad_request.json")))
def test_of_what_each_provider_refuses_the_parameter_is_told_that_it_names(provider):
    body = json.dumps(json.loads((FIXTURES / provider / "errors" / "bad_request.json").read_text())["body"]).encode()
    named = NAMED.get(provider)
    assert param_of(body) == named
    assert (f"param={named}" in error_names(body)) == bool(named)


@pytest.mark.parametrize(
    "error",
    [
        {"param": "you said hunter2"},
        {"param": "sk-LEAKEDKEY123"},
        {"param": ["hunter2"]},
        {"details": [{"fieldViolations": [{"field": "you said"}, {"field": 5}, "hunter2"]}, "hunter2"]},
        {"details": {"fieldViolations": []}},
        {"detail": [{"loc": ["body", "you said hunter2"]}, {"loc": ["body"]}, {"loc": "body"}, {"loc": []}]},
        {"message": "hunter2: is a word of yours"},
        {"message": "you said messages.hunter2: that"},
        {"message": "messages.0.you said: that"},
        {"message": "messages." + "a" * 60 + ": too long"},
        {"message": {"detail": "hunter2"}},
        {},
    ],
)
def test_what_may_be_a_word_of_somebodys_names_no_parameter(error):
    assert param_of(json.dumps({"error": error}).encode()) is None


def test_the_first_name_that_can_be_told_is():
    rows = [{"loc": ["body", "you said"]}, {"loc": ["body", "messages", 0, "content"]}]
    assert param_of(json.dumps({"detail": rows}).encode()) == "messages.0.content"


def test_an_error_inside_a_stream_quotes_nothing():
    failure = failure_of({"message": "you said hunter2", "type": "hunter 2", "code": "rate_limit_exceeded"})
    assert (failure.kind, failure.detail) == ("rate_limited", "an error inside the stream: type=withheld code=rate_limit_exceeded")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "type", "code", "param", "details", "fieldViolations", "field", "detail", "loc", "message"]), inner
        )
    ),
    max_leaves=8,
)


@given(anything)
def test_whatever_an_error_is_only_names_come_out(error):
    told = names_of(error)
    assert all(NAME.fullmatch(word.partition("=")[2] or word) for word in told.split(" ") if told)
    assert failure_of(error).kind in KINDS
    assert isinstance(error_names(json.dumps(error).encode()), str)
    assert re.fullmatch(NAME, param_of(json.dumps(error).encode()) or "none")


@given(st.text("aZ09_é", max_size=60))
def test_a_long_word_of_letters_and_digits_looks_like_a_key(text):
    words = re.findall("[A-Za-z0-9]{16,}", text)
    assert bool(KEY.search(text)) == any(not word.isalpha() and not word.isdigit() for word in words)


def test_a_very_long_word_is_looked_at_once():
    assert not KEY.search("a" * 1_000_000)
    assert KEY.search("a" * 1_000_000 + "1")
