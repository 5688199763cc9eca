"""Amazon's Titan text embeddings, one text a call. https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html"""

from collections.abc import Iterable, Iterator

from ...errors import UpstreamFailure
from ...money import Tokens
from ...reply import Chunk, Embedding, Usage
from ...request import Request
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Lack, Wire
from ..formats.checks import count, parsed
from ..formats.written import to_bytes
from .converse import address
from .vectors import HEADERS, lack, vector

WITHOUT_DIMENSIONS = "titan-embed-text-v1"


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    body: dict[str, object] = {"inputText": request.inputs[0]}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return HttpRequest("POST", address(provider, target.model, "invoke"), HEADERS, to_bytes(body))


def lacks(request: Request, target: Target, provider: Provider) -> Lack | None:
    if request.dimensions is not None and WITHOUT_DIMENSIONS in target.model:
        return "dimensions", "the model has one size of vectors"
    return lack(request)


def to_chunks(pieces: Iterable[bytes]) -> Iterator[Chunk]:
    return from_body(b"".join(pieces))


def from_body(body: bytes) -> Iterator[Chunk]:
    try:
        answer = parsed(body)
        embedding = Embedding(vector(answer["embedding"]))
        tokens = count(answer["inputTextTokenCount"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UpstreamFailure("malformed", f"not an embedding of Titan's: {type(error).__name__}") from error
    yield embedding
    yield Usage(Tokens(input=tokens))


WIRE = Wire(to_http=to_http, to_chunks=to_chunks, from_body=from_body, carries=frozenset({"dimensions"}), lacks=lacks, most_inputs=1)
