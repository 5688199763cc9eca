"""One life of one worker: a container that admits, calls an upstream and settles, until it is killed or the budgets refuse it for long."""

import os
import signal
from random import Random

from ops.local.processes import die_with_parent
from signalbox.admission.exceeded import BudgetExceeded
from signalbox.admission.leases import ADMITS_MS, GRACE_MS
from signalbox.aws.ledger import Desk, Hold
from signalbox.errors import Refusal

from .storm import BOUND, FLOOR, Part, Site, aws
from .truth import Truth
from .wire import RoughWire, Wire

DRY = 12  # refusals in a row, after which it gives up
SKEW_S = 2.0
PATIENCE_S = 5  # of a request, by the fast clock, as all here
UPSTREAM_S = (0.02, 0.2)
PAUSE_S = (0.1, 0.4)
CHANGES_ITS_MIND, BREAKS = 0.03, 0.1
SLEEPS, IS_LATE = 0.001, 0.001  # besides one worker of each storm that surely does


def live(site: Site, part: Part) -> None:
    """Of a process of its own."""
    alone(site)
    worker = Worker(site, part)
    signal.signal(signal.SIGTERM, worker.end)
    worker.run()


def alone(site: Site) -> None:
    """Nothing that is said is for the terminal, and nobody outlives the test."""
    log = os.open(site.folder / "workers.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if bind := die_with_parent():
        bind()


class Worker:
    def __init__(self, site: Site, part: Part) -> None:
        self._part = part
        self._draw = Random(f"{site.seed}/{part.storm.number}/{part.name}")
        self._clock = site.clock._replace(skew_s=0 if part.last else self._draw.uniform(-SKEW_S, SKEW_S))
        self._truth = Truth(site.truths(part.storm) / f"{part.name}.jsonl")
        wire = Wire(site.bus) if part.last else RoughWire(site.bus, self._draw, part.storm.dies, self._spoilt)
        self._desk = Desk(aws(site, wire), part.storm.tables, wall=self._clock.wall, ticks=self._clock.ticks)
        self._ended = False
        self._asked = 0

    def end(self, *_: object) -> None:
        self._ended = True

    def _spoilt(self, fault: str) -> None:
        self._truth.tell("spoilt", fault=fault)

    def run(self) -> None:
        """Until it is refused so often in a row; the last of all asks but once, when nobody else is there."""
        dry = 0
        while dry < (1 if self._part.last else DRY) and not self._ended:
            if self._ask():
                dry = 0
                self._perhaps_sleep()
            else:
                dry += 1
                self._clock.sleep(self._draw.uniform(*PAUSE_S))
        self._desk.release()
        self._truth.tell("gone", dry=dry)

    def _ask(self) -> bool:
        """False where a budget refused it."""
        self._asked += 1
        id, now_ms = f"{self._part.name}-{self._asked}", self._clock.now_ms()
        try:
            hold = self._desk.admit(
                self._part.caller,
                self._part.scopes,
                request_id=id,
                bound_nanousd=self._draw.randint(BOUND // 2, BOUND),
                floor_nanousd=FLOOR,
                deadline_ms=now_ms + PATIENCE_S * 1000,
            )
        except BudgetExceeded as refusal:
            self._truth.tell("denied", floor=FLOOR, scopes=self._part.scopes, by=refusal.scope, exhausted=refusal.exhausted)
            if self._draw.random() < BREAKS:
                self._desk.record({"id": f"refused-{id}", "cost_nanousd": 0})
            return False
        except Refusal as refusal:
            self._truth.tell("unanswered", code=refusal.code, why=refusal.message)
            return True
        self._truth.tell("admitted", id=id, granted=hold.granted_nanousd, scopes=self._part.scopes)
        if self._draw.random() < CHANGES_ITS_MIND:
            self._desk.cancel(hold)
            self._truth.tell("cancelled", id=id)
        else:
            self._call(hold)
        return True

    def _call(self, hold: Hold) -> None:
        id, broken = hold.request_id, self._draw.random() < BREAKS
        try:
            self._desk.open(hold, "upstream", {"id": id, "cost_nanousd": 0})
        except Refusal:
            self._desk.cancel(hold)
            self._truth.tell("cancelled", id=id)
            return
        bills = self._draw.randint(0, hold.granted_nanousd)
        self._truth.tell("begun", id=id, bills=bills, certain=True)  # whatever becomes of us, the upstream has the request
        try:
            hold.opened()
        except Refusal:
            broken = True
        self._clock.sleep(self._draw.uniform(*UPSTREAM_S))
        if self._is_late():
            self._clock.sleep(PATIENCE_S + GRACE_MS / 1000 + self._draw.uniform(5, 40))
        cost = hold.granted_nanousd if broken else bills  # what a stream that broke has cost can but be estimated
        self._truth.tell("billed", id=id, cost=cost, broken=broken, certain=True)
        self._desk.settle(hold, cost, {"id": id, "cost_nanousd": cost, "estimated": broken})
        self._truth.tell("settled", id=id)

    def _is_late(self) -> bool:
        """Whether the sweeper has settled it before it comes to that itself."""
        first = self._part.who == 0 and self._part.life == 0 and self._asked == 1
        return not self._part.last and (first or self._draw.random() < IS_LATE)

    def _perhaps_sleep(self) -> None:
        """Frozen with leases in hand, which may be somebody else's when it wakes."""
        first = self._part.who == 1 and self._part.life == 0 and self._asked == 1
        if not self._part.last and (first or self._draw.random() < SLEEPS):
            self._clock.sleep((ADMITS_MS + GRACE_MS) / 1000 * self._draw.uniform(0.4, 1.1))
