"""What leaves for vectors, to each provider of OpenAI's format for them, and what is understood of what comes."""

import json
from pathlib import Path

import pytest

from signalbox.errors import UpstreamFailure
from signalbox.money import Tokens
from signalbox.providers.openai.embeddings import WIRE
from signalbox.providers.rows import ROWS
from signalbox.reply import Embedding, Usage
from signalbox.request import Request
from signalbox.routing.catalog import Provider, Target

FIXTURES = Path(__file__).parents[2] / "fixtures" / "openai_embeddings"
KINDS = sorted(kind for kind, row in ROWS.items() if row.embeddings == "openai_embeddings")


def read(kind, name):
    return json.loads((FIXTURES / kind / f"{name}.json").read_text())


def asked(kind="openai", inputs=("a",), base_url="http://127.0.0.1:9/v1", model="m", **fields):
    request = Request("openai_embeddings", "embed", inputs=inputs, **fields)
    target = Target(f"{kind}/{model}", kind, model, 8_192, 0, frozenset({"embeddings"}), None, "openai_embeddings")
    return request, target, Provider(kind, "openai_embeddings", base_url, None, kind)


def sent(*args, **fields):
    return json.loads(WIRE.to_http(*asked(*args, **fields), None).body)


@pytest.mark.parametrize("kind", KINDS)
def test_what_leaves_is_what_the_documentation_asks_for(kind):
    given, upstream = read(kind, "request"), read(kind, "upstream")
    arguments = asked(
        kind,
        tuple(given["inputs"]),
        upstream["url"].removesuffix("/embeddings"),
        upstream["body"]["model"],
        dimensions=given["dimensions"],
        user=given["user"],
    )
    assert WIRE.lacks(*arguments) is None
    http = WIRE.to_http(*arguments, None)
    assert (http.method, http.url, json.loads(http.body)) == (upstream["method"], upstream["url"], upstream["body"])
    assert http.headers["content-type"] == "application/json"


@pytest.mark.parametrize("kind", KINDS)
def test_the_vectors_come_in_the_order_of_their_inputs(kind):
    whole, reply = (FIXTURES / kind / "whole.json").read_bytes(), read(kind, "reply")
    expected = [
        Usage(Tokens(**reply["tokens"])),
        *(Embedding(tuple(vector), place) for place, vector in enumerate(reply["vectors"])),
    ]
    assert list(WIRE.from_body(whole)) == expected
    assert list(WIRE.to_chunks(whole[place : place + 7] for place in range(0, len(whole), 7))) == expected


def test_tokens_go_as_they_are():
    assert sent(inputs=((1, 2), (3,)))["input"] == [[1, 2], [3]]


def test_numbers_are_asked_for_whatever_the_client_wants_them_in():
    assert sent(extra={"encoding_format": "base64", "x": 1}) == {"model": "m", "input": ["a"], "encoding_format": "float", "x": 1}


def test_what_a_client_of_another_dialect_sends_beside_is_left_out():
    request, target, provider = asked(extra={"x": 1})
    body = json.loads(WIRE.to_http(request._replace(dialect="openai_chat"), target, provider, None).body)
    assert "x" not in body


@pytest.mark.parametrize(
    ("kind", "fields", "parameter"),
    [
        ("cohere", {"dimensions": 256}, "dimensions"),
        ("llama_cpp", {"dimensions": 256}, "dimensions"),
        ("mistral", {"inputs": ((1, 2),)}, "input"),
        ("cohere", {"inputs": ("a",) * 97}, "input"),
        ("cohere", {"inputs": ("a",) * 96}, None),
        ("openai", {"inputs": ((1, 2),), "dimensions": 256}, None),
    ],
)
def test_what_a_provider_cannot_do_is_known_before_the_call(kind, fields, parameter):
    lack = WIRE.lacks(*asked(kind, **fields))
    assert (lack and lack[0]) == parameter


ROW = {"object": "embedding", "index": 0, "embedding": [0.5]}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        {"data": []},
        {"data": [ROW, ROW]},
        {"data": [ROW | {"index": 1}]},
        {"data": [ROW | {"embedding": "AAAA"}]},
        {"data": [ROW | {"embedding": []}]},
        {"data": [ROW | {"embedding": [True]}]},
        {"data": [ROW | {"embedding": [None]}]},
        b'{"data": [{"index": 0, "embedding": [NaN]}]}',
        {"data": [5]},
    ],
)
def test_what_is_no_list_of_vectors_is_malformed(answer):
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    with pytest.raises(UpstreamFailure, match="malformed"):
        list(WIRE.from_body(body))


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -1}, {"prompt_tokens": 1.5}, []])
def test_no_answer_fails_by_its_count(usage):
    body = json.dumps({"data": [ROW], "usage": usage}).encode()
    assert list(WIRE.from_body(body)) == [Embedding((0.5,), 0)]


def test_an_error_in_a_2xx_body_is_a_failure():
    with pytest.raises(UpstreamFailure, match="rate_limited"):
        list(WIRE.from_body(b'{"error": {"type": "rate_limit_error", "message": "slow down"}}'))
