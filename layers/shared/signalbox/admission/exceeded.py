"""The refusal of a budget, and when to ask it again."""

from ..errors import Refusal, whose
from .budgets import Budget

NEVER_ENDS_MS = 86_400_000  # when to ask again where no period ends: somebody may have raised the limit
SETTLED_SOON_MS = 2_000  # when to ask again for what others hold: most requests settle within seconds


class BudgetExceeded(Refusal):
    """`scope` and `period` name the budget that refused; `exhausted` is false where others merely hold what is missing."""

    def __init__(self, budget: Budget, period: str, now_ms: int, *, exhausted: bool) -> None:
        again_ms = (budget.ends_ms(now_ms) or now_ms + NEVER_ENDS_MS) if exhausted else now_ms + SETTLED_SOON_MS
        why = (
            "does not cover this request: ask for less, retry later, or have it raised."
            if exhausted
            else "is held by others, for requests under way or to come: retry, it comes back as they settle."
        )
        super().__init__(
            "budget_exceeded",
            f"The {budget.kind} budget of {whose(budget.scope)} {why}",
            retry_after_s=max(1, -(-(again_ms - now_ms) // 1000)),
        )
        self.scope = budget.scope
        self.period = period
        self.exhausted = exhausted
