"""Which of the timeouts that a document names apply: the nearest to the request first, and `strict` as a total like any other."""

from collections.abc import Iterator

from .document import Document
from .rows import Model, Timeouts
from .source import Check, Finding, Path

STRICT_S = 5.0
PARTS = ("ttft_s", "between_chunks_s", "total_s")

Row = dict[str, float | None]


def said(timeouts: Timeouts) -> Row:
    """By name, None where nothing is said. A total that is smaller than the profile's may stand beside it."""
    row: Row = {part: getattr(timeouts, part) for part in PARTS}
    return row | {"total_s": min(row["total_s"] or STRICT_S, STRICT_S)} if timeouts.profile == "strict" else row


def of_target(id: str, model: Model, document: Document) -> dict[str, float]:
    """Complete: the model's own, else its provider's, else those of what it does."""
    rows = _layers(id, model, document)
    return {part: next((value for row in rows if (value := said(row)[part])), getattr(document.timeouts, part)) for part in PARTS}


def of_route(targets: tuple[str, ...], own: Timeouts, document: Document) -> Row:
    """What the route says itself; and the total, which holds all attempts: its own, else the longest that one of its models asks for."""
    row = said(own)
    totals = [of_target(target, model, document)["total_s"] for target in targets if (model := document.model(target))]
    return row | {"total_s": row["total_s"] or max(totals, default=document.timeouts.total_s)}


def _layers(id: str, model: Model, document: Document) -> list[Timeouts]:
    provider = document.providers.get(id.partition("/")[0])
    return [model.timeouts, *([provider.timeouts] if provider else []), *([document.timeouts.embedding] if model.embeds else [])]


def _can_pass(document: Document) -> Iterator[Finding]:
    for path, timeouts, total_s, strict in _rows(document):
        for part, value in _longer(timeouts, total_s):
            if not strict or value > (timeouts.total_s or value):
                yield (*path, part), f"longer than total_s ({total_s:g} s), so that it could never pass; raise total_s or lower this"


def _strict_cuts_nothing_short(document: Document) -> Iterator[Finding]:
    for path, timeouts, total_s, strict in _rows(document):
        for part, _ in _longer(timeouts, total_s) if strict else ():
            yield (*path, part), f"the profile strict ends the whole operation after {total_s:g} s, and so before this; lower it"


def _longer(timeouts: Timeouts, total_s: float) -> Iterator[tuple[str, float]]:
    for part in ("ttft_s", "between_chunks_s"):
        value = getattr(timeouts, part)
        if value and value > total_s:
            yield part, value


def _rows(document: Document) -> Iterator[tuple[Path, Timeouts, float, bool]]:
    """Each that may say something, the total that holds where it stands, and whether that is so by the profile `strict`."""
    plain = document.timeouts
    defaults = Timeouts(ttft_s=plain.ttft_s, between_chunks_s=plain.between_chunks_s, total_s=plain.total_s)
    yield ("timeouts",), defaults, plain.total_s, False
    yield ("timeouts", "embedding"), plain.embedding, said(plain.embedding)["total_s"] or plain.total_s, _is_strict(plain.embedding)
    for name, provider in document.providers.items():
        row, own = provider.timeouts, [(id, model) for id, model in document.models.items() if id.partition("/")[0] == name]
        total_s = max((of_target(id, model, document)["total_s"] for id, model in own), default=said(row)["total_s"] or plain.total_s)
        yield ("providers", name, "timeouts"), row, total_s, _is_strict(row)
    for id, model in document.models.items():
        yield ("models", id, "timeouts"), model.timeouts, of_target(id, model, document)["total_s"], _is_strict_at(id, model, document)
    for name, route in document.routes.items():
        row, served = route.timeouts, [(id, found) for id in route.targets if (found := document.model(id))]
        strict = _is_strict(row) if not _says_no_total(row) else all(_is_strict_at(id, model, document) for id, model in served)
        yield ("routes", name, "timeouts"), row, of_route(route.targets, row, document)["total_s"] or plain.total_s, strict


def _is_strict_at(id: str, model: Model, document: Document) -> bool:
    """By the first layer that says something of the total."""
    return next((_is_strict(row) for row in _layers(id, model, document) if not _says_no_total(row)), False)


def _is_strict(timeouts: Timeouts) -> bool:
    return timeouts.profile == "strict"


def _says_no_total(timeouts: Timeouts) -> bool:
    return said(timeouts)["total_s"] is None


ERRORS: tuple[Check, ...] = (_can_pass,)
WARNINGS: tuple[Check, ...] = (_strict_cuts_nothing_short,)
