"""No caller has more than its limits: many containers with clocks a second apart, between whose writes others write.

Always, of every scope and window:   the requests let in are no more than its limit, and neither are the tokens they took or used
Always, of every scope:              no more are under way at once than it has places
In the end:                          whatever crashed, was refused or got lost, the next hour has all of its room again

Where DynamoDB did not answer nobody is refused: those requests are known by not having been counted.
"""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalbox.admission.keys import Caller
from signalbox.admission.rates import Need
from signalbox.aws.control import View
from signalbox.aws.rates import Rates
from signalbox.errors import Refusal

from .crowd import LASTS_MS, SKEWS_MS, Crowd, acts, breaks_without, played
from .fake_aws import client

HOUR_MS = 3_600_000
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


class World(Crowd):
    START_MS = 498_675 * HOUR_MS - 65_000  # five seconds before the last minute of an hour

    def limiter(self, pool, wall):
        return Rates(client(pool), "ledger", wall)

    def _ask(self, act, container):
        for _ in range(act.times):
            self._leave(act, container)
            self.ask(container, act.caller, act.tokens)

    def ask(self, container, name, tokens=100):
        caller, _ = CALLERS[name]
        until_ms, now_ms = self.now_ms + LASTS_MS, self.now_ms + container.skew_ms
        scopes = (f"key#{name}", f"team#t/{caller.team}", "tenant#t")
        entry = container.limiter.entry(caller, scopes, Need(tokens, 0), now_ms + LASTS_MS)
        try:
            while calls := entry.calls(View({}, {}, RECORDS, fresh=True), self.now_ms + container.skew_ms):
                entry.heard(client(container.pool).wave(calls))
        except Refusal:
            entry.leave(0)()
            return False
        takings = entry._takings.items()
        counted, taken = ({scope: getattr(taking, name) for scope, taking in takings} for name in ("minute", "need"))
        request = Request(entry, counted, taken, until_ms, is_over=until_ms <= self.now_ms)
        self.asked.append(request)
        container.under_way.append(request)
        return True

    def _leave(self, act, container):
        if container.under_way:
            request = container.under_way.pop(0)
            request.is_over, request.used = True, act.tokens * act.share // 100
            request.entry.leave(request.used)()

    def _release(self, act, container):
        self._leave(act, container)
        container.limiter.release()
        self.start(container)

    def check(self):
        for scope, limits in LIMITS.items():
            mine = [request for request in self.asked if scope in request.counted]
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
            for request in self.asked:
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


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(acts(plain))
def test_no_caller_has_more_than_its_limits(acts):
    world = played(World(), acts)
    assert all("tenant#t" in request.counted for request in world.asked)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(acts(plain, ["late", "lost", "throttled"]))
def test_answers_that_get_lost_let_nobody_in_who_was_counted(acts):
    played(World(), acts)


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
    other = Act("ask", 3, caller, times=2, tokens=400)
    story = [Act("ask", 0, caller, tokens=400), other, Act("ask", 0, caller, times=2, tokens=400)]
    breaks_without(condition, World, STORIES.get(condition, story))


MINUTE_LATER = Act("advance", times=5)
STORIES = {
    "attribute_not_exists(#pk)": [
        Act("ask", 0, times=2, meanwhile=((3, Act("ask", 3, times=2)),)),
        Act("ask", 1, times=2),
    ],
    "#hourly < :hourly_end": [Act("ask", 0, times=3), MINUTE_LATER, Act("ask", 0), Act("ask", 3), Act("ask", 0)],
    "size(#slots) < :places": [Act("ask", who, "places") for who in (0, 3, 1)],
}
