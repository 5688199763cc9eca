"""The body of a request to Converse. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..request import Format, Image, Json, Part, Raw, Reasoning, Request, Text, Tool, ToolCall, ToolChoice, ToolResult
from ..routing.catalog import Target
from . import anthropic_blocks as blocks
from . import anthropic_thinking as thinking
from . import data_url
from .anthropic_schema import held
from .bedrock_models import Model, model_of
from .contract import Lack

# A model that Converse holds to no schema is held to this tool instead. Its arguments are read as the answer's text, by this name alone.
ANSWER_TOOL = "signalbox_answer"
CHOICES = {"auto": "auto", "required": "any"}  # there is no word for none: the tools are left out
TTLS = ("5m", "1h")
STOPPED_BY = "/stop_sequence"  # which of them it was, of Claude's own answer


def to_body(request: Request, target: Target, max_tokens: int | None) -> dict[str, Any]:
    model = model_of(target.model)
    most = target.max_output_tokens if max_tokens is None else max_tokens
    reasons = model.claude and "reasoning" in target.capabilities
    stops = [stop for stop in request.stop if blocks.said(stop)]
    sampling = thinking.to_sampling(request, target.model) if model.claude else {"temperature": request.temperature, "top_p": request.top_p}
    body = {
        "system": _system(request, model),
        "messages": blocks.to_turns(request.messages, lambda part: _blocks(part, model, reasons)),
        "inferenceConfig": _given(
            maxTokens=most if model.claude else max_tokens,
            temperature=sampling.get("temperature"),
            topP=sampling.get("top_p"),
            stopSequences=stops or None,
        ),
        "toolConfig": _tools(request, model),
        "outputConfig": _format(request.response_format, model),
        "additionalModelRequestFields": _fields(request, target, model, most, reasons),
        "additionalModelResponseFieldPaths": [STOPPED_BY] if stops and model.claude else None,
    }
    return {name: value for name, value in body.items() if value or name == "messages"}


def lack(request: Request, target: Target) -> Lack | None:
    model = model_of(target.model)
    return blocks.lack(request, urls=False) or (thinking.lack(request, target.model) if model.claude else None) or _lack(request, model)


def _lack(request: Request, model: Model) -> Lack | None:
    mode = request.tool_choice.mode if isinstance(request.tool_choice, ToolChoice) else "auto"
    schema = request.response_format is not None and request.response_format.schema is not None
    first = next(message for message in request.messages if message.role not in blocks.ABOVE)
    if first.role == "assistant":
        return "messages", "a conversation must begin with a message of the user's"
    if request.temperature is not None and request.temperature > 1:
        return "temperature", "Bedrock takes 0 to 1"
    if request.top_k is not None and not model.top_k:
        return "top_k", "the model has no such parameter"
    if request.parallel_tool_calls is False and request.tools and not model.claude:
        return "parallel_tool_calls", "the model cannot be held to one call at a time"
    if request.tools and mode not in ("auto", "none") and mode not in model.chooses:
        return "tool_choice", "the model cannot be held to that"
    if mode == "none" and not model.claude and _called(request):
        return "tool_choice", "the model cannot be kept from its tools once it has used some"
    if schema and not model.schemas:
        if not model.chooses:
            return "response_format", "the model cannot be held to a JSON schema"
        if request.tools or thinking.wants(request):
            return "response_format", "the model is held to a JSON schema by a tool, which takes the place of other tools and of reasoning"
    return None


def _system(request: Request, model: Model) -> list[Json]:
    system: list[Json] = []
    for text in blocks.above(request.messages):
        system += [{"text": text.text}, *_point(text.cache, model)]
    if isinstance(request.response_format, Format) and request.response_format.schema is None:
        system.append({"text": blocks.JSON_ONLY})
    return system


def _blocks(part: Part, model: Model, reasons: bool) -> Iterator[Json]:
    match part:
        case Text(text, cache):
            if blocks.said(text):
                yield {"text": text}
                yield from _point(cache, model)
        case ToolCall(id, name, _, _, cache):
            yield {"toolUse": {"toolUseId": blocks.id_of(id), "name": name, "input": blocks.arguments_of(part)}}
            yield from _point(cache, model)
        case ToolResult(call_id, parts, failed, cache):
            content = [block for inner in parts for block in _blocks(inner, _UNCACHED, False)]
            status = {"status": "error"} if failed else {}
            yield {"toolResult": {"toolUseId": blocks.id_of(call_id), "content": content, **status}}
            yield from _point(cache or next((inner.cache for inner in parts if not isinstance(inner, Raw) and inner.cache), None), model)
        case Image(url, _, cache):
            kind, data = data_url.of(url) or ("", "")
            yield {"image": {"format": blocks.IMAGES[kind], "source": {"bytes": data}}}
            yield from _point(cache, model)
        case Reasoning(text, signature, redacted):
            if reasons and signature and thinking.own(signature):
                if redacted:
                    yield {"reasoningContent": {"redactedContent": signature.text}}
                else:
                    yield {"reasoningContent": {"reasoningText": {"text": text, "signature": signature.text}}}
        case Raw():
            raise TypeError("Converse reads no client's own blocks")


_UNCACHED = Model()  # there are no cache points within a result


def _point(cache: Json, model: Model) -> Iterable[Json]:
    """What Anthropic writes on the last block of a prefix stands here behind it. https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html"""
    if cache is None or not model.caches:
        return ()
    ttl = cache.get("ttl") if isinstance(cache, dict) else None
    return ({"cachePoint": {"type": "default", **({"ttl": ttl} if ttl in TTLS else {})}},)


def _tools(request: Request, model: Model) -> Json:
    """Converse refuses calls and results in messages of a request that has no tools, so those are told of that were called."""
    format = request.response_format
    if format is not None and format.schema is not None and not model.schemas:
        answer = _spec(ANSWER_TOOL, blocks.parameters_of(format.schema), format.description or "Gives the answer.")
        return {"tools": [answer], "toolChoice": {"tool": {"name": ANSWER_TOOL}} if "tool" in model.chooses else {"any": {}}}
    choice = request.tool_choice
    if not request.tools or (choice is not None and not isinstance(choice, Raw) and choice.mode == "none"):
        called = _called(request)
        return {"tools": called} if called else None
    tools = [block for tool in request.tools for block in _tool(tool, model)]
    return {"tools": tools, **({"toolChoice": _choice(choice)} if isinstance(choice, ToolChoice) else {})}


def _choice(choice: ToolChoice) -> Json:
    return {"tool": {"name": choice.name}} if choice.mode == "tool" else {CHOICES[choice.mode]: {}}


def _tool(tool: Tool | Raw, model: Model) -> Iterator[Json]:
    if isinstance(tool, Raw):
        raise TypeError("Converse reads no client's own tools")
    strict, parameters = tool.strict is True and model.schemas, blocks.parameters_of(tool.parameters)
    yield _spec(tool.name, held(parameters) if strict and model.claude else parameters, tool.description, strict)
    yield from _point(tool.cache, model)


def _spec(name: str, schema: Json, description: str | None = None, strict: bool = False) -> Json:
    said = {"description": description} if description else {}
    return {"toolSpec": {"name": name, **said, "inputSchema": {"json": schema}, **({"strict": True} if strict else {})}}


def _called(request: Request) -> list[Json]:
    """The tools of past calls, as they are known; of those that the client sends no more, any arguments."""
    names = dict.fromkeys(part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall))
    known = {tool.name: tool for tool in request.tools if isinstance(tool, Tool)}
    return [_spec(name, blocks.parameters_of(known[name].parameters if name in known else None)) for name in names]


def _format(format: Format | None, model: Model) -> Json:
    if format is None or format.schema is None or not model.schemas:
        return None
    schema = json.dumps(held(format.schema) if model.claude else format.schema, separators=(",", ":"))
    named = {"schema": schema, "name": format.name, **({"description": format.description} if format.description else {})}
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": named}}}


def _fields(request: Request, target: Target, model: Model, most: int, reasons: bool) -> Mapping[str, Json]:
    """What Converse has no field for and hands to the model as it is."""
    fields: dict[str, Json] = {}
    if request.top_k is not None and model.top_k:
        _put(fields, model.top_k, request.top_k)
    if model.effort and request.thinking and request.thinking.effort not in (None, "none"):
        _put(fields, model.effort, _EFFORTS.get(request.thinking.effort, request.thinking.effort))
    if model.effort[:1] == ("reasoningConfig",) and "reasoningConfig" in fields:
        fields["reasoningConfig"]["type"] = "enabled"
    if model.claude:
        thoughts, effort = thinking.to_thinking(request, target.model, most) if reasons else (None, None)
        fields |= _given(thinking=thoughts, output_config={"effort": effort} if effort else None, tool_choice=_claudes_choice(request))
    return fields


_EFFORTS = {"minimal": "low", "xhigh": "high"}  # all know low, medium and high


def _claudes_choice(request: Request) -> Json:
    """What Claude can be told of tools and Converse has no words for."""
    choice = request.tool_choice
    if isinstance(choice, ToolChoice) and choice.mode == "none" and _called(request):
        return {"type": "none"}
    if request.parallel_tool_calls is False and request.tools and (choice is None or isinstance(choice, ToolChoice)):
        mode = choice.mode if choice else "auto"
        return {"type": "auto", "disable_parallel_tool_use": True} if mode == "auto" else None
    return None


def _put(fields: dict[str, Json], path: tuple[str, ...], value: Json) -> None:
    *above, last = path
    for name in above:
        fields = fields.setdefault(name, {})
    fields[last] = value


def _given(**fields: Json) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}
