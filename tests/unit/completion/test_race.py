"""Two attempts at once. What each upstream waits for is told by events: no time passes, and who is first is certain."""

import threading
from dataclasses import replace

import pytest

from signalbox.aws.http import Cut
from signalbox.completion.journey import total
from signalbox.errors import Refusal
from signalbox.money import Tokens
from signalbox.reply import gather

from .fakes import Answer, FakeUpstream, Now, delta, ending
from .trips import GOOD, ROUTE, SNAPSHOT, Ring, journey, kinds

AT_ONCE = 1  # ms: the first attempt has nothing to say until its rival flies, however long that takes
NEVER = 3_600_000
SOON_S = 10  # nothing waits so long but what is broken


@pytest.fixture
def now():
    return Now()


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(SOON_S)
    assert set(threading.enumerate()) <= before


def raced(now, after_ms=AT_ONCE, change=lambda trip: trip, send=FakeUpstream.send, **more):
    """The rival is asked when the first has been, however late that one's thread comes to it."""
    asked = threading.Event()

    def hedged(trip):
        return change(trip._replace(decision=trip.decision._replace(hedge_after_ms=after_ms)))

    def in_turn(upstream, request, timeout_s):
        if "//b" in request.url:
            assert asked.wait(SOON_S)
        try:
            return send(upstream, request, timeout_s)
        finally:
            asked.set()

    return journey(now, change=hedged, send=in_turn, **more)


def text(trip):
    return gather(trip.chunks())[0][0].text


def settled(trip):
    """As the endpoint does it: after the answer, and before the attempts are asked for."""
    trip.drain()
    return {attempt.target: attempt for attempt in trip.attempts()}


def waiting(*parts):
    """An answer that begins when it is told to, or when it is given up."""
    gate = threading.Event()
    return gate, Answer(parts=[gate, *parts])


def setting(gate):
    """The gate opens once the rival flies."""

    def send(upstream, request, timeout_s):
        exchange = upstream.send(request, timeout_s)
        if "//b" in request.url:
            gate.set()
        return exchange

    return send


def test_whoever_answers_in_time_has_no_rival(now):
    trip, upstream = raced(now, NEVER, a=[replace(GOOD)], b=[replace(GOOD)])
    trip.begin(whole=False)
    assert text(trip) == "Hello"
    assert kinds(trip) == [("a/m", "ok")]
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("whole", [False, True])
def test_a_rival_whose_content_comes_first_wins_and_both_are_charged(now, whole):
    _, silent = waiting(delta("late"))
    trip, upstream = raced(now, a=[silent], b=[replace(GOOD)])
    trip.begin(whole=whole)
    assert text(trip) == "Hello"
    assert (trip.target, trip.finish) == ("b/m", "stop")
    attempts = settled(trip)
    assert kinds(trip) == [("a/m", "outrun"), ("b/m", "ok")]
    first, rival = attempts["a/m"], attempts["b/m"]
    assert (first.purpose, first.estimated, first.cost_nanousd) == ("", True, 100 + 2 * 64)
    assert (rival.purpose, rival.estimated, rival.cost_nanousd) == ("hedge", False, 16)
    assert upstream.exchanges[0].closed
    assert not upstream.exchanges[1].closed


def test_the_first_may_still_win(now):
    gate, first = waiting(delta("Hel"), delta("lo"), *ending(10, 3))
    _, rival = waiting(delta("late"))
    trip, upstream = raced(now, send=setting(gate), a=[first], b=[rival])
    trip.begin(whole=False)
    assert text(trip) == "Hello"
    attempts = settled(trip)
    assert [(attempt.target, attempt.outcome, attempt.purpose) for attempt in trip.attempts()] == [
        ("a/m", "ok", ""),
        ("b/m", "outrun", "hedge"),
    ]
    assert attempts["b/m"].estimated
    assert upstream.exchanges[1].closed


def test_a_loser_that_bills_nobody_costs_nothing(now):
    def free(trip):
        providers = {name: row._replace(on_leave="free") for name, row in SNAPSHOT.providers.items()}
        return trip._replace(snapshot=trip.snapshot._replace(providers=providers))

    _, silent = waiting(delta("late"))
    trip, _ = raced(now, change=free, a=[silent], b=[replace(GOOD)])
    trip.begin(whole=False)
    assert text(trip) == "Hello"
    first = settled(trip)["a/m"]
    assert (first.outcome, first.cost_nanousd, first.estimated) == ("outrun", 0, False)


def test_where_both_have_content_at_once_one_of_them_is_closed(now):
    gate, first = waiting(delta("Hel"), delta("lo"), *ending(10, 3))
    trip, upstream = raced(now, send=setting(gate), a=[first], b=[replace(GOOD)])
    trip.begin(whole=False)
    assert text(trip) == "Hello"
    attempts = settled(trip)
    won, lost = sorted(attempts.values(), key=lambda attempt: attempt.outcome)
    assert (won.outcome, lost.outcome, won.target) == ("ok", "outrun", trip.target)
    assert lost.cost_nanousd >= 100
    closed = {"a/m": upstream.exchanges[0].closed, "b/m": upstream.exchanges[1].closed}
    assert closed == {won.target: False, lost.target: True}


def test_one_that_fails_leaves_the_race_to_the_other(now):
    gate, first = waiting(delta("Hel"), delta("lo"), *ending(10, 3))
    trip, _ = raced(now, send=setting(gate), a=[first], b=[Answer(status=500)])
    trip.begin(whole=False)
    assert text(trip) == "Hello"
    settled(trip)
    assert ("a/m", "ok") in kinds(trip)
    assert dict(kinds(trip))["b/m"] in ("server", "outrun")  # whichever it was first


def test_where_both_fail_the_next_is_tried(now):
    gate, first = waiting(Cut("gone"))
    trip, _ = raced(now, send=setting(gate), route=THREE, change=with_c, a=[first], b=[Answer(status=500)], c=[replace(GOOD)])
    trip.begin(whole=False)
    assert text(trip) == "Hello"
    settled(trip)
    assert sorted(kinds(trip)) == [("a/m", "cut"), ("b/m", "server"), ("c/m", "ok")]
    assert trip.attempts()[-1].target == "c/m"


THREE = ROUTE._replace(targets=("a/m", "b/m"), max_attempts=3)


def with_c(trip):
    snapshot = trip.snapshot
    target = snapshot.targets["a/m"]._replace(id="c/m", provider="c")
    provider = snapshot.providers["a"]._replace(name="c", base_url="http://c")
    snapshot = snapshot._replace(targets={**snapshot.targets, "c/m": target}, providers={**snapshot.providers, "c": provider})
    return trip._replace(snapshot=snapshot, decision=trip.decision._replace(targets=("a/m", "b/m", "c/m")))


def test_one_that_fails_before_its_rival_flies_is_followed_as_ever(now):
    trip, upstream = raced(now, NEVER, a=[Answer(status=500)], b=[replace(GOOD)])
    trip.begin(whole=False)
    assert text(trip) == "Hello"
    assert [(attempt.target, attempt.outcome, attempt.purpose) for attempt in trip.attempts()] == [
        ("a/m", "server", ""),
        ("b/m", "ok", ""),
    ]
    assert len(upstream.requests) == 2


def test_a_winner_whose_whole_answer_breaks_is_followed_by_the_next(now):
    _, silent = waiting(delta("late"))
    trip, _ = raced(now, route=THREE, change=with_c, a=[silent], b=[Answer(parts=[delta("Hel"), Cut("gone")])], c=[replace(GOOD)])
    trip.begin(whole=True)
    assert text(trip) == "Hello"
    settled(trip)
    assert kinds(trip) == [("a/m", "outrun"), ("b/m", "cut"), ("c/m", "ok")]


@pytest.mark.parametrize(("granted", "targets"), [(2 * (100 + 2 * 300), ["a/m", "b/m"]), (100 + 2 * 500 + 100, ["a/m"])])
def test_a_rival_flies_only_on_what_is_left_beside_the_worst_of_the_first(now, granted, targets):
    gate, first = waiting(delta("Hel"), delta("lo"), *ending(10, 3))

    class Telling(Ring):
        def of(self, provider, owner, anew=False):
            if provider.name == "b":
                gate.set()  # it was started: whether it may fly is decided behind this
            return super().of(provider, owner, anew)

    trip, upstream = raced(now, granted=granted, ring=Telling(["key"], []), a=[first], b=[replace(GOOD)])
    trip.begin(whole=False)
    text(trip)
    settled(trip)
    assert {attempt.target for attempt in trip.attempts()} <= set(targets)
    assert sum(attempt.cost_nanousd for attempt in trip.attempts()) <= granted
    asked = [body["max_tokens"] for _, body, _ in upstream.requests]
    assert sum(100 + 2 * tokens for tokens in asked) <= granted


def test_a_refusal_of_ours_ends_both(now):
    _, silent = waiting(delta("late"))

    def send(upstream, request, timeout_s):
        exchange = upstream.send(request, timeout_s)
        if "//b" in request.url:
            exchange.close()
            raise Refusal("ledger_unavailable", "The intent could not be stored.")
        return exchange

    trip, upstream = raced(now, send=send, a=[silent], b=[replace(GOOD)])
    with pytest.raises(Refusal) as refused:
        trip.begin(whole=False)
    assert refused.value.code == "ledger_unavailable"
    settled(trip)
    assert dict(kinds(trip)) == {"a/m": "outrun", "b/m": "abandoned"}
    assert all(exchange.closed for exchange in upstream.exchanges)


def test_two_attempts_by_several_keys_each_count_them_all(now):
    """Both go through their keys at the same time, on one ring."""
    meet = threading.Barrier(2, timeout=SOON_S)

    class Meeting(Ring):
        def refused(self, provider, owner, key):
            super().refused(provider, owner, key)
            meet.wait()

    gate = threading.Event()

    def send(upstream, request, timeout_s):
        if "//b" in request.url:
            gate.set()
        return upstream.send(request, timeout_s)

    first = [Answer(status=429, parts=[gate]), replace(GOOD)]
    trip, _ = raced(now, send=send, ring=Meeting(["one", "two"], []), a=first, b=[Answer(status=429), replace(GOOD)])
    trip.begin(whole=False)
    assert text(trip) == "Hello"
    settled(trip)
    assert sorted(outcome for _, outcome in kinds(trip)) in (
        ["key_limited", "key_limited", "ok", "outrun"],
        ["key_limited", "key_limited", "ok"],
    )
    assert total(trip.attempts()) >= Tokens(10, 0, 0, 3)


def test_what_is_not_hedged_starts_no_thread(now, monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", lambda self: pytest.fail("a thread was started"))
    trip, _ = journey(now, a=[replace(GOOD)])
    trip.begin(whole=False)
    assert text(trip) == "Hello"
