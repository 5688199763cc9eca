"""A request on its way past the limits of its key, its team and its tenant: what it may take, and how its answer tells of them."""

import time
from collections.abc import Callable, Mapping

from ..admission.budgets import scopes_of
from ..admission.rates import Need, Standing
from ..aws.rates import Entry, Rates
from ..routing.costs import EXPECTED_OUTPUT_TOKENS
from .asked import Asked
from .clock import Clock
from .routed import Routed
from .trip import Trip

# Of each dialect, where it is not OpenAI's: https://platform.claude.com/docs/en/api/rate-limits#response-headers
PREFIXES = {"anthropic_messages": "anthropic-ratelimit-{what}-{field}"}
PREFIX = "x-ratelimit-{field}-{what}"  # https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers


class Limited:
    """One request. `leave` is called once, however it ends."""

    def __init__(self, rates: Rates, asked: Asked, clock: Clock) -> None:
        self._rates = rates
        self._asked = asked
        self._clock = clock
        self._entry: Entry | None = None
        self._scopes: tuple[str, ...] = ()
        self._left: Callable[[], None] = _nothing  # by the entry before this one

    def errand(self, routed: Routed) -> Entry:
        """The same again, for what it needs and until when it may last now; unless it counts for another team since it was routed anew."""
        caller, inputs, need = routed.asked.caller, routed.trip.inputs, need_of(routed.trip)
        scopes = scopes_of(caller._replace(team=inputs.features.team))[:3]
        if self._entry is None or scopes != self._scopes:
            if self._entry:
                self._left = self._entry.leave(0, counts=False)
            self._scopes = scopes
            self._entry = self._rates.entry(caller, scopes, need, inputs.deadline_ms)
        self._entry.needs(need, inputs.deadline_ms)
        return self._entry

    def headers(self) -> dict[str, str]:
        """Nothing where nothing is limited, or was not looked at."""
        if self._entry is None:
            return {}
        requests, tokens = self._entry.standings()
        told = {"requests": requests, "tokens": tokens}
        dialect, now_ms = self._asked.request.dialect, int(self._clock.wall() * 1000)
        return {name: value for what, row in told.items() if row for name, value in _told(dialect, what, row, now_ms).items()}

    def leave(self, tokens: int) -> Callable[[], None]:
        """`tokens` is what it used. What is to be written is on its way; call what is returned to hear of it. Never raises."""
        if self._entry is None:
            return _nothing
        before, left = self._left, self._entry.leave(tokens)
        self._entry, self._left = None, _nothing

        def hear() -> None:
            before()
            left()

        return hear


def need_of(trip: Trip) -> Need:
    """The input as it is estimated, and as much output as was asked for at the most; where nobody limits it, what an answer usually has."""
    request, target = trip.request, trip.snapshot.targets[trip.decision.targets[0]]
    if request.inputs:
        return Need(trip.inputs.features.input_tokens, 0)
    asked = EXPECTED_OUTPUT_TOKENS if request.max_tokens is None else request.max_tokens
    most = min(limit for limit in (asked, target.max_output_tokens, trip.decision.max_tokens) if limit is not None)
    return Need(trip.inputs.features.input_tokens, request.n * most)


def _told(dialect: str, what: str, row: Standing, now_ms: int) -> Mapping[str, str]:
    name = PREFIXES.get(dialect, PREFIX)
    resets = _moment(row.resets_ms) if dialect in PREFIXES else _duration(max(0, row.resets_ms - now_ms))
    fields = {"limit": str(row.limit), "remaining": str(row.remaining), "reset": resets}
    return {name.format(what=what, field=field): value for field, value in fields.items()}


def _duration(ms: int) -> str:
    """20ms, 1s, 6m0s, 1h0m0s"""
    if ms < 1000:
        return f"{ms}ms"
    minutes, seconds = divmod(-(-ms // 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{seconds}s" if hours else f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _moment(ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(-(-ms // 1000)))


def _nothing() -> None:
    pass
