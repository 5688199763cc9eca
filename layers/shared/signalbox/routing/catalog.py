"""The snapshot that requests are routed by: flat, immutable, compiled from `routing.yaml` when it was published."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..money import Prices
from .policies import Policies, to_policies

ANY = "*"  # at the end of a target's id: whatever the provider has by a name that begins so
NAME = re.compile(r"[!-~]{1,200}")  # of such a one, which callers make up: it goes into headers, keys and events


class Provider(NamedTuple):
    """`kind` is its row in `providers.rows`, `wire` the format it speaks, `auth` how it is asked to show a key.

    `secret` names the secret that holds its keys (none where it asks for none). `on_leave` says what is done with a stream whose client
    has left: `drain` it for the count, `estimate` what it came to, or `free` where nothing is billed then. `options` are of its wire.
    """

    name: str
    wire: str
    base_url: str
    secret: str | None
    kind: str = ""
    auth: str = "bearer"
    on_leave: str = "drain"
    options: Mapping[str, str] = MappingProxyType({})


class Timeouts(NamedTuple):
    """Seconds: to the first byte, between two chunks, and for the whole operation. None of a route or a policy: each target's own."""

    ttft_s: float | None = None
    between_chunks_s: float | None = None
    total_s: float | None = None

    def over(self, below: "Timeouts") -> "Timeouts":
        """These, and where they say nothing what lies below."""
        return Timeouts(*(mine if mine is not None else other for mine, other in zip(self, below, strict=True)))


class Capacity(NamedTuple):
    """What a target takes before it answers 429; None: no limit is known. Tokens are input and output together."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None


class Chain(NamedTuple):
    """What is tried after a target that names it, by the kind of its failure; the terminal target comes last, and nothing after it."""

    generic: tuple[str, ...] = ()
    context_too_long: tuple[str, ...] = ()
    content_filtered: tuple[str, ...] = ()
    terminal: str | None = None


class Target(NamedTuple):
    """A model at a provider. `id` is `provider/name`; `model` is what the provider calls it; no prices: unpriced.

    `wire` is its provider's but where the model is served in another format there. `timeouts` are complete: the model's own, else its
    provider's, else those of its operation. `quality` is declared, 0 to 100; `availability` is a share of 1.
    """

    id: str
    provider: str
    model: str
    context_window: int
    max_output_tokens: int
    capabilities: frozenset[str]  # a row of CAPABILITIES each
    prices: Prices | None
    wire: str = "openai"
    timeouts: Timeouts = Timeouts(5.0, 10.0, 120.0)
    quality: int | None = None
    availability: float = 0.999
    region: str = ""
    capacity: Capacity = Capacity()
    chain: str | None = None


CAPABILITIES = ("tools", "vision", "json_schema", "streaming", "reasoning", "embeddings")


class Route(NamedTuple):
    """`timeouts` lacks what its targets say for themselves, but never the total. Costs are nano-dollars; `max_cost_increase` is percent.

    `weights` are by target, for `weighted`; `sticky` says by what: user or conversation. `retries` are by failure kind: how often the same
    target is asked again before the next. `shares` are the percentages of its requests that each provider should have, for reports.
    `cache` is as the document has it: ttl_s, any, max_kb; None: its answers are not kept. `max_request_bytes` are those of a body.
    `capture` is as the document has it: share, days, redact, own; None: nothing of them is stored. `slow_ms` None: as the stage has it.
    """

    name: str
    targets: tuple[str, ...]
    strategy: str
    timeouts: Timeouts
    max_attempts: int
    weights: Mapping[str, float] = MappingProxyType({})
    sticky: str = "user"
    max_cost_nanousd: int | None = None
    max_cost_a_day_nanousd: int | None = None
    max_cost_increase: float = 5.0
    retries: Mapping[str, int] = MappingProxyType({})
    hedge_after_ms: int | None = None
    shares: Mapping[str, float] = MappingProxyType({})
    cache: Mapping[str, Any] | None = None
    max_request_bytes: int = 1_048_576
    capture: Mapping[str, Any] | None = None
    slow_ms: int | None = None


class Flag(NamedTuple):
    """On for `percent` of the callers or requests (`by`) of `segments`; without segments of all."""

    name: str
    enabled: bool = True
    percent: float = 100.0
    segments: tuple[str, ...] = ()
    by: str = "caller"  # caller (its key), tenant, request


class Guard(NamedTuple):
    """A guardrail by the name of its maker, with its options. `routes` it guards; None: all of them, and every model asked for by name."""

    name: str
    use: str
    options: Mapping[str, Any]
    routes: frozenset[str] | None


class Targets(dict[str, Target]):
    """By id. One that is not listed, and is a `NAME`, is looked for among those that end in `*`: the longest that fits makes it one."""

    def __missing__(self, id: str) -> Target:
        fitting = [pattern for pattern in self if pattern.endswith(ANY) and id.startswith(pattern[:-1]) and len(id) >= len(pattern)]
        if not fitting or id.endswith(ANY) or not NAME.fullmatch(id):
            raise KeyError(id)
        return self[max(fitting, key=len)]._replace(id=id, model=id.partition("/")[2])


class Snapshot(NamedTuple):
    """`names` resolves whatever a client may say for a model (a route, an alias, a target id) to a route of `routes`."""

    version: int
    digest: str
    providers: Mapping[str, Provider]
    targets: Mapping[str, Target]
    routes: Mapping[str, Route]
    names: Mapping[str, str]
    guards: tuple[Guard, ...] = ()
    chains: Mapping[str, Chain] = MappingProxyType({})
    policies: Policies = Policies(())
    flags: Mapping[str, Flag] = MappingProxyType({})
    segments: Mapping[str, frozenset[str]] = MappingProxyType({})  # the tenants of each
    health_check_s: float = 2.0
    report_s: float = 120.0

    def route(self, model: str) -> Route | None:
        """The route that a client means by `model`, if there is one."""
        name = self.names.get(model)
        if name is not None:
            return self.routes[name]
        if model.endswith(ANY):
            return None
        try:
            self.targets[model]  # those of any name as well
        except KeyError:
            return None
        row = self.row_of(model)
        return self.routes[row]._replace(name=model, targets=(model,)) if row else None

    def row_of(self, route: str) -> str:
        """Which of `routes` a route is: itself, or the longest that ends in `*` and fits. Empty: none."""
        if route in self.routes:
            return route
        return max((name for name in self.routes if name.endswith(ANY) and route.startswith(name[:-1])), key=len, default="")


def to_snapshot(compiled: Mapping[str, Any], version: int, digest: str) -> Snapshot:
    """From the stored form, which `config.compiler` writes: the same names, as JSON."""
    return Snapshot(
        version=version,
        digest=digest,
        providers={name: Provider(**row) for name, row in compiled["providers"].items()},
        targets=Targets((id, _target(row)) for id, row in compiled["targets"].items()),
        routes={name: _route(row) for name, row in compiled["routes"].items()},
        names=compiled["names"],
        guards=tuple(_guard(row) for row in compiled.get("guardrails", ())),
        chains={name: _chain(row) for name, row in compiled.get("chains", {}).items()},
        policies=to_policies(compiled.get("policies", ())),
        flags={name: Flag(**row | {"segments": tuple(row["segments"])}) for name, row in compiled.get("flags", {}).items()},
        segments={name: frozenset(tenants) for name, tenants in compiled.get("segments", {}).items()},
        health_check_s=compiled.get("health_check_s", 2.0),
        report_s=compiled.get("report_s", 120.0),
    )


def _route(row: Mapping[str, Any]) -> Route:
    return Route(**{**row, "targets": tuple(row["targets"]), "timeouts": Timeouts(**row["timeouts"])})


def _chain(row: Mapping[str, Any]) -> Chain:
    lists: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Chain(**lists)


def _guard(row: Mapping[str, Any]) -> Guard:
    return Guard(**{**row, "routes": None if row["routes"] is None else frozenset(row["routes"])})


def _target(row: Mapping[str, Any]) -> Target:
    """Versions from before targets had timeouts and capacities of their own have none."""
    nested = {"timeouts": Timeouts(**row["timeouts"]), "capacity": Capacity(**row["capacity"])} if "timeouts" in row else {}
    return Target(**{**row, "capabilities": frozenset(row["capabilities"]), "prices": _prices(row["prices"]), **nested})


def _prices(row: Mapping[str, Any] | None) -> Prices | None:
    """Versions from before there was a price for an hour's cache have none: it was that of any other."""
    return Prices(**{"cache_write_1h": row["cache_write"], **row, "long": _prices(row.get("long"))}) if row else None
