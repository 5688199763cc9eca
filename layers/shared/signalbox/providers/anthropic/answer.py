"""What Anthropic's messages say, event by event. https://platform.claude.com/docs/en/build-with-claude/streaming"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from ...errors import UpstreamFailure
from ...money import Tokens
from ...reply import Chunk, Citation, Finish, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from ...request import Signature
from ..errors import names_of
from ..formats.checks import array, count, index, text
from .thinking import FAMILY

# Why an answer ended. What is not here is a `stop`. https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
FINISHES = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
# An error inside a stream has no status but a name. https://platform.claude.com/docs/en/api/errors
ERRORS = {
    "invalid_request_error": "bad_request",
    "authentication_error": "auth",
    "billing_error": "auth",
    "permission_error": "auth",
    "not_found_error": "not_found",
    "request_too_large": "context_too_long",
    "rate_limit_error": "rate_limited",
    "timeout_error": "timeout",
    "overloaded_error": "overloaded",
}


class Answer:
    """One message as its events come. What we do not know of them is left out, as the documentation asks."""

    def __init__(self) -> None:
        self.finished = False
        self._calls: dict[int, int] = {}  # the position of a call by its block's index
        self._empty: set[int] = set()  # calls without any arguments so far
        self._usage: dict[str, Any] = {}
        self._events: dict[str, Callable[[Any], Iterable[Chunk]]] = {
            "content_block_delta": self._add,
            "content_block_start": self.begin,
            "content_block_stop": self.end,
            "message_start": self._start,
            "message_delta": self.change,
            "error": _fail,
        }

    def take(self, event: Any) -> Iterable[Chunk]:
        read = self._events.get(event["type"])
        return read(event) if read else ()

    def begin(self, event: Any) -> Iterable[Chunk]:
        """A block, with nothing in it yet where it is streamed."""
        block = event["content_block"]
        kind = block["type"]
        if kind == "text":
            if block.get("text"):
                yield TextDelta(text(block["text"]))
            for citation in array(block.get("citations")):
                yield _citation(citation)
        elif kind == "thinking":
            if block.get("thinking") or block.get("signature"):
                yield ReasoningDelta(text(block.get("thinking")), 0, _signature(block.get("signature")))
        elif kind == "redacted_thinking":
            yield ReasoningDelta("", 0, _signature(block["data"]), True)
        elif kind == "tool_use":
            number, arguments = index(event["index"]), block.get("input")
            position = self._calls[number] = len(self._calls)
            if not arguments:
                self._empty.add(number)
            yield ToolCallDelta(
                position, json.dumps(arguments, ensure_ascii=False) if arguments else "", text(block["id"]), text(block["name"])
            )

    def end(self, event: Any) -> Iterable[Chunk]:
        number = event["index"]
        if number in self._empty:
            self._empty.remove(number)
            yield ToolCallDelta(self._calls[number], "{}")

    def change(self, event: Any) -> Iterable[Chunk]:
        """Its usage is of all so far, not of what is new; beside the end it is of all there is, whatever becomes of the stream then."""
        delta = event.get("delta") or {}
        if reason := text(delta.get("stop_reason")):
            self.finished = True
            yield Finish(FINISHES.get(reason, "stop"), 0, text(delta.get("stop_sequence")) or None)
        yield from self._count(event.get("usage"))

    def _start(self, event: Any) -> Iterable[Chunk]:
        return self._count(event["message"].get("usage"))

    def _add(self, event: Any) -> Iterable[Chunk]:
        delta = event["delta"]
        kind = delta["type"]
        if kind == "text_delta":
            return (TextDelta(text(delta["text"])),)
        if kind == "input_json_delta":
            return self._argue(event["index"], text(delta["partial_json"]))
        if kind == "thinking_delta":
            return (ReasoningDelta(text(delta["thinking"])),)
        if kind == "signature_delta":
            return (ReasoningDelta("", 0, _signature(delta["signature"])),)
        return (_citation(delta["citation"]),) if kind == "citations_delta" else ()

    def _argue(self, number: int, piece: str) -> Iterable[Chunk]:
        position = self._calls.get(number)
        if position is None or not piece:  # of a tool that runs at Anthropic
            return ()
        self._empty.discard(number)
        return (ToolCallDelta(position, piece),)

    def _count(self, usage: Any) -> Iterable[Chunk]:
        if isinstance(usage, dict):
            self._usage |= {name: value for name, value in usage.items() if value is not None}
            tokens = to_tokens(self._usage)
            if tokens is not None:
                yield Usage(tokens)


def to_tokens(usage: Any) -> Tokens | None:
    """The one reading of usage, where what was cached is no part of the input. None where it is not plausible.

    https://platform.claude.com/docs/en/build-with-claude/prompt-caching#tracking-cache-performance
    """
    try:
        cached, stored = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
        output = count(usage["output_tokens"])
        return Tokens(
            input=count(usage["input_tokens"]) + cached + stored,
            cached=cached,
            cache_write=stored,
            output=output,
            reasoning=min(count((usage.get("output_tokens_details") or {}).get("thinking_tokens")), output),
            cache_write_1h=min(count((usage.get("cache_creation") or {}).get("ephemeral_1h_input_tokens")), stored),
        )
    except (TypeError, KeyError, AttributeError):
        return None


def _signature(value: Any) -> Signature | None:
    return Signature(FAMILY, text(value)) if value else None


def _citation(citation: Any) -> Citation:
    """Of a page or a search result by its address; documents of the client's have none, but a title."""
    url = text(citation.get("url")) or text(citation.get("source"))
    return Citation(url, text(citation.get("title")) or text(citation.get("document_title")), text(citation.get("cited_text")))


def _fail(event: Any) -> Iterable[Chunk]:
    error = event["error"]
    kind = ERRORS.get(error["type"], "server")
    raise UpstreamFailure(kind, f"an error inside the stream: {names_of(error)}")
