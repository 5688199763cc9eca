"""What all embeddings have in common: they come whole, and most providers make them of texts alone."""

from collections.abc import Callable, Iterable, Iterator
from math import isfinite
from typing import Any

from ...errors import UpstreamFailure
from ...money import Tokens
from ...reply import Chunk, Embedding, Usage
from ...request import Request
from ...routing.catalog import Provider, Target
from ..contract import Lack
from .checks import array, parsed

Read = tuple[list[Any], Tokens | None]  # the vectors in the order of their inputs, and what they came to


def reader(read: Callable[[dict[str, Any]], Read]) -> Callable[[bytes], Iterator[Chunk]]:
    """Of a whole body, where `read` finds the vectors in it. A failure of `read`'s is an answer that nobody can read."""

    def from_body(body: bytes) -> Iterator[Chunk]:
        try:
            found, tokens = read(parsed(body))
            vectors = [to_vector(vector) for vector in found]
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
            raise UpstreamFailure("malformed", f"no embeddings: {type(error).__name__}") from error
        yield from (Embedding(vector, place) for place, vector in enumerate(vectors))
        if tokens is not None:
            yield Usage(tokens)

    return from_body


def to_vector(value: Any) -> tuple[float, ...]:
    numbers = array(value)
    if not numbers or not {float, int}.issuperset(map(type, numbers)) or not all(map(isfinite, numbers)):
        raise TypeError("a vector was expected")
    return tuple(map(float, numbers))


def in_pieces(from_body: Callable[[bytes], Iterator[Chunk]]) -> Callable[[Iterable[bytes]], Iterator[Chunk]]:
    return lambda pieces: from_body(b"".join(pieces))


def lacks_numbers(request: Request, target: Target, provider: Provider) -> Lack | None:
    if all(isinstance(text, str) for text in request.inputs):
        return None
    return "input", "it takes texts, and no token numbers of another's"
