"""Everything that a decision is made of, beside the snapshot: plain data, stored by its content, and read back to decide the same again."""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..circuits.state import Circuit


class Features(NamedTuple):
    """What is known of a request that routing may go by; never a word of its prompt.

    `headers` are those that conditions name. `uses` are capabilities (`catalog.CAPABILITIES`) it needs, sorted. `complexity` is 0 to 100.
    `user` and `conversation` are digests, empty where the request has none. `fallbacks` are the targets that it brings itself.
    """

    request: str
    tenant: str
    team: str
    key: str
    model: str
    dialect: str = "openai_chat"
    agent: str = ""
    tags: tuple[str, ...] = ()
    headers: Mapping[str, str] = MappingProxyType({})
    stream: bool = False
    n: int = 1
    input_tokens: int = 0  # estimated
    input_bound: int = 0  # no provider counts more
    max_tokens: int | None = None
    complexity: int = 0
    uses: tuple[str, ...] = ()
    user: str = ""
    conversation: str = ""
    fallbacks: tuple[str, ...] = ()


class Health(NamedTuple):
    """How a target fared of late: moving averages, and when the newest attempt in them ended. `success` is a share of 1000.

    A time of 0 is not known: whoever has only failed has none.
    """

    ttft_ms: int
    duration_ms: int
    success: int
    at_ms: int


class Inputs(NamedTuple):
    """`circuits` is what `circuits.state.view` made of the stored state at `now_ms`: without a target, closed.

    `full` are the targets that are known to be at their capacity, `spent` the providers whose budget refuses the request. `budget_used` is
    percent, of the scope that has used the most. `turn` counts what a container has sent round the route that serves it; `draw` is uniform
    in [0, 1).
    """

    features: Features
    circuits: Mapping[str, Circuit] = MappingProxyType({})
    health: Mapping[str, Health] = MappingProxyType({})
    full: tuple[str, ...] = ()
    spent: tuple[str, ...] = ()
    budget_used: int = 0
    turn: int = 0
    draw: float = 0.0
    now_ms: int = 0
    deadline_ms: int = 0


Lack = tuple[str, str]  # as `providers.contract.Lack`: the parameter, and why it cannot be served


def to_json(inputs: Inputs, lacks: Mapping[str, Lack], snapshot: str) -> str:
    """Canonical: equal inputs are equal texts. `lacks` are the targets that could not serve the request, `snapshot` its digest."""
    plain = inputs._asdict() | {
        "features": inputs.features._asdict() | {"headers": dict(inputs.features.headers)},
        "circuits": {id: [c.state, c.generation, c.until_ms] for id, c in inputs.circuits.items()},
        "health": {id: list(health) for id, health in inputs.health.items()},
        "lacks": {id: list(lack) for id, lack in lacks.items()},
        "snapshot": snapshot,
    }
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def from_json(text: str) -> tuple[Inputs, dict[str, Lack], str]:
    """What `to_json` was given."""
    plain: dict[str, Any] = json.loads(text)
    lacks = {id: (lack[0], lack[1]) for id, lack in plain.pop("lacks").items()}
    snapshot = plain.pop("snapshot")
    features = plain["features"]
    for name in ("tags", "uses", "fallbacks"):
        features[name] = tuple(features[name])
    plain["features"] = Features(**features)
    plain["circuits"] = {id: Circuit(state, generation, until_ms) for id, (state, generation, until_ms) in plain["circuits"].items()}
    plain["health"] = {id: Health(*row) for id, row in plain["health"].items()}
    plain |= {name: tuple(plain.get(name, ())) for name in ("full", "spent")}  # `spent` came later than the record
    return Inputs(**plain), lacks, snapshot


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
