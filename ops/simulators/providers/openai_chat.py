"""What OpenAI's chat format and those made after it have in common: what a body asks for, and in which order choices are streamed.

https://platform.openai.com/docs/api-reference/chat/create
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..exchange import Answer, Ask, Choice, Frame, Piece, Stamp
from ..tokens import prompt_tokens
from .wire import event, mark

COMPLETIONS = re.compile(r"/v1/chat/completions")
DONE = b"data: [DONE]\n\n"
ANSWERED = ("tool", "function")
ANY_OBJECT: dict[str, Any] = {}


def to_ask(body: dict[str, Any], **differences: Any) -> Ask:
    """Of a body that was checked."""
    tools = {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in body.get("tools") or ()}
    choice = body.get("tool_choice")
    named = choice["function"]["name"] if isinstance(choice, dict) else None
    stop = body.get("stop") or ()
    return Ask(
        **{
            "model": body["model"],
            "prompt": _prompt(body["messages"]),
            "prompt_tokens": tuple(prompt_tokens(body.get("tools") or [], body["messages"])),
            "stream": bool(body.get("stream")),
            "max_tokens": body.get("max_completion_tokens") or body.get("max_tokens"),
            "stop": (stop,) if isinstance(stop, str) else tuple(stop),
            "n": body.get("n") or 1,
            "tools": {} if choice == "none" else tools,
            "tools_must": (named,) if named else tuple(tools) if choice in ("required", "any") else (),
            "tool_was_named": named is not None,
            "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
            "schema": _schema(body.get("response_format") or {}),
            "reasoning_effort": body.get("reasoning_effort"),
            "body": body,
        }
        | differences
    )


def _prompt(messages: list[dict[str, Any]]) -> str:
    """The last user message. After a tool's result it no longer dictates: the model would call the tool for ever."""
    if messages[-1]["role"] in ANSWERED:
        return ""
    said = next((message.get("content") for message in reversed(messages) if message["role"] == "user"), "")
    if isinstance(said, str):
        return said
    return "\n".join(part.get("text", "") for part in said or () if part.get("type") == "text")


def _schema(response_format: dict[str, Any]) -> Any:
    match response_format.get("type"):
        case "json_object":
            return response_format.get("schema") or ANY_OBJECT
        case "json_schema":
            return response_format["json_schema"].get("schema") or ANY_OBJECT
    return None


def in_turn(answer: Answer) -> Iterator[tuple[int, Choice, Piece | None]]:
    """The choices' pieces as they are streamed: each choice's next one in turn, and None where a choice ends."""
    for place in range(1 + max(len(choice.pieces) for choice in answer.choices)):
        for index, choice in enumerate(answer.choices):
            if place <= len(choice.pieces):
                yield index, choice, choice.pieces[place] if place < len(choice.pieces) else None


class Chunk(NamedTuple):
    """A chunk before it is written: see `Frame`."""

    value: dict[str, Any]
    tokens: int = 0
    reasoning: int = 0
    usage: bool = False


def to_frames(chunks: Iterable[Chunk]) -> list[Frame]:
    return [*(Frame(event(value), tokens, reasoning, usage) for value, tokens, reasoning, usage in chunks), Frame(DONE, paced=False)]


def call_id(stamp: Stamp, index: int, position: int) -> str:
    return "call_" + mark(stamp.seed, index, position)


def calls(choice: Choice, stamp: Stamp, index: int) -> list[dict[str, Any]]:
    return [
        {"id": call_id(stamp, index, position), "type": "function", "function": {"name": name, "arguments": arguments}}
        for position, (name, arguments) in enumerate(choice.calls)
    ]


def call_delta(piece: Piece, stamp: Stamp, index: int) -> dict[str, Any]:
    call: dict[str, Any] = {"index": piece.call}
    if piece.name is not None and piece.call is not None:
        call |= {"id": call_id(stamp, index, piece.call), "type": "function"}
    call["function"] = ({"name": piece.name} if piece.name is not None else {}) | {"arguments": piece.text}
    return {"tool_calls": [call]}


def logprobs(ask: Ask, pieces: Iterable[Piece], key: str = "content") -> dict[str, Any] | None:
    """Of the pieces of text, where the request asks for them: as likely as their bytes make them."""
    if not ask.body.get("logprobs"):
        return None
    rest: dict[str, Any] = {"content": None, "refusal": None}
    return rest | {key: [_likely(piece.text, ask.body.get("top_logprobs") or 0) for piece in pieces if piece.call is None]}


def _likely(text: str, top: int) -> dict[str, Any]:
    rivals = [_token(text + "?" * place, place) for place in range(top)]
    return _token(text, 0) | {"top_logprobs": rivals}


def _token(text: str, place: int) -> dict[str, Any]:
    raw = list(text.encode())
    return {"token": text, "logprob": round(-0.01 * (1 + sum(raw) % 50) - place, 2), "bytes": raw}
