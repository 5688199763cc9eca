"""One Request: what every dialect is read into and every provider is written from. Plain data, nothing else."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Json = Any
NOTHING: Mapping[str, Json] = MappingProxyType({})


class Signature(NamedTuple):
    """What a provider put on its model's reasoning, to be sent back as it was, and only to providers of its `family`."""

    family: str  # anthropic, google, openai
    text: str
    id: str | None = None


class Text(NamedTuple):
    """`cache` marks the end of a prefix worth caching, as Anthropic writes it: {"type": "ephemeral", "ttl": "5m" or "1h"}."""

    text: str
    cache: Json = None


class Image(NamedTuple):
    """`url` is https or a `data:` URL in base64."""

    url: str
    detail: str | None = None
    cache: Json = None


class Reasoning(NamedTuple):
    """What the model thought. Where it is `redacted` the signature holds it all, and no client can read it."""

    text: str = ""
    signature: Signature | None = None
    redacted: bool = False


class ToolCall(NamedTuple):
    """`arguments` is the JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str
    signature: Signature | None = None
    cache: Json = None


class Raw(NamedTuple):
    """A part, a tool or a choice that only providers of the client's own dialect can read, as the client sent it."""

    json: Json


class ToolResult(NamedTuple):
    call_id: str
    parts: tuple["Text | Image | Raw", ...]
    failed: bool = False
    cache: Json = None

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))


Part = Text | Image | Reasoning | ToolCall | ToolResult | Raw


class Message(NamedTuple):
    """Its parts in their order. `extra` holds the fields we do not know, passed on as a request's are."""

    role: str  # system, developer, user, assistant, tool
    parts: tuple[Part, ...]
    name: str | None = None
    extra: Mapping[str, Json] = NOTHING


class Tool(NamedTuple):
    """`parameters` is a JSON schema; None where the client gave none. `strict`: arguments must fit it."""

    name: str
    description: str | None = None
    parameters: Json = None
    strict: bool | None = None
    cache: Json = None


class ToolChoice(NamedTuple):
    mode: str  # auto, none, required, tool
    name: str | None = None  # of the one tool


class Format(NamedTuple):
    """JSON: any object (`schema` is None), or one that fits the schema."""

    schema: Json = None
    name: str = "answer"
    strict: bool | None = None
    description: str | None = None


class Thinking(NamedTuple):
    """How much the model may reason: an effort, a budget in tokens, or both; and whether it should tell what it thought."""

    effort: str | None = None  # none, minimal, low, medium, high, xhigh
    budget_tokens: int | None = None
    summary: str | None = None  # auto, concise, detailed


class Request(NamedTuple):
    """`extra` holds the parameters we do not know, passed on to providers that speak the same dialect.

    `inputs` makes it one for embeddings: texts, or texts as token numbers. `given` is the client's own body, for answers that repeat it.
    """

    dialect: str
    model: str
    messages: tuple[Message, ...] = ()
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: int | None = None  # how many alternatives beside each token; None: no logprobs
    tools: tuple[Tool | Raw, ...] = ()
    tool_choice: ToolChoice | Raw | None = None
    parallel_tool_calls: bool | None = None
    response_format: Format | None = None
    thinking: Thinking | None = None
    user: str | None = None
    inputs: tuple[str | tuple[int, ...], ...] = ()
    dimensions: int | None = None
    extra: Mapping[str, Json] = NOTHING
    given: Mapping[str, Json] = NOTHING
