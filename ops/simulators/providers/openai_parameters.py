"""OpenAI chat completions, one parameter at a time: what each may be, and how OpenAI says that it is not.

https://platform.openai.com/docs/api-reference/chat/create
"""

from typing import Any

from ..exchange import Rejected
from .wire import dumped

Bounds = tuple[float, float]

NAMES = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal", list: "an array", dict: "an object", type(None): "null"}
# parameter: what it may be, how an error calls that, and its bounds where it is a number
PARAMETERS: dict[str, tuple[tuple[type, ...], str, Bounds | None]] = {
    "model": ((str,), "a string", None),
    "messages": ((list,), "an array of objects", None),
    "stream": ((bool,), "a boolean", None),
    "stream_options": ((dict,), "an object", None),
    "max_tokens": ((int,), "an integer", (1, 10**9)),
    "max_completion_tokens": ((int,), "an integer", (1, 10**9)),
    "temperature": ((int, float), "a decimal", (0, 2)),
    "top_p": ((int, float), "a decimal", (0, 1)),
    "presence_penalty": ((int, float), "a decimal", (-2, 2)),
    "frequency_penalty": ((int, float), "a decimal", (-2, 2)),
    "n": ((int,), "an integer", (1, 128)),
    "seed": ((int,), "an integer", None),
    "stop": ((str, list), "one of a string or array of strings", None),
    "tools": ((list,), "an array of objects", None),
    "tool_choice": ((str, dict), "one of a string or object", None),
    "parallel_tool_calls": ((bool,), "a boolean", None),
    "response_format": ((dict,), "an object", None),
    "reasoning_effort": ((str,), "a string", None),
    "logprobs": ((bool,), "a boolean", None),
    "top_logprobs": ((int,), "an integer", (0, 20)),
    "user": ((str,), "a string", None),
}
TAKEN_UNREAD = {
    *("audio", "function_call", "functions", "logit_bias", "metadata", "modalities", "prediction", "prompt_cache_key"),
    *("prompt_cache_retention", "safety_identifier", "service_tier", "store", "verbosity", "web_search_options"),
}
CHOICES = {
    "reasoning_effort": ("none", "minimal", "low", "medium", "high", "xhigh"),
    "tool_choice": ("none", "auto", "required"),
}
NEVER_NULL = ("model", "messages")


def error_body(message: str, *, kind: str = "invalid_request_error", param: str | None = None, code: str | None = None) -> bytes:
    return dumped({"error": {"message": message, "type": kind, "param": param, "code": code}})


def refused(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> Rejected:
    return Rejected(status, error_body(message, param=param, code=code))


def check_type(param: str, value: Any, types: tuple[type, ...], expected: str) -> None:
    if type(value) not in types:
        got = NAMES[type(value)]
        raise refused(f"Invalid type for '{param}': expected {expected}, but got {got} instead.", param, "invalid_type")


def check_choice(param: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        supported = ", ".join(f"'{choice}'" for choice in choices[:-1]) + f", and '{choices[-1]}'"
        raise refused(f"Invalid value: '{value}'. Supported values are: {supported}.", param, "invalid_value")


def check_parameter(name: str, value: Any) -> None:
    if name in TAKEN_UNREAD or (value is None and name in PARAMETERS and name not in NEVER_NULL):
        return
    if name not in PARAMETERS:
        raise refused(f"Unrecognized request argument supplied: {name}")
    types, expected, bounds = PARAMETERS[name]
    check_type(name, value, types, expected)
    if name in CHOICES and isinstance(value, str):
        check_choice(name, value, CHOICES[name])
    if bounds:
        check_bounds(name, value, bounds, "integer" if types == (int,) else "decimal")
    if name == "messages" and not value:
        told = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."
        raise refused(told, name, "empty_array")
    if isinstance(value, list):
        inner, called = ((str,), "a string") if name == "stop" else ((dict,), "an object")
        for place, item in enumerate(value):
            check_type(f"{name}[{place}]", item, inner, called)


def check_bounds(name: str, value: float, bounds: Bounds, kind: str) -> None:
    least, most = bounds
    if value < least:
        told = f"Invalid '{name}': {kind} below minimum value. Expected a value >= {least}, but got {value} instead."
        raise refused(told, name, f"{kind}_below_min_value")
    if value > most:
        told = f"Invalid '{name}': {kind} above maximum value. Expected a value <= {most}, but got {value} instead."
        raise refused(told, name, f"{kind}_above_max_value")
