"""OpenAI's chat completions, and whatever speaks the same. https://platform.openai.com/docs/api-reference/chat"""

from collections.abc import Callable
from typing import Any

from ...request import Format, Raw, Request, ToolChoice
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Lack, Wire
from ..formats.written import STREAMED, WHOLE, to_bytes
from ..rows import PLAIN, ROWS, Row
from .answer import from_body, to_chunks, to_tokens
from .messages import READS, to_message, to_messages, to_tool, to_tool_choice
from .reasoning import THINKING, lack_of_the_thinking

__all__ = ["WIRE", "from_body", "to_body", "to_chunks", "to_http", "to_message", "to_tokens"]

CARRIES = frozenset({"seed", "n", "frequency_penalty", "presence_penalty", "logprobs", "parallel_tool_calls", "top_k"})


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    body = to_body(request, target, provider, max_tokens)
    return HttpRequest("POST", f"{provider.base_url}/chat/completions", STREAMED if "stream" in body else WHOLE, to_bytes(body))


def to_body(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> dict[str, Any]:
    """Streamed wherever it can be: so a limit on the first byte holds, and what was used is known when a client leaves."""
    row = ROWS.get(provider.kind, PLAIN)
    streamed = ("streaming" in target.capabilities and not (row.schema_whole and _has_schema(request))) or None
    body: dict[str, Any] = {
        "model": target.model,
        "messages": to_messages(request, row),
        "stream": streamed,
        "stream_options": streamed and {"include_usage": True},
        "max_completion_tokens": max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stop": list(request.stop) or None,
        "seed": request.seed,
        "n": request.n if request.n > 1 else None,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
        "logprobs": None if request.logprobs is None else True,
        "top_logprobs": request.logprobs if row.counts_others else request.logprobs or None,
        "tools": [to_tool(tool) for tool in request.tools] or None,
        "tool_choice": to_tool_choice(request.tool_choice) if request.tools else None,  # refused where there are none
        "parallel_tool_calls": request.parallel_tool_calls if request.tools else None,
        "response_format": to_response_format(request.response_format, row),
        "user": request.user,
    }
    if request.thinking is not None and "reasoning" in target.capabilities:  # who does not think may not be told how much
        body |= THINKING[row.thinking](request.thinking, row.efforts)
    names = row.names
    body = {theirs: value for name, value in body.items() if value is not None and (theirs := names.get(name, name))}
    return body | dict(request.extra) if request.dialect in READS else body


def to_response_format(format: Format | None, row: Row = PLAIN) -> dict[str, Any] | None:
    if format is None:
        return None
    if format.schema is None:
        return {"type": "json_object"}
    if row.schema == "json_object":
        return {"type": "json_object", "schema": format.schema}
    schema = {"name": format.name, "description": format.description, "schema": format.schema, "strict": format.strict}
    return {"type": "json_schema", "json_schema": {name: value for name, value in schema.items() if value is not None}}


def _has_schema(request: Request) -> bool:
    return request.response_format is not None and request.response_format.schema is not None


# What of a request a row may lack, and when a request needs it.
NEEDS: dict[str, Callable[[Request], bool]] = {
    "n": lambda request: request.n > 1,
    "top_k": lambda request: request.top_k is not None,
    "seed": lambda request: request.seed is not None,
    "stop": lambda request: bool(request.stop),
    "logprobs": lambda request: request.logprobs is not None,
    "logit_bias": lambda request: bool(request.extra.get("logit_bias")),
    "frequency_penalty": lambda request: bool(request.frequency_penalty),
    "presence_penalty": lambda request: bool(request.presence_penalty),
    "tools": lambda request: bool(request.tools),
    "tool_choice.tool": lambda request: isinstance(request.tool_choice, ToolChoice) and request.tool_choice.mode == "tool",
    "parallel_tool_calls": lambda request: request.parallel_tool_calls is False and bool(request.tools),
    "response_format.json_object": lambda request: request.response_format is not None and request.response_format.schema is None,
    "response_format.json_schema": _has_schema,
    "response_format.with_tools": lambda request: _has_schema(request) and bool(request.tools),
}


def lacks(request: Request, target: Target, provider: Provider) -> Lack | None:
    if any(isinstance(tool, Raw) and tool.json.get("type") == "custom" for tool in request.tools):
        return "tools", "calls of custom tools cannot be passed on; those of functions can"
    if (lack := lack_of_the_thinking(request, target, provider)) is not None:
        return lack
    row = ROWS.get(provider.kind, PLAIN)
    lacking = row.lacks if "reasoning" not in target.capabilities else {**row.lacks, **row.thinkers_lack}
    for field, why in lacking.items():
        if NEEDS[field](request):
            return field.partition(".")[0], why
    return None


WIRE = Wire(to_http, to_chunks, from_body, CARRIES, READS, lacks)
