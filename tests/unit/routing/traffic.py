"""Random snapshots and random requests, as hypothesis draws them; and what a record of each would say, as JSON that has travelled."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from signalbox.circuits.state import Circuit
from signalbox.routing.catalog import Snapshot, to_snapshot
from signalbox.routing.decide import decide
from signalbox.routing.flags import BUILT_IN
from signalbox.routing.inputs import Features, Health, Inputs, Lack, digest_of, to_json
from signalbox.routing.replay import digest
from signalbox.routing.strategies import STRATEGIES
from signalbox.usage.events import UsageRecorded
from signalbox.usage.record import Attempt, UsageRecord

NOW_MS = 1_795_230_000_000
PROVIDERS = ("alpha", "beta", "gamma")
TARGETS = tuple(f"{provider}/m{number}" for provider in PROVIDERS for number in range(3))
ROUTES, TENANTS, MODELS = ("chat", "code"), ("acme", "corp"), ("chat", "code", "nick", *TARGETS[:3])
FLAGS = ("fresh", *BUILT_IN)
TIMEOUTS = {"ttft_s": 5.0, "between_chunks_s": 10.0, "total_s": 60.0}


def some(values, least=0):
    return st.lists(st.sampled_from(values), min_size=least, max_size=4, unique=True)


def prices(input, output):
    return {"input": input, "output": output, "cached": input // 4, "cache_write": input, "cache_write_1h": input, "reasoning": output}


PRICES = st.none() | st.builds(prices, st.integers(0, 10**10), st.integers(0, 10**10))
SHARES = st.floats(0, 100, allow_nan=False)


@st.composite
def compiled(draw) -> dict[str, Any]:
    """As `config.compiler` writes it."""
    targets = {id: draw(_target(id)) for id in TARGETS}
    routes = {name: draw(_route(name)) for name in ROUTES} | {id: draw(_route(id)) | {"targets": [id]} for id in TARGETS}
    policies = [draw(_policy(number)) for number in range(draw(st.integers(0, 5)))]
    flags = {name: draw(_flag(name)) for name in draw(some(FLAGS))}
    return {
        "providers": {name: {"name": name, "wire": "openai", "base_url": "http://x", "secret": None} for name in PROVIDERS},
        "targets": targets,
        "routes": routes,
        "names": {name: name for name in routes} | {"nick": "chat"},
        "chains": {"deep": draw(_chain()), "flat": draw(_chain())},
        "policies": policies,
        "flags": flags,
        "segments": {"enterprise": draw(some(TENANTS))},
    }


@st.composite
def _target(draw, id: str) -> dict[str, Any]:
    return {
        "id": id,
        "provider": id.partition("/")[0],
        "model": id.partition("/")[2],
        "context_window": draw(st.sampled_from([1_000, 8_000, 128_000])),
        "max_output_tokens": draw(st.sampled_from([0, 500, 4_000])),
        "capabilities": sorted(draw(some(["tools", "vision", "streaming", "json_schema"]))),
        "prices": draw(PRICES),
        "timeouts": TIMEOUTS,
        "capacity": {"requests_per_minute": None, "tokens_per_minute": None, "concurrency": None},
        "quality": draw(st.none() | st.integers(0, 100)),
        "chain": draw(st.sampled_from([None, None, "deep", "flat"])),
    }


@st.composite
def _route(draw, name: str) -> dict[str, Any]:
    targets = draw(some(TARGETS, least=1))
    return {
        "name": name,
        "targets": targets,
        "strategy": draw(st.sampled_from(sorted(STRATEGIES))),
        "timeouts": {"ttft_s": None, "between_chunks_s": None, "total_s": 30.0},
        "max_attempts": draw(st.integers(1, 5)),
        "weights": {id: draw(st.floats(0.01, 10)) for id in targets},
        "sticky": draw(st.sampled_from(["user", "conversation"])),
        "max_cost_nanousd": draw(st.none() | st.integers(0, 10**8)),
        "max_cost_increase": draw(SHARES),
        "retries": draw(st.dictionaries(st.sampled_from(["server", "timeout"]), st.integers(0, 2))),
        "hedge_after_ms": draw(st.none() | st.integers(1, 5_000)),
    }


@st.composite
def _chain(draw) -> dict[str, Any]:
    names = ("generic", "context_too_long", "content_filtered")
    return {name: draw(some(TARGETS)) for name in names} | {"terminal": draw(st.none() | st.sampled_from(TARGETS))}


def _flag(name: str):
    named = {
        "enabled": st.booleans(),
        "percent": SHARES,
        "segments": some(["enterprise"]),
        "by": st.sampled_from(["caller", "tenant", "request"]),
    }
    return st.fixed_dictionaries({"name": st.just(name)} | named)


LEAVES = st.one_of(
    st.tuples(st.just("is"), st.just("tenant"), st.just(""), st.just("eq"), st.sampled_from(TENANTS)),
    st.tuples(st.just("is"), st.just("model"), st.just(""), st.just("in"), some(MODELS, least=1)),
    st.tuples(st.just("is"), st.just("tokens"), st.just(""), st.sampled_from(["lt", "gte"]), st.integers(0, 5_000)),
    st.tuples(st.just("is"), st.just("complexity"), st.just(""), st.just("gt"), st.integers(0, 100)),
    st.tuples(st.just("is"), st.just("segment"), st.just(""), st.just("eq"), st.just("enterprise")),
    st.tuples(st.just("is"), st.just("headers"), st.just("x-tier"), st.just("eq"), st.just("gold")),
    st.tuples(st.just("is"), st.just("circuits"), st.sampled_from(TARGETS), st.just("eq"), st.just("open")),
)
NODES = st.lists(LEAVES | st.tuples(st.just("not"), LEAVES) | st.tuples(st.just("any"), st.lists(LEAVES, max_size=2)), max_size=2)


@st.composite
def _policy(draw, number: int) -> dict[str, Any]:
    actions: dict[str, Any] = {
        "route": draw(st.sampled_from([None, None, *ROUTES])),
        "strategy": draw(st.sampled_from([None, *sorted(STRATEGIES)])),
        "add_targets": draw(some(TARGETS)),
        "remove_targets": draw(some(TARGETS)),
        "weights": {id: draw(st.floats(0.01, 10)) for id in draw(some(TARGETS))},
        "max_tokens": draw(st.none() | st.integers(1, 4_000)),
        "max_cost_nanousd": draw(st.none() | st.integers(0, 10**8)),
        "deny": draw(st.sampled_from([None, None, None, "not for you"])),
        "mirror": draw(st.none() | st.fixed_dictionaries({"target": st.sampled_from(TARGETS), "percent": SHARES})),
    }
    row = {"id": f"p{number}", "name": f"p{number}", "priority": number, "conditions": ["all", draw(NODES)], "actions": actions}
    return row | {"flag": draw(st.sampled_from([None, *FLAGS])), "goes_on": draw(st.booleans())}


STATES = st.sampled_from(["closed", "open", "half_open"])
CIRCUITS = st.tuples(STATES, st.integers(0, 9), st.integers(NOW_MS, NOW_MS + 9_000)).map(lambda row: Circuit(*row))
FARED = st.tuples(st.integers(1, 5_000), st.integers(1, 50_000), st.integers(0, 1_000), st.integers(NOW_MS - 10**6, NOW_MS))
HEALTH = FARED.map(lambda row: Health(*row))


@st.composite
def inputs(draw) -> Inputs:
    features = Features(
        request=f"req_{draw(st.integers(0, 10**9))}",
        tenant=draw(st.sampled_from(TENANTS)),
        team="search",
        key=draw(st.sampled_from(["k1", "k2", "ключ"])),
        model=draw(st.sampled_from(MODELS)),
        tags=tuple(draw(some(["a", "b"]))),
        headers=draw(st.sampled_from([{}, {"x-tier": "gold"}])),
        stream=draw(st.booleans()),
        n=draw(st.integers(1, 3)),
        input_tokens=draw(st.integers(0, 200_000)),
        input_bound=draw(st.integers(0, 400_000)),
        max_tokens=draw(st.none() | st.integers(1, 8_000)),
        complexity=draw(st.integers(0, 100)),
        uses=tuple(sorted(draw(some(["tools", "vision"])))),
        user=draw(st.sampled_from(["", "u1", "u2"])),
        conversation=draw(st.sampled_from(["", "c1"])),
        fallbacks=tuple(draw(some(TARGETS))),
    )
    return Inputs(
        features=features,
        circuits=draw(st.dictionaries(st.sampled_from(TARGETS), CIRCUITS, max_size=4)),
        health=draw(st.dictionaries(st.sampled_from(TARGETS), HEALTH, max_size=6)),
        full=tuple(draw(some(TARGETS[3:]))),
        spent=draw(st.sampled_from([(), (), ("alpha",)])),
        budget_used=draw(st.integers(0, 120)),
        turn=draw(st.integers(0, 10**6)),
        draw=draw(st.floats(0, 1, exclude_max=True)),
        now_ms=NOW_MS,
        deadline_ms=NOW_MS + 30_000,
    )


LACKS = st.dictionaries(st.sampled_from(TARGETS), st.just(("tools", "the model has no tools")), max_size=4)


def read(compiled: Mapping[str, Any], digest: str = "s1") -> Snapshot:
    """As another process reads it: nothing shared with anybody."""
    return to_snapshot(json.loads(json.dumps(compiled)), 1, digest)


def row_of(inputs: Inputs, lacks: Mapping[str, Lack], snapshot: Snapshot, **over: Any) -> dict[str, Any]:
    """What `complete` records, as a line of the traffic log."""
    route = snapshot.route(inputs.features.model)
    assert route is not None
    decision = decide(inputs, snapshot, route, lambda target: lacks.get(target.id))
    text = to_json(inputs, decision.lacks, snapshot.digest)
    attempts = tuple(Attempt(id, "ok", inputs.now_ms, 200, 80) for id in decision.targets[:1])
    features = inputs.features
    record = UsageRecord(
        *(features.request, inputs.now_ms, features.tenant, features.team, features.key, features.model),
        *("ok", 200, features.stream, 3, 200),
        route=decision.route,
        policy=decision.policy,
        policies=decision.policies,
        flags=decision.flags,
        strategy=decision.strategy,
        default_target=decision.default,
        attempts=attempts,
        decision=digest_of(text),
        inputs=text,
        decided=digest(decision),
    )._replace(**over)
    event = UsageRecorded.model_validate_json(json.dumps(record.to_detail()))
    return json.loads(event.model_dump_json(exclude_defaults=True))
