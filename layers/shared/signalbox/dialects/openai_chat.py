"""OpenAI's chat completions, as clients speak it. https://platform.openai.com/docs/api-reference/chat"""

from collections.abc import Mapping
from typing import Any

from ..errors import Refusal
from ..request import (
    NOTHING,
    Format,
    Image,
    Message,
    Part,
    Raw,
    Reasoning,
    Request,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from .checks import (
    BOOLEAN,
    OBJECT,
    OBJECTS,
    STRING,
    STRING_OR_OBJECT,
    STRING_OR_OBJECTS,
    expect,
    number,
    string,
    taken,
    to_object,
    whole_number,
)
from .contract import Dialect
from .openai_chat_answer import DETAIL_SEALED, to_body, to_events
from .openai_errors import to_error

NAME = "openai_chat"

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
RAW_PARTS = frozenset({"input_audio", "file", "refusal"})
PARTS = frozenset({"text", "image_url"}) | RAW_PARTS
TOOL_PARTS = frozenset({"text", "image_url"})  # the published API takes texts alone; those of other models show pictures too
CHOICES = ("auto", "none", "required")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")


def to_request(body: bytes, headers: Mapping[str, str]) -> Request:
    """Raises Refusal (invalid_request) naming the parameter. What we do not know is kept in `extra`."""
    given = to_object(body)
    model = taken(given, "model", STRING)
    if not model:
        raise Refusal("invalid_request", "`model` is missing. Name a route, an alias or provider/model.", param="model")
    messages = taken(given, "messages", OBJECTS)
    if not messages:
        raise Refusal("invalid_request", "`messages` is missing or empty. Send one message at the least.", param="messages")
    stream_options = taken(given, "stream_options", OBJECT) or {}
    max_tokens = taken(given, "max_tokens", whole_number(1))
    effort = taken(given, "reasoning_effort", STRING)
    logprobs, top_logprobs = taken(given, "logprobs", BOOLEAN), taken(given, "top_logprobs", whole_number(0, 20))
    return Request(
        dialect=NAME,
        model=model,
        messages=tuple(to_message(message, f"messages[{position}]") for position, message in enumerate(messages)),
        stream=bool(taken(given, "stream", BOOLEAN)),
        include_usage=bool(taken(stream_options, "include_usage", BOOLEAN, "stream_options")),
        max_tokens=taken(given, "max_completion_tokens", whole_number(1)) or max_tokens,
        temperature=taken(given, "temperature", number(0, 2)),
        top_p=taken(given, "top_p", number(0, 1)),
        top_k=taken(given, "top_k", whole_number(1)),
        stop=to_stop(given.pop("stop", None)),
        seed=taken(given, "seed", whole_number()),
        n=taken(given, "n", whole_number(1, 128)) or 1,
        frequency_penalty=taken(given, "frequency_penalty", number(-2, 2)),
        presence_penalty=taken(given, "presence_penalty", number(-2, 2)),
        logprobs=(top_logprobs or 0) if logprobs else None,
        tools=to_tools(given),
        tool_choice=to_tool_choice(taken(given, "tool_choice", STRING_OR_OBJECT)),
        parallel_tool_calls=taken(given, "parallel_tool_calls", BOOLEAN),
        response_format=to_format(taken(given, "response_format", OBJECT)),
        thinking=Thinking(to_effort(effort, "reasoning_effort")) if effort else None,
        user=taken(given, "user", STRING),
        extra={name: value for name, value in given.items() if value is not None},
    )


def to_stop(stop: Any) -> tuple[str, ...]:
    if isinstance(stop, str):
        return (stop,)
    if stop is not None and not (isinstance(stop, list) and len(stop) <= 4 and all(isinstance(word, str) for word in stop)):
        raise Refusal("invalid_request", "`stop` must be a string or an array of up to four strings.", param="stop")
    return tuple(stop or ())


def to_effort(effort: str, path: str) -> str:
    expect(effort, (lambda value: value in EFFORTS, f"one of {', '.join(EFFORTS)}"), path)
    return effort


def to_tools(given: dict[str, Any]) -> tuple[Tool | Raw, ...]:
    """`functions` is what `tools` was called once."""
    functions = taken(given, "functions", OBJECTS) or ()
    tools = taken(given, "tools", OBJECTS) or ()
    read = tuple(to_tool(tool, f"tools[{position}]") for position, tool in enumerate(tools))
    return read + tuple(to_function(function, f"functions[{position}]") for position, function in enumerate(functions))


def to_tool(tool: dict[str, Any], path: str) -> Tool | Raw:
    if tool.get("type", "function") != "function":
        return Raw(tool)
    expect(tool.get("function"), OBJECT, f"{path}.function")
    return to_function(tool["function"], f"{path}.function")._replace(cache=tool.get("cache_control"))


def to_function(function: dict[str, Any], path: str) -> Tool:
    expect(function.get("name"), STRING, f"{path}.name")
    for name, check in (("description", STRING), ("parameters", OBJECT), ("strict", BOOLEAN)):
        if function.get(name) is not None:
            expect(function[name], check, f"{path}.{name}")
    return Tool(function["name"], function.get("description"), function.get("parameters"), function.get("strict"))


def to_tool_choice(choice: Any) -> ToolChoice | Raw | None:
    if choice is None:
        return None
    if isinstance(choice, str):
        expect(choice, (lambda value: value in CHOICES, f"one of {', '.join(CHOICES)}, or an object"), "tool_choice")
        return ToolChoice(choice)
    if choice.get("type") != "function":
        return Raw(choice)
    function: Any = choice.get("function")
    expect(function, OBJECT, "tool_choice.function")
    expect(function.get("name"), STRING, "tool_choice.function.name")
    return ToolChoice("tool", function["name"])


def to_format(form: dict[str, Any] | None) -> Format | None:
    kind = (form or {}).get("type")
    if form is None or kind == "text":
        return None
    if kind == "json_object":
        return Format()
    expect(kind, (lambda value: value == "json_schema", "one of json_object, json_schema, text"), "response_format.type")
    schema: Any = form.get("json_schema")
    expect(schema, OBJECT, "response_format.json_schema")
    for name, check in (("name", STRING), ("schema", OBJECT), ("strict", BOOLEAN), ("description", STRING)):
        if schema.get(name) is not None:
            expect(schema[name], check, f"response_format.json_schema.{name}")
    return Format(schema.get("schema") or {}, schema.get("name") or "answer", schema.get("strict"), schema.get("description"))


def to_message(message: dict[str, Any], path: str) -> Message:
    role = message.pop("role", None)
    if not (isinstance(role, str) and role in ROLES):
        raise Refusal("invalid_request", f"`{path}.role` must be one of {', '.join(sorted(ROLES))}.", param=f"{path}.role")
    name = taken(message, "name", STRING, path)
    parts = to_parts(message.pop("content", None), path, TOOL_PARTS if role in ("tool", "function") else PARTS)
    if role == "function":  # what `tool` was called once; its call has no id but its name
        return Message("tool", (ToolResult(name or "", parts),))  # type: ignore[arg-type]
    if role == "tool":
        call_id = string(message, "tool_call_id", path)
        del message["tool_call_id"]
        parts = (ToolResult(call_id, parts),)  # type: ignore[arg-type]
    else:
        if calls := taken(message, "tool_calls", OBJECTS, path):
            parts += tuple([to_tool_call(call, f"{path}.tool_calls[{position}]") for position, call in enumerate(calls)])
        if call := taken(message, "function_call", OBJECT, path):
            parts += (to_tool_call({"id": call.get("name"), "function": call}, f"{path}.function_call"),)
    if not parts and role != "assistant":
        raise Refusal("invalid_request", f"`{path}.content` is missing. Send a string or an array of parts.", param=f"{path}.content")
    if role == "assistant":
        parts = to_reasoning(message, path) + parts
        message.pop("annotations", None)  # ours, of an answer: no provider takes them back
    return Message(role, parts, name, {field: value for field, value in message.items() if value is not None} if message else NOTHING)


def to_reasoning(message: dict[str, Any], path: str) -> tuple[Reasoning, ...]:
    """What an answer of ours said of the model's reasoning, as it came back."""
    details = taken(message, "reasoning_details", OBJECTS, path)
    text = taken(message, "reasoning_content", STRING, path)
    if details is None:
        return (Reasoning(text),) if text else ()
    blocks = []
    for position, detail in enumerate(details):
        sealed = detail.get("type") == DETAIL_SEALED
        held = detail.get("data" if sealed else "signature")
        for value, name in ((detail.get("text"), "text"), (held, "data" if sealed else "signature"), (detail.get("format"), "format")):
            expect(value or "", STRING, f"{path}.reasoning_details[{position}].{name}")
        signature = Signature(detail.get("format") or "", held, detail.get("id")) if held else None
        blocks.append(Reasoning(detail.get("text") or "", signature, sealed))
    return tuple(blocks)


def to_parts(content: Any, path: str, kinds: frozenset[str]) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    expect(content, STRING_OR_OBJECTS, f"{path}.content")
    return tuple(to_part(part, f"{path}.content[{position}]", kinds) for position, part in enumerate(content))


def to_part(part: dict[str, Any], path: str, kinds: frozenset[str]) -> Part:
    kind = part.get("type")
    if not (isinstance(kind, str) and kind in kinds):
        raise Refusal("invalid_request", f"`{path}.type` must be one of {', '.join(sorted(kinds))}.", param=f"{path}.type")
    if kind == "text":
        return Text(string(part, "text", path), part.get("cache_control"))
    if kind == "image_url":
        image: Any = part.get("image_url")
        expect(image, OBJECT, f"{path}.image_url")
        expect(image.get("url"), STRING, f"{path}.image_url.url")
        expect(image.get("detail") or "", STRING, f"{path}.image_url.detail")
        return Image(image["url"], image.get("detail"), part.get("cache_control"))
    return Raw(part)


def to_tool_call(call: dict[str, Any], path: str) -> ToolCall:
    function: Any = call.get("function")
    within = f"{path}.function"
    expect(function, OBJECT, within)
    id, name, arguments = string(call, "id", path), string(function, "name", within), string(function, "arguments", within)
    extra = call.get("extra_content")
    return ToolCall(id, name, arguments, _call_signature(extra) if extra else None)


def _call_signature(extra: Any) -> Signature | None:
    match extra:
        case {"google": {"thought_signature": str(text)}}:
            return Signature("google", text)
    return None


DIALECT = Dialect(NAME, to_request, to_body, to_events, to_error)
