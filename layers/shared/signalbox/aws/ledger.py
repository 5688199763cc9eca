"""The desk where a request is admitted: the order of the I/O. What is decided there is `admission.leases`, and pure.

Whatever comes after the answer is done at the `till`, through the desk all the same.
One request at a time, as a container serves them:

    desk = Desk(aws, Tables.from_env(os.environ))         once per container
    caller = keys.authenticate(bearer, ring)              no I/O; Refusal invalid_key
    scopes = budgets.scopes_of(caller, agent, route, providers)
    view = desk.look(scopes)                              no I/O once each scope was seen: cached, of any age
    hold = desk.admit(caller, scopes, request_id=…, bound_nanousd=…, floor_nanousd=…, deadline_ms=…)
    desk.open(hold, target, detail)                       the intent leaves, nobody waits; then call upstream
    hold.opened()                                         once the upstream request is sent; it was stored meanwhile
    desk.settle(hold, cost_nanousd, detail)               after the answer
    desk.release()                                        SIGTERM

Refused, failed before an upstream call, or routed anew: `desk.cancel(hold)`. A refused request's own usage event: `desk.record(detail)`.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from ..admission.admitting import Admission
from ..admission.budgets import Budget, scopes_of, to_budgets
from ..admission.exceeded import BudgetExceeded
from ..admission.keys import Caller, check_standing, knows
from ..admission.leases import Hand, Want
from ..admission.shards import Account, to_sight, to_whole
from ..errors import Refusal
from . import accounts, dynamodb, shards, telemetry
from .client import Aws, AwsError, Call, Cancelled, ConditionFailed
from .control import FRESH_S, USABLE_S, Control, Key, View
from .hold import Hold
from .reconcile import Reconciler
from .tables import Tables
from .till import Till

__all__ = ["BudgetExceeded", "Desk", "Hold", "Tables", "View"]

TURNS = 12
UNCONTENDED_TURNS = 4  # a period's first request takes as many; from then on others are in the way, who must not be met in step
MOST_PATIENCE = 2  # the longest pause between two turns: 0.2 s
OPEN_WITHIN_MS = 30_000  # of the admission: half of what is left between the end of a slice and that of its lease
RELEASE_S = 0.3
CONTENDED = {"TransactionCanceledException", "TransactionConflictException"}  # others were at the item, or it has changed


class Errand(Protocol):
    """What else has to be done before a request may begin: it goes along with what is asked of the ledger, wave by wave."""

    def calls(self, view: View, now_ms: int) -> Sequence[Call]:
        """What it wants done now, by what is known; nothing once it is done. The view may be old in the first turn, and is fresh later.

        What it raises ends the admission once nobody else waits for anything; it is asked, and raises, again until then.
        """

    def heard(self, answers: Sequence[Any]) -> None:
        """What came of these calls, in their order: answers or AwsErrors. What it raises ends the admission: a Refusal, or its own."""


class Desk:
    """One per container, used by one thread. `wall` is epoch seconds, `ticks` monotonic ones."""

    def __init__(
        self,
        aws: Aws,
        tables: Tables,
        *,
        wall: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        container: str | None = None,
    ) -> None:
        self._aws = aws
        self._tables = tables
        self._wall = wall
        self._control = Control(tables.control, ticks=ticks, wall=wall)
        self._hand = Hand(container or os.urandom(6).hex())
        self._reconciler = Reconciler(aws, tables, self._now_ms)
        self._till = Till(aws, tables, self._hand, self._control, self._reconciler, self._now_ms)
        self._under_way: Hold | None = None

    def look(self, scopes: Iterable[str] = ()) -> View:
        """The control view as this container knows it, however old. Reads (one BatchGetItem) only what it never saw.

        Refusal ledger_unavailable where that read fails.
        """
        scopes = tuple(scopes)
        if self._control.unseen(scopes):
            self._read(self._control.older_than(FRESH_S, scopes))
        return self._control.view(scopes)

    def refresh(self, scopes: Iterable[str] = ()) -> bool:
        """Reads again what of the view is older than 5 s; whether anything was. Before a refusal by what may have changed meanwhile."""
        stale = self._control.older_than(FRESH_S, tuple(scopes))
        self._read(stale)
        return bool(stale)

    def stands(self, caller: Caller) -> View:
        """The view of the caller's own scopes, none of it older than 5 s. Refusal, as `admit` gives it, where the key does not stand."""
        scopes = scopes_of(caller)
        self._read(self._stale(caller, scopes))
        view = self._control.view(scopes)
        check_standing(caller, view.records, self._now_ms())
        return view

    def admit(
        self,
        caller: Caller,
        scopes: Iterable[str],
        *,
        request_id: str,
        bound_nanousd: int,
        floor_nanousd: int,
        deadline_ms: int,
        errands: Sequence[Errand] = (),
    ) -> Hold:
        """Puts aside between `floor_nanousd` and `bound_nanousd` in every budget of `scopes`, or raises; at most one wave, usually none.

        The control items older than 5 s are read in that same wave: compare `hold.view.live` with the snapshot that the bound was computed
        from; where it moved, `cancel` the hold and admit again (its view is fresh now). `bound == floor` where nothing can be clamped.
        Raises BudgetExceeded (a Refusal with `scope` and `period`, for `UsageRecord.refused_by`), Refusal invalid_key (revoked),
        permission_denied (tenant or team disabled), ledger_unavailable. Only near exhaustion it takes a second wave, and where the first
        request of a period makes its item, or expired leases of others are returned, a few.

        What the `errands` have to do goes along in the same waves; what they raise is raised here, before what a budget refuses. Where it
        raises, they are the caller's to undo.
        """
        scopes = tuple(dict.fromkeys(scopes))
        known = tuple(dict.fromkeys((*scopes, *scopes_of(caller))))  # its own team may not be the one that it counts in
        self._drop_what_is_under_way()
        self.look(known)
        admission = Admission(self._hand, bound_nanousd, floor_nanousd)
        try:
            budgets, now_ms = self._gather(admission, caller, scopes, known, errands)
        except Exception:
            admission.abandon()
            raise
        parts = admission.parts()
        self._under_way = Hold(
            aws=self._aws,
            request_id=request_id,
            deadline_ms=deadline_ms,
            admitted_ms=now_ms,
            granted_nanousd=admission.granted(),
            view=self._control.view(known),
            budgets=budgets,
            parts=parts,
            lease=f"{self._hand.container}#{self._hand.number}",
            number=self._hand.number,
        )
        return self._under_way

    def open(self, hold: Hold, target: str, detail: Mapping[str, Any]) -> None:
        """Sends the intent without waiting. Call it right before the first upstream call; later calls for the same hold do nothing.

        `detail` is the UsageRecord.to_detail() as far as known; a crash publishes it as outcome `crashed`, estimated, at `granted_nanousd`.
        Refusal ledger_unavailable where the hold is too old to begin (30 s: the container was frozen or stalled).
        """
        if hold.intent is not None:
            return
        if not 0 <= self._now_ms() - hold.admitted_ms <= OPEN_WITHIN_MS:
            raise Refusal("ledger_unavailable", "This request waited too long before it could begin: try again.", retry_after_s=1)
        hold.intent = self._till.open(hold, target, detail)

    def settle(self, hold: Hold, cost_nanousd: int, detail: Mapping[str, Any]) -> None:
        """After the answer: the cost into every budget, the event onto the bus, stale control items refreshed. Never raises.

        `detail` is the final UsageRecord.to_detail(). What fails here is logged and finished by `settle_expired`. Also for a hold that was
        never opened (cost 0: the hold goes back, the event is published all the same).
        """
        if hold.intent is None and cost_nanousd == 0:
            self.cancel(hold)
            return self.record(detail)
        self._under_way = None
        return self._till.settle(hold, cost_nanousd, detail)

    def cancel(self, hold: Hold) -> None:
        """Gives the hold back: nothing was sent upstream and no event is wanted. No I/O. After `open` use `settle`."""
        if hold is self._under_way:
            self._drop_what_is_under_way()

    def record(self, detail: Mapping[str, Any]) -> None:
        """Publishes the usage of a request that held nothing (a refusal), through the outbox. After the answer; never raises."""
        self._till.record(detail)

    def release(self) -> None:
        """Returns every lease in one wave and within 300 ms; for SIGTERM. Never raises; nothing depends on it."""
        self._drop_what_is_under_way()
        calls = [self._till.give_back(account) for account in self._hand.leases]
        self._hand.leases.clear()
        self._aws.wave(calls, timeout_s=RELEASE_S, tries=1)

    # Admission

    def _gather(
        self, admission: Admission, caller: Caller, scopes: tuple[str, ...], known: tuple[str, ...], errands: Sequence[Errand]
    ) -> tuple[dict[Account, Budget], int]:
        """Wave by wave until the admission wants nothing more, and when that was. Stale control items go along with the first."""
        stale = self._stale(caller, known)
        for turn in range(TURNS + 1):
            if turn >= UNCONTENDED_TURNS:
                self._aws.pause(min(turn - UNCONTENDED_TURNS, MOST_PATIENCE))
            now_ms = self._now_ms()
            budgets = self._budgets(scopes, now_ms)
            admission.touch(budgets)
            view = self._control.view(known)._replace(fresh=not stale)
            asked, trouble = _asked(errands, view, now_ms)
            wants = [] if trouble else admission.wants(now_ms)
            if not wants and not stale and not any(asked):
                check_standing(caller, view.records, now_ms)
                if trouble:
                    raise trouble
                return budgets, now_ms
            if turn == TURNS:
                break
            calls = [accounts.lease(self._tables.ledger, want) for want in wants]
            left = [accounts.give_back(self._tables.ledger, account, *lease) for account, lease in admission.left.items()]
            admission.left.clear()
            reads = [self._control.read(stale)] if stale else []
            heard = iter(self._aws.wave([*reads, *calls, *(call for calls in asked for call in calls), *left]))
            read = next(heard) if reads else None
            refusals = {want.account: self._report(admission, want, answer) for want, answer in zip(wants, heard, strict=False)}
            troubles = [_heard(errand, list(islice(heard, len(calls)))) for errand, calls in zip(errands, asked, strict=True) if calls]
            if stale:
                stale = self._learn(stale, read, known)
            check_standing(caller, self._control.view(known).records, now_ms)
            for trouble in troubles:
                if trouble:
                    raise trouble
            refusals |= self._look_at_all_shards(admission)
            changed = self._change_shards(admission, budgets)
            fresh = self._budgets(scopes, now_ms)
            for account, refusal in refusals.items():
                if refusal and fresh.get(account) == budgets[account] and (account[0], "scope") not in changed:  # else by another
                    raise refusal
            changed += [(account[0], "scope") for account in admission.outdated]
            admission.outdated.clear()
            stale = list({*stale, *changed, *self._create(admission, budgets)})
            self._reclaim(admission)
        if lost := admission.lost(self._now_ms()):
            raise lost
        telemetry.say("ERROR", "an admission came to no end", scopes=[want.account[0] for want in admission.wants(self._now_ms())])
        raise Refusal("ledger_unavailable", "Too many callers want the same budget right now: try again.", retry_after_s=1)

    def _report(self, admission: Admission, want: Want, answer: Any) -> Refusal | None:
        """Returned, not raised: the other answers of the wave must be heard too, or their leases would be forgotten."""
        try:
            if isinstance(answer, ConditionFailed):
                item = dynamodb.old_item(answer)
                admission.failed(want, to_sight(item) if item else None, self._now_ms())
            elif want.hard and isinstance(answer, AwsError) and answer.code in CONTENDED:
                admission.outrun(want)
            elif isinstance(answer, AwsError):
                telemetry.say("ERROR", "a lease was not answered for", code=answer.code, scope=want.account[0])
                admission.unanswered(want.account)
            elif want.givers:
                admission.gathered(want)
            else:
                admission.took(want, to_sight(answer))
        except Refusal as refusal:
            return refusal
        return None

    def _look_at_all_shards(self, admission: Admission) -> dict[Account, Refusal | None]:
        """Where one shard does not suffice. What was read while others changed several of them at once is looked at in the next turn."""
        refusals: dict[Account, Refusal | None] = {}
        unseen = list(admission.unseen)
        for account, answer in zip(
            unseen, self._aws.wave([accounts.all_shards(self._tables.ledger, each) for each in unseen]), strict=True
        ):
            try:
                if isinstance(answer, AwsError):
                    telemetry.say("ERROR", "the shards of a budget could not be read", code=answer.code, scope=account[0])
                    admission.unanswered(account)
                elif whole := to_whole(map(to_sight, answer[0])):
                    admission.seen(account, whole, self._now_ms())
            except Refusal as refusal:
                refusals[account] = refusal
        return refusals

    def _change_shards(self, admission: Admission, budgets: Mapping[Account, Budget]) -> list[Key]:
        """More of them, or level ones; the records to read again where a budget changed meanwhile.

        Whatever others came first with shows in the next turn.
        """
        changes, changed = dict(admission.changes), []
        admission.changes.clear()
        calls = [
            shards.levelled(self._tables.ledger, self._tables.control, account, change, budgets[account])
            for account, change in changes.items()
        ]
        for account, answer in zip(changes, self._aws.wave(calls), strict=True):
            if isinstance(answer, Cancelled) and dynamodb.reasons(answer)[0] == "ConditionalCheckFailed":
                changed.append((account[0], "scope"))
        return changed

    def _create(self, admission: Admission, budgets: Mapping[Account, Budget]) -> list[Key]:
        """Makes the items that a period's first request misses; the records to read again where a budget changed meanwhile."""
        missing = [account for account in admission.missing if account in budgets]
        admission.missing.clear()
        calls = [shards.create(self._tables.ledger, self._tables.control, account, budgets[account], self._now_ms()) for account in missing]
        changed = []
        for account, answer in zip(missing, self._aws.wave(calls), strict=True):
            if isinstance(answer, Cancelled) and dynamodb.reasons(answer)[0] == "ConditionalCheckFailed":
                changed.append((account[0], "scope"))
        return changed

    def _reclaim(self, admission: Admission) -> None:
        for account in list(admission.dead):
            try:
                self._reconciler.reclaim(account)
            except AwsError as error:
                telemetry.say("ERROR", "expired leases could not be returned", code=error.code, scope=account[0])
            admission.reclaimed(account)

    def _budgets(self, scopes: Iterable[str], now_ms: int) -> dict[Account, Budget]:
        records = self._control.view(scopes).records
        budgets = [budget for scope, record in records.items() for budget in to_budgets(scope, record)]
        return {(budget.scope, budget.period(now_ms)): budget for budget in budgets}

    def _drop_what_is_under_way(self) -> None:
        """A hold that was opened and never settled keeps its leases, for others to finish; one that was not leaves them in hand."""
        if self._under_way and self._under_way.intent is not None:
            self._till.drop(self._under_way)
        self._under_way = None

    # Control items

    def _stale(self, caller: Caller, scopes: tuple[str, ...]) -> list[Key]:
        """What of these to read again: the key's record also where it does not name the secret shown, which may be younger."""
        stale, own = self._control.older_than(FRESH_S, scopes), (f"key#{caller.key_id}", "scope")
        if own not in stale and not knows(caller, self._control.view([own[0]]).records, self._now_ms()):
            stale.append(own)
        return stale

    def _read(self, keys: list[Key]) -> None:
        while keys:
            try:
                keys = self._control.learn(keys, self._aws.call(self._control.read(keys)))
            except AwsError as error:
                raise Refusal("ledger_unavailable", "The control table does not answer: try again.", retry_after_s=1) from error

    def _learn(self, keys: list[Key], answer: Any, scopes: tuple[str, ...]) -> list[Key]:
        """What is left to read. Where the table does not answer, what is known serves a while longer."""
        if not isinstance(answer, AwsError):
            return self._control.learn(keys, answer)
        telemetry.say("ERROR", "the control table does not answer", code=answer.code)
        if self._control.older_than(USABLE_S, scopes):
            raise Refusal("ledger_unavailable", "The control table does not answer: try again.", retry_after_s=1)
        return []

    def _now_ms(self) -> int:
        return int(self._wall() * 1000)


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
