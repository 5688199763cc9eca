"""The data API: an API Gateway event in, a dialect's answer out. Whatever goes wrong is said in the caller's own dialect."""

import base64
import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from .aws import telemetry
from .dialects.contract import Dialect
from .errors import Refusal
from .runtime.invocation import Context, Response

MAX_BODY_BYTES = 4_194_304  # of any; what a route takes is its own to say: `Route.max_request_bytes`

# Each path speaks a dialect, errors included; a module of `dialects`, which is loaded when it is first spoken.
DIALECTS = {
    "/v1/chat/completions": "openai_chat",
    "/v1/completions": "openai_completions",
    "/v1/responses": "openai_responses",
    "/v1/embeddings": "openai_embeddings",
    "/v1/messages": "anthropic_messages",
}
DEFAULT = "openai_chat"
ELSEWHERE = ("/admin/*", "/openapi.json", "/v1/requests/*", "/v1/usage")  # which the control function answers

# What no other try mends. The official clients make two more of any 409 or 429, within a second where the wait is too long for them.
NOT_AGAIN = frozenset({"idempotency_conflict"})
LONGEST_WAIT_S = 60

PLAIN = "identity"  # https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1
REPLACED = "\ufffd"  # as API Gateway hands over what is not UTF-8, longer than it was

IDEMPOTENCY_KEY = "idempotency-key"
REQUEST_IDS = ("x-signalbox-request-id", "x-request-id", "request-id")  # ours, and those that OpenAI's and Anthropic's clients look for


class Call(NamedTuple):
    """One HTTP call; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    remaining_s: float
    trace_id: str | None


Endpoint = Callable[[Call], Response]


class DataApi:
    """Endpoints by path and method. A path that ends in /* takes whatever lies below it."""

    def __init__(self, endpoints: Mapping[str, Mapping[str, Endpoint]]) -> None:
        self._endpoints = {"/health": {"GET": health}} | dict(endpoints)

    def answer(self, event: Mapping[str, Any], context: Context) -> Response:
        dialect = dialect_of(_path(event))
        try:
            call = to_call(event, context)
            return self._endpoint(call, event.get("path") or "/")(call)
        except Refusal as refusal:
            return refused(refusal, dialect, _id_of(context))
        except Exception as error:
            telemetry.error("a request ended in an error of ours", error)
            return refused(internal_error(), dialect, _id_of(context))

    def _endpoint(self, call: Call, said: str) -> Endpoint:
        below = next((path for path in self._endpoints if path.endswith("/*") and call.path.startswith(path[:-1])), "")
        methods = self._endpoints.get(call.path) or self._endpoints.get(below)
        if methods is None:
            raise Refusal(
                "not_found", f"There is nothing at {said[:200]}. The paths are {', '.join(sorted({*self._endpoints, *ELSEWHERE}))}."
            )
        if call.method not in methods:
            raise Refusal("method_not_allowed", f"{call.path} takes {', '.join(sorted(methods))}, not {call.method[:20]}.")
        return methods[call.method]


def to_call(event: Mapping[str, Any], context: Context) -> Call:
    """From API Gateway's proxy event. https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html"""
    headers = _headers(event)
    return Call(
        method=event.get("httpMethod") or "GET",
        path=_path(event),
        headers=headers,
        body=_body(event, headers),
        remaining_s=context.remaining_s(),
        trace_id=context.trace_id,
    )


def _body(event: Mapping[str, Any], headers: Mapping[str, str]) -> bytes:
    """As it was sent, which it is where it has the length that was told: text may hold U+FFFD of its own."""
    given, is_encoded = event.get("body") or "", event.get("isBase64Encoded")
    if len(given) > MAX_BODY_BYTES * 4:  # base64 and escapes never add more: not worth decoding
        raise too_large()
    body = base64.b64decode(given) if is_encoded else given.encode("utf-8", "surrogatepass")
    if len(body) > MAX_BODY_BYTES:
        raise too_large()
    coding = headers.get("content-encoding") or PLAIN
    if body and coding.lower() != PLAIN:
        message = f"The body is sent with content-encoding {coding[:40]}, which is not read here. Send it as plain JSON."
        raise Refusal("invalid_request", message, param="content-encoding")
    if not is_encoded and REPLACED in given and headers.get("content-length", str(len(body))) != str(len(body)):
        raise Refusal("invalid_request", "The body is not UTF-8, or was damaged on its way. Send a JSON object in UTF-8.")
    return body


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    """Of one that was sent more than once the last; of two idempotency keys nobody knows which is meant."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if IDEMPOTENCY_KEY in headers:
        for name, values in (event.get("multiValueHeaders") or {}).items():
            if name.lower() == IDEMPOTENCY_KEY and len(values) > 1:
                raise Refusal("invalid_request", f"{IDEMPOTENCY_KEY} was sent {len(values)} times. Send it once.", param=IDEMPOTENCY_KEY)
    return headers


def _path(event: Mapping[str, Any]) -> str:
    return (event.get("path") or "/").rstrip("/") or "/"


@cache
def dialect(name: str) -> Dialect:
    found: Dialect = import_module(f".dialects.{name}", __package__).DIALECT
    return found


def dialect_of(path: str) -> Dialect:
    """Below a path too, where there is nothing but the error that says so."""
    return dialect(next((name for spoken, name in DIALECTS.items() if path == spoken or path.startswith(f"{spoken}/")), DEFAULT))


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key, as a bearer or as Anthropic's clients send it."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key")


def internal_error() -> Refusal:
    return Refusal("internal_error", "Signalbox failed. It is logged; try again, and report it if it stays.")


def too_large() -> Refusal:
    return Refusal("request_too_large", f"The body is over {MAX_BODY_BYTES:,} bytes. Send a shorter conversation, or images by URL.")


def _id_of(context: Context) -> str:
    """Of a request that came to nothing and is recorded nowhere: the invocation's, by which its log is found."""
    return f"req_{context.request_id}"


def refused(refusal: Refusal, dialect: Dialect, id: str, headers: Mapping[str, str] | None = None) -> Response:
    """`id` is the request's, in the headers and wherever the dialect has a place for it."""
    headers = {"content-type": "application/json"} | dict.fromkeys(REQUEST_IDS, id) | _again(refusal) | dict(headers or {})
    return Response(refusal.status, headers, dialect.to_error(refusal, id))


def _again(refusal: Refusal) -> dict[str, str]:
    """When to try again, as the official clients read it."""
    wait_s = refusal.retry_after_s
    told = {} if wait_s is None else {"retry-after": str(wait_s)}
    return told | ({"x-should-retry": "false"} if refusal.code in NOT_AGAIN or (wait_s or 0) > LONGEST_WAIT_S else {})


def health(_: Call) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps({"status": "ok"}).encode())
