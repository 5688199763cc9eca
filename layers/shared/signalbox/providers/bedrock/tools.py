"""Tools as Converse has them, and the words it lacks for them. https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use.html"""

from collections.abc import Iterable, Iterator

from ...request import Json, Raw, Request, Tool, ToolCall, ToolChoice
from ..anthropic import blocks
from ..anthropic.schema import held
from .models import Model

# A model that Converse holds to no schema is held to this tool instead. Its arguments are read as the answer's text, by this name alone.
ANSWER_TOOL = "signalbox_answer"
CHOICES = {"auto": "auto", "required": "any"}  # there is no word for none: the tools are left out
TTLS = ("5m", "1h")


def to_tools(request: Request, model: Model) -> Json:
    """Converse refuses calls and results in messages of a request that has no tools, so those are told of that were called."""
    format = request.response_format
    if format is not None and format.schema is not None and not model.schemas:
        answer = _spec(ANSWER_TOOL, blocks.parameters_of(format.schema), format.description or "Gives the answer.")
        return {"tools": [answer], "toolChoice": {"tool": {"name": ANSWER_TOOL}} if "tool" in model.chooses else {"any": {}}}
    choice = request.tool_choice
    if not request.tools or (choice is not None and not isinstance(choice, Raw) and choice.mode == "none"):
        past = called(request)
        return {"tools": past} if past else None
    tools = [block for tool in request.tools for block in _tool(tool, model)]
    return {"tools": tools, **({"toolChoice": _choice(choice)} if isinstance(choice, ToolChoice) else {})}


def _choice(choice: ToolChoice) -> Json:
    return {"tool": {"name": choice.name}} if choice.mode == "tool" else {CHOICES[choice.mode]: {}}


def _tool(tool: Tool | Raw, model: Model) -> Iterator[Json]:
    if isinstance(tool, Raw):
        raise TypeError("Converse reads no client's own tools")
    strict, parameters = tool.strict is True and model.schemas, blocks.parameters_of(tool.parameters)
    yield _spec(tool.name, held(parameters) if strict and model.claude else parameters, tool.description, strict)
    yield from point(tool.cache, model)


def _spec(name: str, schema: Json, description: str | None = None, strict: bool = False) -> Json:
    said = {"description": description} if description else {}
    return {"toolSpec": {"name": name, **said, "inputSchema": {"json": schema}, **({"strict": True} if strict else {})}}


def called(request: Request) -> list[Json]:
    """The tools of past calls, as they are known; of those that the client sends no more, any arguments."""
    names = dict.fromkeys(part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall))
    known = {tool.name: tool for tool in request.tools if isinstance(tool, Tool)}
    return [_spec(name, blocks.parameters_of(known[name].parameters if name in known else None)) for name in names]


def to_claudes_choice(request: Request) -> Json:
    """What Claude can be told of tools and Converse has no words for."""
    choice = request.tool_choice
    if isinstance(choice, ToolChoice) and choice.mode == "none" and called(request):
        return {"type": "none"}
    if request.parallel_tool_calls is False and request.tools and choice in (None, ToolChoice("auto")):
        return {"type": "auto", "disable_parallel_tool_use": True}
    return None


def point(cache: Json, model: Model) -> Iterable[Json]:
    """What Anthropic writes on the last block of a prefix stands here behind it. https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html"""
    if cache is None or not model.caches:
        return ()
    ttl = cache.get("ttl") if isinstance(cache, dict) else None
    return ({"cachePoint": {"type": "default", **({"ttl": ttl} if ttl in TTLS else {})}},)
