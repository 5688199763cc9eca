"""No target is asked for more than it declares: many containers with clocks a second apart, between whose writes others write.

Always, of every target and window:   the attempts let through are no more than its limit, and neither are the tokens they took or used
Always, of every target:              no more are under way at once than it has places
In the end:                           whatever crashed or got lost, the next minute has all of its room again

Where DynamoDB did not answer nobody is refused: those attempts are known by having no window, and are not counted.
"""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalbox.aws.capacity import Capacities, Slot
from signalbox.routing.catalog import Capacity, Target, Timeouts

from .crowd import LASTS_MS, MINUTE_MS, SKEWS_MS, Crowd, acts, breaks_without, played
from .fake_aws import client

MOST_SKEW_MS = 1_000
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
    until_ms: int
    used: int | None = None  # None while it is under way
    is_over: bool = False


class World(Crowd):
    START_MS = 29_920_500 * MINUTE_MS + 55_000  # five seconds before a minute ends

    def limiter(self, pool, wall):
        return Capacities(client(pool), "ledger", wall)

    def _take(self, act, container):
        for _ in range(act.times):
            at_ms = self.now_ms
            slot = self.take(container, act.target, act.tokens)
            if slot:
                until_ms = at_ms + LASTS_MS
                attempt = Attempt(act.target, slot, at_ms, until_ms, is_over=until_ms <= self.now_ms)  # time goes on between its writes too
                self.asked.append(attempt)
                container.under_way.append(attempt)

    def take(self, container, target, tokens=100):
        known = Target(target, "p", target, 1, 1, frozenset(), None, timeouts=Timeouts(5, 10, 30), capacity=TARGETS[target])
        now_ms = self.now_ms + container.skew_ms
        return container.limiter.take(known, tokens, now_ms, now_ms + LASTS_MS)

    def _give(self, act, container):
        if container.under_way:
            attempt = container.under_way.pop(0)
            attempt.is_over = True
            attempt.used = attempt.slot.tokens * act.share // 100
            container.limiter.give(attempt.slot, attempt.used)

    def check(self):
        for target, capacity in TARGETS.items():
            mine = [attempt for attempt in self.asked if attempt.target == target and attempt.slot.minute]
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
            assert target in last.limiter.full(self.now_ms)


plain = st.builds(
    Act,
    st.sampled_from(["take", "take", "take", "give", "give", "crash", "advance"]),
    who=st.integers(0, len(SKEWS_MS) - 1),
    target=st.sampled_from(sorted(TARGETS)),
    times=st.integers(1, 12),
    tokens=st.sampled_from([1, 100, 400, 2_000]),
    share=st.sampled_from([0, 50, 100, 300]),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(acts(plain))
def test_no_target_is_asked_for_more_than_it_declares(acts):
    world = played(World(), acts)
    assert all(attempt.slot.minute for attempt in world.asked)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(acts(plain, ["late", "lost", "throttled"]))
def test_answers_that_get_lost_let_nobody_through_who_was_counted(acts):
    played(World(), acts)


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
    other = Act("take", 3, target, times=2, tokens=400)
    meanwhile = ((1, other),) if "exists" in condition else ()
    story = [Act("take", 0, target, tokens=400, meanwhile=meanwhile), other, Act("take", 0, target, times=2, tokens=400)]
    breaks_without(condition, World, story)
