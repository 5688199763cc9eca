"""Prompt caching: a prefix of 1,024 tokens or more that this process saw before counts as cached, in steps of 128.

https://platform.openai.com/docs/guides/prompt-caching
"""

from collections.abc import Sequence
from hashlib import sha256

SHORTEST = 1024
STEP = 128
MOST_PREFIXES = 100_000


class PromptCache:
    def __init__(self) -> None:
        self._seen: dict[bytes, None] = {}

    def cached(self, model: str, tokens: Sequence[str]) -> int:
        """How many tokens of the prompt were seen before; from now on all of it was."""
        cached = 0
        digest = sha256(model.encode())
        for start in range(0, len(tokens) - STEP + 1, STEP):
            digest.update("\0".join(tokens[start : start + STEP]).encode("utf-8", "surrogatepass"))
            length, prefix = start + STEP, digest.digest()
            if length < SHORTEST:
                continue
            if prefix in self._seen:
                cached = length
            else:
                self._seen[prefix] = None
        while len(self._seen) > MOST_PREFIXES:
            del self._seen[next(iter(self._seen))]
        return cached
