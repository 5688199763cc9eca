"""The desk where a request is admitted: the order of the I/O. `waves` carries it there, and `admission.admitting` decides.

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
from typing import Any

from ..admission.admitting import Admission
from ..admission.budgets import scopes_of
from ..admission.exceeded import BudgetExceeded
from ..admission.keys import Caller
from ..admission.leases import Hand
from ..errors import Refusal
from .client import Aws
from .control import Control, View
from .hold import Hold
from .looks import Look
from .reconcile import Reconciler
from .records import Records
from .tables import Tables
from .till import Till
from .waves import Errand, Waves

__all__ = ["BudgetExceeded", "Desk", "Errand", "Hold", "Tables", "View"]

OPEN_WITHIN_MS = 30_000  # of the admission: half of what is left between the end of a slice and that of its lease
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
        control = Control(tables.control, ticks=ticks, wall=wall)
        self._records = Records(aws, control, self._now_ms)
        self._hand = Hand(container or os.urandom(6).hex())
        self._reconciler = Reconciler(aws, tables, self._now_ms)
        self._till = Till(aws, tables, self._hand, control, self._reconciler, self._now_ms)
        self._under_way: Hold | None = None

    def look(self, scopes: Iterable[str] = ()) -> View:
        """The control view as this container knows it, however old. Reads (one BatchGetItem) only what it never saw.

        Refusal ledger_unavailable where that read fails.
        """
        return self._records.look(tuple(scopes))

    def refresh(self, scopes: Iterable[str] = ()) -> bool:
        """Reads again what of the view is older than 5 s; whether anything was. Before a refusal by what may have changed meanwhile."""
        return self._records.refresh(tuple(scopes))

    def stands(self, caller: Caller) -> View:
        """The view of the caller's own scopes, none of it older than 5 s. Refusal, as `admit` gives it, where the key does not stand."""
        scopes = scopes_of(caller)
        self._records.read(self._records.stale(caller, scopes))
        self._records.check(caller, scopes, self._now_ms())
        return self._records.view(scopes)

    def looked(self, scopes: Iterable[str]) -> Look:
        """An errand that reads what is left in the hard budgets of these, and writes nothing; `admit` it with no scopes."""
        return Look(self._tables.ledger, self._hand, scopes)

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
        known: Iterable[str] = (),
    ) -> Hold:
        """Puts aside between `floor_nanousd` and `bound_nanousd` in every budget of `scopes`, or raises; at most one wave, usually none.

        What a provider's budget has less of limits its own attempts alone (`hold.less_nanousd`), as it takes the cost of no others.

        The control items older than 5 s are read in that same wave: compare `hold.view.live` with the snapshot that the bound was computed
        from; where it moved, `cancel` the hold and admit again (its view is fresh now). `bound == floor` where nothing can be clamped.
        Raises BudgetExceeded (a Refusal with `scope` and `period`, for `UsageRecord.refused_by`), Refusal invalid_key (revoked),
        permission_denied (tenant or team disabled), ledger_unavailable. Only near exhaustion it takes a second wave, and where the first
        request of a period makes its item, or expired leases of others are returned, a few.

        What the `errands` have to do goes along in the same waves; what they raise is raised here, before what a budget refuses. Where it
        raises, they are the caller's to undo. They see the view of `scopes`, of the caller's own, and of those to be `known` besides.
        """
        scopes = tuple(dict.fromkeys(scopes))
        known = tuple(dict.fromkeys((*scopes, *scopes_of(caller), *known)))  # its own team may not be the one that it counts in
        self._drop_what_is_under_way()
        self.look(known)
        admission = Admission(self._hand, bound_nanousd, floor_nanousd)
        try:
            waves = Waves(admission, self._aws, self._tables, self._records, self._reconciler, self._now_ms)
            budgets, now_ms = waves.gather(caller, scopes, known, errands)
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
            less_nanousd=admission.less(),
            view=self._records.view(known),
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

    def _drop_what_is_under_way(self) -> None:
        """A hold that was opened and never settled keeps its leases, for others to finish; one that was not leaves them in hand."""
        if self._under_way and self._under_way.intent is not None:
            self._till.drop(self._under_way)
        self._under_way = None

    def _now_ms(self) -> int:
        return int(self._wall() * 1000)
