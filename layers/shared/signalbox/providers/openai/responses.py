"""OpenAI's Responses, and Azure's. https://platform.openai.com/docs/api-reference/responses

A client of the same dialect gets here what OpenAI has no other way for: its own tools, and its own reasoning sent again. Nothing is stored.
"""

from typing import Any

from ...request import Format, Raw, Request, Thinking, Tool, ToolChoice
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Lack, Wire
from ..formats.written import STREAMED, WHOLE, to_bytes
from .reasoning import effort_of, lack_of_the_thinking
from .responses_answer import from_body, to_chunks
from .responses_items import to_input

NAME = "openai_responses"

# https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle: this surface has no dated versions
PATHS = {"azure": "/openai/v1/responses"}

# Tools that OpenAI runs itself and tells the results of in its text. https://platform.openai.com/docs/guides/tools
# Calls of the others are the client's to answer, or their result is no text, and our answers have no place for either.
RUN_THERE = ("web_search", "file_search", "code_interpreter")


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    streamed = "streaming" in target.capabilities
    own = request.dialect == NAME
    instructions, input = to_input(request)
    extra = dict(request.extra) if own else {}
    thinking = request.thinking if "reasoning" in target.capabilities else None  # who does not think may not be told how much
    reasoning = to_reasoning(thinking) | (extra.pop("reasoning", None) or {})
    text = {"format": to_format(request.response_format), "verbosity": extra.pop("verbosity", None)}
    body: dict[str, Any] = {
        "model": target.model,
        "instructions": instructions,
        "input": input,
        "stream": streamed or None,
        "max_output_tokens": max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_logprobs": request.logprobs or None,
        "include": to_include(request, target) + (extra.pop("include", None) or []) or None,
        "tools": [to_tool(tool, own) for tool in request.tools] or None,
        "tool_choice": to_tool_choice(request.tool_choice),
        "parallel_tool_calls": request.parallel_tool_calls,
        "reasoning": reasoning or None,
        "text": {name: value for name, value in text.items() if value is not None} or None,
        "user": request.user,
        "store": False,
    }
    body = {name: value for name, value in body.items() if value is not None} | extra
    url = provider.base_url + PATHS.get(provider.kind, "/responses")
    return HttpRequest("POST", url, STREAMED if streamed else WHOLE, to_bytes(body))


def to_include(request: Request, target: Target) -> list[str]:
    """What a model thought must be shown to it again, since nothing is stored; those that do not think refuse to be asked for it."""
    include = ["reasoning.encrypted_content"] if "reasoning" in target.capabilities else []
    return include if request.logprobs is None else [*include, "message.output_text.logprobs"]


def to_reasoning(thinking: Thinking | None) -> dict[str, Any]:
    if thinking is None:
        return {}
    told = {"effort": effort_of(thinking), "summary": thinking.summary}
    return {name: value for name, value in told.items() if value is not None}


def to_format(format: Format | None) -> dict[str, Any] | None:
    if format is None:
        return None
    if format.schema is None:
        return {"type": "json_object"}
    told = {"name": format.name, "description": format.description, "schema": format.schema, "strict": format.strict}
    return {"type": "json_schema"} | {name: value for name, value in told.items() if value is not None}


def to_tool(tool: Tool | Raw, own: bool) -> Any:
    """Here a function is strict unless it says otherwise; in every other dialect it is not.

    https://platform.openai.com/docs/guides/function-calling#strict-mode
    """
    if isinstance(tool, Raw):
        return tool.json
    strict = tool.strict if own else bool(tool.strict)
    told = {"name": tool.name, "description": tool.description, "parameters": tool.parameters, "strict": strict}
    return {"type": "function"} | {name: value for name, value in told.items() if value is not None}


def to_tool_choice(choice: ToolChoice | Raw | None) -> Any:
    if isinstance(choice, Raw):
        return choice.json
    if choice is None or choice.mode != "tool":
        return choice and choice.mode
    return {"type": "function", "name": choice.name}


def lacks(request: Request, target: Target, provider: Provider) -> Lack | None:
    if request.stop:
        return "stop", "Responses know no stop sequences"
    for tool in request.tools:
        if isinstance(tool, Raw) and not run_there(tool.json):
            return "tools", f"calls of {str(tool.json.get('type'))[:40]!r} cannot be passed on; those of functions can"
    return lack_of_the_thinking(request, target, provider)


def run_there(tool: dict[str, Any]) -> bool:
    kind = str(tool.get("type"))
    return kind.startswith(RUN_THERE) or (kind == "mcp" and tool.get("require_approval") == "never")


WIRE = Wire(to_http, to_chunks, from_body, frozenset({"logprobs", "parallel_tool_calls"}), frozenset({NAME}), lacks)
