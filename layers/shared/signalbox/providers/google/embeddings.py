"""Embeddings of Google AI Studio. https://ai.google.dev/api/embeddings"""

from typing import Any
from urllib.parse import quote

from ...money import Tokens
from ...request import Request
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Wire
from ..formats.checks import array, count
from ..formats.embeddings import Read, in_pieces, lacks_numbers, reader
from ..formats.written import WHOLE, to_bytes

MOST_INPUTS = 100


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    url = f"{provider.base_url}/models/{quote(target.model, safe='')}:batchEmbedContents"
    asked = {"model": f"models/{target.model}"} | ({} if request.dimensions is None else {"outputDimensionality": request.dimensions})
    requests = [asked | {"content": {"parts": [{"text": text}]}} for text in request.inputs]
    return HttpRequest("POST", url, WHOLE, to_bytes({"requests": requests}))


def _read(answer: dict[str, Any]) -> Read:
    return [embedding["values"] for embedding in array(answer["embeddings"])], to_tokens(answer)


def to_tokens(answer: dict[str, Any]) -> Tokens | None:
    """Newer models alone tell it."""
    try:
        return Tokens(input=count(answer["usageMetadata"]["promptTokenCount"]))
    except (TypeError, KeyError):
        return None


from_body = reader(_read)
WIRE = Wire(to_http, in_pieces(from_body), from_body, frozenset({"dimensions"}), lacks=lacks_numbers, most_inputs=MOST_INPUTS)
