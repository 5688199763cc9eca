"""What one request wants of the accounts it touches, and what is made of the answers. Pure: `aws.waves` carries them."""

from collections.abc import Iterator, Mapping

from ..errors import Refusal, whose
from .budgets import PROVIDER, Budget
from .covers import is_exhausted, limit_of, room
from .exceeded import BudgetExceeded
from .leases import ADMITS_MS, NO_LEASE, Hand, Part, Want, slice_size
from .shards import MOST_SHARDS, SHUT_MS, Account, Giver, Lease, Level, Sight, chosen, gathered, levelled, open_until_ms, owes_within


class Admission:
    """One request on its way through the accounts it touches: write what `wants` says and report each, until it wants nothing more.

    `missing`   accounts without an item: create them
    `outdated`  accounts whose budget is not what it was taken for: read its definition again
    `unseen`    accounts of which one shard does not suffice: read all shards, and report them to `seen`
    `changes`   what is to be written to an account's shards before the next want
    `left`      leases, and their shards, that it had where others suffice: return them
    `dead`      accounts with expired leases whose money is needed: return those, then call `reclaimed`
    """

    def __init__(self, hand: Hand, bound: int, floor: int) -> None:
        self._hand = hand
        self._bound, self._floor = bound, floor
        self._budgets: dict[Account, Budget] = {}
        self._goals: dict[Account, int] = {}  # where the slice was refused: what to ask for instead
        self._waived: set[Account] = set()
        self._reclaimed: set[Account] = set()
        self._elsewhere: set[Account] = set()  # where one shard was full, and another was tried unseen
        self._givers: dict[Account, tuple[Giver, ...]] = {}  # whose headroom the next want takes along
        self._behind: set[Account] = set()  # where others came first the last time
        self._outrun: dict[Account, Want] = {}  # by others, who came first with that headroom; or by its own first try
        self.missing: set[Account] = set()
        self.outdated: set[Account] = set()
        self.unseen: set[Account] = set()
        self.changes: dict[Account, Level] = {}
        self.dead: set[Account] = set()
        self.left: dict[Account, tuple[int, Lease]] = {}

    def touch(self, budgets: Mapping[Account, Budget]) -> None:
        """The budgets that count, which may change while the request is under way; one that becomes hard lets nothing pass unseen."""
        self._budgets = dict(budgets)
        self._waived -= {account for account, budget in budgets.items() if budget.hard}

    def wants(self, now_ms: int) -> list[Want]:
        crowded = self._hand.crowded
        self._waived |= {account for account, budget in self._budgets.items() if not budget.hard and now_ms < crowded.get(account, 0)}
        return [self._want(account, now_ms) for account in self._budgets if not self._has_enough(account, now_ms)]

    def took(self, want: Want, sight: Sight) -> None:
        """The want was written; `sight` is the item since."""
        self._behind.discard(want.account)
        self._hand.take(want.account, sight.leases[want.lease], sight)
        if sight.until_ms <= want.now_ms:  # a soft budget's: its limit was raised, and is not any more
            self.unseen.add(want.account)

    def gathered(self, want: Want) -> None:
        """A want with givers was written. Nothing was seen since; but where one shard did not suffice, little is left."""
        self._behind.discard(want.account)
        self._hand.leases[want.account], self._hand.shards[want.account] = want.lease_after, want.shard
        self._hand.remaining[want.account] = 0

    def outrun(self, want: Want) -> None:
        """The want was not written: others were at one of its shards, or have changed it since it was seen."""
        self._outrun[want.account] = want
        self.unseen.add(want.account)

    def lost(self, now_ms: int) -> Refusal | None:
        """Why it is given up, where others came first at each turn: they hold what it wanted."""
        for account, budget in self._budgets.items():
            if budget.hard and account in self._behind - self.unseen:
                return BudgetExceeded(budget, account[1], now_ms, exhausted=False)
        return None

    def failed(self, want: Want, sight: Sight | None, now_ms: int) -> None:
        """The want's condition failed on this item (None: there is none). Raises BudgetExceeded or Refusal ledger_unavailable."""
        account, hard = want.account, self._budgets[want.account].hard
        if sight is None:
            self._hand.drop(account)
            if want.shard == 0:
                self.missing.add(account)
            self._hand.shards.pop(account, None)
            return None
        mine = sight.leases.get(want.lease)
        if mine and mine.seq == want.number:  # the first try was done, its answer lost
            return self.took(want, sight)
        self._behind.add(account)
        self._hand.drop(account)
        if mine:
            self._hand.take(account, mine, sight)
        is_full = mine is None and sight.is_full
        if is_full and sight.shards > 1 and account not in self._elsewhere:
            self._elsewhere.add(account)
            self._hand.shards[account] = 1 + self._hand.draw % (sight.shards - 1)
            return None
        if not hard and sight.hard:
            self.outdated.add(account)
            return None
        if not is_full and not hard and not sight.is_dated:
            return None
        if not is_full and sight.until_ms > now_ms and room(sight, mine) >= self._bound:
            self._goals[account] = self._bound
            return None
        if sight.shard == 0 and sight.shards <= 1:
            return self.seen(account, sight._replace(parts=(sight,)), now_ms)
        self.unseen.add(account)
        return None

    def seen(self, account: Account, whole: Sight, now_ms: int) -> None:
        """All shards of an account. Raises BudgetExceeded where they do not cover the floor together, or Refusal ledger_unavailable."""
        self.unseen.discard(account)
        self._behind.add(account)
        want = self._outrun.pop(account, None)
        if want and whole.leases.get(want.lease) == want.lease_after:  # the first try was done, its answer lost
            return self.gathered(want)
        budget, lease = self._budgets[account], self._hand.leases.get(account)
        mine = whole.leases.get(lease.id) if lease else None
        is_full = mine is None and all(part.is_full for part in whole.parts)
        if account not in self._reclaimed and (budget.hard or is_full) and whole.expired(now_ms):
            self.dead.add(account)
            return None
        ended = whole.until_ms <= now_ms
        limit = limit_of(budget, whole, now_ms)
        left = room(whole, mine) + limit - whole.limit  # with what was on its way between two shards
        short = budget.hard and left < self._floor
        if whole.until_ms == SHUT_MS and mine and whole.remaining < 0 and not short:  # for what its own lease has too much of
            self.left[account] = self._hand.shards.get(account, 0), mine
            self._hand.drop(account)
            return None
        grow = is_full and not short and len(whole.parts) < MOST_SHARDS
        if ended or grow or (budget.hard and owes_within(whole)):
            if whole.is_torn:
                return None
            self._level(account, whole, limit, open_until_ms(budget, now_ms) if ended else whole.until_ms, grow)
        if short:
            raise BudgetExceeded(budget, account[1], now_ms, exhausted=is_exhausted(whole, limit, self._floor, now_ms))
        if is_full and not grow:
            return self._crowded(account, now_ms)
        goal = self._bound
        if budget.hard:
            goal = self._goals[account] = _goal(goal, self._floor, left, alone=not whole.leases.keys() - {mine.id if mine else ""})
        if account not in self.changes:
            self._place(account, whole, mine, goal)
        return None

    def reclaimed(self, account: Account) -> None:
        """Expired leases of the account went back, as far as they could: they are not waited for again."""
        self._reclaimed.add(account)
        self.dead.discard(account)

    def unanswered(self, account: Account) -> None:
        """Nobody knows whether it was written. A soft budget lets the request pass, and its cost is recorded later; a hard one does not."""
        self._hand.drop(account)
        self.unseen.discard(account)
        if self._budgets[account].hard:
            message = "The ledger does not answer, and a hard budget holds this call: try again."
            raise Refusal("ledger_unavailable", message, retry_after_s=1)
        self._waived.add(account)

    def _level(self, account: Account, whole: Sight, limit: int, until_ms: int, grow: bool) -> None:
        """To its limit, and where its shards are to become more, with a place on a new one."""
        level = levelled(whole, limit, until_ms, hard=self._budgets[account].hard, grow=grow)
        if level.is_needed:
            self.changes[account] = level
        if grow:
            self._hand.shards[account] = len(whole.parts) + self._hand.draw % (level.size - len(whole.parts))

    def _place(self, account: Account, whole: Sight, mine: Lease | None, goal: int) -> None:
        """Where the goal is found, and what other shards give of it: a soft budget stays where its lease is."""
        hard, shard = self._budgets[account].hard, self._hand.shards.get(account, 0)
        lacks = goal - room(whole.parts[shard], mine) if mine else 0
        ample = [part.shard for part in whole.parts if part.remaining >= goal and not part.is_full]
        if mine is None or (hard and lacks > 0 and ample):
            if mine:
                self.left[account] = shard, mine
                self._hand.drop(account)
            shard = self._hand.shards[account] = chosen(whole, goal, self._hand.draw)
            lacks = goal - whole.parts[shard].remaining
        if hard:
            self._givers[account] = gathered(whole, shard, lacks)

    def _crowded(self, account: Account, now_ms: int) -> None:
        budget = self._budgets[account]
        if budget.hard:
            raise Refusal(
                "ledger_unavailable",
                f"Too many callers share the {budget.kind} budget of {whose(budget.scope)} right now: try again.",
                retry_after_s=1,
            )
        self._hand.crowded[account] = now_ms + ADMITS_MS
        self._waived.add(account)

    def abandon(self) -> None:
        """The request is refused: what it gathered goes back with the next writes, and what it was about to return with them."""
        for account, (shard, lease) in self.left.items():
            self._hand.leases[account], self._hand.shards[account] = lease, shard
        self.left.clear()
        self._hand.unneeded.update(account for account in self._budgets if account in self._hand.leases)

    def parts(self) -> tuple[Part, ...]:
        """Call it once nothing is wanted. A waived account gets a lease that never was: its cost is charged as that of a lost one."""
        self._hand.unneeded.difference_update(self._budgets)
        number = self._hand.next_number()
        leases, shards = self._hand.leases, self._hand.shards
        none = self._hand.container + NO_LEASE
        return tuple(
            Part(account, leases[account].id if account in leases else none, number, shards.get(account, 0)) for account in self._budgets
        )

    def granted(self) -> int:
        """What all of the request may cost: a provider's budget is about its own attempts alone."""
        return min([self._bound, *(held for scope, held in self._held() if not scope.startswith(PROVIDER))])

    def less(self) -> dict[str, int]:
        """By the scope of a provider, what its own attempts may cost, where that is less."""
        granted = self.granted()
        return {scope: held for scope, held in sorted(self._held(), reverse=True) if held < granted}  # the least of several comes last

    def _held(self) -> Iterator[tuple[str, int]]:
        return ((account[0], self._hand.leases[account].held) for account in self._budgets if account not in self._waived)

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
            now_ms=now_ms,
            shard=self._hand.shards.get(account, 0),
            held=held,
            givers=self._givers.pop(account, ()),
        )


def _goal(bound: int, floor: int, room: int, alone: bool) -> int:
    """The bound where it fits. Else all there is where nobody else is about, and half of it where somebody is: the next gets some."""
    if room >= bound:
        return bound
    return room if alone else max(floor, room // 2)
