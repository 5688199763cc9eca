"""OpenAI's Responses: a list of items, whole or as events, each with its number.

https://platform.openai.com/docs/api-reference/responses/object  https://platform.openai.com/docs/api-reference/responses-streaming
"""

from typing import Any

from ..exchange import Answer, Ask, Choice, Frame, Piece, Stamp, Tokens
from .openai_chat import logprobs
from .openai_checks import MODELS
from .wire import dumped, mark, named_event

Json = dict[str, Any]

ECHOED: Json = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def usage(tokens: Tokens) -> Json:
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": 0},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input + tokens.output,
    }


def _response(ask: Ask, stamp: Stamp, status: str, output: list[Json], tokens: Tokens | None) -> Json:
    body = ask.body
    reasoning, text = body.get("reasoning") or {}, body.get("text") or {}
    return {
        "id": "resp_" + mark(stamp.seed, "response", length=48),
        "object": "response",
        "created_at": stamp.created,
        "status": status,
        "completed_at": stamp.created if status == "completed" else None,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "model": MODELS[ask.model].snapshot if ask.model in MODELS else ask.model,
        "output": output,
        **{name: body.get(name, usual) for name, usual in ECHOED.items()},
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "service_tier": "default" if tokens else body.get("service_tier", "auto"),
        "text": {"format": text.get("format", {"type": "text"}), "verbosity": text.get("verbosity", "medium")},
        "usage": usage(tokens) if tokens else None,
    }


def _status(choice: Choice) -> str:
    return "incomplete" if choice.finish == "length" else "completed"


def _thought(ask: Ask, answer: Answer, stamp: Stamp) -> Json | None:
    """Hidden, but for a summary that was asked for."""
    if not answer.tokens.reasoning:
        return None
    summary = [{"type": "summary_text", "text": text}] if (text := _summary(ask, answer.choices[0])) else []
    item: Json = {"id": "rs_" + mark(stamp.seed, "reasoning", length=48), "type": "reasoning", "summary": summary}
    kept = "reasoning.encrypted_content" in ask.body.get("include", ())
    return item | ({"encrypted_content": "gAAAA" + mark(stamp.seed, "sealed", length=64)} if kept else {})


def _summary(ask: Ask, choice: Choice) -> str:
    asked = (ask.body.get("reasoning") or {}).get("summary")
    return "".join(piece.text for piece in choice.thought[:16]) if asked else ""


def _part(ask: Ask, choice: Choice, text: str, pieces: tuple[Piece, ...]) -> Json:
    if choice.refused:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "annotations": [], "logprobs": _likely(ask, pieces), "text": text}


def _likely(ask: Ask, pieces: tuple[Piece, ...]) -> list[Json]:
    return (logprobs(ask, pieces) or {"content": []})["content"]


def _message(ask: Ask, choice: Choice, stamp: Stamp) -> Json:
    content = [_part(ask, choice, choice.text or "", choice.pieces)]
    return _opened_message(stamp) | {"status": _status(choice), "content": content}


def _opened_message(stamp: Stamp) -> Json:
    return {
        "id": "msg_" + mark(stamp.seed, "message", length=48),
        "type": "message",
        "status": "in_progress",
        "content": [],
        "role": "assistant",
    }


def _call(stamp: Stamp, place: int, name: str, arguments: str, status: str) -> Json:
    return {
        "id": "fc_" + mark(stamp.seed, "item", place, length=48),
        "type": "function_call",
        "status": status,
        "arguments": arguments,
        "call_id": "call_" + mark(stamp.seed, "call", place),
        "name": name,
    }


def _calls(choice: Choice, stamp: Stamp) -> list[Json]:
    """A limit cuts the last one."""
    made = [_call(stamp, place, name, arguments, "completed") for place, (name, arguments) in enumerate(choice.calls)]
    return [*made[:-1], made[-1] | {"status": _status(choice)}] if made else []


def _items(ask: Ask, answer: Answer, stamp: Stamp) -> list[Json]:
    choice, thought = answer.choices[0], _thought(ask, answer, stamp)
    said = [_message(ask, choice, stamp)] if choice.pieces and choice.text is not None else []
    return [*([thought] if thought else []), *said, *_calls(choice, stamp)]


def whole(ask: Ask, answer: Answer, stamp: Stamp) -> bytes:
    return dumped(_response(ask, stamp, _status(answer.choices[0]), _items(ask, answer, stamp), answer.tokens))


class _Events(list[Frame]):
    """Frames, numbered as they are added."""

    def add(self, name: str, /, tokens: int = 0, reasoning: int = 0, ends: bool = False, **fields: Any) -> None:
        value = {"type": name, "sequence_number": len(self), **fields}
        self.append(Frame(named_event(name, value), tokens, reasoning, usage=ends))


def frames(ask: Ask, answer: Answer, stamp: Stamp) -> list[Frame]:
    """Each item is added, filled and done before the next one is."""
    choice = answer.choices[0]
    events = _Events()
    opened = _response(ask, stamp, "in_progress", [], None)
    events.add("response.created", response=opened)
    events.add("response.in_progress", response=opened)
    items = _items(ask, answer, stamp)
    for place, item in enumerate(items):
        if item["type"] == "reasoning":
            _add_thought(events, place, item, answer.tokens.reasoning)
        elif item["type"] == "message":
            _add_message(events, place, item, ask, choice, stamp)
        else:
            call = place - (len(items) - len(choice.calls))
            _add_call(events, place, item, [piece for piece in choice.pieces if piece.call == call])
    status = _status(choice)
    events.add(f"response.{status}", ends=True, response=_response(ask, stamp, status, items, answer.tokens))
    return list(events)


def _add_thought(events: _Events, place: int, item: Json, reasoning: int) -> None:
    events.add("response.output_item.added", reasoning=reasoning, output_index=place, item=item | {"summary": []})
    for part in item["summary"]:
        here: Json = {"item_id": item["id"], "output_index": place, "summary_index": 0}
        events.add("response.reasoning_summary_part.added", **here, part=part | {"text": ""})
        events.add("response.reasoning_summary_text.delta", **here, delta=part["text"])
        events.add("response.reasoning_summary_text.done", **here, text=part["text"])
        events.add("response.reasoning_summary_part.done", **here, part=part)
    events.add("response.output_item.done", output_index=place, item=item)


def _add_message(events: _Events, place: int, item: Json, ask: Ask, choice: Choice, stamp: Stamp) -> None:
    events.add("response.output_item.added", output_index=place, item=_opened_message(stamp))
    here: Json = {"item_id": item["id"], "output_index": place, "content_index": 0}
    events.add("response.content_part.added", **here, part=_part(ask, choice, "", ()))
    kind = "response.refusal" if choice.refused else "response.output_text"
    for piece in choice.pieces:
        hidden: Json = {"obfuscation": mark(stamp.seed, len(events), length=2 + len(events) % 9)} if ask.include_obfuscation else {}
        likely: Json = {} if choice.refused else {"logprobs": _likely(ask, (piece,))}
        events.add(f"{kind}.delta", tokens=piece.tokens, **here, delta=piece.text, **likely, **hidden)
    part = item["content"][0]
    done: Json = {"refusal": part["refusal"]} if choice.refused else {"text": part["text"], "logprobs": part["logprobs"]}
    events.add(f"{kind}.done", **here, **done)
    events.add("response.content_part.done", **here, part=part)
    events.add("response.output_item.done", output_index=place, item=item)


def _add_call(events: _Events, place: int, item: Json, pieces: list[Piece]) -> None:
    here: Json = {"item_id": item["id"], "output_index": place}
    opened = item | {"arguments": "", "status": "in_progress"}
    events.add("response.output_item.added", tokens=pieces[0].tokens, output_index=place, item=opened)
    for piece in pieces[1:]:
        events.add("response.function_call_arguments.delta", tokens=piece.tokens, **here, delta=piece.text)
    events.add("response.function_call_arguments.done", **here, name=item["name"], arguments=item["arguments"])
    events.add("response.output_item.done", output_index=place, item=item)
