"""Gemini's answers, whose streamed events have the form of the whole. https://ai.google.dev/api/generate-content#generatecontentresponse"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ...errors import UpstreamFailure
from ...money import Tokens
from ...reply import Chunk, Citation, Finish, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from ...request import Signature
from ..errors import failure_of, names_of
from ..formats.checks import array, count, index, parsed, text
from ..formats.sse import data_lines

# Why an answer ended, in our words; what is not here is a `stop`. https://ai.google.dev/api/generate-content#FinishReason
FINISHES = {
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
# Why one broke: the model wrote what nobody can read.
BREAKS = {
    "MALFORMED_FUNCTION_CALL": "malformed",
    "UNEXPECTED_TOOL_CALL": "malformed",
    "TOO_MANY_TOOL_CALLS": "malformed",
    "MALFORMED_RESPONSE": "malformed",
    "MISSING_THOUGHT_SIGNATURE": "malformed",
    "PUP_LIMITED_DISABLED": "auth",
}


def to_chunks(pieces: Iterable[bytes]) -> Iterator[Chunk]:
    """There is no mark at the end: a stream without a finish was cut."""
    return _read(data_lines(pieces))


def from_body(body: bytes) -> Iterator[Chunk]:
    return _read((body,))


def _read(events: Iterable[bytes]) -> Iterator[Chunk]:
    candidates: dict[int, _Candidate] = {}
    finished = False
    for data in events:
        try:
            for chunk in _from_event(parsed(data), candidates):
                finished = finished or type(chunk) is Finish
                yield chunk
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UpstreamFailure("malformed", f"not a GenerateContentResponse: {type(error).__name__}") from error
    if not finished:
        raise UpstreamFailure("cut", "the answer ended without a finishReason")


def _from_event(event: dict[str, Any], candidates: "dict[int, _Candidate]") -> Iterator[Chunk]:
    """The count comes first: it stands also for an answer that was refused, or that broke."""
    if broken := event.get("error"):
        raise failure_of({"type": broken.get("status"), "code": broken.get("code")})
    if usage := event.get("usageMetadata"):
        tokens = to_tokens(usage)
        if tokens is not None:
            yield Usage(tokens)
    for candidate in array(event.get("candidates")):
        number = index(candidate.get("index"))
        if number not in candidates:
            candidates[number] = _Candidate(number, text(event.get("responseId")))
        yield from candidates[number].read(candidate)
    if reason := text((event.get("promptFeedback") or {}).get("blockReason")):
        raise UpstreamFailure("content_filtered", f"the prompt was blocked: {names_of({'code': reason})}", counted=True)


class _Candidate:
    """One answer that is still coming, with as much of it as its ends and its places need."""

    def __init__(self, number: int, response_id: str) -> None:
        self._number = number
        self._response_id = response_id
        self._calls = 0
        self._texts: list[str] = []
        self._sources: list[tuple[str, dict[str, Any]]] = []

    def read(self, candidate: dict[str, Any]) -> Iterator[Chunk]:
        logprobs = to_logprobs(candidate["logprobsResult"]) if candidate.get("logprobsResult") else ()
        for part in array((candidate.get("content") or {}).get("parts")):
            said = text(part.get("text"))
            signature = Signature("google", sealed) if (sealed := text(part.get("thoughtSignature"))) else None
            if part.get("functionCall"):
                yield self._call(part["functionCall"], signature)
            elif part.get("thought"):
                if said or signature:
                    yield ReasoningDelta(said, self._number, signature)
            else:
                if said:
                    self._texts.append(said)
                    yield TextDelta(said, self._number, logprobs)
                    logprobs = ()
                if signature:
                    yield ReasoningDelta("", self._number, signature)
        if logprobs:
            yield TextDelta("", self._number, logprobs)
        for name in ("groundingMetadata", "citationMetadata"):
            if candidate.get(name):
                self._sources = [source for source in self._sources if source[0] != name] + [(name, candidate[name])]
        if reason := text(candidate.get("finishReason")):
            yield from self._finish(reason)

    def _call(self, call: dict[str, Any], signature: Signature | None) -> ToolCallDelta:
        """A call comes whole. Where it has no id, one is made of the answer's, so that it is the same however it came."""
        position = self._calls
        self._calls += 1
        id = text(call.get("id")) or f"call_{self._response_id}_{position}"
        arguments = json.dumps(call.get("args") or {}, separators=(",", ":"), ensure_ascii=False)
        return ToolCallDelta(position, arguments, id, text(call.get("name")), self._number, signature)

    def _finish(self, reason: str) -> Iterator[Chunk]:
        """Sources are told over and again while they grow: the last of them count, and their places are known once the text is."""
        said = "".join(self._texts).encode()
        for name, metadata in self._sources:
            yield from SOURCES[name](metadata, said, self._number)
        self._sources = []
        if reason in BREAKS:
            raise UpstreamFailure(BREAKS[reason], f"finishReason={reason}")
        yield Finish(FINISHES.get(reason, "tool_calls" if self._calls else "stop"), self._number)


def _from_grounding(metadata: dict[str, Any], said: bytes, number: int) -> Iterator[Citation]:
    """https://ai.google.dev/api/generate-content#GroundingMetadata"""
    chunks = [chunk.get("web") or chunk.get("retrievedContext") or {} for chunk in array(metadata.get("groundingChunks"))]
    supports = array(metadata.get("groundingSupports"))
    if not supports:
        yield from (Citation(text(chunk["uri"]), text(chunk.get("title")), choice=number) for chunk in chunks if chunk.get("uri"))
    for support in supports:
        segment = support.get("segment") or {}
        # Places are counted within a part: those of another part than the first are left to the quote.
        start, end = (None, None) if segment.get("partIndex") else _places(segment, said)
        for place in array(support.get("groundingChunkIndices")):
            chunk = chunks[place] if type(place) is int and 0 <= place < len(chunks) else {}
            if chunk.get("uri"):
                yield Citation(text(chunk["uri"]), text(chunk.get("title")), text(segment.get("text")), start, end, number)


def _from_citations(metadata: dict[str, Any], said: bytes, number: int) -> Iterator[Citation]:
    """`citations` is what Vertex calls them. https://ai.google.dev/api/generate-content#citationmetadata"""
    for source in array(metadata.get("citationSources")) or array(metadata.get("citations")):
        if source.get("uri"):
            start, end = _places(source, said)
            yield Citation(text(source["uri"]), text(source.get("title")), "", start, end, number)


SOURCES = {"groundingMetadata": _from_grounding, "citationMetadata": _from_citations}


def _places(segment: dict[str, Any], said: bytes) -> tuple[int | None, int | None]:
    """In characters, where Google counts bytes; a start at the very beginning is left out."""
    if segment.get("endIndex") is None:
        return None, None
    start, end = (len(said[: count(segment.get(name))].decode(errors="ignore")) for name in ("startIndex", "endIndex"))
    return start, end


def to_logprobs(result: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """As OpenAI writes them. https://ai.google.dev/api/generate-content#LogprobsResult"""
    chosen, tops = array(result.get("chosenCandidates")), array(result.get("topCandidates"))
    return tuple(
        _to_logprob(token)
        | {"top_logprobs": [_to_logprob(top) for top in array(tops[place].get("candidates"))] if place < len(tops) else []}
        for place, token in enumerate(chosen)
    )


def _to_logprob(token: dict[str, Any]) -> dict[str, Any]:
    written = text(token.get("token"))
    return {"token": written, "logprob": token.get("logProbability", 0), "bytes": list(written.encode(errors="replace"))}


def to_tokens(usage: Any) -> Tokens | None:
    """Cumulative. Thoughts and what tools of Google's own read are counted beside the rest; None where it is not plausible.

    https://ai.google.dev/api/generate-content#UsageMetadata
    """
    try:
        input = count(usage["promptTokenCount"]) + count(usage.get("toolUsePromptTokenCount"))
        thoughts = count(usage.get("thoughtsTokenCount"))
        return Tokens(
            input=input,
            cached=min(count(usage.get("cachedContentTokenCount")), input),
            output=count(usage.get("candidatesTokenCount")) + thoughts,
            reasoning=thoughts,
        )
    except (TypeError, KeyError, AttributeError):
        return None
