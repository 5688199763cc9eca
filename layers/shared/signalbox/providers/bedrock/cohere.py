"""Cohere's embeddings on Bedrock. https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html

The answer's body has no count of tokens: Bedrock tells it in a header.
"""

from collections.abc import Iterable, Iterator, Mapping

from ...errors import UpstreamFailure
from ...money import Tokens
from ...reply import Chunk, Embedding
from ...request import Request
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Lack, Wire
from ..formats.checks import array, parsed
from ..formats.written import to_bytes
from .converse import address
from .vectors import HEADERS, lack, vector

READS = frozenset({"openai_embeddings"})  # its clients may say input_type and truncate beside
COUNT = "x-amzn-bedrock-input-token-count"
WITH_DIMENSIONS = "embed-v4"


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    body: dict[str, object] = {"texts": list(request.inputs), "input_type": "search_document", "embedding_types": ["float"]}
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    if request.dialect in READS:
        body |= request.extra
    return HttpRequest("POST", address(provider, target.model, "invoke"), HEADERS, to_bytes(body))


def lacks(request: Request, target: Target, provider: Provider) -> Lack | None:
    if request.dimensions is not None and WITH_DIMENSIONS not in target.model:
        return "dimensions", "the model has one size of vectors"
    return lack(request)


def to_chunks(pieces: Iterable[bytes]) -> Iterator[Chunk]:
    return from_body(b"".join(pieces))


def from_body(body: bytes) -> Iterator[Chunk]:
    """A list of vectors, or lists of them by type."""
    try:
        answer = parsed(body)
        vectors = answer["embeddings"]
        if isinstance(vectors, dict):
            vectors = vectors["float"]
        embeddings = [Embedding(vector(floats), number) for number, floats in enumerate(array(vectors))]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UpstreamFailure("malformed", f"not embeddings of Cohere's: {type(error).__name__}") from error
    yield from embeddings


def from_headers(headers: Mapping[str, str]) -> Tokens | None:
    counted = headers.get(COUNT, "")
    return Tokens(input=int(counted)) if counted.isascii() and counted.isdecimal() and len(counted) < 10 else None


WIRE = Wire(
    to_http=to_http,
    to_chunks=to_chunks,
    from_body=from_body,
    carries=frozenset({"dimensions"}),
    reads=READS,
    lacks=lacks,
    most_inputs=96,
    from_headers=from_headers,
)
