"""The snapshot that requests are routed by: flat, immutable, compiled from `routing.yaml` when it was published."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..money import Prices


class Provider(NamedTuple):
    """`wire` names the format it speaks, `secret` the secret that holds its keys (none where it asks for none)."""

    name: str
    wire: str
    base_url: str
    secret: str | None


class Target(NamedTuple):
    """A model at a provider. `id` is `provider/name`; `model` is what the provider calls it; no prices: unpriced."""

    id: str
    provider: str
    model: str
    context_window: int
    max_output_tokens: int
    capabilities: frozenset[str]  # tools, vision, json_schema, streaming, reasoning
    prices: Prices | None


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


class Snapshot(NamedTuple):
    """`names` resolves whatever a client may say for a model (a route, an alias, a target id) to a route of `routes`."""

    version: int
    digest: str
    providers: Mapping[str, Provider]
    targets: Mapping[str, Target]
    routes: Mapping[str, Route]
    names: Mapping[str, str]


def to_snapshot(compiled: Mapping[str, Any], version: int, digest: str) -> Snapshot:
    """From the stored form, which `config.compiler` writes: the same names, as JSON."""
    return Snapshot(
        version=version,
        digest=digest,
        providers={name: Provider(**row) for name, row in compiled["providers"].items()},
        targets={
            id: Target(
                **row
                | {
                    "capabilities": frozenset(row["capabilities"]),
                    "prices": Prices(**row["prices"]) if row["prices"] else None,
                }
            )
            for id, row in compiled["targets"].items()
        },
        routes={
            name: Route(**row | {"targets": tuple(row["targets"]), "timeouts": Timeouts(**row["timeouts"])})
            for name, row in compiled["routes"].items()
        },
        names=compiled["names"],
    )
