"""What a container holds of the budgets, and what it asks the ledger for. No I/O: the desk carries the wants there and the answers back.

An account is one budget in one period; its ledger item keeps settled + Σ held + remaining = limit. A container leases a slice of it and
admits requests from that: while it is in hand no round trip is needed. A slice admits for 60 s after it was last written; the lease stands
60 s longer, so that the intent of any request that it admitted is stored before anyone may return it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import Refusal
from .budgets import Budget

ADMITS_MS = 60_000  # how long a slice admits
GRACE_MS = 60_000  # how long a lease outlives its slice, and a hold its request's deadline
SETTLED_SOON_MS = 2_000  # when to ask again for what others hold: most requests settle within seconds
MOST_LEASES = 64  # of one item; with shards (several items an account) 16 will do
SLICE_BOUNDS = 8  # a slice is for so many requests
TIGHT_BOUNDS = 64  # an account with less room than this leases by the single request and keeps nothing idle

Account = tuple[str, str]  # scope, period id


class Lease(NamedTuple):
    """As it is stored. `seq` is the number of its owner's last write: a write with a number not above it was already done."""

    id: str
    held: int
    seq: int
    expires_ms: int

    @property
    def container(self) -> str:
        return self.id.partition("-")[0]


class Sight(NamedTuple):
    """A ledger item as it was last seen."""

    limit: int
    remaining: int
    settled: int
    version: int
    leases: Mapping[str, Lease]

    def expired(self, now_ms: int) -> list[Lease]:
        return [lease for lease in self.leases.values() if lease.expires_ms < now_ms]


def to_sight(item: Mapping[str, Any]) -> Sight:
    leases = {id: Lease(id, row["held"], row["seq"], row["expires_ms"]) for id, row in item["leases"].items()}
    return Sight(item["limit"], item["remaining"], item["settled"], item["budget_version"], leases)


class Want(NamedTuple):
    """One write: `more` goes from remaining into the lease; or back, where it is negative."""

    account: Account
    lease: str
    number: int
    fresh: bool
    more: int
    hard: bool
    expires_ms: int


class Part(NamedTuple):
    """A hold's share in one account. Its `number` makes its settling happen once."""

    account: Account
    lease: str
    number: int


class BudgetExceeded(Refusal):
    """`scope` and `period` name the budget that refused; `exhausted` is false where requests under way merely hold what is missing."""

    def __init__(self, budget: Budget, period: str, now_ms: int, *, exhausted: bool) -> None:
        again_ms = budget.ends_ms(now_ms) if exhausted else now_ms + SETTLED_SOON_MS
        why = (
            "does not cover this request: ask for less, retry later, or have it raised."
            if exhausted
            else ("is held by requests under way: retry when they have settled.")
        )
        super().__init__(
            "budget_exceeded",
            f"The {budget.kind} budget of {budget.scope} {why}",
            retry_after_s=None if again_ms is None else max(1, -(-(again_ms - now_ms) // 1000)),
        )
        self.scope = budget.scope
        self.period = period
        self.exhausted = exhausted


class Hand:
    """All that one container has leased, and what it last saw of those accounts."""

    def __init__(self, container: str) -> None:
        self.container = container
        self.number = 0
        self.leases: dict[Account, Lease] = {}
        self.remaining: dict[Account, int] = {}
        self.unneeded: set[Account] = set()

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def take(self, account: Account, lease: Lease, remaining: int) -> None:
        self.leases[account], self.remaining[account] = lease, remaining

    def drop(self, account: Account) -> None:
        """Whatever is left of that lease is returned by others once it has expired."""
        self.leases.pop(account, None)
        self.unneeded.discard(account)

    def admits(self, account: Account, now_ms: int) -> bool:
        return account in self.leases and now_ms < self.leases[account].expires_ms - GRACE_MS

    def idle(self, now_ms: int) -> list[Account]:
        """What may go back: slices that admit no more, and those that a refused request left behind."""
        return [account for account in self.leases if account in self.unneeded or not self.admits(account, now_ms)]


class Admission:
    """One request on its way through the accounts it touches: write what `wants` says and report each, until it wants nothing more.

    `missing`   accounts without an item: create them
    `dead`      items with expired leases whose money is needed: return those, then call `reclaimed`
    """

    def __init__(self, hand: Hand, bound: int, floor: int) -> None:
        self._hand = hand
        self._bound, self._floor = bound, floor
        self._budgets: dict[Account, Budget] = {}
        self._goals: dict[Account, int] = {}  # where the slice was refused: what to ask for instead
        self._waived: set[Account] = set()
        self._reclaimed: set[Account] = set()
        self.missing: set[Account] = set()
        self.dead: dict[Account, Sight] = {}

    def touch(self, budgets: Mapping[Account, Budget]) -> None:
        """The budgets that count, which may change while the request is under way."""
        self._budgets = dict(budgets)

    def wants(self, now_ms: int) -> list[Want]:
        return [self._want(account, now_ms) for account in self._budgets if not self._has_enough(account, now_ms)]

    def took(self, want: Want, sight: Sight) -> None:
        """The want was written; `sight` is the item since."""
        self._hand.take(want.account, sight.leases[want.lease], sight.remaining)

    def failed(self, want: Want, sight: Sight | None, now_ms: int) -> None:
        """The want's condition failed on this item (None: there is none). Raises BudgetExceeded or Refusal ledger_unavailable."""
        account, budget = want.account, self._budgets[want.account]
        if sight is None:
            self._hand.drop(account)
            self.missing.add(account)
            return
        mine = sight.leases.get(want.lease)
        if mine and mine.seq == want.number:  # the first try was done, its answer lost
            return self.took(want, sight)
        self._hand.drop(account)
        if mine:
            self._hand.take(account, mine, sight.remaining)
        if not budget.hard:
            return None
        if account not in self._reclaimed and sight.expired(now_ms):
            self.dead[account] = sight
            return None
        room = sight.remaining + (mine.held if mine else 0)
        if room < self._floor:
            raise BudgetExceeded(budget, account[1], now_ms, exhausted=_is_exhausted(sight, self._floor, now_ms))
        if mine is None and len(sight.leases) >= MOST_LEASES:
            raise Refusal("ledger_unavailable", f"Too many callers share {budget.scope} right now: try again.", retry_after_s=1)
        self._goals[account] = _goal(self._bound, self._floor, room, alone=not sight.leases.keys() - {want.lease})
        return None

    def reclaimed(self, account: Account) -> None:
        """Expired leases of the account went back, as far as they could: they are not waited for again."""
        self._reclaimed.add(account)
        self.dead.pop(account, None)

    def unanswered(self, want: Want) -> None:
        """Nobody knows whether it was written. A soft budget lets the request pass, and its cost is recorded later; a hard one does not."""
        self._hand.drop(want.account)
        if self._budgets[want.account].hard:
            message = "The ledger does not answer, and a hard budget holds this call: try again."
            raise Refusal("ledger_unavailable", message, retry_after_s=1)
        self._waived.add(want.account)

    def abandon(self) -> None:
        """The request is refused: what it gathered goes back with the next writes."""
        self._hand.unneeded.update(account for account in self._budgets if account in self._hand.leases)

    def parts(self) -> tuple[Part, ...]:
        """Call it once nothing is wanted. A waived account gets a lease that never was: its cost is charged as that of a lost one."""
        self._hand.unneeded.difference_update(self._budgets)
        number = self._hand.next_number()
        leases = self._hand.leases
        return tuple(
            Part(account, leases[account].id if account in leases else f"{self._hand.container}-none", number) for account in self._budgets
        )

    def granted(self) -> int:
        return min([self._bound, *(self._hand.leases[account].held for account in self._budgets if account not in self._waived)])

    def _has_enough(self, account: Account, now_ms: int) -> bool:
        if account in self._waived:
            return True
        goal = self._goals.get(account, self._bound)
        return self._hand.admits(account, now_ms) and self._hand.leases[account].held >= goal

    def _want(self, account: Account, now_ms: int) -> Want:
        budget, lease = self._budgets[account], self._hand.leases.get(account)
        held = lease.held if lease else 0
        if account in self._goals:
            more = self._goals[account] - held
        else:
            more = max(0, slice_size(self._bound, self._hand.remaining.get(account, budget.limit_at(now_ms)), budget.hard) - held)
        number = self._hand.next_number()
        return Want(
            account=account,
            lease=lease.id if lease else f"{self._hand.container}-{number}",
            number=number,
            fresh=lease is None,
            more=more,
            hard=budget.hard,
            expires_ms=now_ms + ADMITS_MS + GRACE_MS,
        )


def slice_size(bound: int, remaining: int, hard: bool) -> int:
    """What to lease for a request: for some that may follow too, but never much of what remains, and for it alone where that is little."""
    ample = bound * SLICE_BOUNDS
    return max(bound, min(ample, remaining // TIGHT_BOUNDS)) if hard else ample


def surplus(held: int, granted: int, remaining: int, hard: bool) -> int:
    """What goes back when a request is settled: nothing where there is room for all, everything where there is not."""
    return held if hard and remaining < granted * TIGHT_BOUNDS else 0


class Unsettled(NamedTuple):
    """Why a part did not take its cost. `gone`: its lease went back. Neither: try again with `covered`, what the lease has for it."""

    missing: bool = False
    gone: bool = False
    covered: int = 0


def why_unsettled(part: Part, cost: int, sight: Sight | None) -> Unsettled | None:
    """The condition of a settling failed on this item. None: it was done before."""
    if sight is None:
        return Unsettled(missing=True)
    lease = sight.leases.get(part.lease)
    if lease is None:
        return Unsettled(gone=True)
    return None if lease.seq >= part.number else Unsettled(covered=min(cost, lease.held))


def _goal(bound: int, floor: int, room: int, alone: bool) -> int:
    """The bound where it fits. Else all there is where nobody else is about, and half of it where somebody is: the next gets some."""
    if room >= bound:
        return bound
    return room if alone else max(floor, room // 2)


def _is_exhausted(sight: Sight, floor: int, now_ms: int) -> bool:
    """Whether what is missing is spent, and not merely held by others."""
    held = any(lease.held and lease.expires_ms >= now_ms for lease in sight.leases.values())
    return not held or sight.limit - sight.settled < floor
