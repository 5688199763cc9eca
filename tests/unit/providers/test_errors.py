"""Of an upstream's error only names are told, whatever else it holds."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.providers.errors import KEY, NAME, error_names, failure_of, names_of
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


def test_an_error_inside_a_stream_quotes_nothing():
    failure = failure_of({"message": "you said hunter2", "type": "hunter 2", "code": "rate_limit_exceeded"})
    assert (failure.kind, failure.detail) == ("rate_limited", "an error inside the stream: type=withheld code=rate_limit_exceeded")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "type", "code", "param", "x"]), inner),
    max_leaves=8,
)


@given(anything)
def test_whatever_an_error_is_only_names_come_out(error):
    told = names_of(error)
    assert all(NAME.fullmatch(word.partition("=")[2] or word) for word in told.split(" ") if told)
    assert failure_of(error).kind in KINDS
    assert isinstance(error_names(json.dumps(error).encode()), str)


@given(st.text("aZ09_é", max_size=60))
def test_a_long_word_of_letters_and_digits_looks_like_a_key(text):
    words = re.findall("[A-Za-z0-9]{16,}", text)
    assert bool(KEY.search(text)) == any(not word.isalpha() and not word.isdigit() for word in words)


def test_a_very_long_word_is_looked_at_once():
    assert not KEY.search("a" * 1_000_000)
    assert KEY.search("a" * 1_000_000 + "1")
