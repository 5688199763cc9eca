"""The wire formats by name. A provider in `routing.yaml` names one; another format is another row."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ..reply import Chunk
from ..request import Request
from ..routing.catalog import Provider, Target
from ..wire import HttpRequest
from . import openai


class Wire(NamedTuple):
    """Pure functions: a request to HTTP, and the bytes of a 2xx body to chunks (raising UpstreamFailure)."""

    to_http: Callable[[Request, Target, Provider, str | None, int | None], HttpRequest]
    to_chunks: Callable[[Iterable[bytes]], Iterator[Chunk]]


WIRES = {"openai": Wire(openai.to_http, openai.to_chunks)}
