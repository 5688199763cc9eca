"""Embeddings of Google's and of Ollama's: what is asked, and what is understood of the answer, in whatever pieces it comes."""

import json

import pytest

from signalbox.errors import UpstreamFailure
from signalbox.money import Tokens
from signalbox.providers.google import embeddings as gemini_embeddings
from signalbox.providers.google import vertex_embeddings
from signalbox.providers.ollama import embeddings as ollama_embeddings
from signalbox.reply import Embedding, Usage
from signalbox.request import Request
from signalbox.routing.catalog import Provider, Target

WIRES = {"gemini": gemini_embeddings.WIRE, "vertex": vertex_embeddings.WIRE, "ollama": ollama_embeddings.WIRE}
BASES = {"gemini": "https://g/v1beta", "vertex": "https://v/v1/projects/p/locations/l", "ollama": "http://127.0.0.1:11434"}


def asked(kind, model, *inputs, dimensions=None):
    provider = Provider(kind, f"{kind}_embeddings", BASES[kind], kind, kind)
    target = Target(f"{kind}/{model}", kind, model, 2_048, 1, frozenset({"embeddings"}), None, f"{kind}_embeddings")
    request = Request("openai_embeddings", "e", inputs=inputs, dimensions=dimensions)
    http = WIRES[kind].to_http(request, target, provider, None)
    assert http.headers["accept"] == "application/json"
    return http.method, http.url.removeprefix(BASES[kind]), json.loads(http.body)


def part(text):
    return {"content": {"parts": [{"text": text}]}}


@pytest.mark.parametrize(
    ("kind", "model", "inputs", "dimensions", "path", "body"),
    [
        (
            "gemini",
            "gemini-embedding-001",
            ("a", "b"),
            None,
            "/models/gemini-embedding-001:batchEmbedContents",
            {"requests": [{"model": "models/gemini-embedding-001"} | part("a"), {"model": "models/gemini-embedding-001"} | part("b")]},
        ),
        (
            "gemini",
            "gemini-embedding-2",
            ("a",),
            768,
            "/models/gemini-embedding-2:batchEmbedContents",
            {"requests": [{"model": "models/gemini-embedding-2", "outputDimensionality": 768} | part("a")]},
        ),
        (
            "vertex",
            "text-embedding-005",
            ("a", "b"),
            256,
            "/publishers/google/models/text-embedding-005:predict",
            {"instances": [{"content": "a"}, {"content": "b"}], "parameters": {"outputDimensionality": 256}},
        ),
        (
            "vertex",
            "gemini-embedding-001",
            ("a",),
            None,
            "/publishers/google/models/gemini-embedding-001:predict",
            {"instances": [{"content": "a"}]},
        ),
        (
            "vertex",
            "gemini-embedding-001",
            ("a", "b"),
            None,
            "/publishers/google/models/gemini-embedding-001:batchEmbedContents",
            {"requests": [part("a"), part("b")]},
        ),
        (
            "vertex",
            "gemini-embedding-2",
            ("a",),
            256,
            "/publishers/google/models/gemini-embedding-2:batchEmbedContents",
            {"requests": [part("a") | {"embedContentConfig": {"outputDimensionality": 256}}]},
        ),
        (
            "ollama",
            "all-minilm",
            ("a", "b"),
            64,
            "/api/embed",
            {"model": "all-minilm", "input": ["a", "b"], "truncate": False, "dimensions": 64},
        ),
    ],
)
def test_what_is_asked_is_what_its_documentation_says(kind, model, inputs, dimensions, path, body):
    assert asked(kind, model, *inputs, dimensions=dimensions) == ("POST", path, body)


VECTORS = [Embedding((0.5, -1.0), 0), Embedding((2.0, 0.25), 1)]
BARE = [{"values": [0.5, -1]}, {"values": [2, 0.25]}]


def predicted(*counts):
    return {
        "predictions": [
            {"embeddings": embedding | {"statistics": {"truncated": False, "token_count": count}}}
            for embedding, count in zip(BARE, counts, strict=True)
        ],
        "metadata": {"billableCharacterCount": 11},
    }


@pytest.mark.parametrize(
    ("kind", "answer", "tokens"),
    [
        ("gemini", {"embeddings": BARE}, None),
        ("gemini", {"embeddings": BARE, "usageMetadata": {"promptTokenCount": 7}}, 7),
        ("gemini", {"embeddings": BARE, "usageMetadata": {"promptTokenCount": -7}}, None),
        ("vertex", predicted(3, 4.0), 7),
        ("vertex", predicted(3, None), None),
        ("vertex", predicted(3, 0.5), None),
        ("vertex", predicted(3, True), None),
        ("vertex", {"embeddings": BARE, "usageMetadata": {"promptTokenCount": 7}}, 7),
        ("vertex", {"embeddings": BARE}, None),
        ("ollama", {"model": "m", "embeddings": [[0.5, -1], [2, 0.25]], "prompt_eval_count": 7, "total_duration": 1}, 7),
        ("ollama", {"model": "m", "embeddings": [[0.5, -1], [2, 0.25]]}, None),
    ],
)
def test_vectors_are_read_and_counted_where_they_are(kind, answer, tokens):
    body = json.dumps(answer).encode()
    read = [*VECTORS] + ([] if tokens is None else [Usage(Tokens(input=tokens))])
    assert list(WIRES[kind].from_body(body)) == read
    assert list(WIRES[kind].to_chunks(body[at : at + 1] for at in range(len(body)))) == read


@pytest.mark.parametrize("kind", WIRES)
@pytest.mark.parametrize(
    "vectors",
    ['[["1"]]', "[[true]]", "[[null]]", "[[]]", "[1]", "{}", "[[1e999]]", "[[NaN]]", "[[1" + "0" * 400 + "]]", '"x"', "[" * 100_000],
)
def test_what_is_no_vector_is_malformed(kind, vectors):
    body = vectors if kind == "ollama" else vectors.replace("[[", '[{"values":[').replace("]]", "]}]")
    with pytest.raises(UpstreamFailure) as failure:
        list(WIRES[kind].from_body(f'{{"embeddings":{body}}}'.encode()))
    assert failure.value.kind == "malformed"


@pytest.mark.parametrize("kind", WIRES)
def test_an_answer_of_another_form_is_malformed(kind):
    for body in (b"", b"[]", b"{}", b"\xff", b'{"error": "x"}'):
        with pytest.raises(UpstreamFailure) as failure:
            list(WIRES[kind].from_body(body))
        assert failure.value.kind == "malformed"


@pytest.mark.parametrize("kind", WIRES)
def test_token_numbers_are_refused_before(kind):
    lacks = WIRES[kind].lacks
    assert lacks(Request("openai_embeddings", "e", inputs=("a", (1, 2))), None, None)[0] == "input"
    assert lacks(Request("openai_embeddings", "e", inputs=("a",)), None, None) is None
