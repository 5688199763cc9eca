"""Ollama: its own chat, a line of JSON for each piece, and its endpoint in OpenAI's format; on one's own machine and in its cloud.

https://github.com/ollama/ollama/blob/main/docs/api.md  https://docs.ollama.com/openai  https://docs.ollama.com/cloud
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ..bill import prices_of
from ..embeddings import vector
from ..exchange import Answer, Ask, Choice, Frame, Rejected, Stamp, Tokens
from ..http import Request
from ..prices import ANY, PRICES
from ..tokens import prompt_tokens, split
from . import compatible
from .compatible import Json, Row, plain_usage
from .openai_embeddings import Embedder
from .provider import Operation, Provider
from .wire import JSON_TYPE, bearer, dumped

LINES = "application/x-ndjson"
DIMENSIONS = 768
ROLES = ("system", "user", "assistant", "tool")
EFFORTS = ("low", "medium", "high")
MESSAGES = {
    400: "bad request",
    401: "unauthorized",
    404: "model not found, try pulling it first",
    429: "you have reached your hourly usage limit, please upgrade to continue",
    500: "llama runner process has terminated: exit status 2",
    503: "server busy, please try again.  maximum pending requests exceeded",
}
# field: what it may be, and what Go calls that
FIELDS: dict[str, tuple[tuple[type, ...], str]] = {
    "model": ((str,), "string"),
    "messages": ((list,), "[]api.Message"),
    "stream": ((bool,), "bool"),
    "format": ((str, dict), "json.RawMessage"),
    "keep_alive": ((str, int, float), "api.Duration"),
    "tools": ((list,), "api.Tools"),
    "options": ((dict,), "map[string]interface {}"),
    "think": ((bool, str), "api.ThinkValue"),
    "truncate": ((bool,), "bool"),
    "dimensions": ((int,), "int"),
    "logprobs": ((bool,), "bool"),
    "top_logprobs": ((int,), "int"),
}
OPTIONS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("num_predict", "num_ctx", "seed", "top_k", "num_keep", "repeat_last_n", "num_gpu", "num_thread"), (int,)),
    **dict.fromkeys(("temperature", "top_p", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty"), (int, float)),
    "stop": (list, str),
}


def refused(message: str, status: int = 400) -> Rejected:
    return Rejected(status, dumped({"error": message}))


def error(status: int) -> tuple[str, bytes]:
    return JSON_TYPE, dumped({"error": MESSAGES.get(status, MESSAGES[500] if status >= 500 else MESSAGES[400])})


def error_event(status: int) -> bytes:
    return error(status)[1] + b"\n"


def _body(row: Row, request: Request) -> Json:
    """In Go a field of another name is left unread, and null is as if it were not there."""
    key = bearer(request)
    if not row.local and (not key or key.startswith("sk-bad")):
        raise refused(MESSAGES[401], 401)
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise refused("invalid character in the body: it is no JSON") from None
    if not isinstance(body, dict):
        raise refused("json: cannot unmarshal the body into Go value of type api.ChatRequest")
    body = {name: value for name, value in body.items() if value is not None}
    for name, value in body.items():
        types, called = FIELDS.get(name, ((type(value),), ""))
        if type(value) not in types:
            raise refused(f"json: cannot unmarshal {_go(value)} into Go struct field ChatRequest.{name} of type {called}")
    if not body.get("model"):
        raise refused("model is required")
    if prices_of(row.name, body["model"]) is None:
        raise refused(f'model "{body["model"]}" not found', 404)
    return body


def _go(value: Any) -> str:
    kinds = {str: "string", bool: "bool", list: "array", dict: "object"}
    return kinds.get(type(value), "number")


def read(row: Row, request: Request) -> Ask:
    body = _body(row, request)
    messages, options = body.get("messages") or [], body.get("options") or {}
    for message in messages:
        if message["role"] not in ROLES:
            raise refused(f"invalid role: {message['role']!r}")
        if not isinstance(message.get("content", ""), str):
            raise refused(f"json: cannot unmarshal {_go(message['content'])} into Go struct field Message.messages.content of type string")
    for name, value in options.items():
        if name in OPTIONS and type(value) not in OPTIONS[name]:
            raise refused(f"option {name!r} must be of type {OPTIONS[name][0].__name__}")
    stop, limit = options.get("stop") or (), options.get("num_predict", -1)
    tools = {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in body.get("tools") or ()}
    return Ask(
        body["model"],
        _prompt(messages),
        tuple(prompt_tokens(body.get("tools") or [], [_counted(message) for message in messages])),
        stream=body.get("stream", True),
        include_usage=True,
        max_tokens=limit if limit > 0 else None,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        tools=tools,
        schema=_schema(body.get("format", "")),
        reasoning_effort=_effort(body.get("think", False)),
        cache_marks=(),
        body=body,
    )


def _prompt(messages: list[Json]) -> str:
    if not messages or messages[-1]["role"] == "tool":
        return ""
    return next((message.get("content", "") for message in reversed(messages) if message["role"] == "user"), "")


def _counted(message: Json) -> Json:
    """An image counts as one, wherever its base64 ends."""
    return message | {"images": ["data:" + image for image in message["images"]]} if "images" in message else message


def _schema(asked: Any) -> Any:
    if asked in ("", "json"):
        return {} if asked else None
    if isinstance(asked, str):
        raise refused(f'invalid format: "{asked}"; expected "json" or a JSON schema')
    return asked


def _effort(think: bool | str) -> str | None:
    if isinstance(think, str) and think not in EFFORTS:
        raise refused(f'invalid think value: "{think}" (must be "high", "medium", "low", true, or false)')
    return think if isinstance(think, str) else "medium" if think else None


def _line(ask: Ask, stamp: Stamp, **rest: Any) -> Json:
    at = datetime.fromtimestamp(stamp.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    return {"model": ask.model, "created_at": at, **rest}


def _counts(tokens: Tokens) -> Json:
    """Durations are nanoseconds."""
    spent = {"load_duration": 1_000_000, "prompt_eval_duration": tokens.input * 500_000, "eval_duration": tokens.output * 20_000_000}
    counts = {"prompt_eval_count": tokens.input, "eval_count": tokens.output}
    return {"total_duration": sum(spent.values()), **spent, **counts}


def _reason(choice: Choice) -> str:
    return "length" if choice.finish == "length" else "stop"


def _called(name: str, arguments: str) -> Json:
    """The arguments are an object here. A limit may have ended them early: then they are none."""
    try:
        given = json.loads(arguments)
    except ValueError:
        given = {}
    return {"function": {"name": name, "arguments": given}}


def whole(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    choice = answer.choices[0]
    message: Json = {"role": "assistant", "content": choice.text or ""}
    if choice.thought:
        message["thinking"] = "".join(piece.text for piece in choice.thought)
    if choice.calls:
        message["tool_calls"] = [_called(*call) for call in choice.calls]
    return dumped(_line(ask, stamp, message=message, done=True, done_reason=_reason(choice)) | _counts(answer.tokens))


def frames(ask: Ask, answer: Answer, stamp: Stamp) -> list[Frame]:
    """A tool call comes in one piece, when all of it is there."""
    choice = answer.choices[0]
    made = [_said(ask, stamp, {"content": "", "thinking": piece.text}, reasoning=piece.tokens) for piece in choice.thought]
    made += [_said(ask, stamp, {"content": piece.text}, piece.tokens) for piece in choice.pieces if piece.call is None]
    for place, call in enumerate(choice.calls):
        tokens = sum(piece.tokens for piece in choice.pieces if piece.call == place)
        made.append(_said(ask, stamp, {"content": "", "tool_calls": [_called(*call)]}, tokens))
    end = _line(ask, stamp, message={"role": "assistant", "content": ""}, done=True, done_reason=_reason(choice))
    return [*made, Frame(dumped(end | _counts(answer.tokens)) + b"\n", usage=True)]


def _said(ask: Ask, stamp: Stamp, message: Json, tokens: int = 0, reasoning: int = 0) -> Frame:
    return Frame(dumped(_line(ask, stamp, message={"role": "assistant", **message}, done=False)) + b"\n", tokens, reasoning)


def read_embedding(row: Row, request: Request) -> Ask:
    body = _body(row, request)
    texts = body.get("input", [])
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise refused("invalid input type")
    tokens = tuple(piece for text in texts for piece in split(text))
    return Ask(body["model"], "", tokens, writes=False, body=body | {"input": texts})


def embedded(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    made = [vector(ask.model, text, ask.body.get("dimensions") or DIMENSIONS) for text in ask.body["input"]]
    counts = {"total_duration": 2_000_000, "load_duration": 1_000_000, "prompt_eval_count": answer.tokens.input}
    return dumped({"model": ask.model, "embeddings": made, **counts})


def tags(row: Row, request: Request) -> bytes:
    details = {"format": "gguf", "family": "llama", "families": ["llama"], "parameter_size": "8.0B", "quantization_level": "Q4_K_M"}
    entry = {"modified_at": "2026-01-02T03:04:05Z", "size": 4_920_753_328, "digest": "0" * 64, "details": details}
    return dumped({"models": [{"name": name, "model": name, **entry} for name in PRICES[row.name] if name != ANY]})


def openai_error(status: int, kind: str | None, code: Any, message: str, param: str | None) -> Json:
    kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
    return {"error": {"message": message, "type": kinds.get(status, "api_error"), "param": None, "code": None}}


def ollama(name: str, local: bool) -> Provider:
    row = Row(
        name,
        docs="https://docs.ollama.com/openai",
        local=local,
        several="ignored",
        error=openai_error,
        usage=plain_usage,
        thought="reasoning",
        head={"system_fingerprint": "fp_ollama"},
        caches=False,
        embedders={ANY: Embedder(DIMENSIONS, True)} if local else {},
        not_found={"error": "404 page not found"},
    )
    compatible_one = compatible.provider(row)
    chat = Operation("chat_native", re.compile(r"/api/chat"), partial(read, row), whole, error, frames, error_event, LINES)
    embed = Operation("embed_native", re.compile(r"/api/embed"), partial(read_embedding, row), embedded, error)
    pages: Mapping[str, Any] = {**compatible_one.pages, "/api/tags": partial(tags, row)}
    return replace(compatible_one, operations=(chat, embed, *compatible_one.operations), pages=pages)


OLLAMA = ollama("ollama", local=True)
OLLAMA_CLOUD = ollama("ollama_cloud", local=False)
