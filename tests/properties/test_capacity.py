"""No target is asked for more than it declares: many containers with clocks a second apart, between whose writes others write.

Always, of every target and window:   the attempts let through are no more than its limit, and neither are the tokens they took or used
Always, of every target:              no more are under way at once than it has places
In the end:                           whatever crashed or got lost, the next minute has all of its room again

Where DynamoDB did not answer nobody is refused: those attempts are known by having no window, and are not counted.
"""

from contextlib import nullcontext
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalbox.aws.capacity import Capacities, Slot
from signalbox.routing.catalog import Capacity, Target, Timeouts

from .fake_aws import FakeCloud, Pool, client

START_MS = 29_920_500 * 60_000 + 55_000  # five seconds before a minute ends
SKEWS_MS = (0, 1_000, -1_000, 500)
STEPS_MS = (50, 600, 1_000, 3_000, 20_000, 61_000)
MINUTE_MS, LASTS_MS, MOST_SKEW_MS = 60_000, 20_000, 1_000
TARGETS = {
    "requests": Capacity(requests_per_minute=3),
    "many": Capacity(requests_per_minute=400),
    "tokens": Capacity(tokens_per_minute=1_000),
    "places": Capacity(concurrency=2),
    "all": Capacity(5, 1_500, 2),
}


@dataclass(frozen=True)
class Act:
    """What container `who` does, what befalls its requests (by number), and who acts in between.

    take      `times` attempts at `target`, each of `tokens`
    give      its oldest attempt is over, and has used `share` percent of what it took
    crash     it dies with all it has; advance: time goes on by step `times`
    """

    what: str
    who: int = 0
    target: str = "all"
    times: int = 1
    tokens: int = 100
    share: int = 100
    faults: tuple[tuple[int, str], ...] = ()
    meanwhile: tuple[tuple[int, "Act"], ...] = ()


@dataclass
class Attempt:
    target: str
    slot: Slot
    at_ms: int
    used: int | None = None  # None while it is under way
    is_over: bool = False


@dataclass
class Container:
    skew_ms: int
    capacities: Capacities | None = None
    pool: Pool | None = None
    under_way: list = field(default_factory=list)
    is_busy: bool = False


class World:
    def __init__(self, ignored=()):
        self.cloud = FakeCloud(ignored)
        self.now_ms = START_MS
        self.depth = 0
        self.containers = [Container(skew_ms) for skew_ms in SKEWS_MS]
        self.attempts = []
        for container in self.containers:
            self._start(container)

    def _start(self, container):
        container.pool = Pool(self.cloud)
        container.capacities = Capacities(client(container.pool), "ledger", lambda: (self.now_ms + container.skew_ms) / 1000)
        container.under_way = []

    def act(self, act):
        container = self.containers[act.who]
        if container.is_busy or self.depth > 2:
            return
        self.depth += 1
        container.is_busy = True
        container.pool.meddle = self._meddler(act)
        try:
            getattr(self, f"_{act.what}")(act, container)
        finally:
            container.is_busy = False
            self.depth -= 1
        self.check()

    def _meddler(self, act):
        number, meanwhile, faults = iter(range(10_000)), dict(act.meanwhile), dict(act.faults)

        def meddle(_action, _payload):
            request = next(number)
            if request in meanwhile:
                self.act(meanwhile[request])
            return faults.get(request)

        return meddle

    def _take(self, act, container):
        for _ in range(act.times):
            at_ms = self.now_ms
            slot = self.take(container, act.target, act.tokens)
            if slot:
                attempt = Attempt(act.target, slot, at_ms, is_over=at_ms + LASTS_MS <= self.now_ms)  # time goes on between its writes too
                self.attempts.append(attempt)
                container.under_way.append(attempt)

    def take(self, container, target, tokens=100):
        known = Target(target, "p", target, 1, 1, frozenset(), None, timeouts=Timeouts(5, 10, 30), capacity=TARGETS[target])
        now_ms = self.now_ms + container.skew_ms
        return container.capacities.take(known, tokens, now_ms, now_ms + LASTS_MS)

    def _give(self, act, container):
        if container.under_way:
            attempt = container.under_way.pop(0)
            attempt.is_over = True
            attempt.used = attempt.slot.tokens * act.share // 100
            container.capacities.give(attempt.slot, attempt.used)

    def _crash(self, _act, container):
        for attempt in container.under_way:
            attempt.is_over = True  # with its container; what it took stays taken
        self._start(container)

    def _advance(self, act, _container):
        self.now_ms += STEPS_MS[act.times % len(STEPS_MS)]
        for container in self.containers:
            for attempt in container.under_way:
                attempt.is_over = attempt.is_over or attempt.at_ms + LASTS_MS <= self.now_ms

    def check(self):
        for target, capacity in TARGETS.items():
            mine = [attempt for attempt in self.attempts if attempt.target == target and attempt.slot.minute]
            for minute in {attempt.slot.minute for attempt in mine}:
                of_it = [attempt for attempt in mine if attempt.slot.minute == minute]
                if capacity.requests_per_minute:
                    assert len(of_it) <= capacity.requests_per_minute
                if capacity.tokens_per_minute:
                    beyond = sum(max(0, (attempt.used or 0) - attempt.slot.tokens) for attempt in of_it)  # nobody could know
                    taken = sum(attempt.slot.tokens if attempt.used is None else attempt.used for attempt in of_it)
                    assert taken <= capacity.tokens_per_minute + beyond
            if capacity.requests_per_minute:
                by_the_clock = [a.at_ms // MINUTE_MS for a in mine if MOST_SKEW_MS <= a.at_ms % MINUTE_MS < MINUTE_MS - MOST_SKEW_MS]
                assert all(by_the_clock.count(minute) <= capacity.requests_per_minute for minute in set(by_the_clock))
            if capacity.concurrency:
                assert sum(not attempt.is_over for attempt in mine) <= capacity.concurrency

    def end(self):
        """Everybody is gone, but for one who asks for all there is."""
        self.now_ms += 10 * MINUTE_MS
        self.now_ms -= self.now_ms % MINUTE_MS - 10_000
        last = self.containers[0]
        self._crash(None, last)
        last.pool.meddle = lambda *_: None
        for target, capacity in TARGETS.items():
            room = min(
                capacity.requests_per_minute or 10_000,
                (capacity.tokens_per_minute or 10_000_000) // 100,
                capacity.concurrency or 10_000,
            )
            assert sum(self.take(last, target) is not None for _ in range(room + 1)) == room
            assert target in last.capacities.full(self.now_ms)


plain = st.builds(
    Act,
    st.sampled_from(["take", "take", "take", "give", "give", "crash", "advance"]),
    who=st.integers(0, len(SKEWS_MS) - 1),
    target=st.sampled_from(sorted(TARGETS)),
    times=st.integers(1, 12),
    tokens=st.sampled_from([1, 100, 400, 2_000]),
    share=st.sampled_from([0, 50, 100, 300]),
)
requests = st.integers(0, 4)


def between(inner, faults):
    return st.builds(
        lambda act, faults, meanwhile: Act(**vars(act) | {"faults": tuple(faults), "meanwhile": tuple(meanwhile)}),
        plain,
        st.lists(st.tuples(requests, st.sampled_from(faults)), max_size=2) if faults else st.just(()),
        st.lists(st.tuples(requests, inner), max_size=3),
    )


def acts(faults=()):
    return st.lists(between(between(plain, faults), faults), min_size=3, max_size=25)


def played(acts):
    world = World()
    for act in acts:
        world.act(act)
    world.end()
    return world


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(acts())
def test_no_target_is_asked_for_more_than_it_declares(acts):
    world = played(acts)
    assert all(attempt.slot.minute for attempt in world.attempts)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(acts(["late", "lost", "throttled"]))
def test_answers_that_get_lost_let_nobody_through_who_was_counted(acts):
    played(acts)


@pytest.mark.parametrize(
    ("condition", "target"),
    [
        ("#requests < :requests_end", "requests"),
        ("#tokens < :tokens_end", "tokens"),
        ("size(#slots) < :places", "places"),
        ("#minute < :before", "requests"),
        ("attribute_not_exists(#pk)", "places"),
    ],
)
def test_without_its_condition_a_write_lets_too_many_through(condition, target):
    """What each container knows is old when it writes; with all conditions the same story is well."""
    other = Act("take", 3, target, times=2, tokens=400)
    meanwhile = ((1, other),) if "exists" in condition else ()
    story = [Act("take", 0, target, tokens=400, meanwhile=meanwhile), other, Act("take", 0, target, times=2, tokens=400)]
    for ignored in ((), (condition,)):
        world = World(ignored)
        with pytest.raises(AssertionError) if ignored else nullcontext():
            for act in story:
                world.act(act)
