"""Our usage held against what the providers billed, request by request and provider by provider. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

GIVEN_UP = ("timeout", "abandoned")  # by us, before the whole of it was read: on a busy machine it may have been written by then
TEXT_BY_TEXT = ("invoke", "predict")  # operations of which one attempt at an embedding makes a call for each text


def compared(calls: Iterable[Row], events: Iterable[Row]) -> tuple[dict[str, Counter[str]], list[str]]:
    """By provider, what was counted (amounts in nano-dollars; `elsewhere`: where the usage was not delivered), and all complaints.

    A request's calls of one provider are held against its attempts there one by one, as long as none was beside another. A call that
    failed, or that is free, is missed like any other.
    """
    theirs: dict[tuple[str, str], list[Row]] = defaultdict(list)
    ours: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for call in calls:
        if call["ref"] or call["cost_nanousd"]:
            theirs[call["ref"] or "nobody", call["provider"]].append(call)
    for event in events:
        for ref, attempt in ((tag, attempt) for tag in event["tags"] for attempt in event["attempts"]):
            ours[ref, attempt["target"].partition("/")[0]].append(attempt)
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    complaints: list[str] = []
    for ref, provider in sorted(theirs.keys() | ours.keys()):
        asked, served = ours[ref, provider], theirs[ref, provider]
        for attempts, billed in _pairs(asked, served):
            complaint = _hold(sums[provider], attempts, billed)
            if complaint:
                complaints.append(f"{ref} at {provider}: {complaint}")
    return dict(sums), complaints


def _pairs(attempts: list[Row], calls: list[Row]) -> list[tuple[Sequence[Row], Sequence[Row]]]:
    one_by_one = len(attempts) == len(calls) and not any(attempt["purpose"] for attempt in attempts)
    if not one_by_one:
        return [(attempts, calls)]
    in_order = (sorted(rows, key=lambda row: row["at_ms"]) for rows in (attempts, calls))
    return [([attempt], [call]) for attempt, call in zip(*in_order, strict=True)]


def _hold(sums: Counter[str], attempts: Sequence[Row], calls: Sequence[Row]) -> str:
    """What is wrong with it, if anything."""
    billed = [call for call in calls if call["cost_nanousd"]]
    delivered = all(map(_is_delivered, billed)) and not any(attempt["outcome"] in GIVEN_UP for attempt in attempts)
    theirs, ours = (sum(row["cost_nanousd"] for row in rows) for rows in (calls, attempts))
    marked = any(attempt["estimated"] for attempt in attempts)
    captured = len(attempts) >= (1 if any(call["operation"] in TEXT_BY_TEXT for call in calls) else len(calls))
    where = "" if billed and delivered else "elsewhere_"
    sums.update(
        calls=len(calls),
        billed=len(billed),
        delivered=len(billed) if delivered else 0,
        captured=len(calls) if captured else 0,
    )
    sums.update({f"{where}theirs": theirs, f"{where}ours": ours})
    about = [[row[name] for name in ("outcome", "fault", "input_tokens", "output_tokens")] for row in calls]
    told = f"they billed {theirs} and we recorded {ours} {about} {[dict(a['tokens']) for a in attempts]}"
    if not captured:
        return f"a call is missing: {told}"
    if billed and delivered and ours != theirs:
        return told
    if ours < theirs:
        return f"less, where no usage was delivered: {told}"
    if ours > theirs and not marked:
        return f"more, and not marked as estimated: {told}"
    return ""


def _is_delivered(call: Row) -> bool:
    """What comes behind an event that nobody can read is not."""
    return call["usage_delivered"] and not (call["fault"] or {}).get("malformed")


def miscounted(answered: Iterable[str], events: Iterable[Row]) -> list[str]:
    """Whatever came of a request that was answered, it has one usage event."""
    heard = Counter(tag for event in events for tag in event["tags"])
    return [f"{ref} was answered and has {heard[ref]} usage events" for ref in answered if heard[ref] != 1]


def total(sums: Mapping[str, Counter[str]]) -> Counter[str]:
    return sum(sums.values(), Counter[str]())


def spent(events: Iterable[Row]) -> int:
    return sum(event["cost_nanousd"] for event in events)
