"""Of a request whose answer may be found by meaning: what is asked, the rest of it, and what the look-up may cost."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..dialects.openai_embeddings import NAME
from ..request import Request, Text
from ..routing import bound
from ..routing.catalog import Target
from .trip import Trip

MOST_TEXT_BYTES = 8_000  # of a longer text no vector says what is asked


class Meant(NamedTuple):
    """`target` embeds the text. `rest` is the request without it: what must be equal, to the letter."""

    text: str
    rest: Request
    target: Target
    threshold: float
    most: int

    @property
    def request(self) -> Request:
        return Request(dialect=NAME, model=self.target.id, inputs=(self.text,))

    @property
    def input_bound(self) -> int:
        return bound.input_tokens_bound(self.request, len(self.text.encode("utf-8", "replace")))

    @property
    def bound_nanousd(self) -> int:
        return bound.bound_nanousd(self.input_bound, 0, 1, self.target.prices) if self.target.prices else 0


def meant_of(trip: Trip) -> Meant | None:
    """None where its route does not say so, or where it is not one text of a user that it ends in."""
    semantic: Mapping[str, Any] | None = (trip.decision.cache or {}).get("semantic")
    if not semantic or not trip.request.messages:
        return None
    *before, last = trip.request.messages
    text = "\n".join(part.text for part in last.parts if isinstance(part, Text))
    if last.role != "user" or not all(isinstance(part, Text) for part in last.parts):
        return None
    route = trip.snapshot.route(semantic["route"])
    if route is None or not text.strip() or len(text.encode("utf-8", "replace")) > MOST_TEXT_BYTES:
        return None
    rest = trip.request._replace(messages=(*before, last._replace(parts=())))
    return Meant(text, rest, trip.snapshot.targets[route.targets[0]], semantic["threshold"], semantic["most"])
