"""What a client of chat completions reads back. https://platform.openai.com/docs/api-reference/chat/object"""

from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import Refusal
from ..money import Tokens
from ..reply import Choice, Chunk, Citation, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, Usage
from ..request import Reasoning, Signature, ToolCall
from .contract import Answer
from .openai_errors import to_error
from .written import dumped, quoted

TEXT = b'{"index":%d,"delta":{"content":%b},"logprobs":null,"finish_reason":null}'

# How clients carry a model's signed reasoning there and back, after OpenRouter: `reasoning_details`.
# https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks
# And a tool call's, after Google. https://ai.google.dev/gemini-api/docs/thought-signatures
DETAIL_TEXT, DETAIL_SEALED = "reasoning.text", "reasoning.encrypted"


def to_body(answer: Answer, choices: list[Choice], tokens: Tokens) -> bytes:
    return dumped(
        {
            "id": f"chatcmpl-{answer.id}",
            "object": "chat.completion",
            "created": answer.created_s,
            "model": answer.model,
            "choices": [_to_choice(index, choice) for index, choice in enumerate(choices)],
            "usage": to_usage(tokens),
        }
    )


def _to_choice(index: int, choice: Choice) -> dict[str, Any]:
    text, calls = choice.text, choice.tool_calls
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text if text or not (calls or choice.refusal) else None,
        "refusal": choice.refusal or None,
        "annotations": [to_annotation(citation) for citation in choice.citations],
    }
    if reasoning := "".join(block.text for block in choice.reasoning):
        message["reasoning_content"] = reasoning
    if details := [detail for place, block in enumerate(choice.reasoning) if (detail := _to_detail(block, place))]:
        message["reasoning_details"] = details
    if calls:
        message["tool_calls"] = [_to_tool_call(call) for call in calls]
    return {
        "index": index,
        "message": message,
        "logprobs": {"content": list(choice.logprobs), "refusal": None} if choice.logprobs else None,
        "finish_reason": choice.finish or "stop",
    }


def _to_tool_call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function} | _to_extra_content(call.signature)


def _to_extra_content(signature: Signature | None) -> dict[str, Any]:
    return {"extra_content": {"google": {"thought_signature": signature.text}}} if signature and signature.family == "google" else {}


def _to_detail(block: Reasoning | ReasoningDelta, place: int) -> dict[str, Any] | None:
    """None where there is nothing that a client would have to send back."""
    signature = block.signature
    if signature is None:
        return None
    held = {"type": DETAIL_SEALED, "data": signature.text} if block.redacted else {"type": DETAIL_TEXT, "text": block.text}
    sealed = {} if block.redacted else {"signature": signature.text}
    return held | sealed | {"id": signature.id, "format": signature.family, "index": place}


def to_annotation(citation: Citation) -> dict[str, Any]:
    """https://platform.openai.com/docs/api-reference/chat/object"""
    place = {"start_index": citation.start or 0, "end_index": citation.end or 0}
    return {"type": "url_citation", "url_citation": place | {"title": citation.title, "url": citation.url}}


def to_events(answer: Answer, chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """One event a chunk, as it comes. A Refusal from `chunks` ends the stream with the error, which clients raise, and the proper end."""
    named = {"id": f"chatcmpl-{answer.id}", "object": "chat.completion.chunk", "created": answer.created_s, "model": answer.model}
    head = b'data: %b,"choices":[' % dumped(named)[:-1]
    tail = b'],"usage":null}\n\n' if answer.request.include_usage else b"]}\n\n"
    state = _Deltas()
    try:
        for chunk in chunks:
            for choice in state.of(chunk):
                yield b"%b%b%b" % (head, choice, tail)
    except Refusal as refusal:
        yield b"data: %b\n\ndata: [DONE]\n\n" % to_error(refusal)
        return
    if answer.request.include_usage:
        yield b'%b],"usage":%b}\n\n' % (head, dumped(to_usage(state.tokens)))
    yield b"data: [DONE]\n\n"


class _Deltas:
    """What each choice has begun, and the blocks of its reasoning as far as they are needed to sign them."""

    def __init__(self) -> None:
        self.tokens = Tokens()
        self._begun: set[int] = set()
        self._blocks: dict[int, tuple[int, list[str]]] = {}

    def of(self, chunk: Chunk) -> Iterator[bytes]:
        if type(chunk) is Usage:
            self.tokens = chunk.tokens
            return
        index = chunk.choice  # type: ignore[union-attr]
        if index not in self._begun:
            self._begun.add(index)
            yield _choice(index, {"role": "assistant", "content": "", "refusal": None})
        match chunk:
            case TextDelta(text, _, ()):  # nearly all of them
                yield TEXT % (index, quoted(text))
            case TextDelta(text, _, logprobs):
                yield _choice(index, {"content": text}, {"content": list(logprobs), "refusal": None})
            case ReasoningDelta():
                yield _choice(index, self._reasoning(chunk))
            case ToolCallDelta():
                yield _choice(index, {"tool_calls": [_to_tool_call_delta(chunk)]})
            case RefusalDelta(text):
                yield _choice(index, {"refusal": text})
            case Citation():
                yield _choice(index, {"annotations": [to_annotation(chunk)]})
            case Finish(reason):
                yield _choice(index, {}, None, reason)

    def _reasoning(self, chunk: ReasoningDelta) -> dict[str, Any]:
        """The text as it comes; with its signature the whole block once more, since clients send back the details alone."""
        place, texts = self._blocks.get(chunk.choice, (0, []))
        texts.append(chunk.text)
        delta: dict[str, Any] = {"reasoning_content": chunk.text} if chunk.text else {}
        if chunk.signature:
            delta["reasoning_details"] = [_to_detail(chunk if chunk.redacted else chunk._replace(text="".join(texts)), place)]
            place, texts = place + 1, []
        self._blocks[chunk.choice] = (place, texts)
        return delta


def _choice(index: int, delta: dict[str, Any], logprobs: Any = None, finish: str | None = None) -> bytes:
    return dumped({"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish})


def _to_tool_call_delta(chunk: ToolCallDelta) -> dict[str, Any]:
    function = {"name": chunk.name} if chunk.name else {}
    opening = {"id": chunk.id, "type": "function"} if chunk.id else {}
    call = {"index": chunk.position} | opening | {"function": function | {"arguments": chunk.arguments}}
    return call | _to_extra_content(chunk.signature)


def to_usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
