"""The desk where a request is admitted and settled: the order of the I/O. What is decided there is `admission.leases`, and pure.

One request at a time, as a container serves them:

    desk = Desk(aws, Tables.from_env(os.environ))         once per container
    caller = keys.authenticate(bearer, ring)              no I/O; Refusal invalid_key
    scopes = budgets.scopes_of(caller, agent, route, providers)
    view = desk.look(scopes)                              no I/O once each scope was seen: cached, of any age
    hold = desk.admit(caller, scopes, request_id=…, bound_nanousd=…, floor_nanousd=…, deadline_ms=…)
    desk.open(hold, target, detail)                       the intent leaves, nobody waits; then call upstream
    hold.opened()                                         before the first byte of the answer goes out
    desk.settle(hold, cost_nanousd, detail)               after the answer
    desk.release()                                        SIGTERM

Refused, failed before an upstream call, or routed anew: `desk.cancel(hold)`. A refused request's own usage event: `desk.record(detail)`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..admission.keys import Caller
from .client import Aws
from .control import View


@dataclass(frozen=True, slots=True)
class Tables:
    """Where the desk reads and writes."""

    control: str
    ledger: str
    bus: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Tables":
        return cls(environ["SIGNALBOX_CONTROL_TABLE"], environ["SIGNALBOX_LEDGER_TABLE"], environ["SIGNALBOX_BUS"])


class Hold:
    """Money put aside for one request, in every budget it touches.

    `granted_nanousd`   what it may cost at most; between the floor and the bound asked for. Less than the bound means: clamp max_tokens.
    `view`              the control view of this admission: never more than 5 s old (up to 60 s where DynamoDB does not answer).
    `period_by_scope`   for `UsageRecord.period_by_scope`; {} where no budget is touched.
    `lease`             for `UsageRecord.lease`.
    """

    request_id: str
    deadline_ms: int
    granted_nanousd: int
    view: View
    period_by_scope: dict[str, list[str]]
    lease: str

    def opened(self) -> None:
        """Waits until the intent is stored (usually it is by now; one retry). Call it before the first byte of the answer.

        Refusal ledger_unavailable where it cannot be stored and a hard budget is held: the upstream call has begun, so settle at what is
        known of it, or at `granted_nanousd`. Without a hard budget it returns and says so in the log.
        """
        raise NotImplementedError


class Desk:
    """One per container, used by one thread."""

    def __init__(self, aws: Aws, tables: Tables) -> None:
        raise NotImplementedError

    def look(self, scopes: Iterable[str] = ()) -> View:
        """The control view as this container knows it, however old. Reads (one BatchGetItem) only what it never saw.

        Refusal ledger_unavailable where that read fails.
        """
        raise NotImplementedError

    def admit(
        self, caller: Caller, scopes: Iterable[str], *, request_id: str, bound_nanousd: int, floor_nanousd: int, deadline_ms: int
    ) -> Hold:
        """Puts aside between `floor_nanousd` and `bound_nanousd` in every budget of `scopes`, or raises; at most one wave, usually none.

        The control items older than 5 s are read in that same wave: compare `hold.view.live` with the snapshot that the bound was computed
        from; where it moved, `cancel` the hold and admit again (its view is fresh now). `bound == floor` where nothing can be clamped.
        Raises BudgetExceeded (a Refusal with `scope` and `period`, for `UsageRecord.refused_by`), Refusal invalid_key (revoked),
        permission_denied (tenant or team disabled), ledger_unavailable.
        """
        raise NotImplementedError

    def open(self, hold: Hold, target: str, detail: Mapping[str, Any]) -> None:
        """Sends the intent without waiting. Call it right before the first upstream call; later calls for the same hold do nothing.

        `detail` is the UsageRecord.to_detail() as far as known; a crash publishes it as outcome `crashed`, estimated, at `granted_nanousd`.
        Refusal ledger_unavailable where the hold is too old to begin (30 s: the container was frozen or stalled).
        """
        raise NotImplementedError

    def settle(self, hold: Hold, cost_nanousd: int, detail: Mapping[str, Any]) -> None:
        """After the answer: the cost into every budget, the event onto the bus, stale control items refreshed. Never raises.

        `detail` is the final UsageRecord.to_detail(). What fails here is logged and finished by `settle_expired`. Also for a hold that was
        never opened (cost 0: the hold goes back, the event is published all the same).
        """
        raise NotImplementedError

    def cancel(self, hold: Hold) -> None:
        """Gives the hold back: nothing was sent upstream and no event is wanted. No I/O. After `open` use `settle`."""
        raise NotImplementedError

    def record(self, detail: Mapping[str, Any]) -> None:
        """Publishes the usage of a request that held nothing (a refusal), through the outbox. After the answer; never raises."""
        raise NotImplementedError

    def release(self) -> None:
        """Returns every lease in one wave and within 300 ms; for SIGTERM. Never raises; nothing depends on it."""
        raise NotImplementedError
