"""Ollama's answers: a line each time, and a whole one is the last line with all the rest in it. https://docs.ollama.com/api/chat"""

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from ...errors import UpstreamFailure
from ...money import Tokens
from ...reply import Chunk, Finish, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from ...routing.failures import kind_of
from ..formats.checks import array, count, parsed, text
from ..formats.ndjson import lines

FINISHES = {"length": "length"}  # `stop`, and what is not here, ends in its own time


def to_chunks(pieces: Iterable[bytes]) -> Iterator[Chunk]:
    """Ends with the line that is `done`. A stream without it was cut."""
    return _read(lines(pieces))


def from_body(body: bytes) -> Iterator[Chunk]:
    return _read((body,))


def _read(events: Iterable[bytes]) -> Iterator[Chunk]:
    calls = 0
    for data in events:
        try:
            event = parsed(data)
            if event.get("error"):
                raise _failure(event, data)
            message = event.get("message") or {}
            if thought := text(message.get("thinking")):
                yield ReasoningDelta(thought)
            said = text(message.get("content"))
            if said or event.get("logprobs"):
                yield TextDelta(said, 0, to_logprobs(event["logprobs"]) if event.get("logprobs") else ())
            for call in array(message.get("tool_calls")):
                yield to_call(call, calls)
                calls += 1
            if event.get("done"):
                yield Finish(FINISHES.get(text(event.get("done_reason")), "tool_calls" if calls else "stop"))
                tokens = to_tokens(event)
                if tokens is not None:
                    yield Usage(tokens)
                return
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UpstreamFailure("malformed", f"not a chat response: {type(error).__name__}") from error
    raise UpstreamFailure("cut", "the answer ended before it was done")


def _failure(event: dict[str, Any], line: bytes) -> UpstreamFailure:
    """Its error is words alone; some lines have the status beside them. https://docs.ollama.com/api/errors"""
    status = event.get("status")
    kind = kind_of(status if type(status) is int and 400 <= status < 600 else 500, line)
    return UpstreamFailure(kind, "an error inside the stream")


def to_call(call: dict[str, Any], position: int) -> ToolCallDelta:
    """A call comes whole. Where it has no id, one is made of what it says, so that it is the same however it came."""
    function = call.get("function") or {}
    name = text(function.get("name"))
    arguments = json.dumps(function.get("arguments") or {}, separators=(",", ":"), ensure_ascii=False)
    id = text(call.get("id")) or f"call_{zlib.crc32(f'{name}{arguments}'.encode(errors='replace')):08x}_{position}"
    return ToolCallDelta(position, arguments, id, name)


def to_logprobs(logprobs: Any) -> tuple[dict[str, Any], ...]:
    """With every field that OpenAI's have."""
    return tuple(
        _to_logprob(token) | {"top_logprobs": [_to_logprob(top) for top in array(token.get("top_logprobs"))]} for token in array(logprobs)
    )


def _to_logprob(token: dict[str, Any]) -> dict[str, Any]:
    written = text(token.get("token"))
    return {"token": written, "logprob": token.get("logprob", 0), "bytes": token.get("bytes") or list(written.encode(errors="replace"))}


def to_tokens(event: Any) -> Tokens | None:
    """None where the prompt's count is missing, as servers leave it that had all of it cached: no input would be said to cost nothing.

    https://docs.ollama.com/api/usage
    """
    try:
        return Tokens(input=count(event["prompt_eval_count"]), output=count(event.get("eval_count")))
    except (TypeError, KeyError, AttributeError):
        return None
