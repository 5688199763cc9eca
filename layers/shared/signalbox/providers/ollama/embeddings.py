"""Ollama's own embeddings. https://docs.ollama.com/api/embed"""

from typing import Any

from ...money import Tokens
from ...request import Request
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Wire
from ..formats.checks import array, count
from ..formats.embeddings import Read, in_pieces, lacks_numbers, reader
from ..formats.written import WHOLE, to_bytes


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    """What is too long is an error, and not cut without a word."""
    dimensions = {} if request.dimensions is None else {"dimensions": request.dimensions}
    body = {"model": target.model, "input": list(request.inputs), "truncate": False} | dimensions
    return HttpRequest("POST", f"{provider.base_url}/api/embed", WHOLE, to_bytes(body))


def _read(answer: dict[str, Any]) -> Read:
    return array(answer["embeddings"]), to_tokens(answer)


def to_tokens(answer: dict[str, Any]) -> Tokens | None:
    try:
        return Tokens(input=count(answer["prompt_eval_count"]))
    except (TypeError, KeyError):
        return None


from_body = reader(_read)
WIRE = Wire(to_http, in_pieces(from_body), from_body, frozenset({"dimensions"}), lacks=lacks_numbers)
