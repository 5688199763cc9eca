"""One Request: what every dialect is read into and every provider is written from. Plain data, nothing else."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Json = Any


class Text(NamedTuple):
    text: str


class Image(NamedTuple):
    """`url` is https or a `data:` URL."""

    url: str
    detail: str | None = None


class ToolCall(NamedTuple):
    """`arguments` is the JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str


class ToolResult(NamedTuple):
    call_id: str
    text: str


class Raw(NamedTuple):
    """A part that only providers of the client's own dialect can read, as the client sent it."""

    json: Json


Part = Text | Image | ToolCall | ToolResult | Raw


class Message(NamedTuple):
    """`extra` holds the fields we do not know, passed on as a request's are."""

    role: str  # system, developer, user, assistant, tool
    parts: tuple[Part, ...]
    name: str | None = None
    extra: Mapping[str, Json] = MappingProxyType({})


class Request(NamedTuple):
    """`extra` holds the parameters we do not know, passed on to providers that speak the same dialect."""

    dialect: str
    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    tools: tuple[Json, ...] = ()
    tool_choice: Json = None
    response_format: Json = None
    user: str | None = None
    extra: Mapping[str, Json] = MappingProxyType({})
