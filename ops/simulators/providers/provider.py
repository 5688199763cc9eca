"""All that the server knows of a provider: its operations, its pages, and how it signs what it answers."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ..bill import prices_of
from ..exchange import Answer, Ask, Frame, Stamp
from ..http import Request
from ..prices import SIM, Prices
from .wire import EVENT_STREAM, JSON_TYPE, bearer, garbled

NOTHING: Mapping[str, str] = MappingProxyType({})


def no_stream(ask: Ask, answer: Answer, stamp: Stamp) -> list[Frame]:
    raise ValueError("this operation does not stream")


def no_error_event(status: int) -> bytes:
    """The stream ends."""
    return b""


def no_headers(ask: Ask, answer: Answer) -> Mapping[str, str]:
    return NOTHING


@dataclass(frozen=True, slots=True)
class Operation:
    """What is posted to one kind of path below /<name>. What the path names is in the request's `named`, its query in `query`.

    `read` raises `Rejected`. `error` writes the body, and its content type, of a status that was told to it; `error_event` the same in
    the middle of a stream. `garbled` spoils the bytes of an answer or of a frame so that no parser takes them.
    """

    name: str
    path: re.Pattern[str]
    read: Callable[[Request], Ask]
    whole: Callable[[Ask, Answer, Stamp], bytes]
    error: Callable[[int], tuple[str, bytes]]
    frames: Callable[[Ask, Answer, Stamp], list[Frame]] = no_stream
    error_event: Callable[[int], bytes] = no_error_event
    stream_type: str = EVENT_STREAM
    whole_type: str = JSON_TYPE
    garbled: Callable[[bytes], bytes] = garbled
    headers: Callable[[Ask, Answer], Mapping[str, str]] = no_headers


@dataclass(frozen=True, slots=True)
class Provider:
    """`pages` are what is got, by path. `key` finds the caller's in a request, for the faults that are about keys."""

    name: str
    operations: tuple[Operation, ...]
    not_found: Callable[[Request], bytes]
    pages: Mapping[str, Callable[[Request], bytes]] = field(default_factory=dict)
    headers: Callable[[Stamp], Mapping[str, str]] = lambda stamp: NOTHING
    key: Callable[[Request], str] = bearer
    bad_key_status: int = 401

    def operation(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]] | None:
        """The first whose path this is, and what the path names."""
        for operation in self.operations if method == "POST" else ():
            if matched := operation.path.fullmatch(path):
                return operation, matched.groupdict("")
        return None

    def prices(self, ask: Ask) -> Prices:
        return prices_of(self.name, ask.priced_as or ask.model) or SIM
