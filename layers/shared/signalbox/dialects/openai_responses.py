"""OpenAI's Responses, as clients speak it. https://platform.openai.com/docs/api-reference/responses

Nothing is stored: what refers to an earlier response or to a stored prompt is refused, and every answer says `store: false`.
"""

from collections.abc import Mapping
from typing import Any

from ..errors import Refusal
from ..request import NOTHING, Format, Json, Raw, Request, Thinking, Tool, ToolChoice
from .checks import BOOLEAN, OBJECT, OBJECTS, STRING, STRING_OR_OBJECT, Check, expect, number, taken, to_object, whole_number
from .contract import Dialect
from .openai_errors import to_error
from .openai_responses_events import to_events
from .openai_responses_input import to_messages
from .openai_responses_object import to_body

NAME = "openai_responses"

STRINGS: Check = (lambda value: isinstance(value, list) and all(isinstance(word, str) for word in value), "an array of strings")


def one_of(*values: str) -> Check:
    return (lambda value: value in values, f"one of {', '.join(values)}")


# What is passed on as it is to those who know it, and repeated in the answer.
PASSED_ON: dict[str, Check] = {
    "metadata": (
        lambda value: isinstance(value, dict) and all(isinstance(entry, str) for entry in value.values()),
        "an object whose values are strings",
    ),
    "prompt_cache_key": STRING,
    "prompt_cache_options": OBJECT,
    "prompt_cache_retention": STRING,
    "safety_identifier": STRING,
    "service_tier": one_of("auto", "default", "flex", "scale", "priority", "fast", "ultrafast"),
    "truncation": one_of("auto", "disabled"),
}
# What needs a memory, or a result that our answers have no place for.
NOT_SERVED = {
    "previous_response_id": "Nothing is stored here. Send the earlier items again in `input`.",
    "conversation": "Nothing is stored here. Send the earlier items again in `input`.",
    "background": "Nothing is stored here, so no response can be fetched later. Leave it out, or stream.",
    "prompt": "Prompt templates are stored by OpenAI alone. Send their text in `instructions` and `input`.",
    "context_management": "Compaction is not served. Shorten `input` yourself.",
}
LOGPROBS = "message.output_text.logprobs"
INCLUDED = frozenset({LOGPROBS, "reasoning.encrypted_content"})  # the latter always: a client that stores nothing lives on it

# https://platform.openai.com/docs/guides/reasoning; `max` is OpenAI's alone, and its next best everywhere else
EFFORTS = {effort: effort for effort in ("none", "minimal", "low", "medium", "high", "xhigh")} | {"max": "xhigh"}
SUMMARIES = {summary: summary for summary in ("auto", "concise", "detailed")}
CHOICES = {"auto": "auto", "none": "none", "required": "required"}

FUNCTION = frozenset({"type", "name", "description", "parameters", "strict"})


def to_request(body: bytes, headers: Mapping[str, str] = NOTHING) -> Request:
    given = to_object(body)
    rest = dict(given)
    for name, advice in NOT_SERVED.items():
        if rest.pop(name, None):
            raise Refusal("unsupported_parameter", f"`{name}` is not served. {advice}", param=name)
    model = taken(rest, "model", STRING)
    if not model:
        raise Refusal("invalid_request", "`model` is missing. Name a route, an alias or provider/model.", param="model")
    messages = to_messages(rest.pop("input", None), taken(rest, "instructions", STRING))
    for name, check in (("store", BOOLEAN), ("stream_options", OBJECT)):
        taken(rest, name, check)
    passed_on = {name: taken(rest, name, check) for name, check in PASSED_ON.items()}
    tools = tuple(to_tool(tool, f"tools[{place}]") for place, tool in enumerate(taken(rest, "tools", OBJECTS) or ()))
    most_calls = taken(rest, "max_tool_calls", whole_number(1))
    text = taken(rest, "text", OBJECT) or {}
    thinking, more_thinking = to_thinking(taken(rest, "reasoning", OBJECT) or {})
    include = taken(rest, "include", STRINGS) or []
    top_logprobs = taken(rest, "top_logprobs", whole_number(0, 20))
    more = {
        "max_tool_calls": most_calls if any(isinstance(tool, Raw) for tool in tools) else None,  # it counts no calls of functions
        "verbosity": taken(dict(text), "verbosity", one_of("low", "medium", "high"), "text"),
        "reasoning": more_thinking or None,
        "include": [name for name in include if name not in INCLUDED] or None,
    }
    return Request(
        dialect=NAME,
        model=model,
        messages=messages,
        stream=bool(taken(rest, "stream", BOOLEAN)),
        include_usage=True,
        max_tokens=taken(rest, "max_output_tokens", whole_number(1)),
        temperature=taken(rest, "temperature", number(0, 2)),
        top_p=taken(rest, "top_p", number(0, 1)),
        logprobs=(top_logprobs or 0) if top_logprobs or LOGPROBS in include else None,
        tools=tools,
        tool_choice=to_tool_choice(taken(rest, "tool_choice", STRING_OR_OBJECT)),
        parallel_tool_calls=taken(rest, "parallel_tool_calls", BOOLEAN),
        response_format=to_format(text.get("format")),
        thinking=thinking,
        user=taken(rest, "user", STRING),
        extra={name: value for name, value in (rest | passed_on | more).items() if value is not None},
        given=given,
    )


def to_tool(tool: dict[str, Any], path: str) -> Tool | Raw:
    """A function; whatever else OpenAI runs itself or has a form for, only OpenAI can read."""
    if tool.get("type") != "function":
        expect(tool.get("type"), STRING, f"{path}.type")
        return Raw(tool)
    expect(tool.get("name"), STRING, f"{path}.name")
    for name, check in (("description", STRING), ("parameters", OBJECT), ("strict", BOOLEAN)):
        taken(dict(tool), name, check, path)
    if any(value is not None for name, value in tool.items() if name not in FUNCTION):
        return Raw(tool)
    return Tool(tool["name"], tool.get("description"), tool.get("parameters"), tool.get("strict"))


def to_tool_choice(choice: Json) -> ToolChoice | Raw | None:
    if isinstance(choice, str):
        return ToolChoice(_one_of(choice, CHOICES, "tool_choice"))
    if choice is None or choice.get("type") != "function":
        return Raw(choice) if choice else None
    expect(choice.get("name"), STRING, "tool_choice.name")
    return ToolChoice("tool", choice["name"])


def to_format(format: Json) -> Format | None:
    if format is None:
        return None
    expect(format, OBJECT, "text.format")
    match format.get("type"):
        case "text":
            return None
        case "json_object":
            return Format()
        case "json_schema":
            expect(format.get("name"), STRING, "text.format.name")
            expect(format.get("schema"), OBJECT, "text.format.schema")
            for name, check in (("description", STRING), ("strict", BOOLEAN)):
                taken(dict(format), name, check, "text.format")
            return Format(format["schema"], format["name"], format.get("strict"), format.get("description"))
    raise Refusal("invalid_request", "`text.format.type` must be one of json_object, json_schema, text.", param="text.format.type")


def to_thinking(reasoning: dict[str, Any]) -> tuple[Thinking | None, dict[str, Any]]:
    """What every provider can be told of it, and what only OpenAI can."""
    more = {name: value for name, value in reasoning.items() if value is not None and name not in ("effort", "summary", "generate_summary")}
    effort, summary = reasoning.get("effort"), reasoning.get("summary") or reasoning.get("generate_summary")
    if effort == "max":
        more["effort"] = effort
    if effort is None and summary is None:
        return None, more
    return Thinking(
        effort=None if effort is None else _one_of(effort, EFFORTS, "reasoning.effort"),
        summary=None if summary is None else _one_of(summary, SUMMARIES, "reasoning.summary"),
    ), more


def _one_of(value: Json, table: Mapping[str, str], path: str) -> str:
    if not (isinstance(value, str) and value in table):
        raise Refusal("invalid_request", f"`{path}` must be one of {', '.join(table)}.", param=path)
    return table[value]


DIALECT = Dialect(NAME, to_request, to_body, to_events, to_error)
