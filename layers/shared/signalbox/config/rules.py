"""Who is called, when and by whom: the rows of `routing.yaml` for routes, chains, policies and flags."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from ..guardrails.patterns import MOST as MOST_OWN
from .fields import PLAIN, Count, FlagName, Name, Percent, Seconds, Strategy, Usd, Weight
from .rows import Row, Timeouts

Retried = Literal["rate_limited", "overloaded", "server", "unreachable", "timeout", "cut", "malformed"]


class Chain(Row):
    """What is tried after a model that names it: by the kind of its failure, and last of all the terminal one."""

    generic: tuple[str, ...] = ()
    context_too_long: tuple[str, ...] = ()
    content_filtered: tuple[str, ...] = ()
    terminal: str | None = None


class Semantic(Row):
    """Answers to what means the same: `route` (or a model) embeds the last text, `threshold` is a cosine. `most` are looked through."""

    route: str
    threshold: Annotated[float, Field(ge=0.5, le=1, allow_inf_nan=False)] = 0.95
    most: Annotated[int, Field(gt=0, le=100)] = 32


class Cache(Row):
    """For how long an answer is kept; 0: it is not. `any`: also one that may be another each time. `max_kb`: what one may take, packed."""

    ttl_s: Annotated[int, Field(ge=0, le=2_592_000)]
    any: bool = False
    max_kb: Annotated[int, Field(gt=0, le=350)] = 64
    semantic: Semantic | None = None


class Capture(Row):
    """`share` of the requests, 0 to 1, are kept for `days`, without what `redact` (left out: every redactor) and `own` patterns find."""

    share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    days: Annotated[int, Field(ge=1, le=90)] = 7
    redact: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    own: Annotated[Mapping[str, str], Field(max_length=MOST_OWN)] = {}


# Lambda takes 6 MB of an event, in which a body may be a third longer than it was sent.
MOST_REQUEST_KB = 4_096


class Route(Row):
    """Costs are US dollars. `max_cost_increase` is percent of what the first target would cost. `shares` are percent by provider."""

    targets: Annotated[tuple[str, ...], Field(min_length=1)]
    strategy: Strategy = "sequential"
    timeouts: Timeouts = Timeouts()
    max_attempts: Annotated[int, Field(gt=0, le=10)] = 3
    weights: Mapping[str, Weight] = {}
    sticky: Literal["user", "conversation"] = "user"
    max_cost_usd: Usd | None = None
    max_cost_a_day_usd: Usd | None = None
    max_cost_increase: Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)] = 5
    retries: Mapping[Retried, Annotated[int, Field(ge=0, le=5)]] = {}
    hedge_after_s: Seconds | None = None
    shares: Mapping[Name, Percent] = {}
    cache: Cache | None = None
    capture: Capture | None = None
    max_request_kb: Annotated[int, Field(gt=0, le=MOST_REQUEST_KB)] | None = None
    slow_after_s: Seconds | None = None


class Mirror(Row):
    target: str
    percent: Percent


class Actions(Row):
    """`route` is a route, an alias or a model."""

    route: str | None = None
    strategy: Strategy | None = None
    add_targets: tuple[str, ...] = ()
    remove_targets: tuple[str, ...] = ()
    weights: Mapping[str, Weight] = {}
    max_tokens: Count | None = None
    max_cost_usd: Usd | None = None
    timeouts: Timeouts = Timeouts()
    cache: Cache | None = None
    deny: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    mirror: Mirror | None = None


class Policy(Row):
    """The smallest priority is looked at first. What a condition may say is in `routing.conditions`; without any it always holds."""

    name: Annotated[str, StringConstraints(max_length=200)] = ""
    status: Literal["draft", "active", "disabled"] = "draft"
    priority: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    flag: FlagName | None = None
    goes_on: Annotated[bool, Field(alias="continue")] = False
    conditions: Annotated[Mapping[str, Any], PLAIN] = {}
    actions: Actions


class Flag(Row):
    """On for so many percent of the callers or requests of the segments; without segments of all."""

    enabled: bool = True
    percent: Percent = 100
    segments: tuple[Name, ...] = ()
    by: Literal["caller", "tenant", "request"] = "caller"
