"""A whole answer in Anthropic's form, and its pieces, which its events are made of. https://platform.claude.com/docs/en/api/messages"""

import json
from collections.abc import Iterable
from math import isfinite
from typing import Any

from ..errors import Refusal
from ..money import Tokens
from ..reply import Choice, Citation, Embedding
from ..request import Part, Reasoning, Signature, Text, ToolCall
from .anthropic_messages_blocks import FAMILY
from .contract import Answer
from .signatures import pack
from .written import dumped

# https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}

# https://platform.claude.com/docs/en/api/errors
ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def _finite(literal: str) -> float | None:
    value = float(literal)
    return value if isfinite(value) else None


ARGUMENTS = json.JSONDecoder(parse_constant=lambda _: None, parse_float=_finite)


def to_body(answer: Answer, choices: list[Choice], tokens: Tokens) -> bytes:
    """Of the first choice: there is no more than one here."""
    choice = choices[0] if choices else Choice()
    stop = to_stop(choice.finish, choice.stop_sequence, bool(choice.refusal), bool(choice.tool_calls))
    return dumped(to_message(answer, to_content(choice), stop, tokens))


def to_message(answer: Answer, content: list[dict[str, Any]], stop: dict[str, Any], tokens: Tokens) -> dict[str, Any]:
    head = {"id": f"msg_{answer.id}", "type": "message", "role": "assistant", "model": answer.model}
    return head | {"content": content} | stop | {"container": None, "diagnostics": None, "usage": to_usage(tokens)}


def to_stop(finish: str | None, sequence: str | None, refused: bool, called: bool) -> dict[str, Any]:
    reason = "refusal" if refused else STOP_REASONS.get(finish or "stop", "end_turn")
    if reason == "end_turn":  # some providers stop for a tool without saying so
        reason = "stop_sequence" if sequence is not None else "tool_use" if called else reason
    details = {"type": "refusal", "category": None, "explanation": None} if reason == "refusal" else None
    return {"stop_reason": reason, "stop_sequence": sequence if reason == "stop_sequence" else None, "stop_details": details}


def to_content(choice: Choice) -> list[dict[str, Any]]:
    """In their order, without what is empty. The sources stand with the last text, as what each is for is not always known."""
    blocks = [block for part in choice.parts for block in _to_blocks(part)]
    if choice.citations:
        cited = next((block for block in reversed(blocks) if block["type"] == "text"), None)
        if cited is None:
            blocks.append(cited := to_text())
        cited["citations"] = [to_citation(citation) for citation in choice.citations]
    return blocks + ([to_text(choice.refusal)] if choice.refusal else [])


def _to_blocks(part: Part | Embedding) -> Iterable[dict[str, Any]]:
    match part:
        case Text(text) if text:
            yield to_text(text)
        case Reasoning(_, signature, True):
            yield to_sealed(signature)
        case Reasoning(text, signature) if text or signature:
            yield to_thinking(text, signature)
        case ToolCall(id, name, arguments, signature):
            if sealed := to_sealed_of_call(id, signature):
                yield sealed
            yield to_tool_use(id, name, to_input(arguments))


def to_text(text: str = "") -> dict[str, Any]:
    return {"type": "text", "text": text, "citations": None}


def to_thinking(text: str = "", signature: Signature | None = None) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": pack(signature, FAMILY) if signature else ""}


def to_sealed(signature: Signature | None) -> dict[str, Any]:
    return {"type": "redacted_thinking", "data": pack(signature, FAMILY) if signature else ""}


def to_sealed_of_call(id: str, signature: Signature | None) -> dict[str, Any] | None:
    """Calls have no signature here: clients send back a sealed block beside it, and we find the call by its id."""
    return to_sealed(signature._replace(id=id)) if signature and signature.family != FAMILY else None


def to_tool_use(id: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": given, "caller": {"type": "direct"}}


def to_input(arguments: str) -> dict[str, Any]:
    """Empty where the model wrote no object: the form has no place for anything else."""
    try:
        value = ARGUMENTS.decode(arguments)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def to_citation(citation: Citation) -> dict[str, Any]:
    """As a source found on the web, the one kind that has an address. What Anthropic's own search seals into the index nobody else has."""
    place = {"type": "web_search_result_location", "url": citation.url, "title": citation.title or None}
    return place | {"cited_text": citation.quote, "encrypted_index": ""}


def to_usage(tokens: Tokens) -> dict[str, Any]:
    """Input is what neither came from a cache nor went into one."""
    lifetimes = {
        "ephemeral_5m_input_tokens": tokens.cache_write - tokens.cache_write_1h,
        "ephemeral_1h_input_tokens": tokens.cache_write_1h,
    }
    unknown = {"service_tier": None, "inference_geo": None, "speed": None}
    return to_usage_so_far(tokens) | {"cache_creation": lifetimes} | unknown


def to_usage_so_far(tokens: Tokens) -> dict[str, Any]:
    """What an event says of it."""
    return {
        "input_tokens": tokens.input - tokens.cached - tokens.cache_write,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cached,
        "output_tokens": tokens.output,
        "output_tokens_details": {"thinking_tokens": tokens.reasoning},
        "server_tool_use": None,
    }


def to_error(refusal: Refusal, id: str | None = None) -> bytes:
    """`details.error_code` is where Anthropic's clients look for a stable code, `code` and `param` where all of our dialects have them."""
    kind = ERROR_TYPES.get(refusal.status, "invalid_request_error" if refusal.status < 500 else "api_error")
    error = {
        "type": kind,
        "message": refusal.message,
        "details": {"error_code": refusal.code},
        "code": refusal.code,
        "param": refusal.param,
    }
    return dumped({"type": "error", "error": error, "request_id": id})
