"""Ollama's own chat, on one's own machine and in its cloud. https://docs.ollama.com/api/chat"""

from typing import Any

from ...request import Format, Image, Message, Reasoning, Request, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Lack, Wire
from ..formats import data_url
from ..formats.arguments import to_object
from ..formats.written import WHOLE, to_bytes
from .answer import from_body, to_chunks

CARRIES = frozenset({"top_k", "seed", "frequency_penalty", "presence_penalty", "logprobs"})
STREAMED = WHOLE | {"accept": "application/x-ndjson"}
ROLES = {"developer": "system", "tool": "user"}  # what a message of tools' results says beside them is the user's
NO_PARAMETERS = {"type": "object", "properties": {}}

# gpt-oss cannot be kept from thinking and knows levels alone; for all others it is yes or no. https://docs.ollama.com/capabilities/thinking
LEVELLED = "gpt-oss"
LEVELS = {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high"}
LOW_BUDGET, MEDIUM_BUDGET = 1_024, 8_192  # tokens


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    body = to_body(request, target, provider, max_tokens)
    return HttpRequest("POST", f"{provider.base_url}/api/chat", STREAMED if body["stream"] else WHOLE, to_bytes(body))


def to_body(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> dict[str, Any]:
    """`stream` is said either way: it is on where nothing is."""
    choice = request.tool_choice
    called = not (isinstance(choice, ToolChoice) and choice.mode == "none")
    body: dict[str, Any] = {
        "model": target.model,
        "messages": to_messages(request),
        "stream": "streaming" in target.capabilities,
        "format": to_format(request.response_format),
        "tools": ([to_tool(tool) for tool in request.tools if isinstance(tool, Tool)] or None) if called else None,
        "think": to_think(request.thinking, target) if request.thinking else None,
        "logprobs": None if request.logprobs is None else True,
        "top_logprobs": request.logprobs or None,
        "keep_alive": provider.options.get("keep_alive"),
        "options": to_options(request, provider, max_tokens) or None,
    }
    return {name: value for name, value in body.items() if value is not None}


def to_options(request: Request, provider: Provider, max_tokens: int | None) -> dict[str, Any]:
    """`num_ctx` is the operator's: it says how much memory a model takes. https://docs.ollama.com/modelfile#parameter"""
    options: dict[str, Any] = {
        "num_predict": max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "seed": request.seed,
        "stop": list(request.stop) or None,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
        "num_ctx": int(provider.options["num_ctx"]) if provider.options.get("num_ctx") else None,
    }
    return {name: value for name, value in options.items() if value is not None}


def to_format(form: Format | None) -> Any:
    return None if form is None else form.schema or "json"


def to_think(thinking: Thinking, target: Target) -> bool | str | None:
    """A model that cannot think is told nothing of it."""
    if "reasoning" not in target.capabilities:
        return None
    effort, budget = thinking.effort, thinking.budget_tokens
    if LEVELLED not in target.model:
        return effort != "none" and budget != 0
    if effort is None and budget is not None:
        effort = "low" if budget <= LOW_BUDGET else "medium" if budget <= MEDIUM_BUDGET else "high"
    return LEVELS[effort or "medium"]


def to_tool(tool: Tool) -> dict[str, Any]:
    description = {"description": tool.description} if tool.description is not None else {}
    return {"type": "function", "function": {"name": tool.name} | description | {"parameters": tool.parameters or NO_PARAMETERS}}


def to_messages(request: Request) -> list[dict[str, Any]]:
    """A tool's result goes by the name of its function, which is told with the call alone."""
    messages: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for message in request.messages:
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        messages += [_to_result(result, names.get(result.call_id) or result.call_id) for result in results]
        if len(results) < len(message.parts) or not results:
            messages.append(_to_message(message, names))
    return messages


def _to_result(result: ToolResult, name: str) -> dict[str, Any]:
    written: dict[str, Any] = {"role": "tool", "content": result.text, "tool_name": name, "tool_call_id": result.call_id}
    return written | _images(result.parts)


def _to_message(message: Message, names: dict[str, str]) -> dict[str, Any]:
    """What its models thought bears no signature, and is their own again; what another's signed is not."""
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    names |= {call.id: call.name for call in calls}
    thought = "".join(part.text for part in message.parts if isinstance(part, Reasoning) and not part.signature)
    written: dict[str, Any] = {
        "role": ROLES.get(message.role, message.role),
        "content": "".join(part.text for part in message.parts if isinstance(part, Text)),
    }
    if thought:
        written["thinking"] = thought
    if calls:
        written["tool_calls"] = [{"id": call.id, "function": {"name": call.name, "arguments": to_object(call.arguments)}} for call in calls]
    return written | _images(message.parts)


def _images(parts: tuple[Any, ...]) -> dict[str, Any]:
    found = [inline[1] for part in parts if isinstance(part, Image) and (inline := data_url.of(part.url))]
    return {"images": found} if found else {}


def lacks(request: Request, target: Target, provider: Provider) -> Lack | None:
    choice = request.tool_choice
    if isinstance(choice, ToolChoice) and choice.mode in ("required", "tool"):
        return "tool_choice", "it cannot be made to call a tool"
    for message in request.messages:
        for part in message.parts:
            for picture in part.parts if isinstance(part, ToolResult) else (part,):
                if isinstance(picture, Image) and not data_url.of(picture.url):
                    return "messages", "it reads pictures in base64 alone, and fetches none from an address"
    return None


WIRE = Wire(to_http, to_chunks, from_body, CARRIES, frozenset(), lacks)
