"""A look at budgets, for who only asks what would become of a request: read along with its wave, and nothing leased or made."""

from collections.abc import Iterable, Sequence
from typing import Any

from ..admission.budgets import Budget, to_budgets
from ..admission.covers import refusal_of, untouched
from ..admission.leases import Hand
from ..admission.shards import Account, Sight, to_sight, to_whole
from ..errors import Refusal
from . import accounts, telemetry
from .client import AwsError, Call
from .control import View


class Look:
    """An errand of the admission, which holds nothing; `check` once that is over."""

    def __init__(self, ledger: str, hand: Hand, scopes: Iterable[str]) -> None:
        self._ledger = ledger
        self._hand = hand
        self._scopes = tuple(scopes)
        self._budgets: dict[Account, Budget] = {}
        self._seen: dict[Account, Sight] = {}
        self._asked: list[Account] = []
        self._now_ms = 0

    def calls(self, view: View, now_ms: int) -> Sequence[Call]:
        budgets = (budget for scope in self._scopes for budget in to_budgets(scope, view.records[scope]))
        self._now_ms = now_ms
        self._budgets = {(budget.scope, budget.period(now_ms)): budget for budget in budgets if budget.hard}
        self._asked = [account for account in self._budgets if account not in self._seen]
        return [accounts.all_shards(self._ledger, account) for account in self._asked]

    def heard(self, answers: Sequence[Any]) -> None:
        for account, answer in zip(self._asked, answers, strict=True):
            if isinstance(answer, AwsError):
                telemetry.say("ERROR", "the shards of a budget could not be read", code=answer.code, scope=account[0])
                raise Refusal("ledger_unavailable", "The ledger does not answer: try again.", retry_after_s=1)
            whole = to_whole(map(to_sight, answer[0])) if answer[0] else untouched(self._budgets[account], self._now_ms)
            if whole:  # else it was read while it became more, and is read again
                self._seen[account] = whole

    def check(self, floor: int) -> None:
        """BudgetExceeded where one of them does not cover it."""
        own = {lease.id for lease in self._hand.leases.values()}
        for account, budget in self._budgets.items():
            refusal = refusal_of(budget, account[1], self._seen[account], own, floor, self._now_ms)
            if refusal:
                raise refusal
