"""Embeddings on Bedrock, after the examples of its documentation."""

import json

import pytest

from signalbox.errors import UpstreamFailure
from signalbox.money import Tokens
from signalbox.providers.bedrock import cohere as bedrock_cohere
from signalbox.providers.bedrock import titan as bedrock_titan
from signalbox.providers.fit import lack_of
from signalbox.providers.registry import wire
from signalbox.reply import Embedding, Usage
from signalbox.request import Request
from signalbox.routing.catalog import Provider, Target

PROVIDER = Provider("bedrock", "bedrock", "https://bedrock-runtime.us-east-1.amazonaws.com", None, "bedrock", "sigv4")
TITAN, COHERE, COHERE_4 = "amazon.titan-embed-text-v2:0", "cohere.embed-english-v3", "us.cohere.embed-v4:0"


def target(model, wire):
    return Target(f"bedrock/{model}", "bedrock", model, 8_192, 1, frozenset({"embeddings"}), None, wire)


def asked(*inputs, **fields):
    return Request("openai_embeddings", "e", inputs=inputs, **fields)


def test_titan_takes_one_text_a_call():
    assert wire("bedrock_titan").most_inputs == 1
    http = bedrock_titan.to_http(asked("größe", dimensions=256), target(TITAN, "bedrock_titan"), PROVIDER, None)
    assert (http.method, http.url) == ("POST", f"{PROVIDER.base_url}/model/amazon.titan-embed-text-v2%3A0/invoke")
    assert json.loads(http.body) == {"inputText": "größe", "dimensions": 256}
    plain = bedrock_titan.to_http(asked("a"), target(TITAN, "bedrock_titan"), PROVIDER, None)
    assert json.loads(plain.body) == {"inputText": "a"}


def test_titans_answer():
    body = json.dumps({"embedding": [0.5, -1, 1e-7], "embeddingsByType": {"float": [0.5, -1, 1e-7]}, "inputTextTokenCount": 6}).encode()
    expected = [Embedding((0.5, -1.0, 1e-7)), Usage(Tokens(input=6))]
    assert list(bedrock_titan.from_body(body)) == expected
    assert list(bedrock_titan.to_chunks(body[at : at + 1] for at in range(len(body)))) == expected


def test_cohere_takes_many():
    assert wire("bedrock_cohere").most_inputs == 96
    http = bedrock_cohere.to_http(asked("a", "b"), target(COHERE, "bedrock_cohere"), PROVIDER, None)
    assert http.url == f"{PROVIDER.base_url}/model/cohere.embed-english-v3/invoke"
    assert json.loads(http.body) == {"texts": ["a", "b"], "input_type": "search_document", "embedding_types": ["float"]}


def test_the_client_may_say_what_the_texts_are_for():
    request = asked("a", dimensions=512, extra={"input_type": "search_query", "truncate": "END"})
    assert lack_of(request, target(COHERE_4, "bedrock_cohere"), PROVIDER) is None
    assert json.loads(bedrock_cohere.to_http(request, target(COHERE_4, "bedrock_cohere"), PROVIDER, None).body) == {
        "texts": ["a"],
        "input_type": "search_query",
        "embedding_types": ["float"],
        "output_dimension": 512,
        "truncate": "END",
    }


@pytest.mark.parametrize(
    "embeddings",
    [[[0.5, 1], [0.25, 0]], {"float": [[0.5, 1], [0.25, 0]], "int8": [[1, 2], [3, 4]]}],
)
def test_coheres_answer_has_vectors_and_no_count(embeddings):
    body = json.dumps({"id": "f1", "response_type": "embeddings_floats", "texts": ["a", "b"], "embeddings": embeddings}).encode()
    expected = [Embedding((0.5, 1.0), 0), Embedding((0.25, 0.0), 1)]
    assert list(bedrock_cohere.from_body(body)) == list(bedrock_cohere.to_chunks([body[:9], body[9:]])) == expected


@pytest.mark.parametrize(
    ("said", "tokens"), [("3", Tokens(input=3)), (None, None), ("", None), ("-3", None), ("3.5", None), ("9" * 30, None)]
)
def test_bedrock_counts_coheres_tokens_in_a_header(said, tokens):
    headers = {} if said is None else {"x-amzn-bedrock-input-token-count": said}
    assert wire("bedrock_cohere").from_headers(headers) == tokens


@pytest.mark.parametrize(
    ("request_", "model", "format", "parameter"),
    [
        (asked((1, 2)), TITAN, "bedrock_titan", "input"),
        (asked("a", (1, 2)), COHERE, "bedrock_cohere", "input"),
        (asked("a", dimensions=5), "amazon.titan-embed-text-v1", "bedrock_titan", "dimensions"),
        (asked("a", dimensions=5), COHERE, "bedrock_cohere", "dimensions"),
        (asked("a", dimensions=5), TITAN, "bedrock_titan", None),
        (asked("a", extra={"input_type": "x"}), TITAN, "bedrock_titan", "input_type"),
    ],
)
def test_what_cannot_be_served_is_known_before_the_call(request_, model, format, parameter):
    lack = lack_of(request_, target(model, format), PROVIDER)
    assert (lack and lack[0]) == parameter


@pytest.mark.parametrize("read", [bedrock_titan.from_body, bedrock_cohere.from_body])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"embedding": [], "inputTextTokenCount": 1}',
        b'{"embedding": ["x"], "inputTextTokenCount": 1}',
        b'{"embedding": [true], "inputTextTokenCount": 1}',
        b'{"embedding": [NaN], "inputTextTokenCount": 1}',
        b'{"embedding": [1], "inputTextTokenCount": "1"}',
        b'{"embedding": [1]}',
        b'{"embeddings": [[]]}',
        b'{"embeddings": {"int8": [[1]]}}',
        b'{"embeddings": "x"}',
    ],
)
def test_what_is_no_vector_is_malformed(read, body):
    with pytest.raises(UpstreamFailure) as failure:
        list(read(body))
    assert failure.value.kind == "malformed"
