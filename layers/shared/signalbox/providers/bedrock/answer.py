"""What Converse answers, event by event. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...errors import UpstreamFailure
from ...money import Tokens
from ...reply import Chunk, Citation, Finish, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from ...request import Signature
from ...routing.failures import kind_of
from ..anthropic.thinking import FAMILY
from ..formats.checks import array, count, index, text
from .tools import ANSWER_TOOL

# Why an answer ended. What is not here is a `stop`. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_MessageStopEvent.html
FINISHES = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
BREAKS = frozenset({"malformed_model_output", "malformed_tool_use"})
# Statuses of exceptions, which come as messages once a stream has begun.
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html
EXCEPTIONS = {
    "validationException": 400,
    "accessDeniedException": 403,
    "resourceNotFoundException": 404,
    "modelTimeoutException": 408,
    "throttlingException": 429,
    "internalServerException": 500,
    "modelStreamErrorException": 500,
    "serviceUnavailableException": 503,
}


class Answer:
    """One answer as its events come. What we do not know of them is left out."""

    def __init__(self) -> None:
        self.finished = False
        self._calls: dict[int, int] = {}  # the position of a call by its block's index
        self._empty: set[int] = set()  # calls without any arguments so far
        self._answers: set[int] = set()  # blocks that are calls of the tool which holds the answer
        self._events: dict[str, Callable[[Any], Iterable[Chunk]]] = {
            "contentBlockDelta": self._add,
            "contentBlockStart": self._begin,
            "contentBlockStop": self._end,
            "messageStop": self._stop,
            "metadata": _count,
        }

    def take(self, name: str, event: Any) -> Iterable[Chunk]:
        read = self._events.get(name)
        return read(event) if read else ()

    def block(self, number: int, block: Any) -> Iterator[Chunk]:
        """A whole block, which has other names inside than a streamed one."""
        if use := block.get("toolUse"):
            yield from self._begin({"contentBlockIndex": number, "start": {"toolUse": use}})
            if use.get("input"):
                yield from self._argue(number, json.dumps(use["input"], ensure_ascii=False))
            yield from self._end({"contentBlockIndex": number})
        elif reasoning := block.get("reasoningContent"):
            yield from _reason({**(reasoning.get("reasoningText") or {}), **reasoning})
        elif cited := block.get("citationsContent"):
            for piece in array(cited.get("content")):
                yield from _say(piece.get("text"))
            for citation in array(cited.get("citations")):
                yield _citation(citation)
        else:
            yield from _say(block.get("text"))

    def _begin(self, event: Any) -> Iterable[Chunk]:
        use = (event.get("start") or {}).get("toolUse")
        if not use or use.get("type") == "server_tool_use":
            return ()
        number, name = index(event["contentBlockIndex"]), text(use["name"])
        if name == ANSWER_TOOL:
            self._answers.add(number)
            return ()
        position = self._calls[number] = len(self._calls)
        self._empty.add(number)
        return (ToolCallDelta(position, "", text(use["toolUseId"]), name),)

    def _add(self, event: Any) -> Iterable[Chunk]:
        delta = event["delta"]
        if "text" in delta:
            return _say(delta["text"])
        if "toolUse" in delta:
            return self._argue(event["contentBlockIndex"], text(delta["toolUse"]["input"]))
        if "reasoningContent" in delta:
            return _reason(delta["reasoningContent"])
        return (_citation(delta["citation"]),) if "citation" in delta else ()

    def _argue(self, number: int, piece: str) -> Iterable[Chunk]:
        if number in self._answers:
            return _say(piece)
        position = self._calls.get(number)
        if position is None or not piece:
            return ()
        self._empty.discard(number)
        return (ToolCallDelta(position, piece),)

    def _end(self, event: Any) -> Iterable[Chunk]:
        number = event["contentBlockIndex"]
        if number not in self._empty:
            return ()
        self._empty.remove(number)
        return (ToolCallDelta(self._calls[number], "{}"),)

    def _stop(self, event: Any) -> Iterable[Chunk]:
        reason = text(event.get("stopReason"))
        if not reason:
            return ()
        if reason in BREAKS:
            raise UpstreamFailure("malformed", f"stopReason={reason}")
        self.finished = True
        said = "stop" if reason == "tool_use" and self._answers and not self._calls else FINISHES.get(reason, "stop")
        return (Finish(said, 0, text((event.get("additionalModelResponseFields") or {}).get("stop_sequence")) or None),)


def _count(event: Any) -> Iterable[Chunk]:
    tokens = to_tokens(event.get("usage"))
    return (Usage(tokens),) if tokens is not None else ()


def to_tokens(usage: Any) -> Tokens | None:
    """The one reading of usage, where what was cached is no part of the input. None where it is not plausible.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
    """
    try:
        cached, stored = count(usage.get("cacheReadInputTokens")), count(usage.get("cacheWriteInputTokens"))
        hour = sum(count(detail["inputTokens"]) for detail in array(usage.get("cacheDetails")) if detail["ttl"] == "1h")
        return Tokens(
            input=count(usage["inputTokens"]) + cached + stored,
            cached=cached,
            cache_write=stored,
            output=count(usage["outputTokens"]),
            cache_write_1h=min(hour, stored),
        )
    except (TypeError, KeyError, AttributeError):
        return None


def _say(piece: Any) -> Iterable[Chunk]:
    return (TextDelta(text(piece)),) if piece else ()


def _reason(delta: Any) -> Iterable[Chunk]:
    if redacted := text(delta.get("redactedContent")):
        return (ReasoningDelta("", 0, Signature(FAMILY, redacted), True),)
    said, signature = text(delta.get("text")), text(delta.get("signature"))
    return (ReasoningDelta(said, 0, Signature(FAMILY, signature) if signature else None),) if said or signature else ()


def _citation(citation: Any) -> Citation:
    """Of a page by its address; what the client itself sent has a title."""
    web = (citation.get("location") or {}).get("web") or {}
    quoted = "".join(text(piece.get("text")) for piece in array(citation.get("sourceContent")))
    return Citation(text(web.get("url")) or text(citation.get("source")), text(citation.get("title")), quoted)


def failure(headers: Any, payload: bytes) -> UpstreamFailure:
    name = headers.get(":exception-type") or headers.get(":error-code") or ""
    known = name[:1].lower() + name[1:] if name[:1].lower() + name[1:] in EXCEPTIONS else ""
    return UpstreamFailure(kind_of(EXCEPTIONS.get(known, 500), payload), f"an exception inside the stream: {known or 'of another name'}")
