"""What is written down of a completion, served or refused."""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..admission.exceeded import BudgetExceeded
from ..admission.rates import RateLimited
from ..aws import telemetry
from ..errors import Refusal
from ..money import cost_nanousd
from ..routing.bound import prompt_chars
from ..routing.catalog import Target
from ..routing.inputs import digest_of, to_json
from ..routing.replay import digest
from ..usage.record import CRASHED, MOST_USER_CHARS, Attempt, UsageRecord
from .admitted import Admitted
from .asked import Asked
from .clock import Clock
from .journey import Journey, total
from .trip import Trip

if TYPE_CHECKING:
    from .kept import Kept

HIT, REPLAY = "hit", "replay"

# The bus takes 256 KB of an event. Hundreds of targets with long names can come to more: their requests are counted, and not replayed.
MOST_INPUTS_CHARS = 150_000
MOST_POLICIES = 200  # of those applied, by name
SLOW_MS = int(os.environ.get("SIGNALBOX_SLOW_MS") or 10_000)  # from its arrival to the end of its answer, where its route says nothing


def to_intent(asked: Asked, admitted: Admitted, clock: Clock) -> UsageRecord:
    """Before anything is sent: how it was decided, and the outcome that it has if nobody writes another."""
    hold = admitted.hold
    record = _begun(asked, CRASHED, 500, clock, admitted.trip)
    return record._replace(lease=hold.lease, period_by_scope=hold.period_by_scope)


def to_record(intent: UsageRecord, asked: Asked, journey: Journey, outcome: str, status: int, ended_s: float) -> UsageRecord:
    """What came of it. `ended_s` is when the client had all, on the monotonic clock: what is done after that is none of its time."""
    attempts, targets = journey.attempts(), journey.trip.snapshot.targets
    answer = journey.flight.attempt() if journey.flight else None
    baseline = baseline_nanousd(answer, attempts, intent.default_target, targets) if outcome == "ok" else None
    return intent._replace(
        outcome=outcome,
        status=status,
        **_lasted(asked, ended_s, journey.trip),
        target=journey.target,
        provider=targets[journey.target].provider if journey.target else "",
        finish=journey.finish,
        attempts=attempts,
        tokens=total(attempts),
        cost_nanousd=sum(attempt.cost_nanousd for attempt in attempts),
        compared=baseline is not None,
        baseline_cost_nanousd=baseline or 0,
        estimated=any(attempt.estimated for attempt in attempts),
        ttft_ms=answer.ttft_ms if answer else None,
        unlisted=tuple(sorted({attempt.target for attempt in attempts} - targets.keys())),
    )


def baseline_nanousd(answer: Attempt | None, attempts: Iterable[Attempt], default: str, targets: Mapping[str, Target]) -> int | None:
    """What the tokens of the answer, and no others, would have cost at the default target.

    None where that is unknown, or what it is compared with: whatever has no prices is counted as free, and would seem to have saved all.
    """
    prices = targets[default].prices if default else None
    if answer is None or prices is None or any(targets[attempt.target].prices is None for attempt in attempts):
        return None
    return cost_nanousd(answer.tokens, prices)


def to_refused(asked: Asked, refusal: Refusal, trip: Trip | None, clock: Clock) -> UsageRecord:
    """`trip` is None where the request was refused before anything was decided."""
    return _begun(asked, refusal.code, refusal.status, clock, trip)._replace(refused_by=_refused_by(refusal))


def _refused_by(refusal: Refusal) -> tuple[str, str] | None:
    match refusal:
        case BudgetExceeded(exhausted=True):
            return refusal.scope, refusal.period
        case RateLimited():
            return refusal.scope, refusal.limit
    return None


def to_repeated(asked: Asked, trip: Trip, kept: "Kept", cache: str, clock: Clock) -> UsageRecord:
    """Of an answer that was there: nothing was called for it. One from the cache saves what it would have cost."""
    outcome, status = (kept.refusal.code, kept.refusal.status) if kept.refusal else ("ok", 200)
    default = trip.snapshot.targets[trip.decision.default].prices if trip.decision.default and cache == HIT else None
    return _begun(asked, outcome, status, clock, trip)._replace(
        cache=cache,
        target=kept.target,
        compared=default is not None,
        baseline_cost_nanousd=cost_nanousd(kept.tokens, default) if default else 0,
    )


def _begun(asked: Asked, outcome: str, status: int, clock: Clock, trip: Trip | None) -> UsageRecord:
    caller, request = asked.caller, asked.request
    own: dict[str, Any] = {
        "id": asked.id,
        "at_ms": asked.at_ms,
        "tenant": caller.tenant,
        "team": caller.team,
        "key": caller.key_id,
        "model": request.model[:200],
        "outcome": outcome,
        "status": status,
        "stream": request.stream,
        "prompt_chars": prompt_chars(request),
        **_lasted(asked, clock.monotonic(), trip),
        "tags": asked.tags,
        "user": (request.user or "")[:MOST_USER_CHARS],
    }
    return UsageRecord(**own | (_decided(trip) if trip else {}))


def _decided(trip: Trip) -> dict[str, Any]:
    """What it was decided by, and what came of that."""
    decision, features = trip.decision, trip.inputs.features
    inputs = to_json(trip.inputs, decision.lacks, trip.snapshot.digest)
    if len(inputs) > MOST_INPUTS_CHARS:
        telemetry.count("InputsTooLong")
    return {
        "team": features.team,
        "agent": features.agent,
        "tags": features.tags,
        "route": trip.snapshot.row_of(decision.route),
        "policy": decision.policy,
        "config_version": trip.snapshot.version,
        "decision": digest_of(inputs),
        "policies": decision.policies[:MOST_POLICIES],
        "flags": decision.flags,
        "passed_over": trip.passed_over,
        "default_target": decision.default,
        "features": features._asdict() | {"headers": dict(features.headers)},
        "inputs": inputs if len(inputs) <= MOST_INPUTS_CHARS else "",
        "decided": digest(decision),
        "strategy": decision.strategy,
    }


def _lasted(asked: Asked, ended_s: float, trip: Trip | None) -> dict[str, Any]:
    duration_ms = round((ended_s - asked.began_s) * 1000)
    route = trip.snapshot.route(trip.decision.route) if trip else None
    slow_ms = SLOW_MS if route is None or route.slow_ms is None else route.slow_ms
    return {"duration_ms": duration_ms, "slow": duration_ms >= slow_ms}
