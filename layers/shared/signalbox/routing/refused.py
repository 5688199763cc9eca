"""Why a decision serves nobody, and what the caller is told of it."""

from ..errors import Refusal
from ..money import NANOUSD_PER_USD
from .candidates import FULL
from .catalog import Snapshot
from .costs import expected_nanousd
from .decide import Decision
from .inputs import Features, Inputs

MINUTE_MS = 60_000


def refusal_of(decision: Decision, inputs: Inputs, snapshot: Snapshot) -> Refusal | None:
    """None where there is a target to try. What helps first is said first: to wait, to ask for less, to ask otherwise."""
    if decision.deny is not None:
        return Refusal("permission_denied", f"Policy {decision.policy} denies this request: {decision.deny}")
    if decision.targets:
        return None
    passed = [id for id, _ in decision.passed]
    if any(why == FULL for _, why in decision.passed):
        return at_capacity(inputs.now_ms)
    ceiling = decision.max_cost_nanousd
    if ceiling is not None and any(_too_dear(id, ceiling, decision, inputs.features, snapshot) for id in passed):
        return over_ceiling(ceiling)
    lacking = next((id for id in passed if id in decision.lacks), None)
    if lacking is None:
        return Refusal("no_route", f"Route {decision.route} has no target left: {'; '.join(': '.join(row) for row in decision.passed)}.")
    parameter, why = decision.lacks[lacking]
    others = "" if len(decision.lacks) == 1 else f" None of {', '.join(decision.lacks)} can serve the request."
    return Refusal("unsupported_parameter", f"{lacking} cannot serve `{parameter}`: {why}.{others}", param=parameter)


def at_capacity(now_ms: int) -> Refusal:
    wait_s = -(-(MINUTE_MS - now_ms % MINUTE_MS) // 1000)
    return Refusal("rate_limited", "Every target is at the capacity declared for it. Try again in the next minute.", retry_after_s=wait_s)


def over_ceiling(ceiling_nanousd: int) -> Refusal:
    message = (
        f"A request may cost {usd(ceiling_nanousd)} US dollars here, and this one may cost more. Ask for fewer max_tokens, or send less."
    )
    return Refusal("permission_denied", message, param="max_tokens")


def capped(features: Features, decision: Decision) -> Features:
    """With what the answer is limited to in fact."""
    limits = [limit for limit in (features.max_tokens, decision.max_tokens) if limit is not None]
    return features._replace(max_tokens=min(limits, default=None))


def usd(nanousd: int) -> str:
    whole, rest = divmod(nanousd, NANOUSD_PER_USD)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")


def _too_dear(id: str, ceiling_nanousd: int, decision: Decision, features: Features, snapshot: Snapshot) -> bool:
    try:
        target = snapshot.targets[id]
    except KeyError:
        return False
    cost = expected_nanousd(capped(features, decision), target)
    return id not in decision.lacks and (cost is None or cost > ceiling_nanousd)
