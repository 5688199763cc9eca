"""OpenAI chat completions, as it reads: which requests it takes, and how it refuses the others.

https://platform.openai.com/docs/api-reference/chat/create  https://platform.openai.com/docs/models
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from ..exchange import Ask
from ..http import Request
from .openai_chat import to_ask
from .openai_parameters import PARAMETERS, check_choice, check_parameter, check_type, refused
from .wire import bearer, parsed

Json = dict[str, Any]


class Model(NamedTuple):
    """`reasons` is None for a model that takes the parameters of both generations; `effort` is how much unasked."""

    snapshot: str
    context: int
    most_output: int
    reasons: bool | None
    effort: str = "medium"


MODELS = {
    "gpt-5.2": Model("gpt-5.2-2025-12-11", 400_000, 128_000, True, "none"),
    "gpt-5-mini": Model("gpt-5-mini-2025-08-07", 400_000, 128_000, True),
    "gpt-4.1-mini": Model("gpt-4.1-mini-2025-04-14", 1_047_576, 32_768, False),
    "gpt-4o-mini": Model("gpt-4o-mini-2024-07-18", 128_000, 16_384, False),
}
ANY_SIM = Model("", 1_000_000, 1_000_000, None)

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
MAY_SAY_NOTHING = ("assistant", "function")
PARTS = ("text", "image_url", "input_audio", "file", "refusal")
FORMATS = ("text", "json_object", "json_schema")
FUNCTION_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def checked_key(request: Request) -> None:
    key = bearer(request)
    if not key:
        raise refused(
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
            "(i.e. Authorization: Bearer YOUR_KEY).",
            status=401,
        )
    if key.startswith("sk-bad"):
        raise refused(f"Incorrect API key provided: {key[:6]}***.", code="invalid_api_key", status=401)


def checked(request: Request) -> Ask:
    checked_key(request)
    return checked_body(request.body, known_model)


def checked_body(raw: bytes, model_of: Callable[[str], Model], named: str | None = None, lax: bool = False) -> Ask:
    """Rejected, in OpenAI's words. `named` is the model where the path names it; `lax` leaves unknown parameters unread."""
    body = parsed(raw)
    if body is None:
        raise refused("We could not parse the JSON body of your request. The OpenAI API expects a JSON payload.")
    if named is not None:
        body["model"] = named
    if "model" not in body:
        raise refused("you must provide a model parameter")
    for name, value in body.items():
        if name in PARAMETERS or not lax:
            check_parameter(name, value)
    if "messages" not in body:
        raise refused("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    body = {name: value for name, value in body.items() if value is not None}
    model = model_of(body["model"])
    _check_messages(body["messages"])
    _check_tools(body)
    _check_together(body, model)
    options = body.get("stream_options", {})
    usage, obfuscation = bool(options.get("include_usage")), options.get("include_obfuscation") is not False
    ask = to_ask(body, include_usage=usage, include_obfuscation=obfuscation)
    if len(ask.prompt_tokens) > model.context:
        told = f"This model's maximum context length is {model.context} tokens. However, your messages resulted in "
        told += f"{len(ask.prompt_tokens)} tokens. Please reduce the length of the messages."
        raise refused(told, "messages", "context_length_exceeded")
    return ask


def known_model(name: str) -> Model:
    if name not in MODELS and not name.startswith("sim-"):
        raise refused(f"The model `{name}` does not exist or you do not have access to it.", "model", "model_not_found", 404)
    return MODELS.get(name, ANY_SIM)


def _check_messages(messages: list[Json]) -> None:
    called: set[str] = set()
    for place, message in enumerate(messages):
        here = f"messages[{place}]"
        if "role" not in message:
            raise refused(f"Missing required parameter: '{here}.role'.", f"{here}.role", "missing_required_parameter")
        check_type(f"{here}.role", message["role"], (str,), "a string")
        check_choice(f"{here}.role", message["role"], ROLES)
        if message.get("content") is not None or message["role"] not in MAY_SAY_NOTHING:
            _check_content(f"{here}.content", message.get("content"))
        called |= {call["id"] for call in message.get("tool_calls") or ()}
        if message["role"] == "tool" and message.get("tool_call_id") not in called:
            told = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
            raise refused(told, f"messages.[{place}].role")


def _check_content(here: str, content: Any) -> None:
    check_type(here, content, (str, list), "one of a string or array of objects")
    for place, part in enumerate(content if isinstance(content, list) else ()):
        check_type(f"{here}[{place}]", part, (dict,), "an object")
        check_choice(f"{here}[{place}].type", part.get("type"), PARTS)
        if part["type"] == "text":
            check_type(f"{here}[{place}].text", part.get("text"), (str,), "a string")


def _check_tools(body: Json) -> None:
    names = []
    for place, tool in enumerate(body.get("tools", ())):
        here = f"tools[{place}].function"
        check_type(here, tool.get("function"), (dict,), "an object")
        check_type(f"{here}.name", tool["function"].get("name"), (str,), "a string")
        check_type(f"{here}.parameters", tool["function"].get("parameters", {}), (dict,), "an object")
        names.append(tool["function"]["name"])
        if not FUNCTION_NAME.fullmatch(names[-1]):
            told = f"Invalid '{here}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
            raise refused(told, f"{here}.name", "invalid_value")
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in body and not names:
            raise refused(f"'{name}' is only allowed when 'tools' are specified.", name)
    if isinstance(choice := body.get("tool_choice"), dict):
        named = (choice.get("function") or {}).get("name")
        if named not in names:
            raise refused(f"Invalid value for 'tool_choice': function '{named}' was not found in 'tools'.", "tool_choice")


def _check_together(body: Json, model: Model) -> None:
    """What is refused because of another parameter, or because of the model."""
    if "stream_options" in body and not body.get("stream"):
        raise refused("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    asked = body.get("response_format", {"type": "text"})
    check_choice("response_format.type", asked.get("type"), FORMATS)
    # llama.cpp's family takes a schema here, which says "json" for itself. https://llama-cpp-python.readthedocs.io/en/latest/#json-schema-mode
    if asked["type"] == "json_object" and "schema" not in asked and "json" not in str(body["messages"]).lower():
        told = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        raise refused(told, "messages")
    if asked["type"] == "json_schema":
        check_type("response_format.json_schema", asked.get("json_schema"), (dict,), "an object")
    if model.reasons and "max_tokens" in body:
        told = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        raise refused(told, "max_tokens", "unsupported_parameter")
    if model.reasons and body.get("logprobs") and body.get("reasoning_effort", model.effort) != "none":
        raise refused("You are not allowed to request logprobs from this model", status=403)
    if "top_logprobs" in body and not body.get("logprobs"):
        raise refused("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", "top_logprobs")
    if model.reasons is False and "reasoning_effort" in body:
        raise refused("Unrecognized request argument supplied: reasoning_effort")
    for name in {"max_tokens", "max_completion_tokens"} & body.keys():
        if body[name] > model.most_output:
            told = f"{name} is too large: {body[name]}. This model supports at most {model.most_output} completion tokens, "
            raise refused(f"{told}whereas you provided {body[name]}.", name, "invalid_value")
