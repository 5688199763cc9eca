"""A decision in words: what was looked at, what came of it and why, what it may cost and how long it may take. Nothing is called."""

from typing import Any

from .candidates import LackOf
from .catalog import Route, Snapshot, Target
from .conditions import Facts
from .costs import expected_nanousd, worst_nanousd
from .decide import Decision, decide
from .inputs import Features, Inputs, digest_of, to_json
from .refused import capped, refusal_of, usd
from .strategies import recent
from .worst import reachable
from .worst import worst_nanousd as worst_of_all

Json = dict[str, Any]


def explain(inputs: Inputs, snapshot: Snapshot, route: Route, lack_of: LackOf) -> Json:
    """`refused` is what a caller would be told instead of an answer, budgets aside. Money is nano-dollars, and US dollars as text."""
    decision = decide(inputs, snapshot, route, lack_of)
    features, targets = capped(inputs.features, decision), snapshot.targets
    refusal = refusal_of(decision, inputs, snapshot)
    order = [_target(id, decision, inputs, features, snapshot) for id in decision.targets]
    others = [id for id in reachable(decision) if id not in decision.targets]
    return {
        "object": "signalbox.decision",
        "model": inputs.features.model,
        "asked": decision.asked,
        "route": decision.route,
        "policy": decision.policy,
        "policies": [{"id": id, "matched": matched} for id, matched in _tried(decision, inputs, snapshot)],
        "flags": list(decision.flags),
        "strategy": decision.strategy,
        "refused": refusal and {"status": refusal.status, "code": refusal.code, "message": refusal.message},
        "deny": decision.deny,
        "warning": decision.warning,
        "targets": order,
        "behind": {id: {kind: list(ids) for kind, ids in kinds.items()} for id, kinds in decision.behind.items()},
        "only_behind": [_target(id, decision, inputs, features, snapshot) for id in others],
        "passed": [{"target": id, "why": why} for id, why in decision.passed],
        "limits": {
            "max_attempts": decision.max_attempts,
            "max_tokens": decision.max_tokens,
            "max_cost": _money(decision.max_cost_nanousd),
            "retries": dict(decision.retries),
            "hedge_after_ms": decision.hedge_after_ms,
        },
        "mirror": decision.mirror or None,
        "cache": decision.cache,
        "worst_case": {
            "attempts": decision.max_attempts if order else 0,  # one target alone is asked so often where it fails in a kind that may pass
            "cost": _money(worst_of_all(decision, lambda id: worst_nanousd(features, targets[id]) or 0)),
            "total_s": _total_s(inputs, order[0]) if order else None,
        },
        "baseline": {
            "target": decision.default or None,
            "expected_cost": _money(expected_nanousd(features, targets[decision.default]) if decision.default else None),
        },
        "features": inputs.features._asdict() | {"headers": dict(inputs.features.headers)},
        "known": _known(inputs),
        "config_version": snapshot.version,
        "inputs": digest_of(to_json(inputs, decision.lacks, snapshot.digest)),
    }


def _tried(decision: Decision, inputs: Inputs, snapshot: Snapshot) -> list[tuple[str, bool]]:
    if "routing_policies" not in decision.flags:
        return []
    segments = frozenset(name for name, tenants in snapshot.segments.items() if inputs.features.tenant in tenants)
    return snapshot.policies.tried(Facts(inputs, segments), frozenset(decision.flags).__contains__)


def _target(id: str, decision: Decision, inputs: Inputs, features: Features, snapshot: Snapshot) -> Json:
    target: Target = snapshot.targets[id]
    return {
        "target": id,
        "reason": decision.reasons.get(id, "named by a chain for one kind of failure"),
        "circuit": inputs.circuits[id].state if id in inputs.circuits else "closed",
        "expected_cost": _money(expected_nanousd(features, target)),
        "worst_cost": _money(worst_nanousd(features, target)),
        "expected_latency_ms": _latency_ms(inputs, id),
        "timeouts": decision.timeouts.over(target.timeouts)._asdict(),
    }


def _latency_ms(inputs: Inputs, id: str) -> Json | None:
    """None where nobody knows."""
    health = recent(inputs, id)
    return health and {"ttft": health.ttft_ms or None, "duration": health.duration_ms or None}


def _total_s(inputs: Inputs, first: Json) -> float:
    """What the decision allows, unless the caller or the container has less time."""
    total_s: float = first["timeouts"]["total_s"]
    return min(total_s, (inputs.deadline_ms - inputs.now_ms) / 1000) if inputs.deadline_ms else total_s


def _known(inputs: Inputs) -> Json:
    listed = {"full": list(inputs.full), "spent": list(inputs.spent)}
    return listed | {"budget_used_percent": inputs.budget_used, "turn": inputs.turn, "draw": round(inputs.draw, 6)}


def _money(nanousd: int | None) -> Json | None:
    return None if nanousd is None else {"nanousd": nanousd, "usd": usd(nanousd)}
