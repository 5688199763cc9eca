"""What each upstream really served and billed: the oracle that Signalbox's own usage is compared with."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

MOST_CALLS = 100_000  # the totals count on


@dataclass(frozen=True, slots=True)
class Call:
    """`status` is None where the client left before the head; `fault` is what was told for this request, if anything.

    `ref` is what the request itself says after `ref=`, wherever that stands: its sender knows it again by this.
    """

    at_ms: int
    provider: str
    operation: str
    model: str
    stream: bool
    status: int | None
    outcome: str  # served, cut, client_gone, error
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    cost_nanousd: int
    usage_delivered: bool
    request_id: str | None
    ref: str | None
    fault: dict[str, Any] | None


OUTCOMES = ("served", "cut", "client_gone", "error")
TOKENS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "cache_write_tokens", "cache_write_1h_tokens")
SUMMED = (*TOKENS, "cost_nanousd")


class Ledger:
    def __init__(self, providers: Iterable[str]) -> None:
        self._providers = tuple(providers)
        self._count = 0
        self.clear()

    def clear(self) -> None:
        """Numbering goes on, so that a reader who asks `since` misses nothing."""
        self._calls: deque[tuple[int, Call]] = deque(maxlen=MOST_CALLS)
        self._totals = {name: Counter(dict.fromkeys(("calls", *OUTCOMES, *SUMMED), 0)) for name in self._providers}

    def record(self, call: Call) -> None:
        self._count += 1
        self._calls.append((self._count, call))
        sums = {name: getattr(call, name) for name in SUMMED}
        self._totals[call.provider].update({"calls": 1, call.outcome: 1} | sums)

    def to_json(self, since: int = 0) -> dict[str, Any]:
        """The totals of all, and the calls numbered above `since`, in the order in which they ended."""
        calls = [{"n": number} | asdict(call) for number, call in self._calls if number > since]
        return {"providers": {name: dict(total) for name, total in self._totals.items()}, "calls": calls}
