"""A document's data as a text that explains itself: a comment above each section, and above each field that is not obvious.

What is told of a section or a field is told in this table, once, above the first row that has it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .source import Path
from .written import to_flow, to_key, to_lines

ANY = "*"  # whatever the row is called
TOLD: Mapping[tuple[str, ...], str] = {
    ("providers",): "Who may be called. What is not said is known by the provider's name, or by its `kind`.",
    ("providers", ANY, "secret"): "The name of the secret that holds its keys; null where it asks for none.",
    ("providers", ANY, "on_leave"): "What is done with a stream whose client has left: drain, estimate or free.",
    ("providers", ANY, "options"): "Of its format, and for the {braces} of its address.",
    ("models",): "What may be called, as provider/name. Prices are US dollars per million tokens, windows and limits tokens.",
    ("models", ANY, "id"): "What the provider calls it.",
    ("models", ANY, "prices", "request"): "A fee for each request, in US dollars.",
    ("models", ANY, "prices", "long"): "What all of a request costs whose input is over so many tokens.",
    ("models", ANY, "prices", "batch"): "Noted only: nothing is sent in batches.",
    ("models", ANY, "quality"): "Your own score, 0 to 100.",
    ("models", ANY, "availability"): "Percent of the time.",
    ("models", ANY, "capacity"): "What it takes before it answers 429; where it is full, another is tried.",
    ("models", ANY, "chain"): "What is tried where it fails.",
    ("routes",): "What clients ask for: targets, and in which order they are tried.",
    ("routes", ANY, "max_attempts"): "Of the whole request, over all its targets.",
    ("routes", ANY, "max_cost_usd"): "US dollars a request.",
    ("routes", ANY, "max_cost_a_day_usd"): "US dollars a day, of all its requests.",
    ("routes", ANY, "max_cost_increase"): "Percent of what the first target would cost: what may cost more is not put first.",
    ("routes", ANY, "retries"): "How often the same target is asked again, by the kind of its failure.",
    ("routes", ANY, "hedge_after_s"): "Without a first byte for so many seconds, a second target is asked as well.",
    ("routes", ANY, "max_request_kb"): "How long a request may be that asks for it; 1024 where nothing is said.",
    ("routes", ANY, "slow_after_s"): "A call that takes so many seconds is marked as slow; as the stage says it where nothing is said.",
    ("routes", ANY, "shares"): "Percent of the requests that each provider is meant to serve, as analytics compare it.",
    ("aliases",): "Other names for a route, a model or another alias.",
    ("timeouts",): "Seconds: to the first byte, between two chunks, and for the whole operation. Routes and models may say otherwise.",
    ("circuits",): "When a target is passed over, for how long, and what brings it back.",
    ("guardrails",): "What sees a request before its call and the answer before its caller, in this order.",
    ("chains",): "What is tried after a model that names it, by the kind of its failure; last of all the terminal one.",
    ("policies",): "What is decided for some requests otherwise than their route has it. The smallest priority is looked at first.",
    ("policies", ANY, "flag"): "It holds only where this flag is on.",
    ("policies", ANY, "continue"): "The policies behind it are looked at as well.",
    ("flags",): "What is on, for how many percent of the callers or the requests of its segments.",
    ("segments",): "Groups of tenants that flags name.",
}
WIDTH = 140


def to_text(data: Mapping[str, Any], head: Sequence[str] = (), notes: Mapping[Path, str] | None = None) -> str:
    """`data` as `plain.to_data` gives it. `head` are lines above everything; `notes` stand above what is at their paths.

    ValueError for what no document can hold.
    """
    told: set[tuple[str, ...]] = set()
    lines = [f"# {line}".rstrip() for line in head]
    for section, value in data.items():
        lines += [""] * bool(lines)
        lines += _row((section,), value, told, notes or {})
    return "\n".join(lines) + "\n"


def _row(path: Path, value: Any, told: set[tuple[str, ...]], notes: Mapping[Path, str]) -> Iterator[str]:
    """A section always stands below its name, and so does a row in which something is told."""
    indent = "  " * (len(path) - 1)
    yield from (f"{indent}# {line}" for line in _comments(path, told, notes))
    key = to_key(str(path[-1]))
    flow = f"{indent}{key}: {to_flow(value)}"
    if not value or not isinstance(value, Mapping) or (len(path) > 1 and len(flow) <= WIDTH and not _said_below(path, value, told, notes)):
        yield from to_lines(key, value, indent)
        return
    yield f"{indent}{key}:"
    for name, item in value.items():
        yield from _row((*path, name), item, told, notes)


def _comments(path: Path, told: set[tuple[str, ...]], notes: Mapping[Path, str]) -> Iterator[str]:
    pattern = _pattern(path)
    if pattern in TOLD and pattern not in told:
        told.add(pattern)
        yield TOLD[pattern]
    if path in notes:
        yield from notes[path].splitlines()


def _said_below(path: Path, value: Mapping[str, Any], told: set[tuple[str, ...]], notes: Mapping[Path, str]) -> bool:
    return any(
        (_pattern((*path, name)) in TOLD and _pattern((*path, name)) not in told)
        or (*path, name) in notes
        or (isinstance(item, Mapping) and _said_below((*path, name), item, told, notes))
        for name, item in value.items()
    )


def _pattern(path: Path) -> tuple[str, ...]:
    return tuple(ANY if position == 1 else str(part) for position, part in enumerate(path))
