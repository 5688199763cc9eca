"""What the simulated models say. Pure: the same ask gets the same answer, and the prompt may dictate it (README.md has the list)."""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from .exchange import Answer, Ask, Choice, Piece, Tokens
from .schema import instance
from .tokens import split

WORDS = (
    *("signal", "lever", "track", "points", "block", "train", "line", "box", "bell", "section", "station", "platform", "guard", "driver"),
    *("route", "junction", "siding", "clear", "danger", "caution", "accept", "offer", "arrive", "depart", "express", "freight", "late"),
)
MOST_WORDS = 20_000
REASONING_TOKENS = {"none": 0, "minimal": 16, "low": 64, "medium": 128, "high": 256, "xhigh": 512}

SAY = re.compile(r"\bsay:[ ]?(.*)", re.DOTALL)
WORD_COUNT = re.compile(r"\bwords=(\d{1,6})\b")
CALL = re.compile(r"\bcall ([\w-]+)\s*")
REFUSE = re.compile(r"\brefuse\b")
REFUSAL = "I'm sorry, but I can't help with that."
THOUGHT = "Let me see which line is clear. "


def to_answer(ask: Ask, cached: int | Tokens = 0) -> Answer:
    """`cached` says how much of the prompt the provider had seen before, and what it has written to its cache now."""
    known = Tokens(cached=cached) if isinstance(cached, int) else cached
    if not ask.writes:
        return Answer((), known._replace(input=len(ask.prompt_tokens)))
    thought = _thought_tokens(ask)
    limit = None
    if ask.max_tokens is not None:
        thought = min(thought, ask.max_tokens)
        limit = ask.max_tokens - thought
    choices = tuple(_choice(ask, index, limit, thought) for index in range(ask.n))
    reasoning = ask.n * thought
    output = reasoning + sum(piece.tokens for choice in choices for piece in choice.pieces)
    return Answer(choices, known._replace(input=len(ask.prompt_tokens), output=output, reasoning=reasoning))


def _thought_tokens(ask: Ask) -> int:
    """An eighth of a budget, and never more than the highest effort."""
    if ask.reasoning_budget is not None:
        return min(ask.reasoning_budget // 8, max(REASONING_TOKENS.values()))
    return REASONING_TOKENS.get(ask.reasoning_effort or "none", 0)


def _choice(ask: Ask, index: int, limit: int | None, thought: int) -> Choice:
    calls = list(_calls(ask))
    refused = not calls and SAY.search(ask.prompt) is None and REFUSE.search(ask.prompt) is not None
    text, stopped_by = _stopped(REFUSAL if refused else _text(ask, index), ask.stop)
    pieces = list(_call_pieces(calls)) if calls else [Piece(piece) for piece in split(text)]
    kept = pieces if limit is None else _within(pieces, limit)
    thoughts = tuple(Piece(piece) for piece in split(THOUGHT * (1 + thought // 4))[:thought])
    if len(kept) < len(pieces):
        return Choice(tuple(kept), "length", thoughts, refused=refused)
    finish = "tool_calls" if calls and not ask.tool_was_named else "stop"
    return Choice(tuple(kept), finish, thoughts, None if calls else stopped_by, refused)


def _text(ask: Ask, index: int) -> str:
    said = SAY.search(ask.prompt)
    if ask.schema is not None:
        text = said[1].strip() if said else ""
        return text if _is_json(text) else json.dumps(instance(ask.schema) if ask.schema else {"reply": text or _words(ask, index)})
    return said[1].strip() if said else _words(ask, index)


def _words(ask: Ask, index: int) -> str:
    """So many words of the list as the prompt asks for, else a dozen or two, drawn by the hash of everything asked."""
    digest = sha256("\0".join((ask.model, str(index), *ask.prompt_tokens)).encode("utf-8", "surrogatepass")).digest()
    asked = WORD_COUNT.search(ask.prompt)
    count = min(int(asked[1]), MOST_WORDS) if asked else 12 + digest[0] % 13
    return " ".join(WORDS[(digest[place % 32] + place // 32) % len(WORDS)] for place in range(count))


def _calls(ask: Ask) -> Iterator[tuple[str, str]]:
    """The tools that the prompt says to call, with the arguments it gives, or, where one must be called and none is said, the first."""
    asked = [(match[1], match.end()) for match in CALL.finditer(ask.prompt) if match[1] in (ask.tools or {})]
    if ask.tools_must:
        asked = [call for call in asked if call[0] in ask.tools_must] or [(ask.tools_must[0], len(ask.prompt))]
    for name, end in asked if ask.parallel_tool_calls else asked[:1]:
        schema, given = (ask.tools or {})[name], _object_at(ask.prompt, end)
        yield name, json.dumps(given if given is not None else instance(schema) if schema else {})


def _call_pieces(calls: list[tuple[str, str]]) -> Iterator[Piece]:
    for position, (name, arguments) in enumerate(calls):
        yield Piece("", len(split(name)), position, name)
        for text in split(arguments):
            yield Piece(text, 1, position)


def _stopped(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """The text before the first of them, and which one that was."""
    place, stop = min(((text.find(stop), stop) for stop in stops if stop in text), default=(len(text), None))
    return text[:place], stop


def _within(pieces: list[Piece], limit: int) -> list[Piece]:
    kept, spent = [], 0
    for piece in pieces:
        spent += piece.tokens
        if spent > limit:
            break
        kept.append(piece)
    return kept


def _object_at(text: str, place: int) -> Any:
    try:
        found, _ = json.JSONDecoder().raw_decode(text, place)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
