"""Nobody overspends: many containers, and whatever can crash, get lost, be late, repeat or race between any two of their writes.

Always, of every account:      settled + Σ held + remaining = limit, and no lease holds less than nothing
Always, of a hard budget:      all that upstreams have billed is settled or held, and is never more than the limit
In the end, of every account:  settled is what was billed, but for crashed requests, which count in full; every event is published
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from signalbox.admission.budgets import scopes_of
from signalbox.admission.keys import Caller
from signalbox.aws import boto_budgets
from signalbox.aws.client import AwsError
from signalbox.aws.ledger import Desk, Hold, Tables
from signalbox.aws.reconcile import Reconciler
from signalbox.errors import Refusal

from .fake_aws import BotoTable, FakeCloud, Pool, client

TABLES = Tables("control", "ledger", "bus")
CALLER = Caller("k", "t", "a", minted=False)
SCOPES = scopes_of(CALLER)
LIMITS = {"key#k": ("total", True, 900), "tenant#t": ("day", True, 1_200), "team#t/a": ("month", False, 500)}
START_MS = 1_795_391_990_000  # ten seconds before a day ends
SKEWS_MS = (0, 3_000, -3_000, 0, 2_000, -2_000, 1_000, -1_000)
STEPS_MS = (1_000, 9_000, 40_000, 62_000, 130_000, 500_000)
EXAMPLES = int(os.environ.get("LEDGER_EXAMPLES", "0"))
LATE_AT_MOST_MS = 30_000  # that a request may still be done after its sender stopped waiting


class Crash(BaseException):
    pass


@dataclass(frozen=True)
class Act:
    """What somebody does, what befalls it (by the number of the request it sends), and what others do meanwhile.

    step      the next thing that container `who` does: admit a request of `size`, open it, settle it
    crash     it dies; deliver: its delayed requests are done at last; release: SIGTERM
    sweep, advance (time), change (a budget)
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

    def accounts(self):
        return [(scope, period) for scope, periods in self.hold.period_by_scope.items() for period in periods]


@dataclass
class World:
    ignored: tuple[str, ...] = ()
    limits: dict = field(default_factory=lambda: LIMITS)
    faults_a_request: int = 2  # more, and no ledger can know what happened
    now_ms: int = START_MS
    names: int = 0
    depth: int = 0
    is_opening: bool = False
    reached: dict = field(default_factory=dict)

    def __post_init__(self):
        self.cloud = FakeCloud(self.ignored)
        self.most = {}
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
                self._admit(container, act.size)
            elif not container.is_open:
                self._open(container, act.size)
            else:
                self._settle(container)
        except Crash:
            container.is_busy = False
            self._crash(act, container)
        finally:
            container.is_busy = False

    def _crash(self, act, container):
        """With an intent that is not stored yet it does not: what was sent a moment before counts as arrived, see docs/decisions.md."""
        if not container.is_busy and not (container.is_open and not container.hold.stored):
            container.desk, container.hold, container.is_open = None, None, False

    def _release(self, act, container):
        if container.desk and not container.is_busy and not container.is_open:
            container.pool.meddle, container.is_busy = self._meddler(act, container), True
            with suppress(Crash):
                container.desk.release()
            container.desk, container.hold, container.is_busy = None, None, False

    def _deliver(self, act, container):
        if container.pool:
            container.pool.deliver(self.now_ms - LATE_AT_MOST_MS)

    def _advance(self, act, container):
        self.now_ms += 1_000 if self.is_opening else STEPS_MS[act.size % len(STEPS_MS)]

    def _sweep(self, act, container):
        pool = Pool(self.cloud, self._meddler(act, Container(faults_left=2)), lambda: self.now_ms)
        with suppress(Crash, AwsError):  # the next one tries again
            Reconciler(client(pool), TABLES, lambda: self.now_ms + 2_000).sweep(self.now_ms + 60_000_000)

    def _change(self, act, container):
        scope, (kind, hard, limit) = list(self.limits.items())[act.who % len(self.limits)]
        changed = limit * act.size // 10
        control, ledger = (BotoTable(self.cloud, name) for name in (TABLES.control, TABLES.ledger))
        boto_budgets.change(control, ledger, scope, kind, changed, hard, self.now_ms)
        self.most[scope] = max(self.most[scope], changed)

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

    def _admit(self, container, size):
        self.names += 1
        container.faults_left, bound = self.faults_a_request, size * 10
        deadline_ms = self.now_ms + container.skew_ms + (5_000, 100_000, 300_000)[size % 3]
        try:
            container.hold = container.desk.admit(
                CALLER, SCOPES, request_id=f"r{self.names}", bound_nanousd=bound, floor_nanousd=bound // 3, deadline_ms=deadline_ms
            )
        except Refusal:
            container.desk.record({"id": f"r{self.names}"})

    def _open(self, container, size):
        """The upstream is called the moment the intent has left, and bills at once."""
        hold = container.hold
        self.reached[hold.request_id] = request = Reached(hold)
        self.is_opening = True
        try:
            container.desk.open(hold, "target", {"id": hold.request_id})
            container.billed = request.billed = hold.granted_nanousd * size // 20
            container.is_open = True
            hold.opened()
        except Refusal:
            if container.is_open:
                return self._settle(container)
            del self.reached[hold.request_id]
            container.desk.cancel(hold)
            container.hold = None
        finally:
            self.is_opening = False

    def _settle(self, container):
        hold, cost = container.hold, container.billed
        container.desk.settle(hold, cost, {"id": hold.request_id, "cost_nanousd": cost})
        container.hold, container.is_open = None, False

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
        return {(pk, sk.removesuffix("#00")): item for (pk, sk), item in self.cloud.items("ledger").items() if not pk.startswith("pending")}

    def billed(self, account):
        return sum(request.billed for request in self.reached.values() if account in request.accounts())

    def check(self):
        for account, item in self.accounts().items():
            held = sum(lease["held"] for lease in item["leases"].values())
            assert item["settled"] + held + item["remaining"] == item["limit"], "the sum is not conserved"
            assert all(lease["held"] >= 0 for lease in item["leases"].values()), "a lease holds less than nothing"
            if account[1] == "total":
                record = self.cloud.items("control")[account[0], "scope"]
                assert item["limit"] == record["budgets"]["total"]["limit_nanousd"], "a budget changed, and its headroom did not"
            if self.limits[account[0]][1]:
                billed = self.billed(account)
                assert billed <= item["settled"] + held, "something was billed that is neither settled nor held"
                assert billed <= self.most[account[0]], "overspent"

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
            reconciler.reclaim(account)
        self.check()
        for account, item in self.accounts().items():
            in_full = sum(
                request.hold.granted_nanousd if id in self.cloud.estimated else request.billed
                for id, request in self.reached.items()
                if account in request.accounts()
            )
            assert item["settled"] >= self.billed(account), "spent, and not settled"
            assert item["settled"] <= in_full, "settled twice"
            assert not item["leases"], "a lease outlives everything"
        assert not [sk for pk, sk in self.cloud.items("ledger") if pk.startswith("pending")], "an outbox is never cleared"
        published = {event["id"] for event in self.cloud.events}
        assert {id for id, request in self.reached.items() if request.billed} <= published, "an event is lost"


WHO = st.integers(0, len(SKEWS_MS) - 1)
SIZES = st.integers(1, 20)
POSITIONS = st.integers(0, 7) | st.integers(15, 22)  # a sweep begins with sixteen reads
FAULTS = st.tuples(POSITIONS, st.sampled_from(["lost", "late", "late", "delayed", "throttled", "crash", "crash after"]))
WHATS = st.sampled_from(["step"] * 6 + ["advance", "advance", "sweep", "crash", "deliver", "release", "change"])


def acts(others=None):
    meanwhile = st.lists(st.tuples(POSITIONS, others), max_size=2).map(tuple) if others is not None else st.just(())
    faults = st.lists(FAULTS, max_size=2).map(tuple)
    return st.builds(Act, WHO, WHATS, SIZES, faults, meanwhile)


class Ledger(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.world = World()

    @rule(act=acts(acts()))
    def anything(self, act):
        self.world.act(act)

    @rule(who=WHO, size=SIZES, count=st.integers(1, 3))
    def in_peace(self, who, size, count):
        for _ in range(count):
            self.world.act(Act(who, "step", size))

    def teardown(self):
        if hasattr(self, "world"):
            self.world.end()


@pytest.mark.timeout(0 if EXAMPLES else 300)
def test_nobody_overspends_whatever_happens():
    """The same hundred lives every time; with LEDGER_EXAMPLES=5000 in the environment so many new ones, and the failing ones shrunk."""
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=EXAMPLES or 100,
            stateful_step_count=40,
            derandomize=not EXAMPLES,
            phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
