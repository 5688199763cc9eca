"""What a dialect is to the rest of the house: a record of pure functions."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from ..errors import Refusal
from ..money import Tokens
from ..reply import Choice, Chunk
from ..request import Request


class Answer(NamedTuple):
    """What an answer is headed with. `id` is the request's, to which a dialect adds its own prefix; `model` served it."""

    id: str
    created_s: int
    model: str
    request: Request


class ToError(Protocol):
    def __call__(self, refusal: Refusal, id: str | None = None) -> bytes:
        """The dialect's error object; `id` is the request's, where the object has a place for it."""


class Dialect(NamedTuple):
    """`to_request` takes the body and the headers (names in lower case) and raises Refusal (invalid_request) naming the parameter.

    `to_events` writes each chunk as it comes. Where `chunks` raises a Refusal it ends the stream as the dialect ends a broken one.
    """

    name: str
    to_request: Callable[[bytes, Mapping[str, str]], Request]
    to_body: Callable[[Answer, list[Choice], Tokens], bytes]
    to_events: Callable[[Answer, Iterable[Chunk]], Iterator[bytes]]
    to_error: ToError
