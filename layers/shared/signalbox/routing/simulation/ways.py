"""Who answers a recorded request when a draft sends it, and whom it was tried on before: by the plan, where who failed then fails again."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..decide import Decision
from ..failures import KEYS_OWN
from ..inputs import Inputs
from ..plan import Ended, Try, plan

Attempt = Mapping[str, Any]  # as a row of the traffic log has it

OUTRUN = "outrun"
TIME_ENOUGH_MS = 86_400_000  # the deadline of then was that of another order


class Way(NamedTuple):
    """`target` is empty where nobody answers; `before` are the recorded attempts that were made in vain."""

    target: str
    before: Sequence[Attempt]


def way(attempts: Sequence[Attempt], answer: Attempt, then: Decision | None, now: Decision, inputs: Inputs) -> Way:
    """`answer` is the one of the attempts that answered. A target of which none is recorded answers."""
    others = [attempt for attempt in attempts if attempt is not answer]
    if then and course(then) == course(now):
        return Way(answer["target"], others)
    target, met = _walked(others, answer, now, inputs)
    hedges = now.hedge_after_ms is not None
    return Way(target, [attempt for attempt in others if attempt["target"] in met or (hedges and attempt["outcome"] == OUTRUN)])


def course(decision: Decision) -> tuple[Any, ...]:
    return decision.targets, decision.behind, decision.max_attempts, decision.retries, decision.hedge_after_ms


def _walked(others: Sequence[Attempt], answer: Attempt, now: Decision, inputs: Inputs) -> tuple[str, set[str]]:
    failures: dict[str, list[Attempt]] = {}
    for attempt in others:
        if attempt["outcome"] not in (OUTRUN, *KEYS_OWN.values()):
            failures.setdefault(attempt["target"], []).append(attempt)
    met: set[str] = set()
    now_ms = inputs.now_ms
    steps = plan(now, inputs._replace(deadline_ms=now_ms + TIME_ENOUGH_MS))
    step: Try | None = next(steps, None)
    while step is not None:
        met.add(step.target)
        left = failures.get(step.target)
        if not left:
            return step.target, met
        failed = left[0]
        if len(left) > 1 or step.target == answer["target"]:  # the last failure of one that never answered is how it always fails
            left.pop(0)
        now_ms += int(step.wait_s * 1000) + failed["duration_ms"]
        billed = failed["cost_nanousd"] > 0
        try:
            step = steps.send(Ended(failed["outcome"], now_ms, failed.get("retry_after_s"), billed))
        except StopIteration:
            step = None
    return "", met
