"""The body of a request for messages, the same at Anthropic and at Google. https://platform.claude.com/docs/en/api/messages"""

from collections.abc import Mapping
from typing import Any

from ...request import Format, Json, Raw, Request, Tool, ToolChoice
from ...routing.catalog import Target
from ..contract import Lack
from . import blocks, thinking
from .models import claude
from .schema import held

READS = frozenset({thinking.DIALECT})
BETA = "anthropic_beta"  # of `extra`: names for a header
CHOICES = {"auto": "auto", "none": "none", "required": "any", "tool": "tool"}


def to_body(request: Request, target: Target, max_tokens: int | None) -> dict[str, Any]:
    """All but what each place asks for in its own way: the model and the version."""
    most = target.max_output_tokens if max_tokens is None else max_tokens
    reasons = "reasoning" in target.capabilities
    thoughts, effort = thinking.to_thinking(request, target.model, most) if reasons else (None, None)
    body: dict[str, Any] = {
        "max_tokens": most,
        "system": _system(request),
        "messages": blocks.to_turns(request.messages, lambda part: blocks.to_blocks(part, reasons)),
        "stream": True if "streaming" in target.capabilities else None,
        **thinking.to_sampling(request, target.model),
        "top_k": request.top_k,
        "stop_sequences": list(filter(None, request.stop)) or None,
        "tools": [_tool(tool, target.model) for tool in request.tools] or None,
        "tool_choice": _choice(request),
        "thinking": thoughts,
        "output_config": _output(request.response_format, effort),
        "metadata": {"user_id": request.user} if request.user else None,
    }
    body = {name: value for name, value in body.items() if value is not None}
    return _with_extra(body, request.extra) if request.dialect in READS else body


def betas(request: Request) -> Mapping[str, str]:
    """The header by which a client of Anthropic's asks for what is not for everybody yet."""
    names = request.extra.get(BETA) if request.dialect in READS else None
    if isinstance(names, str):
        names = [names]
    return {"anthropic-beta": ",".join(names)} if isinstance(names, list) and names else {}


def lack(request: Request, target: Target, urls: bool) -> Lack | None:
    found = blocks.lack(request, urls) or thinking.lack(request, target.model)
    if found is None and _compacts(request):
        return (
            "context_management",
            "a summary of what came before is told in blocks that cannot be passed on; clearing it can be asked for",
        )
    if found is None and request.response_format and request.response_format.schema is not None and not claude(target.model).schemas:
        return "response_format", "the model cannot be held to a JSON schema"
    return found


def _compacts(request: Request) -> bool:
    """https://platform.claude.com/docs/en/build-with-claude/compaction: it is billed beside the answer, too."""
    managed = request.extra.get("context_management") if request.dialect in READS else None
    edits = managed.get("edits") if isinstance(managed, dict) else None
    return isinstance(edits, list) and any(isinstance(edit, dict) and str(edit.get("type")).startswith("compact") for edit in edits)


def _system(request: Request) -> list[Json] | None:
    system = [block for text in blocks.above(request.messages) for block in blocks.to_blocks(text, False)]
    if isinstance(request.response_format, Format) and request.response_format.schema is None:
        system.append({"type": "text", "text": blocks.JSON_ONLY})
    return system or None


def _tool(tool: Tool | Raw, model: str) -> Json:
    if isinstance(tool, Raw):
        return tool.json
    strict = tool.strict is True and claude(model).schemas
    parameters = blocks.parameters_of(tool.parameters)
    written: dict[str, Any] = {"name": tool.name, "description": tool.description or None}
    written |= {"input_schema": held(parameters) if strict else parameters, "strict": strict or None, "cache_control": tool.cache}
    return {name: value for name, value in written.items() if value is not None}


def _choice(request: Request) -> Json:
    """One call at a time is a field of the choice, so it needs one."""
    if isinstance(request.tool_choice, Raw):
        return request.tool_choice.json
    if not request.tools:
        return None
    choice = request.tool_choice or (ToolChoice("auto") if request.parallel_tool_calls is False else None)
    if choice is None:
        return None
    named = {"name": choice.name} if choice.mode == "tool" else {}
    single = {"disable_parallel_tool_use": True} if request.parallel_tool_calls is False and choice.mode != "none" else {}
    return {"type": CHOICES[choice.mode], **named, **single}


def _output(format: Format | None, effort: str | None) -> Json:
    schema = format.schema if format else None
    held_to = {"format": {"type": "json_schema", "schema": held(schema)}} if schema is not None else {}
    return {**({"effort": effort} if effort else {}), **held_to} or None


def _with_extra(body: dict[str, Any], extra: Mapping[str, Json]) -> dict[str, Any]:
    """Objects that both of us have something in are joined. How to think is said in one word, and the client's is the more exact."""
    for name, value in extra.items():
        if name == BETA:
            continue
        ours = body.get(name)
        if isinstance(ours, dict) and isinstance(value, dict) and name != "thinking":
            value = {**value, **ours}
        body[name] = value
    return body
