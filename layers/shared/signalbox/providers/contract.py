"""What a wire format is to the rest of the house: a record of pure functions and of what it can express."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from ..money import Tokens
from ..reply import Chunk
from ..request import Request
from ..routing.catalog import Provider, Target
from ..wire import HttpRequest

Lack = tuple[str, str]  # the parameter that cannot be served, and why


def _lacks_nothing(request: Request, target: Target, provider: Provider) -> Lack | None:
    return None


def _says_nothing(headers: Mapping[str, str]) -> Tokens | None:
    return None


class Wire(NamedTuple):
    """`to_http` writes a request for at most so many output tokens, without its key: `auth` adds that. It asks for a stream where the
    target has the capability `streaming`, and `to_chunks` reads its bytes; else `from_body` reads the whole body. Both read a 2xx
    answer, raise UpstreamFailure, and yield the same facts for the same answer.

    `carries` are the fields of Request that it can express (what every format has is not listed: CARRIED_BY_ALL), `reads` the dialects
    whose `Raw` parts and `extra` it understands, `lacks` whatever else it must refuse before a call. An embedding wire takes
    `most_inputs` a call. `from_headers` reads the usage where the answer's headers have it, and the body has none.
    """

    to_http: Callable[[Request, Target, Provider, int | None], HttpRequest]
    to_chunks: Callable[[Iterable[bytes]], Iterator[Chunk]]
    from_body: Callable[[bytes], Iterator[Chunk]]
    carries: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    lacks: Callable[[Request, Target, Provider], Lack | None] = _lacks_nothing
    most_inputs: int = 2_048
    from_headers: Callable[[Mapping[str, str]], Tokens | None] = _says_nothing


# Whether tools, images, schemas and reasoning are served is the model's matter.
CARRIED_BY_ALL = frozenset({"max_tokens", "temperature", "top_p", "stop", "tools", "tool_choice", "response_format", "thinking", "user"})
