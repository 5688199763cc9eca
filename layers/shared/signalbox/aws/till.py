"""The till, where a request is paid for after its answer: its cost into every budget, its usage event onto the bus, idle slices back.

Whatever cannot be done now stays in the outbox, where `reconcile` finds it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..admission.leases import ADMITS_MS, GRACE_MS, Hand, Part, surplus
from ..admission.shards import Account, to_sight
from ..usage.shares import cost_in
from . import accounts, dynamodb, events, outbox, telemetry
from .client import Aws, AwsError, Call, ConditionFailed, InFlight
from .control import FRESH_S, Control
from .hold import Hold
from .reconcile import Reconciler
from .tables import Tables

REFRESH_AFTER_S = FRESH_S / 2
RETURNS_AT_ONCE = 10


class Till:
    """One per container, beside its `Desk`, whose `hand` and `control` it shares."""

    def __init__(self, aws: Aws, tables: Tables, hand: Hand, control: Control, reconciler: Reconciler, now_ms: Callable[[], int]) -> None:
        self._aws = aws
        self._tables = tables
        self._hand = hand
        self._control = control
        self._reconciler = reconciler
        self._now_ms = now_ms

    def open(self, hold: Hold, target: str, detail: Mapping[str, Any]) -> InFlight:
        """The intent, on its way."""
        return self._aws.begin(outbox.open(self._tables.ledger, self._pending(hold, target, detail)))

    def settle(self, hold: Hold, cost_nanousd: int, detail: Mapping[str, Any]) -> None:
        """Of a hold that was opened, or has cost something. Never raises."""
        hold.hear()
        now_ms = self._now_ms()
        item = self._pending(hold, detail.get("target", ""), detail, (cost_nanousd, now_ms))
        stored = outbox.settle(self._tables.ledger, item, certain=hold.stored)
        late = now_ms > hold.deadline_ms + GRACE_MS // 2
        if late and not self._is_ours(self._aws.wave([stored])[0]):  # others may have settled it: only who moves the item may charge
            self.drop(hold)
            return self._failed("a request was settled too late, by the sweeper", hold.request_id)
        settles = {
            slot: self._settling(hold, part, cost_in(part.account[0], cost_nanousd, detail), now_ms)
            for slot, part in enumerate(hold.parts)
            if part.is_leased
        }
        first, published, *answers = self._wave_with_control(
            [stored, events.put(self._tables.bus, events.USAGE_RECORDED, detail), *settles.values()], hold.view.records
        )
        left = self._take_settled(hold, dict(zip(settles, answers, strict=True)))
        self._finish(hold, item, left, stored=self._is_ours(first), published=not isinstance(published, AwsError))
        return None

    def record(self, detail: Mapping[str, Any]) -> None:
        """Of a request that held nothing. Never raises."""
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

    def give_back(self, account: Account) -> Call:
        return accounts.give_back(self._tables.ledger, account, self._hand.shards.get(account, 0), self._hand.leases[account])

    def drop(self, hold: Hold) -> None:
        """Its leases are in hand no more: a pending item may yet name them."""
        for part in hold.parts:
            self._hand.drop(part.account)

    def _pending(self, hold: Hold, target: str, detail: Mapping[str, Any], settled: tuple[int, int] | None = None) -> dict[str, Any]:
        return outbox.to_item(
            self._hand.container,
            hold.number,
            request=hold.request_id,
            target=target,
            bound=hold.granted_nanousd,
            less=hold.less_nanousd,
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

    def _take_settled(self, hold: Hold, answers: Mapping[int, Any]) -> dict[str, Part]:
        """The leases as they are now, in hand again; the parts, by slot, that have not taken their cost yet."""
        left = {}
        for slot, part in enumerate(hold.parts):
            answer = answers.get(slot)
            if answer is None or isinstance(answer, AwsError):
                self._hand.drop(part.account)
                left[str(slot)] = part
            else:
                sight = to_sight(answer)
                self._hand.take(part.account, sight.leases[part.lease], sight)
        return left

    def _finish(self, hold: Hold, item: dict[str, Any], left: dict[str, Part], *, stored: bool, published: bool) -> None:
        """Charges what is left, and clears the outbox; whatever cannot be done now stays there, and its leases with it."""
        ledger, pk, sk = self._tables.ledger, item["pk"], item["sk"]
        if not stored:
            self.drop(hold)
            return self._failed("a settled request could not be stored", hold.request_id)
        if not self._charged(item, left):
            self.drop(hold)
            return self._failed("a request's cost is not in every budget yet", hold.request_id)
        keep = not published or hold.doubtful  # while it is there no late intent can take its place
        returns = self._returns(but={part.account for part in hold.parts})
        [done, *returned] = self._aws.wave([outbox.charged(ledger, pk, sk) if keep else outbox.clear(ledger, pk, sk), *returns.values()])
        self._returned(returns, returned)
        if isinstance(done, AwsError):
            self.drop(hold)
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
            return item is not None and not item.get("estimated")
        return not isinstance(answer, AwsError)

    def _wave_with_control(self, calls: list[Call], scopes: Iterable[str]) -> list[Any]:
        """The calls' answers; ageing control items are refreshed on the way."""
        keys = self._control.older_than(REFRESH_AFTER_S, scopes)
        answers = self._aws.wave([*calls, self._control.read(keys)] if keys else calls)
        if keys:
            *answers, read = answers
            if not isinstance(read, AwsError):
                self._control.learn(keys, read)
        return answers

    def _returns(self, but: Iterable[Account] = ()) -> dict[Account, Call]:
        """Idle slices, on their way back beside other writes; never one that a pending item may yet name."""
        idle = [account for account in self._hand.idle(self._now_ms()) if account not in set(but)][:RETURNS_AT_ONCE]
        return {account: self.give_back(account) for account in idle}

    def _returned(self, returns: Mapping[Account, Call], answers: list[Any]) -> None:
        for account in returns:
            self._hand.drop(account)
        for answer in answers:
            if isinstance(answer, AwsError) and not isinstance(answer, ConditionFailed):
                telemetry.say("WARNING", "an idle lease was not returned; it expires", code=answer.code)

    def _failed(self, what: str, request_id: str, error: AwsError | None = None) -> None:
        telemetry.say("ERROR", what, request_id=request_id, code=error.code if error else None)
        telemetry.count("SettleFailures")
