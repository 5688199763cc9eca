"""No caller has more than its limits: many containers with clocks a second apart, between whose writes others write.

Always, of every scope and window:   the requests let in are no more than its limit, and neither are the tokens they took or used
Always, of every scope:              no more are under way at once than it has places
In the end:                          whatever crashed, was refused or got lost, the next hour has all of its room again

Where DynamoDB did not answer nobody is refused: those requests are known by not having been counted.
"""

from contextlib import nullcontext
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalbox.admission.keys import Caller
from signalbox.admission.rates import Need
from signalbox.aws.control import View
from signalbox.aws.rates import Rates
from signalbox.errors import Refusal

from .fake_aws import FakeCloud, Pool, client

MINUTE_MS, HOUR_MS, LASTS_MS = 60_000, 3_600_000, 20_000
START_MS = 498_675 * HOUR_MS - 65_000  # five seconds before the last minute of an hour
SKEWS_MS = (0, 1_000, -1_000, 500)
STEPS_MS = (50, 600, 1_000, 3_000, 20_000, 61_000)
NO_DEFAULTS = {"requests_per_minute": None, "requests_per_hour": None}
CALLERS = {
    "requests": (Caller("requests", "t", "a", minted=True), {"requests_per_minute": 3, "requests_per_hour": 5}),
    "many": (Caller("many", "t", "a", minted=True), {"requests_per_minute": 400, "requests_per_hour": 700}),
    "tokens": (
        Caller("tokens", "t", "a", minted=True),
        {"requests_per_minute": None, "requests_per_hour": None, "tokens_per_minute": 1_000},
    ),
    "places": (Caller("places", "t", "b", minted=True), {"requests_per_minute": None, "requests_per_hour": None, "concurrency": 2}),
}
LIMITS = {f"key#{name}": limits for name, (_, limits) in CALLERS.items()} | {
    "team#t/a": {"requests_per_hour": 12},
    "team#t/b": {},
    "tenant#t": {"requests_per_minute": 9, "tokens_per_minute": 3_000, "concurrency": 3},
}
RECORDS = {scope: {"limits": limits} for scope, limits in LIMITS.items()}


@dataclass(frozen=True)
class Act:
    """What container `who` does, what befalls its calls (by number), and who acts in between.

    ask       `times` requests of a caller, each of `tokens`, of which the last goes on
    leave     the one under way is over, and has used `share` percent of what was expected
    release   it ends in good order; crash: it dies with all it has; advance: time goes on by step `times`
    """

    what: str
    who: int = 0
    caller: str = "requests"
    times: int = 1
    tokens: int = 100
    share: int = 100
    faults: tuple[tuple[int, str], ...] = ()
    meanwhile: tuple[tuple[int, "Act"], ...] = ()


@dataclass
class Request:
    """`counted`: by scope, in which minute; `taken` tokens by scope."""

    entry: object
    counted: dict
    taken: dict
    until_ms: int
    used: int | None = None
    is_over: bool = False


@dataclass
class Container:
    skew_ms: int
    rates: Rates | None = None
    pool: Pool | None = None
    under_way: list = field(default_factory=list)
    is_busy: bool = False


class World:
    def __init__(self, ignored=()):
        self.cloud = FakeCloud(ignored)
        self.now_ms = START_MS
        self.depth = 0
        self.requests = []
        self.containers = [Container(skew_ms) for skew_ms in SKEWS_MS]
        for container in self.containers:
            self._start(container)

    def _start(self, container):
        container.pool = Pool(self.cloud)
        container.rates = Rates(client(container.pool), "ledger", lambda: (self.now_ms + container.skew_ms) / 1000)
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
            call = next(number)
            if call in meanwhile:
                self.act(meanwhile[call])
            return faults.get(call)

        return meddle

    def _ask(self, act, container):
        for _ in range(act.times):
            self._leave(act, container)
            self.ask(container, act.caller, act.tokens)

    def ask(self, container, name, tokens=100):
        caller, _ = CALLERS[name]
        until_ms, now_ms = self.now_ms + LASTS_MS, self.now_ms + container.skew_ms
        scopes = (f"key#{name}", f"team#t/{caller.team}", "tenant#t")
        entry = container.rates.entry(caller, scopes, Need(tokens, 0), now_ms + LASTS_MS)
        try:
            while calls := entry.calls(View({}, {}, RECORDS, fresh=True), self.now_ms + container.skew_ms):
                entry.heard(client(container.pool).wave(calls))
        except Refusal:
            entry.leave(0)()
            return False
        takings = entry._takings.items()
        counted, taken = ({scope: getattr(taking, name) for scope, taking in takings} for name in ("minute", "need"))
        request = Request(entry, counted, taken, until_ms, is_over=until_ms <= self.now_ms)
        self.requests.append(request)
        container.under_way.append(request)
        return True

    def _leave(self, act, container):
        if container.under_way:
            request = container.under_way.pop(0)
            request.is_over, request.used = True, act.tokens * act.share // 100
            request.entry.leave(request.used)()

    def _release(self, act, container):
        self._leave(act, container)
        container.rates.release()
        self._start(container)

    def _crash(self, _act, container):
        for request in container.under_way:
            request.is_over = True  # with its container; what it took stays taken
        self._start(container)

    def _advance(self, act, _container):
        self.now_ms += STEPS_MS[act.times % len(STEPS_MS)]
        for request in self.requests:
            request.is_over = request.is_over or request.until_ms <= self.now_ms

    def check(self):
        for scope, limits in LIMITS.items():
            mine = [request for request in self.requests if scope in request.counted]
            for field_, span in (("requests_per_minute", 1), ("requests_per_hour", 60)):
                windows = [request.counted[scope] // span for request in mine]
                if limits.get(field_):
                    assert all(windows.count(window) <= limits[field_] for window in set(windows)), (scope, field_)
            if most := limits.get("tokens_per_minute"):
                for minute in {request.counted[scope] for request in mine}:
                    of_it = [(request.taken[scope]["tokens"], request.used) for request in mine if request.counted[scope] == minute]
                    beyond = sum(max(0, (used or 0) - taken) for taken, used in of_it)  # nobody could know
                    assert sum(taken if used is None else used for taken, used in of_it) <= most + beyond, scope
            if most := limits.get("concurrency"):
                assert sum(not request.is_over for request in mine) <= most, scope

    def end(self):
        """Everybody is gone, but for one who asks for all there is."""
        last = self.containers[0]
        last.pool.meddle = lambda *_: None
        for name, room in (("requests", 3), ("many", 9), ("tokens", 9), ("places", 2)):
            self.now_ms += 2 * HOUR_MS
            self.now_ms -= self.now_ms % HOUR_MS - 10_000
            self._crash(None, last)
            assert [self.ask(last, name) and self._kept(last, name) for _ in range(room + 1)] == [True] * room + [False], name
            for request in self.requests:
                request.is_over = True

    def _kept(self, container, name):
        """Whose places are limited stays; the others leave at once."""
        if name != "places":
            self._leave(Act("leave"), container)
        return True


plain = st.builds(
    Act,
    st.sampled_from(["ask", "ask", "ask", "leave", "leave", "release", "crash", "advance"]),
    who=st.integers(0, len(SKEWS_MS) - 1),
    caller=st.sampled_from(sorted(CALLERS)),
    times=st.integers(1, 12),
    tokens=st.sampled_from([1, 100, 400, 900]),
    share=st.sampled_from([0, 50, 100, 300]),
)
calls = st.integers(0, 4)


def between(inner, faults):
    return st.builds(
        lambda act, faults, meanwhile: Act(**vars(act) | {"faults": tuple(faults), "meanwhile": tuple(meanwhile)}),
        plain,
        st.lists(st.tuples(calls, st.sampled_from(faults)), max_size=2) if faults else st.just(()),
        st.lists(st.tuples(calls, inner), max_size=3),
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
def test_no_caller_has_more_than_its_limits(acts):
    world = played(acts)
    assert all("tenant#t" in request.counted for request in world.requests)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(acts(["late", "lost", "throttled"]))
def test_answers_that_get_lost_let_nobody_in_who_was_counted(acts):
    played(acts)


@pytest.mark.parametrize(
    ("condition", "caller"),
    [
        ("#requests < :requests_end", "requests"),
        ("#hourly < :hourly_end", "requests"),
        ("#tokens < :tokens_end", "tokens"),
        ("size(#slots) < :places", "places"),
        ("#minute < :before", "requests"),
        ("attribute_not_exists(#pk)", "requests"),
    ],
)
def test_without_its_condition_a_write_lets_too_many_in(condition, caller):
    """What each container knows is old when it writes; with all conditions the same story is well."""
    other = Act("ask", 3, caller, times=2, tokens=400)
    story = STORIES.get(condition, [Act("ask", 0, caller, tokens=400), other, Act("ask", 0, caller, times=2, tokens=400)])
    for ignored in ((), (condition,)):
        world = World(ignored)
        with pytest.raises(AssertionError) if ignored else nullcontext():
            for act in story:
                world.act(act)


MINUTE_LATER = Act("advance", times=5)
STORIES = {
    "attribute_not_exists(#pk)": [
        Act("ask", 0, times=2, meanwhile=((3, Act("ask", 3, times=2)),)),
        Act("ask", 1, times=2),
    ],
    "#hourly < :hourly_end": [Act("ask", 0, times=3), MINUTE_LATER, Act("ask", 0), Act("ask", 3), Act("ask", 0)],
    "size(#slots) < :places": [Act("ask", who, "places") for who in (0, 3, 1)],
}
