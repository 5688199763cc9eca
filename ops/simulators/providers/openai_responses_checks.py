"""OpenAI's Responses, as they are asked for: a list of items instead of messages, and a few other names.

https://platform.openai.com/docs/api-reference/responses/create
"""

from typing import Any

from ..exchange import Ask
from ..http import Request
from ..tokens import prompt_tokens
from .openai_checks import FORMATS, checked_key, known_model
from .openai_parameters import CHOICES, check_bounds, check_choice, check_type, refused
from .wire import parsed

Json = dict[str, Any]

# parameter: what it may be, how an error calls that, and its bounds where it is a number
PARAMETERS: dict[str, tuple[tuple[type, ...], str, tuple[float, float] | None]] = {
    "model": ((str,), "a string", None),
    "input": ((str, list), "one of a string or array of input items", None),
    "instructions": ((str,), "a string", None),
    "stream": ((bool,), "a boolean", None),
    "stream_options": ((dict,), "an object", None),
    "max_output_tokens": ((int,), "an integer", (16, 10**9)),
    "max_tool_calls": ((int,), "an integer", (1, 10**9)),
    "temperature": ((int, float), "a decimal", (0, 2)),
    "top_p": ((int, float), "a decimal", (0, 1)),
    "top_logprobs": ((int,), "an integer", (0, 20)),
    "tools": ((list,), "an array of objects", None),
    "tool_choice": ((str, dict), "one of a string or object", None),
    "parallel_tool_calls": ((bool,), "a boolean", None),
    "text": ((dict,), "an object", None),
    "reasoning": ((dict,), "an object", None),
    "include": ((list,), "an array of strings", None),
    "store": ((bool,), "a boolean", None),
    "metadata": ((dict,), "an object", None),
    "previous_response_id": ((str,), "a string", None),
    "truncation": ((str,), "a string", None),
    "service_tier": ((str,), "a string", None),
    "user": ((str,), "a string", None),
    "prompt_cache_key": ((str,), "a string", None),
    "safety_identifier": ((str,), "a string", None),
    "background": ((bool,), "a boolean", None),
}
TAKEN_UNREAD = {"prompt_cache_retention", "prompt_cache_options", "context_management", "moderation", "access_programs", "client_metadata"}
ROLES = ("assistant", "system", "developer", "user")
PARTS = ("input_text", "input_image", "input_file", "output_text", "refusal")
SPOKEN = ("input_text", "output_text")
ITEMS = ("message", "function_call", "function_call_output", "reasoning", "item_reference")


def checked(request: Request) -> Ask:
    checked_key(request)
    body = parsed(request.body)
    if body is None:
        raise refused("We could not parse the JSON body of your request. The OpenAI API expects a JSON payload.")
    body = {name: value for name, value in body.items() if value is not None}
    for name, value in body.items():
        _check(name, value)
    for name in ("model", "input"):
        if name not in body:
            raise refused(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    if "previous_response_id" in body:
        told = f"Previous response with id '{body['previous_response_id']}' not found."
        raise refused(told, "previous_response_id", "previous_response_not_found")
    model = known_model(body["model"])
    effort = body.get("reasoning", {}).get("effort")
    if effort is not None:
        check_choice("reasoning.effort", effort, CHOICES["reasoning_effort"])
        if model.reasons is False:
            raise refused("Unsupported parameter: 'reasoning.effort' is not supported with this model.", "reasoning.effort")
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    _check_items(items)
    return _to_ask(body, items)


def _check(name: str, value: Any) -> None:
    if name in TAKEN_UNREAD:
        return
    if name not in PARAMETERS:
        raise refused(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    types, expected, bounds = PARAMETERS[name]
    check_type(name, value, types, expected)
    if bounds:
        check_bounds(name, value, bounds, "integer" if types == (int,) else "decimal")


def _check_items(items: list[Any]) -> None:
    called: set[str] = set()
    for place, item in enumerate(items):
        here = f"input[{place}]"
        check_type(here, item, (dict,), "an object")
        kind = item.get("type", "message")
        check_choice(here, kind, ITEMS)
        if kind == "message":
            check_choice(f"{here}.role", item.get("role", ""), ROLES)
            _check_content(f"{here}.content", item.get("content"))
        elif kind == "function_call":
            called.add(item["call_id"])
        elif kind == "function_call_output" and item.get("call_id") not in called:
            raise refused(f"No tool call found for function call output with call_id {item.get('call_id')}.", "input")


def _check_content(here: str, content: Any) -> None:
    check_type(here, content, (str, list), "one of a string or array of objects")
    for place, part in enumerate(content if isinstance(content, list) else ()):
        check_type(f"{here}[{place}]", part, (dict,), "an object")
        check_choice(f"{here}[{place}].type", part.get("type", ""), PARTS)
        if part["type"] in SPOKEN:
            check_type(f"{here}[{place}].text", part.get("text"), (str,), "a string")


def _to_ask(body: Json, items: list[Json]) -> Ask:
    tools = {tool["name"]: tool.get("parameters") or {} for tool in body.get("tools") or () if tool["type"] == "function"}
    choice = body.get("tool_choice")
    named = choice.get("name") if isinstance(choice, dict) else None
    if named is not None and named not in tools:
        raise refused(f"Tool choice '{named}' not found in 'tools' parameter.", "tool_choice")
    options = body.get("stream_options") or {}
    effort = body.get("reasoning", {}).get("effort")
    likely = "message.output_text.logprobs" in body.get("include", ())
    return Ask(
        body["model"],
        _prompt(items),
        tuple(prompt_tokens(body.get("instructions", ""), body.get("tools") or [], items)),
        stream=body.get("stream", False),
        include_usage=True,
        include_obfuscation=options.get("include_obfuscation") is not False,
        max_tokens=body.get("max_output_tokens"),
        tools={} if choice == "none" else tools,
        tools_must=(named,) if named else tuple(tools) if choice == "required" else (),
        parallel_tool_calls=body.get("parallel_tool_calls", True),
        schema=_schema(body.get("text", {}).get("format", {"type": "text"})),
        reasoning_effort=effort,
        body=body | {"logprobs": likely},
    )


def _prompt(items: list[Json]) -> str:
    """The last user message; after a function's result it no longer dictates."""
    if not items or items[-1].get("type") == "function_call_output":
        return ""
    said = next((item["content"] for item in reversed(items) if item.get("role") == "user"), "")
    return said if isinstance(said, str) else "\n".join(part["text"] for part in said if part["type"] == "input_text")


def _schema(asked: Json) -> Any:
    check_choice("text.format.type", asked.get("type", ""), FORMATS)
    if asked["type"] == "json_schema":
        check_type("text.format.schema", asked.get("schema"), (dict,), "an object")
        check_type("text.format.name", asked.get("name"), (str,), "a string")
        return asked["schema"]
    return {} if asked["type"] == "json_object" else None
