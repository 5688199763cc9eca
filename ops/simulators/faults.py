"""What an upstream has been told to do wrong, and for how many requests more."""

import asyncio
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

A_YEAR_MS = 366 * 24 * 3600 * 1000
OVERLOADED = 503
RETRY_AFTER_FORMS = ("seconds", "float_seconds", "http_date", "retry-after-ms", "x-ms-retry-after-ms")


@dataclass(frozen=True, slots=True)
class Fault:
    """None is: as usual. `times` is how many requests it is for; without it, until it is cleared."""

    status: int | None = None
    latency_ms: float | None = None
    first_chunk_ms: float | None = None
    chunk_ms: float | None = None
    hold_after_chunks: int | None = None
    cut_after_chunks: int | None = None
    malformed: bool | None = None
    retry_after_s: float | None = None
    retry_after_form: str | None = None
    error_in_stream: int | bool | None = None
    error_after_chunks: int | None = None
    late_usage: bool | None = None
    echo: bool | None = None
    bad_keys: tuple[str, ...] | None = None
    limited_keys: tuple[str, ...] | None = None
    times: int | None = None

    def to_json(self) -> dict[str, Any]:
        told = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}

    def status_for(self, key: str, bad_key_status: int) -> int | None:
        """The status that answers who comes with this key; None is: as usual."""
        if key in (self.bad_keys or ()):
            return bad_key_status
        return 429 if key in (self.limited_keys or ()) else self.status

    def stream_error(self) -> tuple[int, int] | None:
        """After how many chunks the provider's own error ends the stream, and the status that it would have had as an answer."""
        if not self.error_in_stream and self.error_after_chunks is None:
            return None
        told = self.error_in_stream
        return self.error_after_chunks or 0, OVERLOADED if told is None or isinstance(told, bool) else told


WHOLE, NUMBER = (int,), (int, float)
# field: what it may be, how an error calls that, and its bounds
FIELDS: dict[str, tuple[tuple[type, ...], str, float, float]] = {
    "status": (WHOLE, "a status from 400 to 599", 400, 599),
    "latency_ms": (NUMBER, "milliseconds, 0 to a year", 0, A_YEAR_MS),
    "first_chunk_ms": (NUMBER, "milliseconds, 0 to a year", 0, A_YEAR_MS),
    "chunk_ms": (NUMBER, "milliseconds, 0 to a year", 0, A_YEAR_MS),
    "hold_after_chunks": (WHOLE, "a whole number from 0", 0, 10**9),
    "cut_after_chunks": (WHOLE, "a whole number from 0", 0, 10**9),
    "malformed": ((bool,), "true or false", 0, 1),
    "retry_after_s": (NUMBER, "seconds, 0 to a year", 0, A_YEAR_MS / 1000),
    "error_in_stream": (WHOLE, "true, or the status of the error, from 400 to 599", 400, 599),
    "error_after_chunks": (WHOLE, "a whole number from 0", 0, 10**9),
    "late_usage": ((bool,), "true or false", 0, 1),
    "echo": ((bool,), "true or false", 0, 1),
    "times": (WHOLE, "a whole number from 1", 1, 10**9),
}
KEYS = ("bad_keys", "limited_keys")
NAMES = (*FIELDS, "retry_after_form", *KEYS)


def to_fault(told: Any) -> Fault:
    """ValueError says which field is wrong, and what it may be."""
    if not isinstance(told, dict):
        raise ValueError('a fault is a JSON object, such as {"status": 503, "times": 2}')
    for name, value in told.items():
        if name not in NAMES:
            raise ValueError(f"unknown field {name!r}: a fault has {', '.join(NAMES)}")
        if wrong := _wrong(name, value):
            raise ValueError(f"field {name!r} must be {wrong}")
    fields: dict[str, Any] = {name: tuple(value) if name in KEYS else value for name, value in told.items()}
    return Fault(**fields)


def _wrong(name: str, value: Any) -> str | None:
    """What it would have to be."""
    if name == "retry_after_form":
        return None if value in RETRY_AFTER_FORMS else f"one of {', '.join(RETRY_AFTER_FORMS)}"
    if name in KEYS:
        good = isinstance(value, list) and all(isinstance(key, str) and key for key in value)
        return None if good else "a list of keys"
    if name == "error_in_stream" and isinstance(value, bool):
        return None
    types, expected, least, most = FIELDS[name]
    return None if type(value) in types and math.isfinite(value) and least <= value <= most else expected


class Faults:
    def __init__(self, providers: Iterable[str]) -> None:
        self._providers = tuple(providers)
        self._told: dict[str, Fault] = {}
        self._held: dict[str, asyncio.Event] = {}

    def tell(self, provider: str, fault: Fault) -> None:
        self._release(provider)
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
            self._release(name)

    def held(self, provider: str) -> asyncio.Event:
        """Set as soon as this provider is told another fault, or none."""
        return self._held.setdefault(provider, asyncio.Event())

    def _release(self, provider: str) -> None:
        if held := self._held.pop(provider, None):
            held.set()

    def to_json(self) -> dict[str, Any]:
        return {name: fault.to_json() for name, fault in self._told.items()}
