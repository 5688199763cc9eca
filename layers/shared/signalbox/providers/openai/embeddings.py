"""OpenAI's embeddings, and whatever speaks the same. https://platform.openai.com/docs/api-reference/embeddings"""

from collections.abc import Iterable, Iterator
from typing import Any

from ...errors import UpstreamFailure
from ...money import Tokens
from ...reply import Chunk, Embedding, Usage
from ...request import Request
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Lack, Wire
from ..errors import failure_of
from ..formats.checks import count, parsed
from ..formats.written import WHOLE, to_bytes
from ..rows import PLAIN, ROWS

NAME = "openai_embeddings"

# https://docs.mistral.ai/api/endpoint/embeddings
DIMENSIONS = {"mistral": "output_dimension"}
# https://docs.cohere.com/docs/compatibility-api https://docs.together.ai/reference/embeddings
# https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md https://llama-cpp-python.readthedocs.io/en/latest/server/
OF_ONE_SIZE = frozenset({"cohere", "together", "llama_cpp", "llama_cpp_python"})
OF_TEXTS_ALONE = frozenset({"mistral", "cohere", "together"})
MOST_INPUTS = {"cohere": 96}  # https://docs.cohere.com/reference/embed

UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, RecursionError)


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None = None) -> HttpRequest:
    return HttpRequest("POST", f"{provider.base_url}/embeddings", WHOLE, to_bytes(to_body(request, target, provider)))


def to_body(request: Request, target: Target, provider: Provider) -> dict[str, Any]:
    names = ROWS.get(provider.kind, PLAIN).names
    body: dict[str, Any] = {
        "model": target.model,
        "input": list(request.inputs),
        DIMENSIONS.get(provider.kind, "dimensions"): request.dimensions,
        "user": request.user if names.get("user", "user") else None,
    }
    extra = request.extra if request.dialect == NAME else {}
    # However the client wants them: numbers are what every provider can write, and what we can check.
    return {name: value for name, value in body.items() if value is not None} | dict(extra) | {"encoding_format": "float"}


def to_chunks(pieces: Iterable[bytes]) -> Iterator[Chunk]:
    """Vectors are never streamed; their body still comes in pieces."""
    return from_body(b"".join(pieces))


def from_body(body: bytes) -> Iterator[Chunk]:
    try:
        answer = parsed(body)
        if answer.get("error"):
            raise failure_of(answer["error"])
        vectors = {count(row.get("index", place)): to_vector(row["embedding"]) for place, row in enumerate(answer["data"])}
        if not vectors or sorted(vectors) != list(range(len(answer["data"]))):
            raise ValueError("not one vector each")
        tokens = to_tokens(answer.get("usage"))
    except UNREADABLE as error:
        raise UpstreamFailure("malformed", f"not a list of embeddings: {type(error).__name__}") from error
    if tokens:
        yield Usage(tokens)
    for place in range(len(vectors)):
        yield Embedding(vectors[place], place)


def to_vector(numbers: Any) -> tuple[float, ...]:
    if not (isinstance(numbers, list) and numbers and set(map(type, numbers)) <= {float, int}):
        raise TypeError("a vector of numbers was expected")
    return tuple(numbers)


def to_tokens(usage: Any) -> Tokens | None:
    """The one reading of usage; None where it is not plausible."""
    try:
        return Tokens(input=count(usage["prompt_tokens"]))
    except (TypeError, KeyError, AttributeError):
        return None


def lacks(request: Request, target: Target, provider: Provider) -> Lack | None:
    kind = provider.kind
    if request.dimensions is not None and kind in OF_ONE_SIZE:
        return "dimensions", "its vectors have one size"
    if kind in OF_TEXTS_ALONE and not all(isinstance(text, str) for text in request.inputs):
        return "input", "it takes texts, not tokens"
    if kind in MOST_INPUTS and len(request.inputs) > MOST_INPUTS[kind]:
        return "input", f"it takes {MOST_INPUTS[kind]} texts a call"
    return None


WIRE = Wire(to_http, to_chunks, from_body, frozenset({"dimensions"}), frozenset({NAME}), lacks)
