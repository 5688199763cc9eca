"""Embeddings of Vertex AI. https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api

Its older models are asked for predictions, and tell the tokens of each text. Those of the Gemini family have a form of their own; the
first of them takes one text alone as a prediction.
"""

from typing import Any
from urllib.parse import quote

from ...money import Tokens
from ...request import Request
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Wire
from ..formats.checks import array
from ..formats.embeddings import Read, in_pieces, lacks_numbers, reader
from ..formats.written import WHOLE, to_bytes

MOST_INPUTS = 100
FIRST_GEMINI = "gemini-embedding-001"


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    predicted = not target.model.startswith("gemini") or (target.model == FIRST_GEMINI and len(request.inputs) == 1)
    operation, body = ("predict", _prediction(request)) if predicted else ("batchEmbedContents", _batch(request))
    url = f"{provider.base_url}/publishers/google/models/{quote(target.model, safe='')}:{operation}"
    return HttpRequest("POST", url, WHOLE, to_bytes(body))


def _prediction(request: Request) -> dict[str, Any]:
    parameters = {} if request.dimensions is None else {"parameters": {"outputDimensionality": request.dimensions}}
    return {"instances": [{"content": text} for text in request.inputs]} | parameters


def _batch(request: Request) -> dict[str, Any]:
    config = {} if request.dimensions is None else {"embedContentConfig": {"outputDimensionality": request.dimensions}}
    return {"requests": [{"content": {"parts": [{"text": text}]}} | config for text in request.inputs]}


def _read(answer: dict[str, Any]) -> Read:
    predictions = array(answer.get("predictions"))
    embeddings = [prediction["embeddings"] for prediction in predictions] if predictions else array(answer["embeddings"])
    return [embedding["values"] for embedding in embeddings], to_tokens(answer, embeddings)


def to_tokens(answer: dict[str, Any], embeddings: list[Any]) -> Tokens | None:
    """None where one of the texts is not counted: a part of the count would be taken for all of it."""
    try:
        if usage := answer.get("usageMetadata"):
            return Tokens(input=_count(usage["promptTokenCount"]))
        return Tokens(input=sum(_count(embedding["statistics"]["token_count"]) for embedding in embeddings))
    except (TypeError, KeyError, OverflowError):
        return None


def _count(value: Any) -> int:
    """A prediction is a protobuf Struct, whose numbers are floats."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value == int(value):
        raise TypeError("a count was expected")
    return int(value)


from_body = reader(_read)
WIRE = Wire(to_http, in_pieces(from_body), from_body, frozenset({"dimensions"}), lacks=lacks_numbers, most_inputs=MOST_INPUTS)
