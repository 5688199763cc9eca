"""How often callers may ask, for how many tokens, and how many times at once: limits of keys, teams and tenants."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import Refusal, whose
from .keys import Caller, record_of
from .windows import Window

COUNTS = {"requests": "requests_per_minute", "hourly": "requests_per_hour", "tokens": "tokens_per_minute"}
COUNTED = tuple(COUNTS)
WORDS = {"requests": "requests a minute", "hourly": "requests an hour", "tokens": "tokens a minute"}
# A team or a tenant has none: with its keys' a second key would find nothing left.
DEFAULTS: Mapping[str, Mapping[str, int]] = {"key": {"requests_per_minute": 1_000, "requests_per_hour": 10_000}}
MOST = 10**12  # of a limit: a credential may say more, of which no window could be written
AGAIN_S = 1  # when to try again where requests under way are in the way


class Limits(NamedTuple):
    """None: there is none. 0: nobody gets in."""

    requests_per_minute: int | None = None
    requests_per_hour: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None

    def counted(self) -> dict[str, int]:
        """By what a window counts."""
        return {name: limit for name, field in COUNTS.items() if (limit := getattr(self, field)) is not None}


class Need(NamedTuple):
    """The tokens that a request is expected to use: of its `input`, and `output` as far as it may go."""

    input: int
    output: int


class RateLimited(Refusal):
    """`scope` has used up what `limit`, by its name in a record, lets it have."""

    def __init__(self, scope: str, limit: str, why: str, wait_ms: int) -> None:
        wait_s = max(1, -(-wait_ms // 1000))
        message = f"The {whose(scope)} {why} Try again in {wait_s} s, or ask the operators to raise `{limit}`."
        super().__init__("rate_limited", message, retry_after_s=wait_s)
        self.scope = scope
        self.limit = limit


class Standing(NamedTuple):
    """How much of a `limit` remains, as last seen, and when it is whole again (epoch)."""

    limit: int
    remaining: int
    resets_ms: int


def limits_of(scope: str, record: Mapping[str, Any]) -> Limits:
    """What the scope's record says; where it is silent, or says what is no number, the default of its kind."""
    said, default = record.get("limits"), DEFAULTS.get(scope.partition("#")[0], {})
    said = said if isinstance(said, Mapping) else {}
    return Limits(*(_limit(said.get(name, default.get(name)), default.get(name)) for name in Limits._fields))


def limits_by_scope(scopes: tuple[str, ...], caller: Caller, records: Mapping[str, Mapping[str, Any]]) -> dict[str, Limits]:
    """`scopes` are the caller's key, its team and its tenant."""
    key, *others = scopes
    return {key: limits_of(key, record_of(caller, records))} | {scope: limits_of(scope, records.get(scope, {})) for scope in others}


def tokens_of(need: Need, limit: int) -> int:
    """What is taken at first: all that may be used, but never more than a whole window, which an answer hardly ever uses."""
    return min(need.input + need.output, limit)


def never(scope: str, limits: Limits, need: Need) -> Refusal | None:
    """Why the request can never pass, however long it waits: none of these says when to try again."""
    suspended = next((name for name, limit in limits._asdict().items() if limit == 0), None)
    if suspended:
        return Refusal("permission_denied", f"The {whose(scope)} is suspended: its `{suspended}` is 0. Ask its operators.")
    most = limits.tokens_per_minute
    if most is not None and need.input > most:
        why = f"The {whose(scope)} may use {most:,} tokens a minute, and this request has about {need.input:,} of input alone."
        return Refusal("request_too_large", f"{why} Send less, or ask the operators to raise `tokens_per_minute`.")
    return None


def used_up(scope: str, name: str, window: Window, amount: int, now_ms: int) -> RateLimited:
    limit, rest = window.limits[name], max(0, window.rest(name))
    words = f"{limit:,} {WORDS[name]}"
    why = f"has {rest:,} left of {words}, and this request may use {amount:,}." if rest else f"has used up its {words}."
    return RateLimited(scope, COUNTS[name], why, window.ends_ms(name) - now_ms)


def crowded(scope: str, most: int) -> RateLimited:
    why = f"has {most:,} request{'s' if most > 1 else ''} under way, and may have no more at once."
    return RateLimited(scope, "concurrency", why, AGAIN_S * 1000)


def raced(scope: str, name: str) -> RateLimited:
    why = "has next to nothing left, and others were faster."
    return RateLimited(scope, COUNTS.get(name, "concurrency"), why, AGAIN_S * 1000)


def standing(name: str, window: Window) -> Standing:
    limit = window.limits[name]
    return Standing(limit, min(limit, max(0, window.rest(name))), window.ends_ms(name))


def tightest(standings: list[Standing]) -> Standing | None:
    """Of which the least remains; of equals the one that stays so the longest."""
    return min(standings, key=lambda standing: (standing.remaining, -standing.resets_ms), default=None)


def _limit(said: Any, default: int | None) -> int | None:
    if said is None:
        return None
    return min(said, MOST) if isinstance(said, int) and not isinstance(said, bool) and said >= 0 else default
