"""Of a request whose answer may be found by meaning: what is asked, the rest of it, who embeds it, and what the look-up may cost."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..circuits.state import OPEN
from ..dialects.openai_embeddings import NAME
from ..request import Request, Text
from ..routing import bound
from ..routing.catalog import Target
from .trip import Trip

MOST_TEXT_BYTES = 8_000  # of a longer text no vector says what is asked
MOST_TARGETS = 2  # one, and the next where it fails


class Embedder(NamedTuple):
    """`space` is the same for the same model, whoever serves it: vectors of others have nothing in common, however long they are."""

    target: Target
    space: int


class Meant(NamedTuple):
    """`embedders` may embed the text, the first where it can. `rest` is the request without it: what must be equal, to the letter."""

    text: str
    rest: Request
    embedders: tuple[Embedder, ...]
    threshold: float
    most: int

    @property
    def request(self) -> Request:
        return Request(dialect=NAME, model=self.embedders[0].target.id, inputs=(self.text,))

    @property
    def input_bound(self) -> int:
        return bound.input_tokens_bound(self.request, len(self.text.encode("utf-8", "replace")))

    @property
    def bound_nanousd(self) -> int:
        """Of all: one that fails may be paid all the same."""
        prices = (embedder.target.prices for embedder in self.embedders)
        return sum(bound.bound_nanousd(self.input_bound, 0, 1, each) for each in prices if each)


def meant_of(trip: Trip) -> Meant | None:
    """None where its route does not say so, or where it is not one text of a user that it ends in."""
    semantic: Mapping[str, Any] | None = (trip.decision.cache or {}).get("semantic")
    if not semantic or not trip.request.messages:
        return None
    *before, last = trip.request.messages
    text = "\n".join(part.text for part in last.parts if isinstance(part, Text))
    if last.role != "user" or not all(isinstance(part, Text) for part in last.parts):
        return None
    found = embedders(trip)
    if not found or not text.strip() or len(text.encode("utf-8", "replace")) > MOST_TEXT_BYTES:
        return None
    rest = trip.request._replace(messages=(*before, last._replace(parts=())))
    return Meant(text, rest, found, semantic["threshold"], semantic["most"])


def embedders(trip: Trip) -> tuple[Embedder, ...]:
    """Who may embed what is looked up by meaning, as declared: none that is ill, full or without means."""
    semantic, inputs, targets = (trip.decision.cache or {}).get("semantic"), trip.inputs, trip.snapshot.targets
    route = trip.snapshot.route(semantic["route"]) if semantic and trip.by_meaning else None
    if route is None:
        return ()
    ill = {id for id, circuit in inputs.circuits.items() if circuit.state == OPEN}
    models = [targets[id].model for id in route.targets]
    away = ill.union(inputs.full)
    well = (targets[id] for id in route.targets if id not in away and targets[id].provider not in inputs.spent)
    return tuple(Embedder(target, models.index(target.model)) for target in well)[:MOST_TARGETS]
