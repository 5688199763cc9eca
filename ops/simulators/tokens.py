"""What counts as a token here: up to four characters with the space before them, or one other whitespace character.

A token is at least one character of the request, hence at least one byte of its JSON: a bound by bytes holds for every prompt.
"""

import re
from collections.abc import Iterator
from typing import Any

PIECE = re.compile(r" ?\S{1,4}|\s")
REPLY_PRIMING = 3  # what a provider adds before the answer
DATA_URL_CHARS = 340  # an inlined image counts as 85 tokens, as OpenAI's does at low detail


def split(text: str) -> list[str]:
    return PIECE.findall(text)


def prompt_tokens(*values: Any) -> list[str]:
    """Every key, string and scalar of these JSON values, in order, and the priming of the reply."""
    return [piece for text in _texts(list(values)) for piece in split(text)] + ["<reply>"] * REPLY_PRIMING


def _texts(values: list[Any]) -> Iterator[str]:
    waiting = values[::-1]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for key, inner in reversed(value.items()):
                waiting += (inner, key)
        elif isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, str):
            yield value[:DATA_URL_CHARS] if value.startswith("data:") else value
        else:
            yield "#"
