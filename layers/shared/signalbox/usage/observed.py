"""What a request shows of how it went, as counters: what the analytics, the savings and the adoption of flags are summed from."""

from collections import Counter
from collections.abc import Iterable

from .events import Attempt, UsageRecorded
from .histogram import bucket

DURATION, TTFT = "d", "t"  # with the number of a bucket: short, because an item's size is paid for with each write
TRIGGER, SERVED, FLAG = "trigger:", "served:", "flag:"
HEDGE, MIRROR, CACHE = "hedge", "mirror", "cache"
MONITORING = "monitoring"  # the flag
MOST_FLAGS = 100  # of a request, by name: more than one update takes beside the rest


def is_watched(event: UsageRecorded) -> bool:
    """Where the flag is off, how a decided request went is not counted; what it used, cost and saved always is."""
    return not event.decided or MONITORING in event.flags


def of_request(event: UsageRecorded) -> Counter[str]:
    """As its client saw it: from its arrival on."""
    counters = _beside(event.attempts)
    if event.outcome != "ok":
        return counters
    counters += _timed(DURATION, event.duration_ms) + Counter(answered_ms=event.duration_ms)
    answer = answering(event)
    if answer and answer.ttft_ms is not None:
        ttft_ms = max(0, answer.at_ms - event.at_ms) + answer.ttft_ms
        counters += _timed(TTFT, ttft_ms) + Counter(ttft_ms=ttft_ms)
    if event.provider:
        counters[SERVED + event.provider] += 1
    return counters + _fallback(event)


def of_attempts(attempts: Iterable[Attempt], event: UsageRecorded) -> Counter[str]:
    """Of those that one target, or one provider, was sent: from their own beginning on."""
    attempts = list(attempts)
    counters = _beside(attempts)
    for attempt in attempts:
        if attempt.outcome == "ok":
            counters += _timed(DURATION, attempt.duration_ms) + Counter(answered_ms=attempt.duration_ms)
            if attempt.ttft_ms is not None:
                counters += _timed(TTFT, attempt.ttft_ms) + Counter(ttft_ms=attempt.ttft_ms)
    first = next(iter(_own(event)), None)
    if first in attempts and event.outcome == "ok":
        counters += Counter(firsts=1) + _fallback(event)
    return counters


def of_flags(event: UsageRecorded) -> Counter[str]:
    """Whatever `monitoring` says: else its own adoption could not be told."""
    if not event.decided and not event.flags:
        return Counter()
    return Counter({FLAG + name: 1 for name in sorted(set(event.flags))[:MOST_FLAGS]}) + Counter(decided=1)


def of_comparison(event: UsageRecorded) -> Counter[str]:
    """What an answer cost with all that was tried for it, and what it would have cost at the default target."""
    compared = event.baseline_cost_nanousd > 0 and event.outcome == "ok" if event.compared is None else event.compared
    if not compared:
        return Counter()
    return Counter(compared=1, compared_cost_nanousd=event.cost_nanousd, compared_baseline_nanousd=event.baseline_cost_nanousd)


def answering(event: UsageRecorded) -> Attempt | None:
    """The attempt whose answer the client has; None of a request without an answer, or without an attempt."""
    own = [attempt for attempt in _own(event) if attempt.outcome == "ok" and attempt.target == event.target]
    return own[-1] if own and event.outcome == "ok" else None


def _own(event: UsageRecorded) -> list[Attempt]:
    """Those that the client waited for an answer of, in the order in which they began."""
    return [attempt for attempt in event.attempts if attempt.purpose not in (MIRROR, CACHE)]


def _fallback(event: UsageRecorded) -> Counter[str]:
    """Of an answer by another target than the first tried; its trigger is how that one's first attempt ended."""
    first = next(iter(_own(event)), None)
    if first is None or first.target == event.target:
        return Counter()
    return Counter({"fallbacks": 1, TRIGGER + first.outcome: 1})


def _beside(attempts: Iterable[Attempt]) -> Counter[str]:
    """Started beside what the client waited for, or after it."""
    counters: Counter[str] = Counter()
    for attempt in attempts:
        counters["hedges"] += attempt.purpose == HEDGE
        if attempt.purpose == MIRROR:
            counters += Counter(mirrors=1, mirror_cost_nanousd=attempt.cost_nanousd)
    return counters


def _timed(letter: str, ms: int) -> Counter[str]:
    return Counter({f"{letter}{bucket(ms)}": 1})
