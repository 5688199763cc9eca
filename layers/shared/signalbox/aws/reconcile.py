"""Finishing what a container began and could not finish: at need (a request wants the money), and every minute (`sweep`).

Safe to run anywhere, at any time and twice: see `outbox` for why.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..admission.budgets import to_budgets
from ..admission.leases import GRACE_MS, Part
from ..admission.periods import kind_of
from ..admission.settling import Unsettled, why_unsettled
from ..admission.shards import Account, Lease, Sight, to_sight
from . import accounts, dynamodb, outbox, shards, telemetry
from .client import Aws, AwsError, Call, Cancelled, ConditionFailed, Throttled
from .outbox import Pending
from .tables import Tables

TURNS = 4
AT_ONCE = 50  # calls, each of which has a connection of its own
FAILED = "ConditionalCheckFailed"


class Reconciler:
    def __init__(self, aws: Aws, tables: Tables, now_ms: Callable[[], int]) -> None:
        self._aws = aws
        self._tables = tables
        self._now_ms = now_ms

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
        for answer in in_waves(self._aws, calls):
            if isinstance(answer, AwsError) and not isinstance(answer, ConditionFailed):
                raise answer

    def finish(self, pending: Pending) -> bool:
        """True where every account has its cost. An intent that is not due stays as it is. Raises AwsError."""
        if pending.charged:
            return True
        if pending.state == outbox.INTENT:
            if not pending.is_due(self._now_ms()):
                return False
            estimated = self.estimate(pending)
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

    def estimate(self, pending: Pending) -> Pending | None:
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
                read, ill = to_pendings(items)
                found += read
                unreadable |= ill
                if after:
                    pages.append((pk, begins, after))
        return found, unreadable


def to_pendings(items: Iterable[Mapping[str, Any]]) -> tuple[list[Pending], set[str]]:
    """And the containers of those that are not as they are written here."""
    found, unreadable = list[Pending](), set[str]()
    for item in items:
        try:
            found.append(outbox.to_pending(item))
        except outbox.Malformed as error:
            unreadable.add(item["sk"].partition("#")[0])
            telemetry.say("ERROR", "a pending item is malformed, and left as it is", pk=item["pk"], sk=item["sk"], why=str(error))
    return found, unreadable


def in_waves(aws: Aws, calls: Sequence[Call]) -> Iterator[Any]:
    """Each one's answer or AwsError, however many there are."""
    for begin in range(0, len(calls), AT_ONCE):
        yield from aws.wave(calls[begin : begin + AT_ONCE])
