"""The body of a request to Converse. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ...request import Format, Image, Json, Part, Raw, Reasoning, Request, Text, ToolCall, ToolChoice, ToolResult
from ...routing.catalog import Target
from ..anthropic import blocks, thinking
from ..anthropic.schema import held
from ..contract import Lack
from ..formats import data_url
from ..formats.arguments import to_object
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
    if request.parallel_tool_calls is False and request.tools and not (mode in ("none", "tool") or (model.claude and mode == "auto")):
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


def _blocks(part: Part, model: Model, reasons: bool) -> list[Json]:
    return WRITTEN[type(part)](part, model, reasons)


def _text(part: Text, model: Model, _: bool) -> list[Json]:
    return [{"text": part.text}, *point(part.cache, model)] if blocks.said(part.text) else []


def _call(part: ToolCall, model: Model, _: bool) -> list[Json]:
    use = {"toolUseId": blocks.id_of(part.id), "name": part.name, "input": to_object(part.arguments)}
    return [{"toolUse": use}, *point(part.cache, model)]


def _result(part: ToolResult, model: Model, _: bool) -> list[Json]:
    content = [block for inner in part.parts for block in _blocks(inner, _UNCACHED, False)]
    result = {"toolUseId": blocks.id_of(part.call_id), "content": content, **({"status": "error"} if part.failed else {})}
    cache = part.cache or next((inner.cache for inner in part.parts if not isinstance(inner, Raw) and inner.cache), None)
    return [{"toolResult": result}, *point(cache, model)]


def _image(part: Image, model: Model, _: bool) -> list[Json]:
    kind, data = data_url.of(part.url) or ("", "")
    return [{"image": {"format": blocks.IMAGES[kind], "source": {"bytes": data}}}, *point(part.cache, model)]


def _reasoning(part: Reasoning, _: Model, reasons: bool) -> list[Json]:
    text, signature, redacted = part
    if not (reasons and signature and thinking.own(signature)):
        return []
    if redacted:
        return [{"reasoningContent": {"redactedContent": signature.text}}]
    return [{"reasoningContent": {"reasoningText": {"text": text, "signature": signature.text}}}]


def _raw(part: Raw, _: Model, __: bool) -> list[Json]:
    raise TypeError("Converse reads no client's own blocks")


WRITTEN: dict[type[Part], Callable[[Any, Model, bool], list[Json]]] = {
    Text: _text,
    ToolCall: _call,
    ToolResult: _result,
    Image: _image,
    Reasoning: _reasoning,
    Raw: _raw,
}
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
