"""The waves of one admission: what it wants is written, what was read is given to it, until it wants nothing more."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from ..admission.admitting import Admission
from ..admission.budgets import Budget, to_budgets
from ..admission.keys import Caller
from ..admission.leases import Want
from ..admission.shards import Account, to_sight, to_whole
from ..errors import Refusal
from . import accounts, dynamodb, shards, telemetry
from .client import Aws, AwsError, Call, Cancelled, ConditionFailed
from .control import Key, View
from .reconcile import Reconciler
from .records import Records
from .tables import Tables

TURNS = 12
UNCONTENDED_TURNS = 4  # a period's first request takes as many; from then on others are in the way, who must not be met in step
MOST_PATIENCE = 2  # the longest pause between two turns: 0.2 s
CONTENDED = {"TransactionCanceledException", "TransactionConflictException"}  # others were at the item, or it has changed


class Errand(Protocol):
    """What else has to be done before a request may begin: it goes along with what is asked of the ledger, wave by wave."""

    def calls(self, view: View, now_ms: int) -> Sequence[Call]:
        """What it wants done now, by what is known; nothing once it is done. The view may be old in the first turn, and is fresh later.

        What it raises ends the admission once nobody else waits for anything; it is asked, and raises, again until then.
        """

    def heard(self, answers: Sequence[Any]) -> None:
        """What came of these calls, in their order: answers or AwsErrors. What it raises ends the admission: a Refusal, or its own."""


class Waves:
    """Of one request; `admission` decides."""

    def __init__(
        self, admission: Admission, aws: Aws, tables: Tables, records: Records, reconciler: Reconciler, now_ms: Callable[[], int]
    ) -> None:
        self._admission = admission
        self._aws = aws
        self._tables = tables
        self._records = records
        self._reconciler = reconciler
        self._now_ms = now_ms

    def gather(
        self, caller: Caller, scopes: tuple[str, ...], known: tuple[str, ...], errands: Sequence[Errand]
    ) -> tuple[dict[Account, Budget], int]:
        """Wave by wave until the admission wants nothing more, and when that was. Stale control items go along with the first."""
        stale = self._records.stale(caller, known)
        for turn in range(TURNS + 1):
            if turn >= UNCONTENDED_TURNS:
                self._aws.pause(min(turn - UNCONTENDED_TURNS, MOST_PATIENCE))
            now_ms = self._now_ms()
            budgets = self._budgets(scopes, now_ms)
            self._admission.touch(budgets)
            view = self._records.view(known)._replace(fresh=not stale)
            asked, trouble = _asked(errands, view, now_ms)
            wants = [] if trouble else self._admission.wants(now_ms)
            if not wants and not stale and not any(asked):
                self._records.check(caller, known, now_ms)
                if trouble:
                    raise trouble
                return budgets, now_ms
            if turn == TURNS:
                break
            calls = [accounts.lease(self._tables.ledger, want) for want in wants]
            left = [accounts.give_back(self._tables.ledger, account, *lease) for account, lease in self._admission.left.items()]
            self._admission.left.clear()
            reads = [self._records.asked(stale)] if stale else []
            heard = iter(self._aws.wave([*reads, *calls, *(call for calls in asked for call in calls), *left]))
            read = next(heard) if reads else None
            refusals = {want.account: self._report(want, answer) for want, answer in zip(wants, heard, strict=False)}
            troubles = [_heard(errand, list(islice(heard, len(calls)))) for errand, calls in zip(errands, asked, strict=True) if calls]
            if stale:
                stale = self._records.learn(stale, read, known)
            self._records.check(caller, known, now_ms)
            for trouble in troubles:
                if trouble:
                    raise trouble
            refusals |= self._look_at_all_shards()
            changed = self._change_shards(budgets)
            fresh = self._budgets(scopes, now_ms)
            for account, refusal in refusals.items():
                if refusal and fresh.get(account) == budgets[account] and (account[0], "scope") not in changed:  # else by another
                    raise refusal
            changed += [(account[0], "scope") for account in self._admission.outdated]
            self._admission.outdated.clear()
            stale = list({*stale, *changed, *self._create(budgets)})
            self._reclaim()
        if lost := self._admission.lost(self._now_ms()):
            raise lost
        telemetry.say("ERROR", "an admission came to no end", scopes=[want.account[0] for want in self._admission.wants(self._now_ms())])
        raise Refusal("ledger_unavailable", "Too many callers want the same budget right now: try again.", retry_after_s=1)

    def _report(self, want: Want, answer: Any) -> Refusal | None:
        """Returned, not raised: the other answers of the wave must be heard too, or their leases would be forgotten."""
        try:
            if isinstance(answer, ConditionFailed):
                item = dynamodb.old_item(answer)
                self._admission.failed(want, to_sight(item) if item else None, self._now_ms())
            elif want.hard and isinstance(answer, AwsError) and answer.code in CONTENDED:
                self._admission.outrun(want)
            elif isinstance(answer, AwsError):
                telemetry.say("ERROR", "a lease was not answered for", code=answer.code, scope=want.account[0])
                self._admission.unanswered(want.account)
            elif want.givers:
                self._admission.gathered(want)
            else:
                self._admission.took(want, to_sight(answer))
        except Refusal as refusal:
            return refusal
        return None

    def _look_at_all_shards(self) -> dict[Account, Refusal | None]:
        """Where one shard does not suffice. What was read while others changed several of them at once is looked at in the next turn."""
        refusals: dict[Account, Refusal | None] = {}
        unseen = list(self._admission.unseen)
        for account, answer in zip(
            unseen, self._aws.wave([accounts.all_shards(self._tables.ledger, each) for each in unseen]), strict=True
        ):
            try:
                if isinstance(answer, AwsError):
                    telemetry.say("ERROR", "the shards of a budget could not be read", code=answer.code, scope=account[0])
                    self._admission.unanswered(account)
                elif whole := to_whole(map(to_sight, answer[0])):
                    self._admission.seen(account, whole, self._now_ms())
            except Refusal as refusal:
                refusals[account] = refusal
        return refusals

    def _change_shards(self, budgets: Mapping[Account, Budget]) -> list[Key]:
        """More of them, or level ones; the records to read again where a budget changed meanwhile."""
        ledger, control = self._tables.ledger, self._tables.control
        changes = self._admission.changes
        calls = {account: shards.levelled(ledger, control, account, change, budgets[account]) for account, change in changes.items()}
        changes.clear()
        return self._outdated(calls)

    def _create(self, budgets: Mapping[Account, Budget]) -> list[Key]:
        """Makes the items that a period's first request misses; the records to read again where a budget changed meanwhile."""
        ledger, control, now_ms = self._tables.ledger, self._tables.control, self._now_ms()
        missing = self._admission.missing
        calls = {account: shards.create(ledger, control, account, budgets[account], now_ms) for account in missing}
        missing.clear()
        return self._outdated(calls)

    def _outdated(self, calls: Mapping[Account, Call]) -> list[Key]:
        """Whatever else others came first with shows in the next turn."""
        answers = zip(calls, self._aws.wave(list(calls.values())), strict=True)
        return [
            (account[0], "scope")
            for account, answer in answers
            if isinstance(answer, Cancelled) and dynamodb.reasons(answer)[0] == "ConditionalCheckFailed"
        ]

    def _reclaim(self) -> None:
        for account in list(self._admission.dead):
            try:
                self._reconciler.reclaim(account)
            except AwsError as error:
                telemetry.say("ERROR", "expired leases could not be returned", code=error.code, scope=account[0])
            self._admission.reclaimed(account)

    def _budgets(self, scopes: Iterable[str], now_ms: int) -> dict[Account, Budget]:
        records = self._records.view(scopes).records
        budgets = [budget for scope, record in records.items() for budget in to_budgets(scope, record)]
        return {(budget.scope, budget.period(now_ms)): budget for budget in budgets}


def _asked(errands: Sequence[Errand], view: View, now_ms: int) -> tuple[list[Sequence[Call]], Exception | None]:
    """What each of them wants, and the first reason why it is of no use."""
    asked: list[Sequence[Call]] = []
    trouble: Exception | None = None
    for errand in errands:
        try:
            asked.append(errand.calls(view, now_ms))
        except Exception as error:
            asked.append(())
            trouble = trouble or error
    return asked, trouble


def _heard(errand: Errand, answers: Sequence[Any]) -> Exception | None:
    """Returned, not raised: everybody in the wave must hear what came of it."""
    try:
        errand.heard(answers)
    except Exception as error:
        return error
    return None
