"""What an upstream has been told to do wrong, and for how many requests more."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

A_YEAR_MS = 366 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """None is: as usual. `times` is how many requests it is for; without it, until it is cleared."""

    status: int | None = None
    latency_ms: float | None = None
    first_chunk_ms: float | None = None
    chunk_ms: float | None = None
    cut_after_chunks: int | None = None
    malformed: bool | None = None
    retry_after_s: float | None = None
    times: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


WHOLE, NUMBER = (int,), (int, float)
# field: what it may be, how an error calls that, and its bounds
FIELDS: dict[str, tuple[tuple[type, ...], str, float, float]] = {
    "status": (WHOLE, "a status from 400 to 599", 400, 599),
    "latency_ms": (NUMBER, "milliseconds, 0 to a year", 0, A_YEAR_MS),
    "first_chunk_ms": (NUMBER, "milliseconds, 0 to a year", 0, A_YEAR_MS),
    "chunk_ms": (NUMBER, "milliseconds, 0 to a year", 0, A_YEAR_MS),
    "cut_after_chunks": (WHOLE, "a whole number from 0", 0, 10**9),
    "malformed": ((bool,), "true or false", 0, 1),
    "retry_after_s": (NUMBER, "seconds, 0 to a year", 0, A_YEAR_MS / 1000),
    "times": (WHOLE, "a whole number from 1", 1, 10**9),
}


def to_fault(told: Any) -> Fault:
    """ValueError says which field is wrong, and what it may be."""
    if not isinstance(told, dict):
        raise ValueError('a fault is a JSON object, such as {"status": 503, "times": 2}')
    for name, value in told.items():
        if name not in FIELDS:
            raise ValueError(f"unknown field {name!r}: a fault has {', '.join(FIELDS)}")
        types, expected, least, most = FIELDS[name]
        if type(value) not in types or not math.isfinite(value) or not least <= value <= most:
            raise ValueError(f"field {name!r} must be {expected}")
    return Fault(**told)


class Faults:
    def __init__(self, providers: Iterable[str]) -> None:
        self._providers = tuple(providers)
        self._told: dict[str, Fault] = {}

    def tell(self, provider: str, fault: Fault) -> None:
        self._told[provider] = fault

    def take(self, provider: str) -> Fault:
        """The fault for the request that has just come: once less from now on."""
        fault = self._told.get(provider, Fault())
        if fault.times == 1:
            del self._told[provider]
        elif fault.times is not None:
            self._told[provider] = replace(fault, times=fault.times - 1)
        return fault

    def clear(self, provider: str | None = None) -> None:
        for name in (provider,) if provider else self._providers:
            self._told.pop(name, None)

    def to_json(self) -> dict[str, Any]:
        return {name: fault.to_json() for name, fault in self._told.items()}
