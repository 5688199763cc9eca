"""One Request: what every dialect is read into and every provider is written from. Plain data, nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """`url` is https or a `data:` URL."""

    url: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is the JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    call_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Raw:
    """A part that only providers of the client's own dialect can read, as the client sent it."""

    json: Json


Part = Text | Image | ToolCall | ToolResult | Raw


@dataclass(frozen=True, slots=True)
class Message:
    role: str  # system, developer, user, assistant, tool
    parts: tuple[Part, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
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
    extra: Mapping[str, Json] = field(default_factory=dict)
