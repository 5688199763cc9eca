"""Finishing what a container began and could not finish: at need (a request wants the money), and every minute (`settle_expired`).

Safe to run anywhere, at any time and twice: see `outbox` for why.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from ..admission.budgets import to_budgets
from ..admission.leases import GRACE_MS, Part
from ..admission.periods import kind_of
from ..admission.settling import Unsettled, why_unsettled
from ..admission.shards import Account, Lease, Sight, to_sight
from . import accounts, dynamodb, events, outbox, shards, telemetry
from .client import Aws, AwsError, Call, Cancelled, ConditionFailed, Throttled
from .outbox import Pending
from .tables import Tables

TURNS = 4
AT_ONCE = 50  # calls, each of which has a connection of its own
FAILED = "ConditionalCheckFailed"


class Swept:
    """What one sweep did. `failed` items are tried again by the next one."""

    def __init__(self) -> None:
        self.estimated = self.published = self.failed = 0


class Reconciler:
    def __init__(self, aws: Aws, tables: Tables, now_ms: Callable[[], int]) -> None:
        self._aws = aws
        self._tables = tables
        self._now_ms = now_ms

    def sweep(self, until_ms: int) -> Swept:
        """Every pending item that is due: settled, charged, published, cleared; then the expired leases beside them go back.

        What cannot be read or finished holds up nothing else.
        """
        swept, touched = Swept(), set[Account]()
        found, unreadable = self._pending([(partition, "") for partition in outbox.PARTITIONS])
        swept.failed += len(unreadable)
        for pending in found:
            if self._now_ms() > until_ms:
                break
            if pending.is_due(self._now_ms()):
                touched.update(part.account for part in pending.holds.values())
                self._sweep_one(pending, swept)
        for account in touched:
            if self._now_ms() > until_ms:
                break
            try:
                self.reclaim(account)
            except Exception as error:
                swept.failed += 1
                telemetry.say("ERROR", "expired leases could not be returned", **_why(error), scope=account[0])
        return swept

    def reclaim(self, account: Account) -> None:
        """Returns the account's expired leases, but for what open intents need. Raises AwsError.

        Whoever has a pending item that cannot be read keeps its leases: the item may name them.
        """
        expired = {lease.id: lease for seen in self._shards(account) for lease in seen.expired(self._now_ms())}
        if not expired:
            return
        begun, unreadable = self._pending(
            [(outbox.partition(container), f"{container}#") for container in {lease.container for lease in expired.values()}]
        )
        uncharged = [pending for pending in begun if not self.finish(pending)]
        calls = [
            self._return(account, seen.shard, lease, uncharged)
            for seen in self._shards(account)
            for lease in seen.expired(self._now_ms())
            if lease.id in expired and lease.container not in unreadable  # whose pending items were read before
        ]
        for begin in range(0, len(calls), AT_ONCE):
            for answer in self._aws.wave(calls[begin : begin + AT_ONCE]):
                if isinstance(answer, AwsError) and not isinstance(answer, ConditionFailed):
                    raise answer

    def finish(self, pending: Pending) -> bool:
        """True where every account has its cost. An intent that is not due stays as it is. Raises AwsError."""
        if pending.charged:
            return True
        if pending.state == outbox.INTENT:
            if not pending.is_due(self._now_ms()):
                return False
            estimated = self._estimate(pending)
            if estimated is None:
                return True
            pending = estimated
        if not pending.charged and not self.charge(pending, pending.holds):
            return False
        with suppress(ConditionFailed):  # somebody else was faster, and it is published and cleared
            self._aws.call(outbox.charged(self._tables.ledger, pending.pk, pending.sk))
        return True

    def charge(self, pending: Pending, holds: Mapping[str, Part]) -> bool:
        """Puts the cost of a settled item into these accounts of it, in each once. False where one could not take it now."""
        ledger = self._tables.ledger
        todo = {slot: accounts.settle(ledger, part, pending.cost_of(slot), 0) for slot, part in holds.items()}
        for _ in range(TURNS):
            answers = dict(zip(todo, self._aws.wave(list(todo.values())), strict=True))
            again = {slot: self._next(pending, slot, holds[slot], todo[slot], answer) for slot, answer in answers.items()}
            todo = {slot: call for slot, call in again.items() if call}
        return not todo

    def create(self, account: Account) -> bool:
        """The item of an account that a request was let through without. False where it has no such budget any more."""
        record = self._aws.call(dynamodb.get(self._tables.control, account[0], "scope")) or {}
        for budget in to_budgets(account[0], record):
            if budget.kind == kind_of(account[1]):
                with suppress(Cancelled, Throttled):  # it is there by now, or the next turn tries again
                    self._aws.call(shards.create(self._tables.ledger, self._tables.control, account, budget, self._now_ms()))
                return True
        return False

    def _next(self, pending: Pending, slot: str, part: Part, call: Call, answer: object) -> Call | None:
        """What is left to do for a part after this answer; None: it has its cost."""
        ledger, cost = self._tables.ledger, pending.cost_of(slot)
        if isinstance(answer, Cancelled):
            return None if FAILED in dynamodb.reasons(answer) else call
        if not isinstance(answer, AwsError):
            return None
        if not isinstance(answer, ConditionFailed):
            return call
        item = dynamodb.old_item(answer)
        match why_unsettled(part, cost, to_sight(item) if item else None):
            case None:
                return None
            case Unsettled(missing=True):
                return call if self.create(part.account) else None
            case Unsettled(gone=True):
                return dynamodb.transact([accounts.charge(ledger, part, cost), outbox.struck(ledger, pending, slot)])
            case Unsettled(covered=covered):
                return accounts.settle(ledger, part, cost, covered - cost)
        raise AssertionError("unreachable")

    def _sweep_one(self, pending: Pending, swept: Swept) -> None:
        try:
            settled = self._estimate(pending) if pending.state == outbox.INTENT else pending
            if settled is None:
                return
            swept.estimated += settled is not pending
            if not self.finish(settled):
                swept.failed += 1
                return
            self._aws.call(events.put(self._tables.bus, events.USAGE_RECORDED, outbox.published_detail(settled)))
            self._aws.call(outbox.clear(self._tables.ledger, pending.pk, pending.sk))
            swept.published += 1
        except Exception as error:
            swept.failed += 1
            telemetry.say("ERROR", "a request could not be finished", **_why(error), request_id=pending.request)

    def _estimate(self, pending: Pending) -> Pending | None:
        """The item as it is once it is settled, by whomever; None where it was finished meanwhile."""
        try:
            return outbox.to_pending(self._aws.call(outbox.estimate(self._tables.ledger, pending, self._now_ms())))
        except ConditionFailed as error:
            item = dynamodb.old_item(error)
            return outbox.to_pending(item) if item else None

    def _return(self, account: Account, shard: int, lease: Lease, uncharged: Iterable[Pending]) -> Call:
        naming = [pending for pending in uncharged if outbox.names(pending, lease.id)]
        if not naming:
            return accounts.give_back(self._tables.ledger, account, shard, lease)
        keep = min(lease.held, sum(max(pending.bound, pending.cost) for pending in naming))
        until_ms = max(self._now_ms(), *(pending.deadline_ms for pending in naming)) + GRACE_MS
        return accounts.shorten(self._tables.ledger, account, shard, lease, keep, until_ms)

    def _shards(self, account: Account) -> list[Sight]:
        items, _ = self._aws.call(accounts.all_shards(self._tables.ledger, account))
        return list(map(to_sight, items))

    def _pending(self, ranges: Iterable[tuple[str, str]]) -> tuple[list[Pending], set[str]]:
        """All items of these (partition, beginning of the sort key), and the containers of those that cannot be read. Raises AwsError."""
        found, unreadable = list[Pending](), set[str]()
        pages = [(pk, begins, None) for pk, begins in ranges]
        while pages:
            asked, pages = pages[:AT_ONCE], pages[AT_ONCE:]
            answers = self._aws.wave([dynamodb.query(self._tables.ledger, pk, begins, after) for pk, begins, after in asked])
            for (pk, begins, _), answer in zip(asked, answers, strict=True):
                if isinstance(answer, AwsError):
                    raise answer
                items, after = answer
                for item in items:
                    try:
                        found.append(outbox.to_pending(item))
                    except outbox.Malformed as error:
                        unreadable.add(item["sk"].partition("#")[0])
                        telemetry.say("ERROR", "a pending item is malformed, and left as it is", pk=pk, sk=item["sk"], why=str(error))
                if after:
                    pages.append((pk, begins, after))
        return found, unreadable


def _why(error: Exception) -> dict[str, str | None]:
    return {"code": getattr(error, "code", None), "error": type(error).__name__}
