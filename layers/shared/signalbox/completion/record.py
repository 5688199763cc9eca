"""What is written down of a completion, served or refused."""

from typing import Any

from ..admission.leases import BudgetExceeded
from ..errors import Refusal
from ..money import cost_nanousd
from ..routing.bound import prompt_chars
from ..routing.inputs import digest_of, to_json
from ..usage.record import UsageRecord
from .admitted import Admitted
from .asked import Asked
from .flight import Clock
from .journey import Journey, total


def to_record(asked: Asked, admitted: Admitted, journey: Journey, outcome: str, status: int, clock: Clock) -> UsageRecord:
    trip, hold, attempts = journey.trip, admitted.hold, journey.attempts()
    last = attempts[-1] if attempts else None
    default = trip.snapshot.targets[trip.decision.default]
    inputs = to_json(trip.inputs, trip.decision.lacks, trip.snapshot.digest)
    return UsageRecord(
        **_asked(asked, outcome, status, clock),
        agent=admitted.agent,
        route=trip.decision.route,
        policy=trip.decision.policy,
        config_version=trip.snapshot.version,
        target=journey.target,
        provider=trip.snapshot.targets[journey.target].provider if journey.target else "",
        finish=journey.finish,
        attempts=attempts,
        tokens=total(attempts),
        cost_nanousd=sum(attempt.cost_nanousd for attempt in attempts),
        baseline_cost_nanousd=cost_nanousd(last.tokens, default.prices) if last and default.prices else 0,
        estimated=any(attempt.estimated for attempt in attempts),
        ttft_ms=last.ttft_ms if last else None,
        decision=digest_of(inputs),
        lease=hold.lease,
        period_by_scope=hold.period_by_scope,
    )


def to_refused(asked: Asked, refusal: Refusal, clock: Clock) -> UsageRecord:
    refused_by = (refusal.scope, refusal.period) if isinstance(refusal, BudgetExceeded) and refusal.exhausted else None
    return UsageRecord(**_asked(asked, refusal.code, refusal.status, clock), refused_by=refused_by)


def _asked(asked: Asked, outcome: str, status: int, clock: Clock) -> dict[str, Any]:
    caller, request = asked.caller, asked.request
    return {
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
        "duration_ms": round((clock.monotonic() - asked.began_s) * 1000),
        "tags": asked.tags,
    }
