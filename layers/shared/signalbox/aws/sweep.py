"""What `settle_expired` does each minute: all that waits in the outbox and is due is brought home, page by page, while there is time.

What an outage of the bus leaves is charged, and waits for its event alone: it goes a hundred at a time. What somebody died with is
charged first, one after the other, as a lease takes its costs in their order.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..admission.shards import Account
from . import dynamodb, events, outbox, telemetry
from .client import Aws, AwsError, Rejected
from .outbox import Pending
from .reconcile import Reconciler, in_waves, to_pendings
from .tables import Tables

PAGE = 64  # items of each of the sixteen partitions at once: some 3 MB, and never more than 16
PAGE_TIMEOUT_S = 3.0  # of a try: nobody waits for it
TOGETHER = 100  # are published, and then cleared
MOST_WAITING = 2_000  # of those that are charged one after the other; what is more is the next run's

Ready = tuple[Pending, str]  # and its event


class Swept:
    """What one sweep did. `failed` items are tried again by the next one."""

    def __init__(self) -> None:
        self.estimated = self.published = self.failed = 0


class Sweep:
    """Of one run."""

    def __init__(self, aws: Aws, tables: Tables, now_ms: Callable[[], int]) -> None:
        self._aws = aws
        self._tables = tables
        self._now_ms = now_ms
        self._reconciler = Reconciler(aws, tables, now_ms)
        self._swept = Swept()

    def run(self, until_ms: int) -> Swept:
        """Every pending item that is due: settled, charged, published, cleared; then the expired leases beside them go back.

        What cannot be read or finished holds up nothing else.
        """
        waiting, touched = list[Pending](), set[Account]()
        for page in self._pages(until_ms):
            due = [pending for pending in page if pending.is_due(self._now_ms())]
            touched.update(part.account for pending in due for part in pending.holds.values())
            self._each(until_ms, _by(TOGETHER, [pending for pending in due if pending.charged]), self._publish)
            waiting += [pending for pending in due if not pending.charged][: MOST_WAITING - len(waiting)]
        self._each(until_ms, _by(events.MOST, waiting), self._finish)
        self._each(until_ms, touched, self._reclaim)
        return self._swept

    def _each(self, until_ms: int, things: Iterable[Any], do: Callable[[Any], None]) -> None:
        for thing in things:
            if self._now_ms() > until_ms:
                break
            do(thing)

    def _pages(self, until_ms: int) -> Iterator[list[Pending]]:
        """The next page of each partition, together. Of one whose page does not come the rest is the next run's."""
        pages: list[tuple[str, Mapping[str, Any] | None]] = [(pk, None) for pk in outbox.PARTITIONS]
        while pages and self._now_ms() <= until_ms:
            asked, pages, found = pages, [], list[Pending]()
            queries = [dynamodb.query(self._tables.ledger, pk, after=after, limit=PAGE) for pk, after in asked]
            for (pk, _), answer in zip(asked, self._aws.wave(queries, timeout_s=PAGE_TIMEOUT_S), strict=True):
                if isinstance(answer, AwsError):
                    self._failed("what waits could not be read", answer, partition=pk)
                    continue
                items, after = answer
                read, unreadable = to_pendings(items)
                found += read
                self._swept.failed += len(unreadable)
                if after:
                    pages.append((pk, after))
            yield found

    def _finish(self, due: Sequence[Pending]) -> None:
        self._publish([settled for pending in due if (settled := self._charged(pending))])

    def _charged(self, pending: Pending) -> Pending | None:
        """It as it is once every account has its cost; None where that cannot be now, or somebody else has finished it."""
        try:
            settled = self._reconciler.estimate(pending) if pending.state == outbox.INTENT else pending
            if settled is None:
                return None
            self._swept.estimated += settled is not pending
            if self._reconciler.finish(settled):
                return settled
            self._failed("a request's cost is not in every budget yet", request_id=pending.request)
        except Exception as error:
            self._failed("a request could not be finished", error, request_id=pending.request)
        return None

    def _publish(self, charged: Sequence[Pending]) -> None:
        """Every account of these has its cost. Their events, and once they are taken the items go."""
        taken = self._taken([ready for pending in charged if (ready := self._ready(pending))])
        clears = [outbox.clear(self._tables.ledger, pending.pk, pending.sk) for pending in taken]
        for pending, answer in zip(taken, in_waves(self._aws, clears), strict=True):
            if isinstance(answer, AwsError):
                self._failed("a published event was not cleared", answer, request_id=pending.request)
            else:
                self._swept.published += 1

    def _ready(self, pending: Pending) -> Ready | None:
        try:
            return pending, json.dumps(outbox.published_detail(pending), separators=(",", ":"))
        except ValueError as error:
            self._failed("a request could not be finished", error, request_id=pending.request)
            return None

    def _taken(self, ready: Sequence[Ready], most: int = events.MOST) -> list[Pending]:
        """Those whose events the bus has. A call that it refuses is refused for one of them, so that each goes alone then."""
        taken = list[Pending]()
        batches = list(_batches(ready, most))
        puts = [events.put_all(self._tables.bus, events.USAGE_RECORDED, [event for _, event in batch]) for batch in batches]
        for batch, answer in zip(batches, in_waves(self._aws, puts), strict=True):
            if isinstance(answer, Rejected) and len(batch) > 1:
                taken += self._taken(batch, most=1)
                continue
            for (pending, _), error in zip(batch, [answer] * len(batch) if isinstance(answer, AwsError) else answer, strict=True):
                if error is None:
                    taken.append(pending)
                else:
                    self._failed("a usage event waits in the outbox", error, request_id=pending.request)
        return taken

    def _reclaim(self, account: Account) -> None:
        try:
            self._reconciler.reclaim(account)
        except Exception as error:
            self._failed("expired leases could not be returned", error, scope=account[0])

    def _failed(self, what: str, error: Exception | None = None, **of: str) -> None:
        self._swept.failed += 1
        why = {"code": getattr(error, "code", None), "error": type(error).__name__} if error else {}
        telemetry.say("ERROR", what, **why, **of)


def _by(many: int, pendings: Sequence[Pending]) -> Iterator[Sequence[Pending]]:
    for begin in range(0, len(pendings), many):
        yield pendings[begin : begin + many]


def _batches(ready: Sequence[Ready], most: int) -> Iterator[Sequence[Ready]]:
    """What goes in one call each."""
    begin = size = 0
    for place, (_, event) in enumerate(ready):
        if place - begin == most or (place > begin and size + len(event) > events.MOST_BYTES):
            yield ready[begin:place]
            begin, size = place, 0
        size += len(event)
    if ready:
        yield ready[begin:]
