"""The snapshot that requests are routed by: flat, immutable, compiled from `routing.yaml` when it was published."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..money import Prices

ANY = "*"  # at the end of a target's id: whatever the provider has by a name that begins so


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


class Target(NamedTuple):
    """A model at a provider. `id` is `provider/name`; `model` is what the provider calls it; no prices: unpriced.

    `wire` is its provider's but where the model is served in another format there.
    """

    id: str
    provider: str
    model: str
    context_window: int
    max_output_tokens: int
    capabilities: frozenset[str]  # a row of CAPABILITIES each
    prices: Prices | None
    wire: str = "openai"


CAPABILITIES = ("tools", "vision", "json_schema", "streaming", "reasoning", "embeddings")


class Timeouts(NamedTuple):
    """Seconds: to the first byte, between two chunks, and for the whole operation."""

    ttft_s: float
    between_chunks_s: float
    total_s: float


class Route(NamedTuple):
    name: str
    targets: tuple[str, ...]
    strategy: str
    timeouts: Timeouts
    max_attempts: int


class Guard(NamedTuple):
    """A guardrail by the name of its maker, with its options. `routes` it guards; None: all of them, and every model asked for by name."""

    name: str
    use: str
    options: Mapping[str, Any]
    routes: frozenset[str] | None


class Targets(dict[str, Target]):
    """By id. An id that is not listed is looked for among those that end in `*`: the longest that fits makes a target of that name."""

    def __missing__(self, id: str) -> Target:
        fitting = [pattern for pattern in self if pattern.endswith(ANY) and id.startswith(pattern[:-1]) and len(id) >= len(pattern)]
        if not fitting or id.endswith(ANY):
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
        patterns = [name for name in self.routes if name.endswith(ANY) and model.startswith(name[:-1])]
        return self.routes[max(patterns, key=len)]._replace(name=model, targets=(model,)) if patterns else None


def to_snapshot(compiled: Mapping[str, Any], version: int, digest: str) -> Snapshot:
    """From the stored form, which `config.compiler` writes: the same names, as JSON."""
    return Snapshot(
        version=version,
        digest=digest,
        providers={name: Provider(**row) for name, row in compiled["providers"].items()},
        targets=Targets((id, _target(row)) for id, row in compiled["targets"].items()),
        routes={
            name: Route(**row | {"targets": tuple(row["targets"]), "timeouts": Timeouts(**row["timeouts"])})
            for name, row in compiled["routes"].items()
        },
        names=compiled["names"],
        guards=tuple(_guard(row) for row in compiled.get("guardrails", ())),
    )


def _guard(row: Mapping[str, Any]) -> Guard:
    return Guard(**{**row, "routes": None if row["routes"] is None else frozenset(row["routes"])})


def _target(row: Mapping[str, Any]) -> Target:
    return Target(**{**row, "capabilities": frozenset(row["capabilities"]), "prices": _prices(row["prices"])})


def _prices(row: Mapping[str, Any] | None) -> Prices | None:
    """Versions from before there was a price for an hour's cache have none: it was that of any other."""
    return Prices(**{"cache_write_1h": row["cache_write"], **row, "long": _prices(row.get("long"))}) if row else None
