"""Answers of chat completions, streamed and whole, read by the same few functions, of all who speak the format: a field means one thing.

https://platform.openai.com/docs/api-reference/chat/object https://platform.openai.com/docs/api-reference/chat-streaming/streaming
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from ...errors import UpstreamFailure
from ...money import Tokens
from ...reply import Chunk, Citation, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, Usage
from ...request import Signature
from ..errors import failure_of
from ..formats.checks import array, count, index, parsed, text
from ..formats.sse import data_lines
from .reasoning import from_delta

# Why an answer ended, in our words. What is not here is a `stop`: the provider calls the answer whole, and clients know these words alone.
FINISHES = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
# Why one broke. https://docs.mistral.ai/api/#tag/chat https://api-docs.deepseek.com/api/create-chat-completion
BREAKS = {"error": "server", "insufficient_system_resource": "overloaded"}


def to_chunks(pieces: Iterable[bytes]) -> Iterator[Chunk]:
    """Ends at [DONE], which comes after the usage. A stream that ends without it, or without a finish, was cut.

    Where a provider streams no answer of that kind, the body comes whole.
    """
    pieces = iter(pieces)
    first = next((piece for piece in pieces if piece.strip()), b"")
    if first.lstrip().startswith(b"{"):
        yield from from_body(b"".join((first, *pieces)))
        return
    pieces = chain((first,), pieces)
    finished = False
    told = _Told()
    for data in data_lines(pieces):
        if data == b"[DONE]":
            break
        try:
            event = parsed(data)
            for chunk in _from_event(event, "delta", told):
                finished = finished or type(chunk) is Finish
                yield chunk
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UpstreamFailure("malformed", f"not a chat.completion.chunk: {type(error).__name__}") from error
    if not finished:
        raise UpstreamFailure("cut", "the stream ended without a finish_reason")


def from_body(body: bytes) -> Iterator[Chunk]:
    try:
        chunks = list(_from_event(parsed(body), "message", _Told()))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UpstreamFailure("malformed", f"not a chat.completion: {type(error).__name__}") from error
    if not any(type(chunk) is Finish for chunk in chunks):
        raise UpstreamFailure("cut", "an answer without a finish_reason")
    yield from chunks


class _Told:
    """What earlier events have told: the sources, all of which some providers list in every event; and the calls, since Google begins
    each of several at index 0, and others tell an id and a name with every piece, or no id at all.
    """

    def __init__(self) -> None:
        self.sources: set[str] = set()
        self._calls: dict[tuple[int, int], tuple[int, str, bool]] = {}
        self._begun: dict[int, int] = {}

    def of_call(self, number: int, place: int, id: str, name: str, answer_id: str) -> tuple[int, str | None, str | None]:
        """Its position in the choice, and of its id and its name what is new."""
        known = self._calls.get((number, place))
        if known is None or (id and name and id != known[1]):
            position = self._begun.get(number, 0)
            self._begun[number] = position + 1
            id = id or f"call_{answer_id or number}_{position}"
            self._calls[number, place] = position, id, bool(name)
            return position, id, name or None
        position, own_id, named = known
        self._calls[number, place] = position, own_id, named or bool(name)
        return position, None, None if named else name or None


def _from_event(event: dict[str, Any], said: str, told: _Told) -> Iterator[Chunk]:
    if broken := event.get("error") or (event if event.get("object") in ("error", "Error") else None):
        raise failure_of(broken)
    for choice in array(event.get("choices")):
        if broken := choice.get("error"):  # https://openrouter.ai/docs/api-reference/errors: in an answer that began well
            raise failure_of(broken)
        yield from _from_choice(choice, choice.get(said) or {}, event, told)
    if event.get("search_results") or event.get("citations"):
        yield from _from_sources(event, told.sources)
    if usage := event.get("usage") or (event.get("x_groq") or {}).get("usage"):
        tokens = to_tokens(usage)
        if tokens is not None:
            yield Usage(tokens)


def _from_choice(choice: dict[str, Any], delta: dict[str, Any], event: dict[str, Any], told: _Told) -> Iterator[Chunk]:
    number, content = index(choice.get("index")), delta.get("content")
    yield from from_delta(delta, number)
    if isinstance(content, list):
        yield from _from_parts(content, number)
    elif text(content):
        logprobs = choice.get("logprobs")
        yield TextDelta(text(content), number, tuple(array(logprobs.get("content"))) if logprobs else ())
    if refusal := text(delta.get("refusal")):
        yield RefusalDelta(refusal, number)
    if delta.get("annotations"):
        yield from _from_annotations(array(delta["annotations"]), number)
    if delta.get("tool_calls"):
        for place, call in enumerate(array(delta["tool_calls"])):
            yield _from_tool_call(call, place, number, text(event.get("id")), told)
    elif delta.get("function_call"):  # of old, one a choice and without an id
        function = delta["function_call"]
        name = text(function.get("name")) or None
        id = f"call_{text(event.get('id')) or number}" if name else None
        yield ToolCallDelta(0, text(function.get("arguments")), id, name, number)
    if reason := text(choice.get("finish_reason")):
        if reason in BREAKS:
            raise UpstreamFailure(BREAKS[reason], f"finish_reason={reason}")
        yield Finish(FINISHES.get(reason, "stop"), number)


def _from_parts(parts: list[Any], number: int) -> Iterator[Chunk]:
    """Mistral's content, where it is more than text. https://docs.mistral.ai/capabilities/reasoning"""
    for part in parts:
        kind = text(part.get("type"))
        if kind == "text" and text(part.get("text")):
            yield TextDelta(part["text"], number)
        elif kind == "thinking":
            for thought in array(part.get("thinking")):
                if text(thought.get("text")):
                    yield ReasoningDelta(thought["text"], number)


def _from_tool_call(call: dict[str, Any], place: int, number: int, answer_id: str, told: _Told) -> ToolCallDelta:
    function, signature = call.get("function") or {}, None
    if call.get("extra_content"):
        sealed = text((call["extra_content"].get("google") or {}).get("thought_signature"))
        signature = Signature("google", sealed) if sealed else None
    place, id, name = index(call.get("index"), place), text(call.get("id")), text(function.get("name"))
    position, new_id, new_name = told.of_call(number, place, id, name, answer_id)
    return ToolCallDelta(position, text(function.get("arguments")), new_id, new_name, number, signature)


def _from_annotations(annotations: list[Any], number: int) -> Iterator[Citation]:
    """https://platform.openai.com/docs/guides/tools-web-search?api-mode=chat#output-and-citations"""
    for annotation in annotations:
        if annotation.get("type") == "url_citation":
            cited = annotation.get("url_citation") or {}
            start, end = (index_in_text(cited.get(name)) for name in ("start_index", "end_index"))
            yield Citation(text(cited.get("url")), text(cited.get("title")), text(cited.get("content")), start, end, number)


def index_in_text(value: Any) -> int | None:
    return None if value is None else count(value)


def _from_sources(event: dict[str, Any], cited: set[str]) -> Iterator[Citation]:
    """https://docs.perplexity.ai/api-reference/chat-completions-post https://docs.x.ai/docs/guides/live-search"""
    found = array(event.get("search_results")) or [{"url": url} for url in array(event.get("citations"))]
    for source in found:
        url = text(source.get("url"))
        if url and url not in cited:
            cited.add(url)
            yield Citation(url, text(source.get("title")), text(source.get("snippet")))


def to_tokens(usage: Any) -> Tokens | None:
    """The one reading of usage. None where it is not plausible, which is as good as none: no finished answer fails by its count.

    https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage
    """
    try:
        input, output = count(usage["prompt_tokens"]), count(usage.get("completion_tokens"))
        read, written = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
        reasoning = count(written.get("reasoning_tokens"))
        if "citation_tokens" in usage:  # Perplexity's deep research counts beside the others what it read and thought, and bills both
            reasoning = count(usage.get("reasoning_tokens"))
            input, output = input + count(usage["citation_tokens"]), output + reasoning
        elif (beside := count(usage.get("total_tokens")) - input - output) > 0:
            # Reasoning: xAI counts it beside the answer (https://docs.x.ai/docs/guides/reasoning) as Google does, who tells the sum alone
            output, reasoning = output + beside, reasoning or beside
        cached = min(_first(read.get("cached_tokens"), usage.get("prompt_cache_hit_tokens")), input)
        stored = _first(read.get("cache_write_tokens"), usage.get("cache_creation_input_tokens"))
        return Tokens(input, cached, min(stored, input - cached), output, min(reasoning, output))
    except (TypeError, KeyError, AttributeError):
        return None


def _first(*counts: Any) -> int:
    """The first that is told: DeepSeek's and LiteLLM's names stand in for OpenAI's."""
    return next((count(value) for value in counts if value is not None), 0)
