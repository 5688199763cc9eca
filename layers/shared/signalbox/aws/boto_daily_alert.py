"""The stack's daily alert: a soft global budget per day, there from the first minute, until an operator's own takes its place."""

from decimal import Decimal
from typing import Any

from ..admission.budgets import DEFAULT, GLOBAL
from ..money import NANOUSD_PER_USD
from . import boto_budgets

KIND = "day"


def keep(control: Any, ledger: Any, usd: Decimal, now_ms: int) -> None:
    """Makes it what the stack's parameter says; 0 is none. Writes nothing that is so already, and touches no operator's."""
    limit_nanousd = int(usd * NANOUSD_PER_USD)
    was = next((budget for budget in boto_budgets.of_scope(control, GLOBAL) if budget.kind == KIND), None)
    if was and (was.by != DEFAULT or was.limit_nanousd == limit_nanousd):
        return
    if limit_nanousd > 0:
        boto_budgets.change(control, ledger, GLOBAL, KIND, limit_nanousd, False, now_ms, by=DEFAULT)
    elif was:
        boto_budgets.remove(control, GLOBAL, KIND, by=DEFAULT)
