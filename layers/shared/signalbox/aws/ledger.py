"""The desk where a request is admitted and settled: the order of the I/O. What is decided there is `admission.leases`, and pure.

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
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..admission.budgets import Budget, to_budgets
from ..admission.keys import Caller, check_standing
from ..admission.leases import (
    ADMITS_MS,
    GRACE_MS,
    Account,
    Admission,
    BudgetExceeded,
    Hand,
    Part,
    Want,
    surplus,
    to_sight,
)
from ..admission.periods import period_id
from ..errors import Refusal
from . import accounts, dynamodb, events, outbox, telemetry
from .client import Aws, AwsError, Call, Cancelled, ConditionFailed
from .control import FRESH_S, USABLE_S, Control, Key, View
from .hold import Hold
from .reconcile import Reconciler
from .tables import Tables

__all__ = ["BudgetExceeded", "Desk", "Hold", "Tables", "View"]

TURNS = 8
OPEN_WITHIN_MS = 30_000  # of the admission: half of what is left between the end of a slice and that of its lease
REFRESH_AFTER_S = FRESH_S / 2
RETURNS_AT_ONCE = 10
RELEASE_S = 0.3


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

    def admit(
        self, caller: Caller, scopes: Iterable[str], *, request_id: str, bound_nanousd: int, floor_nanousd: int, deadline_ms: int
    ) -> Hold:
        """Puts aside between `floor_nanousd` and `bound_nanousd` in every budget of `scopes`, or raises; at most one wave, usually none.

        The control items older than 5 s are read in that same wave: compare `hold.view.live` with the snapshot that the bound was computed
        from; where it moved, `cancel` the hold and admit again (its view is fresh now). `bound == floor` where nothing can be clamped.
        Raises BudgetExceeded (a Refusal with `scope` and `period`, for `UsageRecord.refused_by`), Refusal invalid_key (revoked),
        permission_denied (tenant or team disabled), ledger_unavailable. Only near exhaustion it takes a second wave, and where the first
        request of a period makes its item, or expired leases of others are returned, a few.
        """
        scopes = tuple(dict.fromkeys(scopes))
        self._drop_what_is_under_way()
        self.look(scopes)
        admission = Admission(self._hand, bound_nanousd, floor_nanousd)
        try:
            budgets, now_ms = self._gather(admission, caller, scopes)
        except Refusal:
            admission.abandon()
            raise
        parts = admission.parts()
        self._under_way = Hold(
            aws=self._aws,
            request_id=request_id,
            deadline_ms=deadline_ms,
            admitted_ms=now_ms,
            granted_nanousd=admission.granted(),
            view=self._control.view(scopes),
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
        hold.intent = self._aws.begin(outbox.open(self._tables.ledger, self._pending(hold, target, detail)))

    def settle(self, hold: Hold, cost_nanousd: int, detail: Mapping[str, Any]) -> None:
        """After the answer: the cost into every budget, the event onto the bus, stale control items refreshed. Never raises.

        `detail` is the final UsageRecord.to_detail(). What fails here is logged and finished by `settle_expired`. Also for a hold that was
        never opened (cost 0: the hold goes back, the event is published all the same).
        """
        if hold.intent is None and cost_nanousd == 0:
            self.cancel(hold)
            return self.record(detail)
        self._under_way = None
        hold.hear()
        now_ms = self._now_ms()
        item = self._pending(hold, detail.get("target", ""), detail, (cost_nanousd, now_ms))
        stored = outbox.settle(self._tables.ledger, item, certain=hold.stored)
        late = now_ms > hold.deadline_ms + GRACE_MS // 2
        if late and not self._is_ours(self._aws.wave([stored])[0]):  # others may have settled it: only who moves the item may charge
            self._drop(hold)
            return self._failed("a request was settled too late, by the sweeper", hold.request_id)
        settles = [self._settling(hold, part, cost_nanousd, now_ms) for part in hold.parts]
        first, published, *answers = self._wave_with_control(
            [stored, events.put(self._tables.bus, events.USAGE_RECORDED, detail), *settles], hold.view.records
        )
        left = self._take_settled(hold, answers)
        self._finish(hold, item, left, stored=self._is_ours(first), published=not isinstance(published, AwsError))
        return None

    def cancel(self, hold: Hold) -> None:
        """Gives the hold back: nothing was sent upstream and no event is wanted. No I/O. After `open` use `settle`."""
        if hold is self._under_way:
            self._drop_what_is_under_way()

    def record(self, detail: Mapping[str, Any]) -> None:
        """Publishes the usage of a request that held nothing (a refusal), through the outbox. After the answer; never raises."""
        ledger, now_ms = self._tables.ledger, self._now_ms()
        item = outbox.to_item(
            self._hand.container,
            self._hand.next_number(),
            request=detail["id"],
            target=detail.get("target", ""),
            bound=0,
            deadline_ms=now_ms,
            parts=(),
            detail=detail,
            settled=(0, now_ms),
            charged=True,
        )
        returns = self._returns()
        stored, published, *returned = self._aws.wave(
            [outbox.open(ledger, item), events.put(self._tables.bus, events.USAGE_RECORDED, detail), *returns.values()]
        )
        self._returned(returns, returned)
        if isinstance(published, AwsError):
            return self._failed(
                "a usage event waits in the outbox" if self._is_ours(stored) else "a usage event is lost", detail["id"], published
            )
        [cleared] = self._aws.wave([outbox.clear(ledger, item["pk"], item["sk"])])
        if isinstance(cleared, AwsError):
            self._failed("a published event was not cleared", detail["id"], cleared)
        return None

    def release(self) -> None:
        """Returns every lease in one wave and within 300 ms; for SIGTERM. Never raises; nothing depends on it."""
        self._drop_what_is_under_way()
        calls = [accounts.give_back(self._tables.ledger, account, lease) for account, lease in self._hand.leases.items()]
        self._hand.leases.clear()
        self._aws.wave(calls, timeout_s=RELEASE_S, tries=1)

    # Admission

    def _gather(self, admission: Admission, caller: Caller, scopes: tuple[str, ...]) -> tuple[dict[Account, Budget], int]:
        """Wave by wave until the admission wants nothing more, and when that was. Stale control items go along with the first."""
        stale = self._control.older_than(FRESH_S, scopes)
        for _ in range(TURNS):
            now_ms = self._now_ms()
            budgets = self._budgets(scopes, now_ms)
            admission.touch(budgets)
            wants = admission.wants(now_ms)
            if not wants and not stale:
                check_standing(caller, self._control.view(scopes).records)
                return budgets, now_ms
            calls = [accounts.move(self._tables.ledger, want) for want in wants]
            read, *answers = self._aws.wave([self._control.read(stale), *calls]) if stale else [None, *self._aws.wave(calls)]
            refusals = {want.account: self._report(admission, want, answer) for want, answer in zip(wants, answers, strict=True)}
            if stale:
                stale = self._learn(stale, read, scopes)
                check_standing(caller, self._control.view(scopes).records)
            fresh = self._budgets(scopes, now_ms)
            for account, refusal in refusals.items():
                if refusal and fresh.get(account) == budgets[account]:  # else it was another budget that refused
                    raise refusal
            stale = list({*stale, *self._create(admission, budgets)})
            self._reclaim(admission)
        raise Refusal("ledger_unavailable", "Too many callers want the same budget right now: try again.", retry_after_s=1)

    def _report(self, admission: Admission, want: Want, answer: Any) -> Refusal | None:
        """Returned, not raised: the other answers of the wave must be heard too, or their leases would be forgotten."""
        try:
            if isinstance(answer, ConditionFailed):
                item = dynamodb.old_item(answer)
                admission.failed(want, to_sight(item) if item else None, self._now_ms())
            elif isinstance(answer, AwsError):
                telemetry.say("ERROR", "a lease was not answered for", code=answer.code, scope=want.account[0])
                admission.unanswered(want)
            else:
                admission.took(want, to_sight(answer))
        except Refusal as refusal:
            return refusal
        return None

    def _create(self, admission: Admission, budgets: Mapping[Account, Budget]) -> list[Key]:
        """Makes the items that a period's first request misses; the records to read again where a budget changed meanwhile."""
        missing = [account for account in admission.missing if account in budgets]
        admission.missing.clear()
        calls = [accounts.create(self._tables.ledger, self._tables.control, account, budgets[account]) for account in missing]
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
        return {
            (scope, period_id(budget.kind, now_ms)): budget for scope, record in records.items() for budget in to_budgets(scope, record)
        }

    def _drop_what_is_under_way(self) -> None:
        """A hold that was opened and never settled keeps its leases, for others to finish; one that was not leaves them in hand."""
        if self._under_way and self._under_way.intent is not None:
            self._drop(self._under_way)
        self._under_way = None

    # Control items

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

    def _wave_with_control(self, calls: list[Call], scopes: Iterable[str]) -> list[Any]:
        """The calls' answers; ageing control items are refreshed on the way."""
        keys = self._control.older_than(REFRESH_AFTER_S, scopes)
        answers = self._aws.wave([*calls, self._control.read(keys)] if keys else calls)
        if keys:
            *answers, read = answers
            if not isinstance(read, AwsError):
                self._control.learn(keys, read)
        return answers

    # Settling

    def _pending(self, hold: Hold, target: str, detail: Mapping[str, Any], settled: tuple[int, int] | None = None) -> dict[str, Any]:
        return outbox.to_item(
            self._hand.container,
            hold.number,
            request=hold.request_id,
            target=target,
            bound=hold.granted_nanousd,
            deadline_ms=hold.deadline_ms,
            parts=hold.parts,
            detail=detail,
            settled=settled,
        )

    def _settling(self, hold: Hold, part: Part, cost: int, now_ms: int) -> Call:
        lease = self._hand.leases.get(part.account)
        held = lease.held if lease and lease.id == part.lease else min(cost, hold.granted_nanousd)
        covered = min(cost, held)
        hard, remaining = hold.budgets[part.account].hard, self._hand.remaining.get(part.account, 0)
        back = surplus(held - covered, hold.granted_nanousd, remaining, hard) - (cost - covered)
        return accounts.settle(self._tables.ledger, part, cost, back, now_ms + ADMITS_MS + GRACE_MS)

    def _take_settled(self, hold: Hold, answers: list[Any]) -> dict[str, Part]:
        """The leases as they are now, in hand again; the parts, by slot, that have not taken their cost yet."""
        left = {}
        for (slot, part), answer in zip(enumerate(hold.parts), answers, strict=True):
            if isinstance(answer, AwsError):
                self._hand.drop(part.account)
                left[str(slot)] = part
            else:
                sight = to_sight(answer)
                self._hand.take(part.account, sight.leases[part.lease], sight.remaining)
        return left

    def _finish(self, hold: Hold, item: dict[str, Any], left: dict[str, Part], *, stored: bool, published: bool) -> None:
        """Charges what is left, and clears the outbox; whatever cannot be done now stays there, and its leases with it."""
        ledger, pk, sk = self._tables.ledger, item["pk"], item["sk"]
        if not stored:
            self._drop(hold)
            return self._failed("a settled request could not be stored", hold.request_id)
        if left and not self._charged(item, left):
            self._drop(hold)
            return self._failed("a request's cost is not in every budget yet", hold.request_id)
        keep = not published or hold.doubtful  # while it is there no late intent can take its place
        returns = self._returns(but={part.account for part in hold.parts})
        [done, *returned] = self._aws.wave([outbox.charged(ledger, pk, sk) if keep else outbox.clear(ledger, pk, sk), *returns.values()])
        self._returned(returns, returned)
        if isinstance(done, AwsError):
            self._drop(hold)
        if not published or isinstance(done, AwsError):
            self._failed("a usage event waits in the outbox", hold.request_id)
        return None

    def _charged(self, item: dict[str, Any], left: dict[str, Part]) -> bool:
        try:
            return self._reconciler.charge(outbox.to_pending(item), left)
        except AwsError:
            return False

    def _is_ours(self, answer: Any) -> bool:
        """Whether our write of a pending item is what is stored, also where its first try was done and its second refused."""
        if isinstance(answer, ConditionFailed):
            item = dynamodb.old_item(answer)
            return item is not None and item["state"] == outbox.SETTLED and not item.get("estimated")
        return not isinstance(answer, AwsError)

    def _drop(self, hold: Hold) -> None:
        for part in hold.parts:
            self._hand.drop(part.account)

    def _returns(self, but: Iterable[Account] = ()) -> dict[Account, Call]:
        """Idle slices, on their way back beside other writes; never one that a pending item may yet name."""
        idle = [account for account in self._hand.idle(self._now_ms()) if account not in set(but)][:RETURNS_AT_ONCE]
        return {account: accounts.give_back(self._tables.ledger, account, self._hand.leases[account]) for account in idle}

    def _returned(self, returns: Mapping[Account, Call], answers: list[Any]) -> None:
        for account in returns:
            self._hand.drop(account)
        for answer in answers:
            if isinstance(answer, AwsError) and not isinstance(answer, ConditionFailed):
                telemetry.say("WARNING", "an idle lease was not returned; it expires", code=answer.code)

    def _failed(self, what: str, request_id: str, error: AwsError | None = None) -> None:
        telemetry.say("ERROR", what, request_id=request_id, code=error.code if error else None)
        telemetry.count("SettleFailures")

    def _now_ms(self) -> int:
        return int(self._wall() * 1000)
