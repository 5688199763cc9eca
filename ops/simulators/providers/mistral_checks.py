"""Mistral chat completions, as it reads: a parameter it does not know is an error, and `stream_options` may hold nothing.

https://docs.mistral.ai/api/endpoint/chat  https://docs.mistral.ai/api/endpoint/embeddings
"""

from typing import Any

from ..exchange import Ask, Rejected
from ..http import Request
from ..tokens import split
from .openai_chat import to_ask
from .wire import bearer, dumped, parsed

MODELS = ("mistral-large-latest", "mistral-small-latest")
ROLES = ("system", "user", "assistant", "tool")

# parameter: what it may be, and the type and message of the error where it is not
STRING = ((str,), "string_type", "Input should be a valid string")
INTEGER = ((int,), "int_type", "Input should be a valid integer")
NUMBER = ((int, float), "float_type", "Input should be a valid number")
BOOLEAN = ((bool,), "bool_type", "Input should be a valid boolean")
LIST = ((list,), "list_type", "Input should be a valid list")
DICT = ((dict,), "model_attributes_type", "Input should be a valid dictionary or object to extract fields from")
ANYTHING = ((str, int, float, bool, list, dict), "", "")
Parameters = dict[str, tuple[tuple[type, ...], str, str]]
PARAMETERS: Parameters = {
    "model": STRING,
    "messages": LIST,
    "stream": BOOLEAN,
    "stream_options": DICT,
    "max_tokens": INTEGER,
    "temperature": NUMBER,
    "top_p": NUMBER,
    "presence_penalty": NUMBER,
    "frequency_penalty": NUMBER,
    "n": INTEGER,
    "random_seed": INTEGER,
    "stop": ANYTHING,
    "tools": LIST,
    "tool_choice": ANYTHING,
    "parallel_tool_calls": BOOLEAN,
    "response_format": DICT,
    "reasoning_effort": STRING,
    "metadata": DICT,
    "prediction": DICT,
    "prompt_mode": STRING,
    "prompt_cache_key": STRING,
    "guardrails": LIST,
    "safe_prompt": BOOLEAN,
}
REQUIRED = ("model", "messages")
EMBEDDERS = ("mistral-embed",)
EMBED_DIMENSIONS = 1024
EMBEDDING: Parameters = {
    "model": STRING,
    "input": ((str, list), "string_type", "Input should be a valid string"),
    "metadata": DICT,
    "output_dimension": INTEGER,
    "output_dtype": STRING,
    "encoding_format": STRING,
}


def error_body(status: int, message: Any, kind: str = "invalid_request_error", code: str | None = None) -> bytes:
    return dumped({"object": "error", "message": message, "type": kind, "param": None, "code": code, "raw_status_code": status})


def _refused(message: str, kind: str = "invalid_request_error", code: str | None = None) -> Rejected:
    return Rejected(400, error_body(400, message, kind, code))


def _unprocessable(where: tuple[str | int, ...], kind: str, message: str, value: Any) -> Rejected:
    detail = [{"type": kind, "loc": ["body", *where], "msg": message, "input": value}]
    return Rejected(422, error_body(422, {"detail": detail}))


def checked_key(request: Request) -> None:
    key = bearer(request)
    if not key or key.startswith("sk-bad"):
        raise Rejected(401, dumped({"detail": "Unauthorized"}))


def checked(request: Request) -> Ask:
    body = _checked_body(request, PARAMETERS, REQUIRED, MODELS)
    _check_messages(body["messages"])
    return to_ask(body, include_usage=True, tool_was_named=False)


def checked_embedding(request: Request) -> Ask:
    body = _checked_body(request, EMBEDDING, ("model", "input"), EMBEDDERS)
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise _refused("Input should be a string, or a list of strings that are not empty")
    if not 1 <= body.get("output_dimension", 1) <= EMBED_DIMENSIONS:
        raise _refused(f"output_dimension must be from 1 to {EMBED_DIMENSIONS}")
    return Ask(body["model"], "", tuple(piece for text in texts for piece in split(text)), writes=False, body=body)


def _checked_body(request: Request, parameters: Parameters, required: tuple[str, ...], models: tuple[str, ...]) -> dict[str, Any]:
    checked_key(request)
    body = parsed(request.body)
    if body is None:
        raise _unprocessable((), "json_invalid", "JSON decode error", {})
    for name in required:
        if name not in body:
            raise _unprocessable((name,), "missing", "Field required", body)
    for name, value in body.items():
        _check(name, value, parameters, required)
    for name in body.get("stream_options") or ():
        raise _unprocessable(("stream_options", name), "extra_forbidden", "Extra inputs are not permitted", body["stream_options"][name])
    if body["model"] not in models and not body["model"].startswith("sim-"):
        raise _refused(f"Invalid model: {body['model']}", "invalid_model", "1500")
    return {name: value for name, value in body.items() if value is not None}


def _check(name: str, value: Any, parameters: Parameters, required: tuple[str, ...]) -> None:
    if name not in parameters:
        raise _unprocessable((name,), "extra_forbidden", "Extra inputs are not permitted", value)
    types, kind, message = parameters[name]
    if type(value) not in types and not (value is None and name not in required):
        raise _unprocessable((name,), kind, message, value)
    if name in ("max_tokens", "n") and value is not None and value < 1:
        raise _unprocessable((name,), "greater_than_equal", "Input should be greater than or equal to 1", value)


def _check_messages(messages: list[Any]) -> None:
    if not messages:
        raise _refused("Conversation must have at least one message", "invalid_request_message_order", "3051")
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            raise _unprocessable(("messages", place), *DICT[1:], message)
        if message.get("role") not in ROLES:
            told = f"Input tag '{message.get('role')}' found using 'role' does not match any of the expected tags: {', '.join(ROLES)}"
            raise _unprocessable(("messages", place), "union_tag_invalid", told, message)
    last = messages[-1]
    if last["role"] not in ("user", "tool") and not last.get("prefix"):
        told = f"Expected last role User or Tool (or Assistant with prefix True) for serving but got {last['role']}"
        raise _refused(told, "invalid_request_message_order", "3230")
