"""Bedrock's InvokeModel for embeddings, in the formats of Amazon Titan and Cohere. Cohere's tokens are counted in a header alone.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..embeddings import vector
from ..exchange import Answer, Ask, Stamp
from ..http import Request
from ..tokens import split
from .bedrock_checks import STATUSES, base_id, check_signature, error_body, refused
from .provider import Operation
from .shape import OBJECT, Shape, Wrong, wrong
from .wire import JSON_TYPE, dumped, mark, parsed

Json = dict[str, Any]

TITAN_DIMENSIONS, COHERE_V4_DIMENSIONS = (256, 512, 1024), (256, 512, 1024, 1536)
INPUT_TYPES = ("search_document", "search_query", "classification", "clustering", "image")
TITAN = Shape(
    (dict,),
    fields={
        "inputText": Shape((str,), "String", least=1, most=50_000),
        "dimensions": Shape((int,), "Integer"),
        "normalize": Shape((bool,), "Boolean"),
        "embeddingTypes": Shape((list,), "JSONArray", least=1, items=Shape((str,), "String", choices=("float", "binary"))),
    },
    required=("inputText",),
)
COHERE_V3 = Shape(
    (dict,),
    fields={
        "texts": Shape((list,), "JSONArray", least=1, most=96, items=Shape((str,), "String", least=1, most=2048)),
        "images": Shape((list,), "JSONArray", least=1, most=1, items=Shape((str,), "String")),
        "input_type": Shape((str,), "String", choices=INPUT_TYPES),
        "truncate": Shape((str,), "String", choices=("NONE", "START", "END")),
        "embedding_types": Shape(
            (list,), "JSONArray", least=1, items=Shape((str,), "String", choices=("float", "int8", "uint8", "binary", "ubinary"))
        ),
    },
    required=("input_type",),
    one_of=("texts", "images"),
)
COHERE_V4 = Shape(
    (dict,),
    fields={
        **(COHERE_V3.fields or {}),
        "texts": Shape((list,), "JSONArray", least=1, most=96, items=Shape((str,), "String", least=1)),
        "inputs": Shape((list,), "JSONArray", least=1, most=96, items=OBJECT),
        "output_dimension": Shape((int,), "Integer"),
        "max_tokens": Shape((int,), "Integer", least=1, most=128_000),
    },
    required=("input_type",),
    one_of=("texts", "images", "inputs"),
)


class Embedder(NamedTuple):
    shape: Shape
    dimensions: int
    dimensions_in: str | None
    allowed: tuple[int, ...]
    most_tokens: int


MODELS = {
    "amazon.titan-embed-text-v2:0": Embedder(TITAN, 1024, "dimensions", TITAN_DIMENSIONS, 8192),
    "cohere.embed-english-v3": Embedder(COHERE_V3, 1024, None, (), 512),
    "cohere.embed-multilingual-v3": Embedder(COHERE_V3, 1024, None, (), 512),
    "cohere.embed-v4:0": Embedder(COHERE_V4, 1536, "output_dimension", COHERE_V4_DIMENSIONS, 128_000),
}


def checked(request: Request) -> Ask:
    check_signature(request)
    asked = request.named["model"]
    name = base_id(asked)
    model = embedder(name)
    if model is None:
        raise refused("The provided model identifier is invalid.")
    body = parsed(request.body)
    if body is None:
        raise refused("Malformed input request, please reformat your input and try again.")
    if found := wrong(body, model.shape):
        raise refused(f"Malformed input request: {_said(found)}, please reformat your input and try again.")
    dimensions = body.get(model.dimensions_in) if model.dimensions_in else None
    if dimensions is not None and dimensions not in model.allowed:
        told = f"#/{model.dimensions_in}: {dimensions} is not a valid enum value"
        raise refused(f"Malformed input request: {told}, please reformat your input and try again.")
    counts = [len(split(text)) for text in texts(body)]
    if max(counts, default=0) > model.most_tokens and (model.shape is TITAN or body.get("truncate") == "NONE"):
        raise refused(f"Too many input tokens. Max input tokens: {model.most_tokens}, request input token count: {max(counts)}")
    tokens = [token for text in texts(body) for token in split(text)[: model.most_tokens]]
    return Ask(asked, "", tuple(tokens), writes=False, cache_marks=(), priced_as=name, body=body)


def embedder(name: str) -> Embedder | None:
    """Whatever begins with sim- is written as Titan is."""
    return MODELS["amazon.titan-embed-text-v2:0"] if name.startswith("sim-") else MODELS.get(name)


def texts(body: Mapping[str, Any]) -> list[str]:
    if "inputText" in body:
        return [body["inputText"]]
    if "inputs" in body:
        return [part.get("text", "") for each in body["inputs"] for part in each.get("content", ())]
    return list(body.get("texts") or [f"image {mark(image)}" for image in body["images"]])


def whole(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    name = ask.priced_as or ask.model
    model = embedder(name)
    if model is None:
        raise ValueError("no model for embeddings")
    size = (ask.body.get(model.dimensions_in) if model.dimensions_in else None) or model.dimensions
    vectors = [vector(name, text, size) for text in texts(ask.body)]
    if model.shape is TITAN:
        types = ask.body.get("embeddingTypes") or ["float"]
        by_type = {kind: TYPES[kind](vectors[0]) for kind in types}
        first = {"embedding": vectors[0]} if "float" in types else {}
        return dumped(first | {"inputTextTokenCount": answer.tokens.input, "embeddingsByType": by_type})
    head: Json = {"id": mark(stamp.seed, "id", length=32), "texts": ask.body.get("texts", [])}
    kinds = ask.body.get("embedding_types")
    if kinds is None:
        return dumped(head | {"response_type": "embeddings_floats", "embeddings": vectors})
    by_kind = {kind: [COHERE_TYPES[kind](numbers) for numbers in vectors] for kind in kinds}
    return dumped(head | {"response_type": "embeddings_by_type", "embeddings": by_kind})


def _bits(numbers: list[float]) -> list[int]:
    return [int(number > 0) for number in numbers]


def _packed(numbers: list[float]) -> list[int]:
    bits = _bits(numbers)
    return [int("".join(map(str, bits[place : place + 8])), 2) for place in range(0, len(bits), 8)]


TYPES: dict[str, Callable[[list[float]], list[Any]]] = {
    "float": list,
    "binary": _bits,
    "int8": lambda numbers: [round(number * 127) for number in numbers],
    "uint8": lambda numbers: [round(number * 127) + 128 for number in numbers],
}
COHERE_TYPES = TYPES | {"binary": lambda numbers: [eight - 128 for eight in _packed(numbers)], "ubinary": _packed}


def headers(ask: Ask, answer: Answer) -> Mapping[str, str]:
    return {
        "x-amzn-bedrock-input-token-count": str(answer.tokens.input),
        "x-amzn-bedrock-invocation-latency": str(10 + answer.tokens.input),
    }


def _said(found: Wrong) -> str:
    """As a JSON schema is broken."""
    here = "#" + "".join(f"/{step}" for step in (found.where[:-1] if found.why in ("missing", "unknown") else found.where))
    match found.why:
        case "missing":
            return f"{here}: required key [{found.where[-1]}] not found"
        case "unknown":
            return f"{here}: extraneous key [{found.where[-1]}] is not permitted"
        case "type":
            return f"{here}: expected type: {found.shape.called}, found: {type(found.value).__name__}"
        case "choice":
            return f"{here}: {found.value} is not a valid enum value"
        case "one_of":
            return f"{here}: expected exactly one of [{', '.join(found.shape.one_of)}]"
    bound = found.shape.least if found.why == "least" else found.shape.most
    size = "Items" if isinstance(found.value, list) else "Length" if isinstance(found.value, str) else "imum"
    few = "min" if found.why == "least" else "max"
    return f"{here}: expected {few}{size}: {bound}"


def error(status: int) -> tuple[str, bytes]:
    kinds = {known: kind for kind, known in reversed(STATUSES.items())}
    nearest = status if status in kinds else 500 if status >= 500 else 400
    return JSON_TYPE, error_body(kinds[nearest], "The request could not be served.")


INVOKE = Operation("invoke", re.compile(r"/model/(?P<model>.+)/invoke"), checked, whole, error, headers=headers)
