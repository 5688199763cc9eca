"""Prompt caching: a prefix of 1,024 tokens or more that this process saw before counts as cached.

In steps of 128 where the provider caches by itself, else up to the points that the request marks; what is new before them is written.
https://platform.openai.com/docs/guides/prompt-caching  https://platform.claude.com/docs/en/build-with-claude/prompt-caching
"""

from collections.abc import Sequence
from hashlib import sha256

from .exchange import CacheMark, Tokens

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
        self._forget()
        return cached

    def marked(self, model: str, tokens: Sequence[str], marks: Sequence[CacheMark]) -> Tokens:
        """What was read up to the last mark that is known, and what was written from there to each later one."""
        digests = {mark.tokens: self._prefix(model, tokens[: mark.tokens]) for mark in marks if mark.tokens >= SHORTEST}
        cached = max((length for length, digest in digests.items() if digest in self._seen), default=0)
        written, written_1h, start = 0, 0, cached
        for mark in sorted(marks):
            if mark.tokens <= start or mark.tokens not in digests:
                continue
            written, written_1h = written + (mark.tokens - start) * (not mark.an_hour), written_1h + (mark.tokens - start) * mark.an_hour
            start = mark.tokens
        self._seen |= dict.fromkeys(digests.values())
        self._forget()
        return Tokens(cached=cached, cache_write=written, cache_write_1h=written_1h)

    def _prefix(self, model: str, tokens: Sequence[str]) -> bytes:
        return sha256("\0".join(("marked", model, *tokens)).encode("utf-8", "surrogatepass")).digest()

    def _forget(self) -> None:
        while len(self._seen) > MOST_PREFIXES:
            del self._seen[next(iter(self._seen))]
