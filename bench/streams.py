"""One long answer as each wire's providers stream it: what was thought, text, and a call whose arguments come in pieces.

Each event is written with all that the real ones bring along, which has to be read past.
"""

import json
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from zlib import crc32

THOUGHTS, TEXTS, ARGUMENTS = 50, 400, 50
CHUNKS = THOUGHTS + TEXTS + ARGUMENTS
WORDS = (" the", " signal", " is held", " at", " Göschenen", ",", " and", ' "track 4"', " is free", ".\n")
ID, CALL_ID, NAME = "D4xkQ0Zt9mWb1cYvUe7hRfJ2sLpA", "call_Zp0kQ9bXy1", "look_up_track"

Event = dict[str, Any]


def said(count: int) -> Iterator[str]:
    return (WORDS[number % len(WORDS)] for number in range(count))


def arguments() -> list[str]:
    """Of one call, in its pieces."""
    written = json.dumps({"stations": [f"station {number:03}" for number in range(24)]})
    size = -(-len(written) // ARGUMENTS)
    pieces = [written[at : at + size] for at in range(0, len(written), size)]
    return pieces + [" "] * (ARGUMENTS - len(pieces))


def sse(events: Iterable[tuple[str, Any]]) -> Iterator[bytes]:
    for name, event in events:
        data = event if isinstance(event, str) else json.dumps(event, separators=(",", ":"), ensure_ascii=False)
        yield (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def chat() -> Iterator[bytes]:
    def event(delta: Event, finish: str | None = None) -> tuple[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        head = {"id": f"chatcmpl-{ID}", "object": "chat.completion.chunk", "created": 1795250000, "model": "gpt-5.2-2025-12-11"}
        more = {"service_tier": "default", "system_fingerprint": None, "choices": [choice], "usage": None, "obfuscation": "k3bXp0"}
        return "", head | more

    def events() -> Iterator[tuple[str, Any]]:
        yield event({"role": "assistant", "content": "", "refusal": None})
        yield from (event({"reasoning_content": text}) for text in said(THOUGHTS))
        yield from (event({"content": text}) for text in said(TEXTS))
        call = {"index": 0, "id": CALL_ID, "type": "function", "function": {"name": NAME, "arguments": ""}}
        yield event({"tool_calls": [call]})
        yield from (event({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in arguments())
        yield event({}, "tool_calls")
        name, last = event({})
        usage = {"prompt_tokens": 9_000, "completion_tokens": 500, "total_tokens": 9_500}
        yield name, last | {"choices": [], "usage": usage | {"completion_tokens_details": {"reasoning_tokens": 50}}}
        yield "", "[DONE]"

    return sse(events())


def messages() -> Iterator[bytes]:
    def event(kind: str, **fields: Any) -> tuple[str, Any]:
        return kind, {"type": kind} | fields

    def block(index: int, start: Event, deltas: Iterable[Event]) -> Iterator[tuple[str, Any]]:
        yield event("content_block_start", index=index, content_block=start)
        yield from (event("content_block_delta", index=index, delta=delta) for delta in deltas)
        yield event("content_block_stop", index=index)

    def events() -> Iterator[tuple[str, Any]]:
        usage = {"input_tokens": 9_000, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 3}
        head = {"id": f"msg_{ID}", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929", "content": []}
        yield event("message_start", message=head | {"stop_reason": None, "stop_sequence": None, "usage": usage})
        thoughts = [{"type": "thinking_delta", "thinking": text} for text in said(THOUGHTS)]
        signature = {"type": "signature_delta", "signature": "EqQBCgIYAhIM" * 12}
        yield from block(0, {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signature])
        yield "ping", {"type": "ping"}
        yield from block(1, {"type": "text", "text": ""}, ({"type": "text_delta", "text": text} for text in said(TEXTS)))
        call = {"type": "tool_use", "id": "toolu_01Zp0kQ9bXy1", "name": NAME, "input": {}}
        yield from block(2, call, ({"type": "input_json_delta", "partial_json": piece} for piece in arguments()))
        yield event("message_delta", delta={"stop_reason": "tool_use", "stop_sequence": None}, usage=usage | {"output_tokens": 500})
        yield event("message_stop")

    return sse(events())


def responses() -> Iterator[bytes]:
    number = iter(range(10_000))

    def event(kind: str, **fields: Any) -> tuple[str, Any]:
        return kind, {"type": kind, "sequence_number": next(number)} | fields

    def deltas(kind: str, index: int, id: str, texts: Iterable[str], **more: Any) -> Iterator[tuple[str, Any]]:
        return (event(kind, item_id=id, output_index=index, **more, delta=text, obfuscation="k3bXp0") for text in texts)

    def item(index: int, item: Event, told: Iterator[tuple[str, Any]], **whole: Any) -> Iterator[tuple[str, Any]]:
        yield event("response.output_item.added", output_index=index, item=item)
        yield from told
        yield event("response.output_item.done", output_index=index, item=item | {"status": "completed"} | whole)

    def events() -> Iterator[tuple[str, Any]]:
        head = {"id": f"resp_{ID}", "object": "response", "created_at": 1790000000, "model": "gpt-5.2-2025-12-11", "output": []}
        yield event("response.created", response=head | {"status": "in_progress"})
        kind = "response.reasoning_summary_text.delta"
        thought = {"id": f"rs_{ID}", "type": "reasoning", "summary": []}
        yield from item(0, thought, deltas(kind, 0, f"rs_{ID}", said(THOUGHTS), summary_index=0), encrypted_content="gAAAAABo" * 30)
        message = {"id": f"msg_{ID}", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
        texts = deltas("response.output_text.delta", 1, f"msg_{ID}", said(TEXTS), content_index=0, logprobs=[])
        content = [{"type": "output_text", "text": "".join(said(TEXTS)), "annotations": [], "logprobs": []}]
        yield from item(1, message, texts, content=content)
        call = {"id": f"fc_{ID}", "type": "function_call", "status": "in_progress", "arguments": "", "call_id": CALL_ID, "name": NAME}
        pieces = deltas("response.function_call_arguments.delta", 2, f"fc_{ID}", arguments())
        yield from item(2, call, pieces, arguments="".join(arguments()))
        usage = {"input_tokens": 9_000, "output_tokens": 500, "output_tokens_details": {"reasoning_tokens": 50}, "total_tokens": 9_500}
        yield event("response.completed", response=head | {"status": "completed", "usage": usage})

    return sse(events())


def converse() -> Iterator[bytes]:
    def event(kind: str, **payload: Any) -> bytes:
        named = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
        headers = b"".join(
            struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
            for name, value in named.items()
        )
        body = json.dumps(payload | {"p": "abcdefghijk"}, separators=(",", ":")).encode()
        prelude = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
        message = prelude + struct.pack("!I", crc32(prelude)) + headers + body
        return message + struct.pack("!I", crc32(message))

    yield event("messageStart", role="assistant")
    for text in said(THOUGHTS):
        yield event("contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"text": text}})
    yield event("contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"signature": "EqQBCgIYAhIM" * 12}})
    yield event("contentBlockStop", contentBlockIndex=0)
    for text in said(TEXTS):
        yield event("contentBlockDelta", contentBlockIndex=1, delta={"text": text})
    yield event("contentBlockStop", contentBlockIndex=1)
    yield event("contentBlockStart", contentBlockIndex=2, start={"toolUse": {"toolUseId": "tooluse_Zp0kQ9bXy1", "name": NAME}})
    for piece in arguments():
        yield event("contentBlockDelta", contentBlockIndex=2, delta={"toolUse": {"input": piece}})
    yield event("contentBlockStop", contentBlockIndex=2)
    yield event("messageStop", stopReason="tool_use")
    yield event("metadata", usage={"inputTokens": 9_000, "outputTokens": 500, "totalTokens": 9_500}, metrics={"latencyMs": 4_211})


def generated() -> Iterator[bytes]:
    """Calls come whole here: as much text takes the place of the pieces of one."""

    def event(part: Event, finish: str | None = None) -> tuple[str, Any]:
        candidate: Event = {"content": {"parts": [part], "role": "model"}, "index": 0}
        usage: Event = {"promptTokenCount": 9_000, "candidatesTokenCount": 450, "thoughtsTokenCount": 50, "totalTokenCount": 9_500}
        usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": 8_700}, {"modality": "IMAGE", "tokenCount": 300}]
        more = {"usageMetadata": usage, "modelVersion": "gemini-3.5-flash", "responseId": ID}
        return "", {"candidates": [candidate | ({"finishReason": finish} if finish else {})]} | more

    def events() -> Iterator[tuple[str, Any]]:
        yield from (event({"text": text, "thought": True}) for text in said(THOUGHTS))
        yield from (event({"text": text}) for text in said(TEXTS + ARGUMENTS - 1))
        call = {"functionCall": {"name": NAME, "args": json.loads("".join(arguments()))}, "thoughtSignature": "CtQBAdHtim9x" * 12}
        yield event(call)
        yield event({"text": ""}, "STOP")

    return sse(events())


def lines() -> Iterator[bytes]:
    def line(message: Event, **more: Any) -> bytes:
        head = {"model": "llama3.1:latest", "created_at": "2026-11-20T14:02:11.001482913Z"}
        event = head | {"message": {"role": "assistant", "content": ""} | message, "done": False} | more
        return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"

    yield from (line({"thinking": text}) for text in said(THOUGHTS))
    yield from (line({"content": text}) for text in said(TEXTS + ARGUMENTS - 1))
    yield line({"tool_calls": [{"function": {"name": NAME, "arguments": json.loads("".join(arguments()))}}]})
    yield line({}, done=True, done_reason="stop", total_duration=4883583458, prompt_eval_count=9_000, eval_count=500)


# By wire; those of one format are read by the same function.
EVENTS: dict[str, Callable[[], Iterator[bytes]]] = {
    "openai": chat,
    "azure": chat,
    "openai_responses": responses,
    "anthropic": messages,
    "anthropic_vertex": messages,
    "bedrock": converse,
    "gemini": generated,
    "ollama": lines,
}


def pieces(wire: str) -> list[bytes]:
    """As they come from a socket: mostly an event at a time, which costs the most, now and then cut within one, or two together."""
    events = list(EVENTS[wire]())
    arriving: list[bytes] = []
    for number, event in enumerate(events):
        if number % 10 == 3:
            arriving += [event[: len(event) // 2], event[len(event) // 2 :]]
        elif number % 10 == 7 and arriving:
            arriving[-1] += event
        else:
            arriving.append(event)
    return arriving
