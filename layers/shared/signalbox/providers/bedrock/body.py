"""The body of a request to Converse. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ...request import Format, Image, Json, Part, Raw, Reasoning, Request, Text, ToolCall, ToolChoice, ToolResult
from ...routing.catalog import Target
from ..anthropic import blocks, thinking
from ..anthropic.schema import held
from ..contract import Lack
from ..formats import data_url
from .models import Model, model_of
from .tools import called, point, to_claudes_choice, to_tools

STOPPED_BY = "/stop_sequence"  # which of them it was, of Claude's own answer


def to_body(request: Request, target: Target, max_tokens: int | None) -> dict[str, Any]:
    model = model_of(target.model)
    most = target.max_output_tokens if max_tokens is None else max_tokens
    reasons = model.claude and "reasoning" in target.capabilities
    stops = list(filter(None, request.stop))
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
        "toolConfig": to_tools(request, model),
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
    if request.parallel_tool_calls is False and request.tools and not (mode == "none" or (model.claude and mode == "auto")):
        return "parallel_tool_calls", "the model cannot be held to one call at a time there"
    if request.tools and mode not in ("auto", "none") and mode not in model.chooses:
        return "tool_choice", "the model cannot be held to that"
    if mode == "none" and not model.claude and called(request):
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
        system += [{"text": text.text}, *point(text.cache, model)]
    if isinstance(request.response_format, Format) and request.response_format.schema is None:
        system.append({"text": blocks.JSON_ONLY})
    return system


def _blocks(part: Part, model: Model, reasons: bool) -> Iterator[Json]:
    match part:
        case Text(text, cache):
            if blocks.said(text):
                yield {"text": text}
                yield from point(cache, model)
        case ToolCall(id, name, _, _, cache):
            yield {"toolUse": {"toolUseId": blocks.id_of(id), "name": name, "input": blocks.arguments_of(part)}}
            yield from point(cache, model)
        case ToolResult(call_id, parts, failed, cache):
            content = [block for inner in parts for block in _blocks(inner, _UNCACHED, False)]
            status = {"status": "error"} if failed else {}
            yield {"toolResult": {"toolUseId": blocks.id_of(call_id), "content": content, **status}}
            yield from point(cache or next((inner.cache for inner in parts if not isinstance(inner, Raw) and inner.cache), None), model)
        case Image(url, _, cache):
            kind, data = data_url.of(url) or ("", "")
            yield {"image": {"format": blocks.IMAGES[kind], "source": {"bytes": data}}}
            yield from point(cache, model)
        case Reasoning(text, signature, redacted):
            if reasons and signature and thinking.own(signature):
                if redacted:
                    yield {"reasoningContent": {"redactedContent": signature.text}}
                else:
                    yield {"reasoningContent": {"reasoningText": {"text": text, "signature": signature.text}}}
        case Raw():
            raise TypeError("Converse reads no client's own blocks")


_UNCACHED = Model()  # there are no cache points within a result


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
        fields |= _given(thinking=thoughts, output_config={"effort": effort} if effort else None, tool_choice=to_claudes_choice(request))
    return fields


_EFFORTS = {"minimal": "low", "xhigh": "high"}  # all know low, medium and high


def _put(fields: dict[str, Json], path: tuple[str, ...], value: Json) -> None:
    *above, last = path
    for name in above:
        fields = fields.setdefault(name, {})
    fields[last] = value


def _given(**fields: Json) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}
