"""Texts in, vectors out: as numbers or as the bytes of 32-bit floats."""

import base64
import json
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse

from signalbox.dialects.contract import Answer
from signalbox.dialects.openai_embeddings import DIALECT
from signalbox.errors import Refusal
from signalbox.money import Tokens
from signalbox.reply import Choice, Embedding, Usage, gather
from signalbox.request import Request


def read(**fields):
    body = {"model": "embed", "input": "hello"} | fields
    return DIALECT.to_request(json.dumps({name: value for name, value in body.items() if value is not ...}).encode(), {})


def answered(chunks, **fields):
    choices, tokens = gather(chunks)
    return json.loads(DIALECT.to_body(Answer("req_1", 7, "embed-x", read(**fields)), choices, tokens))


def test_the_parameters_are_read_and_the_unknown_ones_kept():
    assert read(dimensions=256, user="u", encoding_format="base64", input_type="query") == Request(
        dialect="openai_embeddings",
        model="embed",
        inputs=("hello",),
        dimensions=256,
        user="u",
        given={"encoding_format": "base64"},
        extra={"input_type": "query"},
    )


@pytest.mark.parametrize(
    ("value", "inputs"),
    [
        ("hello", ("hello",)),
        (["a", "b"], ("a", "b")),
        ([1, 2, 0], ((1, 2, 0),)),
        ([[1, 2], [3]], ((1, 2), (3,))),
        (["x"] * 2048, ("x",) * 2048),
    ],
)
def test_inputs_are_texts_or_token_numbers(value, inputs):
    assert read(input=value).inputs == inputs


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ...}, "model"),
        ({"input": ...}, "input"),
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": ["a", 1]}, "input"),
        ({"input": [1, "a"]}, "input"),
        ({"input": [[1], []]}, "input"),
        ({"input": [[1], ["a"]]}, "input"),
        ({"input": [True]}, "input"),
        ({"input": [-1]}, "input"),
        ({"input": [1.5]}, "input"),
        ({"input": {"a": 1}}, "input"),
        ({"input": ["x"] * 2049}, "input"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"user": 1}, "user"),
    ],
)
def test_a_bad_body_is_refused_by_the_name_of_what_is_wrong(fields, param):
    with pytest.raises(Refusal) as refused:
        read(**fields)
    assert (refused.value.code, refused.value.param) == ("invalid_request", param)


def test_a_whole_answer_has_every_field_in_the_order_of_the_inputs():
    body = answered([Embedding((0.5, -1.0), 1), Embedding((0.25, 2.0), 0), Usage(Tokens(9))], input=["a", "b"])
    CreateEmbeddingResponse.model_validate(body)
    assert body == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.25, 2.0]},
            {"object": "embedding", "index": 1, "embedding": [0.5, -1.0]},
        ],
        "model": "embed-x",
        "usage": {"prompt_tokens": 9, "total_tokens": 9},
    }


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=8))
def test_base64_holds_the_same_numbers_as_the_official_client_reads_them(vector):
    body = answered([Embedding(tuple(vector)), Usage(Tokens(1))], encoding_format="base64")
    held = base64.b64decode(body["data"][0]["embedding"], validate=True)
    assert [number for (number,) in struct.iter_unpack("<f", held)] == vector
    assert array("f", held).tolist() == vector
    assert answered([Embedding(tuple(vector)), Usage(Tokens(1))])["data"][0]["embedding"] == vector


def test_whoever_asks_for_a_stream_gets_the_whole():
    answer = Answer("req_1", 7, "embed-x", read())
    chunks = [Embedding((1.0,)), Usage(Tokens(2))]
    assert list(DIALECT.to_events(answer, chunks)) == [DIALECT.to_body(answer, [Choice((Embedding((1.0,)),))], Tokens(2))]


def test_an_error_is_openais():
    error = json.loads(DIALECT.to_error(Refusal("rate_limited", "Wait.")))["error"]
    assert error == {"message": "Wait.", "type": "rate_limit_error", "param": None, "code": "rate_limited"}
