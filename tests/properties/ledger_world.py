"""Many containers at one ledger, and all that can befall them: what the ledger's checks are played on.

After every single write, of every account:
    of each shard     settled + Σ held + remaining = its share; no lease holds less than nothing; no more leases than it may have
    of all shards     the sum of their shares is the limit that the definition names
    of a hard budget  all that upstreams have billed is settled or held, and is never more than the limit;
                      nothing is leased beyond the limit that is in force
In the end:           settled is what was billed, but for crashed requests, which count in full; every event is published
"""

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from traceback import extract_tb
from unittest.mock import patch

from signalbox.admission import admitting, shards
from signalbox.admission.budgets import Raise, scopes_of, to_budgets
from signalbox.admission.keys import Caller
from signalbox.admission.leases import GRACE_MS
from signalbox.admission.periods import kind_of
from signalbox.aws import accounts, boto_accounts, boto_budgets, boto_tables
from signalbox.aws.client import AwsError
from signalbox.aws.ledger import OPEN_WITHIN_MS, BudgetExceeded, Desk, Hold, Tables
from signalbox.aws.reconcile import Reconciler
from signalbox.aws.sweep import Sweep
from signalbox.errors import Refusal

from .fake_aws import BotoTable, FakeCloud, Pool, client

TABLES = Tables("control", "ledger", "bus")
CALLER = Caller("k", "t", "a", minted=False)
SCOPES = scopes_of(CALLER, providers=["p", "q"])
LIMITS = {
    "key#k": ("total", True, 900),
    "tenant#t": ("day", True, 1_200),
    "team#t/a": ("month", False, 500),
    "provider#p": ("total", True, 700),
}
ROOMY = {"key#k": ("total", True, 20_000), "tenant#t": ("day", True, 5_000)}  # hard money leased ahead: much idle, much to lose
LESS = {"key#k": ("total", True, 900), "provider#p": ("total", True, 150)}  # the provider's own attempts may not cost all that is granted
START_MS = 1_795_391_990_000  # ten seconds before a day ends
SKEWS_MS = (0, 3_000, -3_000, 0, 2_000, -2_000, 1_000, -1_000)
STEPS_MS = (1_000, 9_000, 40_000, 62_000, 130_000, 500_000, 22_000, 29_000, 58_000)
LATE_AT_MOST_MS = 30_000  # that a request may still be done after its sender stopped waiting


@contextmanager
def small_shards(containers_an_item=2):
    """As if an item took no more leases than these, and an account had four items at most."""
    with ExitStack() as patches:
        for module, name, value in (
            (shards, "MOST_LEASES", containers_an_item),
            (accounts, "MOST_LEASES", containers_an_item),
            (shards, "MOST_SHARDS", 4),
            (admitting, "MOST_SHARDS", 4),
            (shards, "GROWTH", 2),
        ):
            patches.enter_context(patch.object(module, name, value))
        yield


class Crash(BaseException):
    pass


@contextmanager
def nothing_else_is_raised():
    """Than what the ledger promises. An error of the tests themselves stays one."""
    try:
        yield
    except Exception as error:
        if isinstance(error, AssertionError) or "/tests/" in extract_tb(error.__traceback__)[-1].filename:
            raise
        raise AssertionError(f"it raises a {type(error).__name__}") from error


@dataclass(frozen=True)
class Act:
    """What somebody does, what befalls it (by the number of the request it sends), and what others do meanwhile.

    step      the next thing that container `who` does: admit a request of `size`, open it, settle it
    abandon   what it does under the request that it serves: the handler raised, and the next one comes
    crash     it dies; deliver: its delayed requests are done at last; release: SIGTERM
    many      what its `meanwhile` says, one after the other
    sweep, advance (time), change (a budget's limit), raise (it for a while), flip (a hard one is soft, a soft one hard)
    """

    who: int
    what: str
    size: int = 10
    faults: tuple[tuple[int, str], ...] = ()
    meanwhile: tuple[tuple[int, "Act"], ...] = ()


@dataclass
class Container:
    skew_ms: int = 0
    name: str = ""
    desk: Desk | None = None
    pool: Pool | None = None
    hold: Hold | None = None
    is_open: bool = False
    is_busy: bool = False
    billed: int = 0
    faults_left: int = 0


@dataclass
class Reached:
    """A request that an upstream may have got; the truth about it."""

    hold: Hold
    billed: int = 0
    in_peace: bool = False  # settled by its container, and all that was sent was done
    in_time: bool = False  # and nobody else had settled it

    def accounts(self):
        return [(scope, period) for scope, periods in self.hold.period_by_scope.items() for period in periods]

    def was_waived(self, account):
        return any(part.account == account and part.lease.endswith("-none") for part in self.hold.parts)

    def may_cost_in(self, scope):
        return self.hold.less_nanousd.get(scope, self.hold.granted_nanousd)

    def attempts(self):
        """Some of it at one provider, as far as its budget goes, and the rest at another."""
        at_p = min(self.billed * (self.billed % 4) // 3, self.may_cost_in("provider#p"))
        costs = {"p/x": at_p, "q/y": self.billed - at_p}
        return [{"target": target, "cost_nanousd": cost} for target, cost in costs.items()]

    def billed_in(self, scope):
        costs = {f"provider#{attempt['target'][0]}": attempt["cost_nanousd"] for attempt in self.attempts()}
        return costs.get(scope, self.billed)


@dataclass
class World:
    ignored: tuple[str, ...] = ()
    limits: dict = field(default_factory=lambda: LIMITS)
    faults_a_request: int = 2  # more, and no ledger can know what happened
    dear: bool = False  # some requests cost more than their bound: nothing holds them to the limit then
    now_ms: int = START_MS
    names: int = 0
    depth: int = 0
    is_opening: bool = False
    reached: dict = field(default_factory=dict)
    recorded: set = field(default_factory=set)  # of those refused, of which a usage event tells

    def __post_init__(self):
        self.cloud = FakeCloud(self.ignored, self.check)
        self.may_refuse = any(hard for _, hard, _ in self.limits.values())
        self.most = {}
        self.committed = {}
        for scope, (kind, hard, limit) in self.limits.items():
            row = {"limit_nanousd": limit, "hard": hard, "version": 1}
            self.cloud.items("control")[scope, "scope"] = {"pk": scope, "sk": "scope", "budgets": {kind: row}}
            self.most[scope] = limit
        self.containers = [Container(skew_ms) for skew_ms in SKEWS_MS]

    # What can happen

    def act(self, act):
        if self.depth > 2:
            return
        self.depth += 1
        try:
            with nothing_else_is_raised():
                getattr(self, f"_{act.what}")(act, self.containers[act.who])
        finally:
            self.depth -= 1
            self.check()

    def _step(self, act, container):
        if container.is_busy:
            return
        if container.desk is None:
            self._start(container)
        container.pool.meddle = self._meddler(act, container)
        container.is_busy = True
        try:
            if container.hold is None:
                self._admit(container, act)
            elif not container.is_open:
                self._open(container, act.size, in_peace=not act.faults and not act.meanwhile)
            else:
                self._settle(container, in_peace=not act.faults and not act.meanwhile)
        except Crash:
            container.is_busy = False
            self._crash(act, container)
        finally:
            container.is_busy = False

    def _crash(self, act, container):
        """With an intent that is not stored yet it does not: what was sent a moment before counts as arrived, see docs/decisions.md."""
        if not container.is_busy and not (container.is_open and not container.hold.stored):
            container.desk, container.hold, container.is_open = None, None, False

    def _abandon(self, act, container):
        """The handler raised, and the container lives. The same holds of an intent that is not stored."""
        if not container.is_busy and not (container.is_open and not container.hold.stored):
            container.hold, container.is_open = None, False

    def _release(self, act, container):
        if container.desk and not container.is_busy and not container.is_open:
            container.pool.meddle, container.is_busy = self._meddler(act, container), True
            with suppress(Crash):
                container.desk.release()
            container.desk, container.hold, container.is_busy = None, None, False

    def _many(self, act, container):
        for _, other in act.meanwhile:
            self.act(other)

    def _deliver(self, act, container):
        if container.pool:
            container.pool.deliver(self.now_ms - LATE_AT_MOST_MS)

    def _advance(self, act, container):
        self.now_ms += 1_000 if self.is_opening else STEPS_MS[act.size % len(STEPS_MS)]

    def _sweep(self, act, container):
        pool = Pool(self.cloud, self._meddler(act, Container(faults_left=2)), lambda: self.now_ms)
        with suppress(Crash, AwsError):  # the next one tries again
            swept = Sweep(client(pool), TABLES, lambda: self.now_ms + 2_000).run(self.now_ms + 60_000_000)
            assert not swept.failed or act.faults or self.depth > 1 or any(other.faults for _, other in act.meanwhile), (
                "in peace, and a sweep fails"
            )

    def _change(self, act, container):
        self._revise(act, lambda was, limit: was._replace(limit_nanousd=limit * act.size // 10))

    def _raise(self, act, container):
        until_ms = self.now_ms + STEPS_MS[act.size % len(STEPS_MS)]
        self._revise(act, lambda was, limit: was._replace(raises=(*was.raises, Raise("1", limit * act.size // 20, until_ms))))

    def _flip(self, act, container):
        self._revise(act, lambda was, _: was._replace(hard=not was.hard))

    def _revise(self, act, new):
        scope, (kind, _, limit) = list(self.limits.items())[act.who % len(self.limits)]
        meddle = self._meddler(Act(0, "", meanwhile=act.meanwhile), Container())
        control, ledger = (BotoTable(self.cloud, name, lambda: meddle("", {})) for name in (TABLES.control, TABLES.ledger))

        def revised(_record, was):
            budget = new(was, limit)
            self.most[scope] = max(self.most[scope], budget.limit_at(self.now_ms))
            self.may_refuse |= budget.hard
            return budget

        with patch.object(boto_tables, "pause"), suppress(boto_budgets.Contended, boto_accounts.Torn):
            boto_budgets.revise(control, ledger, scope, kind, self.now_ms, revised)

    def _start(self, container):
        self.names += 1
        container.name = f"{self.names % 16:x}{self.names:011x}"
        container.pool = Pool(self.cloud, now_ms=lambda: self.now_ms)
        container.desk = Desk(
            client(container.pool),
            TABLES,
            wall=lambda: (self.now_ms + container.skew_ms) / 1000,
            ticks=lambda: self.now_ms / 1000,
            container=container.name,
        )

    def _admit(self, container, act):
        self.names += 1
        size, request_id = act.size, f"r{self.names}"
        container.faults_left, bound = self.faults_a_request, size * 10
        deadline_ms = self.now_ms + container.skew_ms + (5_000, 100_000, 300_000)[size % 3]
        try:
            container.hold = container.desk.admit(
                CALLER, SCOPES, request_id=request_id, bound_nanousd=bound, floor_nanousd=bound // 3, deadline_ms=deadline_ms
            )
        except Refusal as refusal:
            self._check_right_to_refuse(refusal)
            if not act.faults and not act.meanwhile and not container.pool.delayed:
                self._check_refusal(refusal, container, bound // 3)
            container.desk.record({"id": request_id})
            self.recorded.add(request_id)
            if not act.faults and not act.meanwhile:
                self._check_finished(request_id)

    def _open(self, container, size, in_peace):
        """The upstream is called the moment the intent has left, and bills at once."""
        hold = container.hold
        self.reached[hold.request_id] = request = Reached(hold)
        self.is_opening = True
        try:
            container.desk.open(hold, "target", {"id": hold.request_id})
            container.billed = request.billed = hold.granted_nanousd * (size * 3 if self.dear and size > 15 else size) // 20
            container.is_open = True
            hold.opened()
            assert hold.stored or not any(budget.hard for budget in hold.budgets.values()), (
                "a request goes on, and its intent is not stored"
            )
        except Refusal:
            if container.is_open:
                assert any(budget.hard for budget in hold.budgets.values()), "a soft budget refuses"
                return self._settle(container)
            assert not in_peace or self.now_ms + container.skew_ms - hold.admitted_ms > OPEN_WITHIN_MS, "refused, and it was in time"
            del self.reached[hold.request_id]
            container.desk.cancel(hold)
            container.hold = None
        finally:
            self.is_opening = False

    def _settle(self, container, in_peace=False):
        hold, cost = container.hold, container.billed
        request = self.reached[hold.request_id]
        container.desk.open(hold, "another target", {"id": hold.request_id})  # a later attempt of the same request
        request.in_peace = in_peace and hold.stored
        container.desk.settle(hold, cost, {"id": hold.request_id, "cost_nanousd": cost, "attempts": request.attempts()})
        container.hold, container.is_open = None, False
        if request.in_peace:
            request.in_time = hold.request_id not in self.cloud.estimated
            self._check_finished(hold.request_id, hold.doubtful or not request.in_time)

    def _meddler(self, act, container):
        faults, meanwhile, sent = dict(act.faults), dict(act.meanwhile), 0

        def meddle(action, payload):
            nonlocal sent
            number, sent = sent, sent + 1
            if number in meanwhile:
                self.act(meanwhile[number])
            fault = faults.get(number)
            if fault in ("crash", "crash after"):
                if container.is_open and not container.hold.stored:
                    return None
                if fault == "crash after":
                    self.cloud.answer(action, payload)
                raise Crash
            if fault:
                container.faults_left -= 1
            return fault if container.faults_left >= 0 else None

        return meddle

    # What must be so

    def accounts(self):
        """Their shards."""
        items = [item for (pk, _), item in sorted(self.cloud.items("ledger").items()) if not pk.startswith("pending")]
        return {account: list(of) for account, of in groupby(items, lambda item: (item["pk"], item["sk"][:-3]))}

    def billed(self, account):
        return sum(request.billed_in(account[0]) for request in self.reached.values() if account in request.accounts())

    def check(self):
        for hand in (container.desk._hand for container in self.containers if container.desk):
            assert hand.unneeded <= hand.leases.keys(), "what is not in hand is remembered for ever"
        for (pk, _), item in self.cloud.items("ledger").items():
            if pk.startswith("pending"):
                assert "request" in item, "nobody knows what an item of the outbox is of"
                early = item.get("estimated") and item["settled_ms"] <= item["deadline_ms"] + GRACE_MS
                assert not early, "taken for dead before its time"
        for account, items in self.accounts().items():
            for item in items:
                held = sum(lease["held"] for lease in item["leases"].values())
                assert item["settled"] + held + item["remaining"] == item["limit"], "the sum is not conserved"
                assert all(lease["held"] >= 0 for lease in item["leases"].values()), "a lease holds less than nothing"
                assert len(item["leases"]) <= shards.MOST_LEASES, "too many leases on one item"
            total = items[0].get("total", items[0]["limit"])
            assert len(items) == items[0].get("shards", 1), "a shard is not counted"
            assert sum(item["limit"] for item in items) == total, "the shares are not the limit"
            self._check_limit(account, total)
            self._check_spent(account, items, total)

    def _check_limit(self, account, total):
        """Where raises have ended nobody may have taken them back yet."""
        if account[1] == "total":
            budget = self._budget(account)
            ends = (0, *(row.until_ms for row in budget.raises))
            assert total in {budget.limit_at(at_ms) for at_ms in ends}, "a budget changed, and its headroom did not"

    def harden(self, limit):
        """The first budget becomes hard, with this limit."""
        self._revise(Act(0, ""), lambda was, _: was._replace(hard=True, limit_nanousd=limit))

    def backdate(self):
        """What there is becomes as an earlier release wrote it, with one item an account."""
        [scope, (kind, _, limit)] = next(iter(self.limits.items()))
        if kind == "total":
            amounts = {"limit": limit, "remaining": limit, "settled": 0, "leases": {}, "budget_version": 1}
            self.cloud.items("ledger")[scope, "total#00"] = {"pk": scope, "sk": "total#00", **amounts}

    def _check_spent(self, account, items, total):
        """A soft budget may be overspent; once it is hard that grows no more, but for what passed without a lease."""
        committed = sum(item["limit"] - item["remaining"] for item in items)
        if self.dear or not items[0].get("hard", self.limits[account[0]][1]):
            self.committed[account] = committed
            self.most[account[0]] = float("inf")
            return
        touching = [request for request in self.reached.values() if account in request.accounts()]
        billed = sum(request.billed_in(account[0]) for request in touching if request.hold.budgets[account].hard)
        assert billed <= committed, "something was billed that is neither settled nor held"
        assert billed <= self.most[account[0]], "overspent"
        unseen = sum(request.hold.granted_nanousd for request in touching if request.was_waived(account))
        asked_ms = min(self.now_ms + min(SKEWS_MS), self.cloud.asked_ms or self.now_ms)  # a write may be slow to arrive
        limit = total if account[1] != "total" else min(total, self._budget(account).limit_at(asked_ms))
        assert committed <= max(limit, self.committed.get(account, 0)) + unseen, "leased beyond the limit"
        self.committed[account] = committed

    def _check_right_to_refuse(self, refusal):
        assert self.may_refuse or "control table" in str(refusal), "a soft budget refuses"

    def _check_refusal(self, refusal, container, floor):
        """In peace nobody is refused what there is, over all shards, nor for others' sake but where all places are taken."""
        if not isinstance(refusal, BudgetExceeded):
            taken = [all(len(item["leases"]) >= shards.MOST_LEASES for item in items) for items in self.accounts().values()]
            assert "share" in str(refusal), "refused in peace as if the ledger did not answer"
            assert any(taken), "refused for want of a place that there was"
            return
        items = self.accounts()[refusal.scope, refusal.period]
        mine = sum(lease["held"] for item in items for id, lease in item["leases"].items() if id.startswith(container.name))
        total = items[0].get("total", items[0]["limit"])
        ended = total - self._budget((refusal.scope, refusal.period)).limit_at(self.now_ms + container.skew_ms)  # a raise, by its clock
        assert sum(item["remaining"] for item in items) + mine - max(0, ended) < floor, "refused, and there was enough"

    def _check_finished(self, request, others_may=False):
        """By whoever served it, and not by the sweeper."""
        waits = any(item.get("request") == request for (pk, _), item in self.cloud.items("ledger").items() if pk.startswith("pending"))
        assert others_may or not waits, "left to the sweeper in peace"

    def _budget(self, account):
        scope, period = account
        [budget] = [each for each in to_budgets(scope, self.cloud.items("control")[scope, "scope"]) if each.kind == kind_of(period)]
        return budget

    def end(self):
        """Everybody finishes or dies, and the sweeper has its time."""
        for container in self.containers:
            if container.is_open and not container.hold.stored:
                self._step(Act(0, "step"), container)
            self._deliver(None, container)
        for _ in range(3):
            self.now_ms += 600_000
            self.act(Act(0, "sweep"))
        reconciler = Reconciler(client(Pool(self.cloud)), TABLES, lambda: self.now_ms)
        for account in self.accounts():
            with nothing_else_is_raised():
                reconciler.reclaim(account)
        self.check()
        for account, items in self.accounts().items():
            settled = sum(item["settled"] for item in items)
            least, most = self._in_full(account)
            assert settled >= self.billed(account) or self.dear, "spent, and not settled"
            assert settled <= most, "settled twice"
            assert settled >= least or self.dear, "not settled at what it was told to cost"
            assert not any(item["leases"] for item in items), "a lease outlives everything"
        assert not [sk for pk, sk in self.cloud.items("ledger") if pk.startswith("pending")], "an outbox is never cleared"
        known = {account for request in self.reached.values() if request.billed for account in request.accounts()}
        known = {account for account in known if (account[0], "scope") in self.cloud.items("control")}
        assert known <= self.accounts().keys(), "spent, and there is no account of it"
        published = {event["id"] for event in self.cloud.events}
        assert self.recorded | {id for id, request in self.reached.items() if request.billed} <= published, "an event is lost"
        for event in self.cloud.events:
            request = self.reached.get(event["id"])
            assert not request or self.dear or event.get("cost_nanousd", 0) >= request.billed, "an event tells less than was billed"

    def _in_full(self, account):
        """What is settled in the end, between these: others settle at its bound for whom could not say that it had settled here."""
        least = most = 0
        for id, request in self.reached.items():
            if account in request.accounts():
                billed = request.billed_in(account[0])
                full = request.may_cost_in(account[0]) if id in self.cloud.estimated and not request.in_time else billed
                least, most = least + (full if id in self.cloud.told or request.in_peace else min(full, billed)), most + full
        return least, most
