"""Chat completions of those who took OpenAI's format over: what a row of `compatible_rows.py` says, read and written.

https://platform.openai.com/docs/api-reference/chat
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from ..bill import prices_of
from ..exchange import Answer, Ask, Choice, Frame, Rejected, Stamp, Tokens
from ..http import Request
from ..prices import PRICES
from .openai_chat import Chunk, call_delta, calls, in_turn, logprobs, to_frames
from .openai_checks import ANY_SIM, Model, checked_body
from .openai_embeddings import Embedder, embeddings
from .openai_parameters import refused
from .provider import Operation, Provider
from .wire import JSON_TYPE, bearer, dumped, event, mark

Json = dict[str, Any]
Told = tuple[str | None, str | int | None, str]  # type, code and message of an error

NO_FIELDS: Mapping[str, Any] = MappingProxyType({})
ERRORS: Mapping[int, Told] = {
    401: ("invalid_request_error", "invalid_api_key", "Invalid API Key"),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached. Please try again later."),
    503: ("service_unavailable_error", "service_unavailable", "The service is overloaded. Please try again later."),
}
SERVER_ERROR: Told = ("server_error", None, "Internal server error")
BAD_REQUEST: Told = ("invalid_request_error", None, "Bad request")


def openai_error(status: int, kind: str | None, code: Any, message: str, param: str | None) -> Json:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def plain_usage(ask: Ask, tokens: Tokens) -> Json:
    return {"prompt_tokens": tokens.input, "completion_tokens": tokens.output, "total_tokens": tokens.input + tokens.output}


def detailed_usage(ask: Ask, tokens: Tokens) -> Json:
    details = {
        "prompt_tokens_details": {"cached_tokens": tokens.cached},
        "completion_tokens_details": {"reasoning_tokens": tokens.reasoning},
    }
    return plain_usage(ask, tokens) | details


def nothing(ask: Ask, answer: Answer, stamp: Stamp) -> Mapping[str, Any]:
    return NO_FIELDS


def no_choice_fields(choice: Choice) -> Mapping[str, Any]:
    return NO_FIELDS


def no_changes(body: Json) -> Json:
    return body


class Row(NamedTuple):
    """One provider's deviations. `base` is the path of its real address, below /<name>.

    `usage_in`: `asked` and `always` are a chunk of its own, after the finish; `finish` is in the last chunk of the last choice; `never` is
    nowhere. `thought` is the field that the reasoning is in, `thinks` are the models that reason unasked.
    `opening` adds to the first chunk, `closing` to the one with the finish and to a whole answer, `chosen` to every choice that ends.
    """

    name: str
    base: str = "/v1"
    docs: str = ""
    local: bool = False  # takes any model, and asks for no key
    lax: bool = True  # leaves parameters unread that it does not know
    refuses: frozenset[str] = frozenset()
    refused_by: Mapping[str, frozenset[str]] = MappingProxyType({})  # what one model refuses beside
    refusal: str = "property '{}' is unsupported"
    refusal_status: int = 400
    several: str = "taken"  # what becomes of n: refused, ignored
    schema_alone: bool = False  # a schema is kept neither in a stream nor beside tools
    error: Callable[[int, str | None, Any, str, str | None], Json] = openai_error
    errors: Mapping[int, Told] = ERRORS
    error_event: Callable[[Json], bytes] = event
    usage: Callable[[Ask, Tokens], Json] = detailed_usage
    usage_in: str = "asked"
    usage_choices: tuple[Json, ...] = ()
    thought: str | None = None
    thinks: tuple[str, ...] = ()
    finishes: Mapping[str, str] = MappingProxyType({})
    id_prefix: str = "chatcmpl-"
    head: Mapping[str, Any] = NO_FIELDS
    opening: Callable[[Ask, Answer, Stamp], Mapping[str, Any]] = nothing
    closing: Callable[[Ask, Answer, Stamp], Mapping[str, Any]] = nothing
    closing_has_usage: bool = False
    finish_with_text: bool = False  # in the chunk of the last text, not in one of its own
    chosen: Callable[[Choice], Mapping[str, Any]] = no_choice_fields
    headers: Callable[[Ask, Answer], Mapping[str, str]] = lambda ask, answer: {}
    reads: Callable[[Json], Json] = no_changes  # a body into OpenAI's spelling
    comment: bytes = b""  # what server-sent events begin with
    caches: bool = True
    embedders: Mapping[str, Embedder] = MappingProxyType({})
    not_found: Json = {"error": {"message": "Not Found", "type": "invalid_request_error", "param": None, "code": None}}


def error(row: Row, status: int) -> tuple[str, bytes]:
    kind, code, message = row.errors.get(status) or ERRORS.get(status) or (SERVER_ERROR if status >= 500 else BAD_REQUEST)
    return JSON_TYPE, dumped(row.error(status, kind, code, message, None))


def error_event(row: Row, status: int) -> bytes:
    return row.error_event(json.loads(error(row, status)[1]))


def check_key(row: Row, request: Request) -> None:
    key = bearer(request)
    if key.startswith("sk-bad") or not (key or row.local):
        raise Rejected(401, error(row, 401)[1])


def known_model(row: Row, name: str) -> Model:
    if prices_of(row.name, name) is None:
        kind, code, _ = row.errors.get(404, ERRORS[404])
        told = dumped(row.error(404, kind, code, f"The model `{name}` does not exist or you do not have access to it.", "model"))
        raise Rejected(404, told)
    return ANY_SIM


def in_words_of(row: Row, told: Rejected) -> Rejected:
    """What OpenAI's checks refuse, as this provider says it."""
    said = json.loads(told.body)["error"]
    status = row.refusal_status if told.status == 400 else told.status
    kind, code, _ = row.errors.get(status, (said["type"], said["code"], ""))
    return Rejected(status, dumped(row.error(status, kind, code, said["message"], said["param"])))


def read(row: Row, request: Request) -> Ask:
    check_key(row, request)

    def model_of(name: str) -> Model:
        return known_model(row, name)

    try:
        raw = request.body if row.reads is no_changes else dumped(row.reads(json.loads(request.body)))
        ask = checked_body(raw, model_of, lax=row.lax)
        for name in sorted((row.refuses | row.refused_by.get(ask.model, frozenset())) & ask.body.keys()):
            raise refused(row.refusal.format(name), name, "unsupported_parameter")
        if row.schema_alone and "json_schema" in str(ask.body.get("response_format")) and (ask.stream or ask.tools):
            raise refused("json_schema response format is not supported with streaming or tools", "response_format")
        if ask.n > 1 and row.several == "refused":
            raise refused("'n' : number must be at most 1", "n")
    except Rejected as rejected:
        raise (rejected if rejected.status == 404 else in_words_of(row, rejected)) from None
    effort = ask.reasoning_effort or ("low" if ask.model in row.thinks else None)
    always = row.usage_in != "asked" and row.usage_in != "never"
    asked = row.usage_in == "asked" and ask.include_usage
    n = 1 if row.several == "ignored" else ask.n
    return replace(ask, reasoning_effort=effort, include_usage=always or asked, cache_marks=None if row.caches else (), n=n)


def _head(row: Row, ask: Ask, stamp: Stamp, kind: str) -> Json:
    first = {"id": row.id_prefix + mark(stamp.seed, "id", length=32), "object": kind, "created": stamp.created, "model": ask.model}
    return first | dict(row.head)


def _finish(row: Row, choice: Choice) -> Json:
    return {"finish_reason": row.finishes.get(choice.finish, choice.finish), **row.chosen(choice)}


def whole(row: Row, ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    choices = []
    for index, choice in enumerate(answer.choices):
        message: Json = {"role": "assistant", "content": choice.text}
        if row.thought and choice.thought:
            message[row.thought] = "".join(piece.text for piece in choice.thought)
        if called := calls(choice, stamp, index):
            message["tool_calls"] = called
        choices.append({"index": index, "message": message, "logprobs": logprobs(ask, choice.pieces), **_finish(row, choice)})
    head = _head(row, ask, stamp, "chat.completion") | {"choices": choices, "usage": row.usage(ask, answer.tokens)}
    return dumped(head | dict(row.closing(ask, answer, stamp)))


def frames(row: Row, ask: Ask, answer: Answer, stamp: Stamp) -> list[Frame]:
    made = to_frames(chunks(row, ask, answer, stamp))
    made[0] = replace(made[0], data=row.comment + made[0].data)
    return made


def chunks(row: Row, ask: Ask, answer: Answer, stamp: Stamp) -> list[Chunk]:
    """The role, the reasoning where it is shown, the pieces, each choice's finish, and the usage where and if it belongs."""
    head = _head(row, ask, stamp, "chat.completion.chunk")
    made: list[Chunk] = []
    ends_in_finish = row.usage_in == "finish" and not ask.late_usage
    usage = {"usage": row.usage(ask, answer.tokens)}

    def add(index: int, delta: Json, tokens: int = 0, reasoning: int = 0, likely: Any = None, **rest: Any) -> None:
        choice = {"index": index, "delta": delta, "logprobs": likely, "finish_reason": None} | rest
        fields = {} if made else dict(row.opening(ask, answer, stamp))
        made.append(Chunk(head | {"choices": [choice]} | fields, tokens, reasoning))

    for index, choice in enumerate(answer.choices):
        hidden = 0 if made or row.thought else answer.tokens.reasoning
        add(index, {"role": "assistant", "content": None if choice.text is None else ""}, reasoning=hidden)
    for index, choice in enumerate(answer.choices if row.thought else ()):
        for piece in choice.thought:
            add(index, {"content": None, f"{row.thought}": piece.text}, reasoning=piece.tokens)
    open_choices = len(answer.choices)
    for index, choice, said in in_turn(answer):
        if said is not None:
            delta = {"content": said.text} if said.call is None else call_delta(said, stamp, index)
            add(index, delta, said.tokens, likely=logprobs(ask, [said]) if said.call is None else None)
            continue
        open_choices -= 1
        ended = made[-1].value["choices"][0]
        if row.finish_with_text and ended["index"] == index and ended["delta"].get("content"):
            ended |= _finish(row, choice)
        else:
            add(index, {}, **_finish(row, choice))
        if not open_choices:
            fields = dict(row.closing(ask, answer, stamp)) | (usage if ends_in_finish else {})
            last = made[-1]
            made[-1] = last._replace(value=last.value | fields, usage=ends_in_finish or row.closing_has_usage)
    if ask.include_usage and not ends_in_finish:
        made.append(Chunk(head | {"choices": list(row.usage_choices)} | usage, usage=True))
    return made


def models(row: Row, request: Request) -> bytes:
    check_key(row, request)
    names = [name for name in PRICES[row.name] if name.strip("*")] or [f"sim-{row.name}"]
    rows = [{"id": name, "object": "model", "created": 1_750_000_000, "owned_by": row.name} for name in names]
    return dumped({"object": "list", "data": rows})


def provider(row: Row) -> Provider:
    base = re.escape(row.base)
    chat = Operation(
        "chat",
        re.compile(f"{base}/chat/completions"),
        partial(read, row),
        partial(whole, row),
        partial(error, row),
        partial(frames, row),
        partial(error_event, row),
        headers=row.headers,
    )
    operations = [chat]
    if row.embedders:
        path = re.compile(f"{base}/embeddings")
        operations.append(embeddings(path, row.embedders, partial(check_key, row), partial(error, row), partial(in_words_of, row)))
    return Provider(
        row.name,
        tuple(operations),
        lambda request: dumped(row.not_found),
        {f"{row.base}/models": partial(models, row)},
        lambda stamp: {"x-request-id": "req_" + mark(stamp.seed, "request", length=32)},
    )
