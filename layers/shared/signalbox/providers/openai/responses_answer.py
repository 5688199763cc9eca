"""What OpenAI's Responses answer, streamed and whole. https://platform.openai.com/docs/api-reference/responses-streaming

Of what its own tools did (searches, files, code) the text and its sources are passed on; the items that tell of each step are not.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...errors import UpstreamFailure
from ...money import Tokens
from ...reply import Chunk, Citation, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, Usage
from ...request import Signature
from ..errors import failure_of, names_of
from ..formats.checks import array, count, index, parsed, text
from ..formats.sse import data_lines

UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, RecursionError)
PARAGRAPH = "\n\n"  # between two texts that are one to every other format

ENDS = {"response.completed", "response.incomplete", "response.failed"}
FINISHES = {"max_output_tokens": "length", "content_filter": "content_filter"}

# Where a code is none of the words that `routing.failures` knows. https://platform.openai.com/docs/api-reference/responses/object
FAILURES = {
    "invalid_prompt": "content_filtered",
    "bio_policy": "content_filtered",
    "misalignment_policy_violation": "content_filtered",
    "image_content_policy_violation": "content_filtered",
    "data_residency_mismatch": "bad_request",
    "unsupported_image_media_type": "bad_request",
    "empty_image_file": "bad_request",
    "failed_to_download_image": "bad_request",
}
OF_AN_IMAGE = ("invalid_image", "invalid_base64_image", "image_")


def to_chunks(pieces: Iterable[bytes]) -> Iterator[Chunk]:
    """Ends with the event that holds the whole response. A stream that ends without one was cut."""
    reading = _Reading()
    for data in data_lines(pieces):
        if data == b"[DONE]":  # some who speak the same end so as well
            break
        try:
            event = parsed(data)
            kind = text(event.get("type"))
            if kind in ENDS:
                yield from reading.end(event["response"])
                return
            if kind == "error" or "error" in event:
                raise to_failure(event.get("error") or event)
            if read := EVENTS.get(kind):
                yield from read(reading, event)
        except UNREADABLE as error:
            raise UpstreamFailure("malformed", f"not an event of a response: {type(error).__name__}") from error
    raise UpstreamFailure("cut", "the stream ended without the response")


def from_body(body: bytes) -> Iterator[Chunk]:
    reading = _Reading()
    try:
        response = parsed(body)
        if response.get("status") is None and response.get("error"):
            raise to_failure(response["error"])
        for place, item in enumerate(array(response["output"])):
            yield from reading.whole({"output_index": place, "item": item})
        yield from reading.end(response)
    except UNREADABLE as error:
        raise UpstreamFailure("malformed", f"not a response: {type(error).__name__}") from error


class _Reading:
    """`told` are the items of which pieces have come; what comes of them whole at their end is no news."""

    def __init__(self) -> None:
        self._told: set[int] = set()
        self._calls: dict[int, int] = {}
        self._length = 0  # of all text so far: each part of it counts its own characters
        self._before = 0
        self._part = (-1, -1)
        self._last = ""

    def begin(self, event: dict[str, Any]) -> Iterator[Chunk]:
        item, place = event["item"], index(event.get("output_index"))
        if item["type"] == "function_call":
            position = self._calls[place] = len(self._calls)
            self._last = "call"
            yield ToolCallDelta(position, "", text(item.get("call_id")) or None, text(item.get("name")) or None)

    def text(self, event: dict[str, Any]) -> Iterator[Chunk]:
        yield from self._enter("text", index(event.get("output_index")), index(event.get("content_index")))
        written = text(event.get("delta"))
        self._length += len(written)
        if written:
            yield TextDelta(written, 0, tuple(array(event.get("logprobs"))))

    def cite(self, event: dict[str, Any]) -> Iterator[Chunk]:
        yield from self._cited(event["annotation"])

    def refuse(self, event: dict[str, Any]) -> Iterator[Chunk]:
        self._told.add(index(event.get("output_index")))
        if written := text(event.get("delta")):
            yield RefusalDelta(written)

    def reason(self, event: dict[str, Any]) -> Iterator[Chunk]:
        part = index(event.get("summary_index", event.get("content_index")))
        yield from self._enter("reasoning", index(event.get("output_index")), part)
        if written := text(event.get("delta")):
            yield ReasoningDelta(written)

    def argue(self, event: dict[str, Any]) -> Iterator[Chunk]:
        place = index(event.get("output_index"))
        self._told.add(place)
        yield ToolCallDelta(self._calls[place], text(event.get("delta")))

    def whole(self, event: dict[str, Any]) -> Iterator[Chunk]:
        """An item at its end. Whole answers are nothing but such."""
        item, place = event["item"], index(event.get("output_index"))
        match item["type"]:
            case "message" if place not in self._told:
                for number, part in enumerate(array(item.get("content"))):
                    at = {"output_index": place, "content_index": number}
                    if part.get("type") == "refusal":
                        yield from self.refuse(at | {"delta": part.get("refusal")})
                        continue
                    yield from self.text(at | {"delta": part.get("text"), "logprobs": part.get("logprobs")})
                    for annotation in array(part.get("annotations")):
                        yield from self._cited(annotation)
            case "reasoning":
                yield from self._reasoned(item, place)
            case "function_call":
                if place not in self._calls:
                    yield from self.begin(event)
                if place not in self._told:
                    yield from self.argue({"output_index": place, "delta": item.get("arguments")})

    def end(self, response: dict[str, Any]) -> Iterator[Chunk]:
        if tokens := to_tokens(response.get("usage")):
            yield Usage(tokens)
        status = response["status"]
        if status not in ("completed", "incomplete"):
            failure = to_failure(response.get("error") or {"code": f"response_{text(status)}"})
            failure.counted = tokens is not None  # beside its end
            raise failure
        reason = text((response.get("incomplete_details") or {}).get("reason"))
        yield Finish(FINISHES.get(reason) or ("tool_calls" if self._calls else "stop"))

    def _reasoned(self, item: dict[str, Any], place: int) -> Iterator[Chunk]:
        if place not in self._told:
            for number, part in enumerate((*array(item.get("summary")), *array(item.get("content")))):
                yield from self.reason({"output_index": place, "summary_index": number, "delta": part.get("text")})
        if sealed := text(item.get("encrypted_content")):
            self._last = "sealed"
            yield ReasoningDelta("", 0, Signature("openai", sealed, text(item.get("id")) or None), redacted=place not in self._told)

    def _enter(self, kind: str, place: int, part: int) -> Iterator[Chunk]:
        """Texts that follow each other directly are one in our words, so that a paragraph's end must part them."""
        if (place, part) == self._part and kind == self._last:
            return
        if kind == self._last:
            if kind == "reasoning":
                yield ReasoningDelta(PARAGRAPH)
            elif place != self._part[0]:
                self._length += len(PARAGRAPH)
                yield TextDelta(PARAGRAPH)
        self._told.add(place)
        self._part, self._last, self._before = (place, part), kind, self._length

    def _cited(self, annotation: dict[str, Any]) -> Iterator[Chunk]:
        """Sources with an address; files are OpenAI's own, and have none."""
        if annotation.get("type") == "url_citation":
            start, end = (None if annotation.get(name) is None else count(annotation[name]) + self._before for name in BOUNDS)
            yield Citation(text(annotation.get("url")), text(annotation.get("title")), "", start, end)


BOUNDS = ("start_index", "end_index")

EVENTS: dict[str, Callable[[_Reading, dict[str, Any]], Iterator[Chunk]]] = {
    "response.output_item.added": _Reading.begin,
    "response.output_text.delta": _Reading.text,
    "response.output_text.annotation.added": _Reading.cite,
    "response.refusal.delta": _Reading.refuse,
    "response.reasoning_summary_text.delta": _Reading.reason,
    "response.reasoning_text.delta": _Reading.reason,
    "response.function_call_arguments.delta": _Reading.argue,
    "response.output_item.done": _Reading.whole,
}


def to_failure(error: Any) -> UpstreamFailure:
    code = error.get("code") if isinstance(error, dict) else None
    kind = FAILURES.get(code) if isinstance(code, str) else None
    if kind is None and isinstance(code, str) and code.startswith(OF_AN_IMAGE):
        kind = "bad_request"
    return UpstreamFailure(kind, f"an error inside the answer: {names_of(error)}") if kind else failure_of(error)


def to_tokens(usage: Any) -> Tokens | None:
    """The one reading of usage; None where it is not plausible. https://platform.openai.com/docs/api-reference/responses/object"""
    if usage is None:
        return None
    try:
        input, output = count(usage["input_tokens"]), count(usage.get("output_tokens"))
        read = usage.get("input_tokens_details") or {}
        cached = min(count(read.get("cached_tokens")), input)
        written = min(count(read.get("cache_write_tokens")), input - cached)
        long = min(count((read.get("cache_write_tokens_details") or {}).get("ttl_12h_tokens")), written)
        reasoning = min(count((usage.get("output_tokens_details") or {}).get("reasoning_tokens")), output)
        return Tokens(input, cached, written, output, reasoning, long)
    except (TypeError, KeyError, AttributeError):
        return None
