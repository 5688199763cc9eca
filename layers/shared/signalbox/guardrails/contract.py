"""What a guardrail is to the rest of the house; one of your own is a class with these two methods, made from its options."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from ..reply import Chunk
from ..request import Request


class Guardrail(Protocol):
    """One instance serves a container's requests one after the other, so what it keeps of a request stays within a call.

    To refuse is to raise `errors.Refusal("content_refused", …)`, with a message that tells the caller what to change and repeats no prompt.
    """

    def before(self, request: Request) -> Request:
        """The request as it may be sent on: the same one, or `request._replace(…)`. Before anything is held or called."""

    def after(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """The answer as it may be told, streamed or not. What was generated is billed, whatever becomes of it here."""


Make = Callable[[Mapping[str, Any]], Guardrail]  # raises ValueError, saying what is wrong with the options
