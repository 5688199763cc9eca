"""Targets at their capacity are passed over before they answer 429, whichever container asks; and what that costs in calls."""

import json

import pytest

from signalbox.admission.windows import SLICES
from signalbox.aws import dynamodb, windows
from signalbox.aws.capacity import AGAIN_MS, GRACE_MS, MOST_KNOWN, SILENCE_MS, Capacities
from signalbox.routing.catalog import Capacity, Target, Timeouts

from .counted import Clock, client, clients

MINUTE = 29_920_500
NOW_MS = MINUTE * 60_000 + 10_000
NEXT_MINUTE_MS = (MINUTE + 1) * 60_000


@pytest.fixture
def clock():
    return Clock(NOW_MS)


@pytest.fixture
def containers(tables, endpoint, clock):
    """As many as are asked for, each with a client of its own."""
    with clients(endpoint) as open_client:
        yield lambda: Capacities(open_client(), tables.ledger, clock)


@pytest.fixture
def one(containers):
    return containers()


def target(requests=None, tokens=None, concurrency=None, id="a/m"):
    provider, _, model = id.partition("/")
    capacity = Capacity(requests, tokens, concurrency)
    return Target(id, provider, model, 1_000, 100, frozenset(), None, timeouts=Timeouts(5, 10, 30), capacity=capacity)


def taken(capacities, target, *, tokens=10, now_ms=NOW_MS, most=10_000):
    """How many attempts there is room for."""
    for number in range(most):
        if capacities.take(target, tokens, now_ms) is None:
            return number
    raise AssertionError("there is no end to it")


def made(capacities):
    return capacities._aws.made


@pytest.fixture
def stored(aws, tables):
    return lambda id="a/m": aws.call(dynamodb.get(tables.ledger, *windows.key(windows.CAPACITY, id)))


# ---- requests and tokens a minute


def test_a_target_without_a_capacity_costs_no_call(one):
    slot = one.take(target(), 10**9, NOW_MS)
    one.give(slot, 10**9)
    assert made(one) == 0
    assert one.full(NOW_MS) == ()


@pytest.mark.parametrize("limit", [1, 7, 60, 500])
def test_just_as_many_requests_as_declared_go_in_a_minute(one, limit):
    assert taken(one, target(requests=limit)) == limit
    assert one.full(NOW_MS) == ("a/m",)


@pytest.mark.parametrize("limit", [1, 7, 60, 500])
def test_several_containers_share_one_minute(containers, limit):
    mine, others = containers(), [containers() for _ in range(3)]
    found = [capacities.take(target(requests=limit), 0, NOW_MS) for _ in range(limit) for capacities in (mine, *others)]
    assert sum(slot is not None for slot in found) == limit


def test_the_next_minute_begins_at_nothing(one):
    assert taken(one, target(requests=3)) == 3
    assert one.full(NEXT_MINUTE_MS - 1) == ("a/m",)
    assert one.full(NEXT_MINUTE_MS) == ()
    assert taken(one, target(requests=3), now_ms=NEXT_MINUTE_MS) == 3


def test_tokens_are_taken_by_what_is_expected(one):
    busy = target(tokens=1_000)
    assert taken(one, busy, tokens=300) == 3
    assert one.full(NOW_MS) == ()  # a small one still fits
    assert one.take(busy, 100, NOW_MS)
    assert one.full(NOW_MS) == ("a/m",)


def test_a_request_that_is_larger_than_a_whole_minute_does_not_make_the_target_full_for_others(one):
    assert one.take(target(tokens=1_000), 1_001, NOW_MS) is None
    assert one.full(NOW_MS) == ()
    assert made(one) == 0


def test_either_limit_holds(one):
    assert taken(one, target(requests=5, tokens=1_000), tokens=10) == 5
    assert taken(one, target(requests=500, tokens=1_000, id="b/m"), tokens=100) == 10


def test_what_an_answer_did_not_use_is_left_to_the_next(one):
    busy = target(tokens=1_000)
    slots = [one.take(busy, 500, NOW_MS) for _ in range(2)]
    assert one.take(busy, 500, NOW_MS) is None
    one.give(slots[0], 100)
    assert one.take(busy, 400, NOW_MS)
    assert one.take(busy, 1, NOW_MS) is None


def test_what_an_answer_used_beyond_is_counted_for_all(containers, stored):
    one, other, busy = containers(), containers(), target(tokens=1_000)
    one.give(one.take(busy, 100, NOW_MS), 950)
    assert stored()["tokens"] == 950
    assert other.take(busy, 60, NOW_MS) is None
    assert other.take(busy, 50, NOW_MS)


def test_an_answer_that_comes_in_the_next_minute_changes_nothing_of_it(one, clock, stored):
    busy = target(tokens=1_000)
    slot = one.take(busy, 100, NOW_MS)
    one.take(busy, 100, NEXT_MINUTE_MS)
    clock.now_ms = NEXT_MINUTE_MS
    one.give(slot, 900)
    assert stored()["tokens"] == 100
    assert taken(one, busy, tokens=100, now_ms=NEXT_MINUTE_MS) == 9


@pytest.mark.parametrize("skew_ms", [1_000, -1_000])
def test_clocks_that_differ_at_the_turn_of_a_minute_count_in_one_window(containers, skew_ms):
    ahead, behind, busy = containers(), containers(), target(requests=10)
    at_ms = NEXT_MINUTE_MS - 500
    both = [(ahead, at_ms + 1_000), (behind, at_ms)][:: 1 if skew_ms > 0 else -1]
    slots = [capacities.take(busy, 0, now_ms) for _ in range(12) for capacities, now_ms in both]
    by_minute = [slot.minute for slot in slots if slot]
    assert all(by_minute.count(minute) <= 10 for minute in (MINUTE, MINUTE + 1))
    assert by_minute.count(MINUTE + 1) == 10


def test_a_window_that_a_broken_clock_has_put_into_the_future_holds_nobody_up(containers):
    broken, one, busy = containers(), containers(), target(requests=2)
    assert taken(broken, busy, now_ms=NOW_MS + 86_400_000) == 2
    assert taken(one, busy) == 2


# ---- places at once


def test_no_more_go_at_once_than_declared_and_one_that_is_over_makes_room(containers):
    one, other, busy = containers(), containers(), target(concurrency=2)
    slots = [one.take(busy, 0, NOW_MS), other.take(busy, 0, NOW_MS)]
    assert one.take(busy, 0, NOW_MS) is None
    one.give(slots[0], 0)
    assert one.take(busy, 0, NOW_MS)
    assert other.take(busy, 0, NOW_MS) is None


def test_a_target_whose_places_are_taken_is_full_for_a_moment_and_then_asked_again(containers):
    one, other, busy = containers(), containers(), target(concurrency=1)
    slot = other.take(busy, 0, NOW_MS)
    assert one.take(busy, 0, NOW_MS) is None
    before = made(one)
    assert one.full(NOW_MS + AGAIN_MS - 1) == ("a/m",)
    assert one.take(busy, 0, NOW_MS + AGAIN_MS - 1) is None
    assert made(one) == before
    other.give(slot, 0)
    assert one.full(NOW_MS + AGAIN_MS) == ()
    assert one.take(busy, 0, NOW_MS + AGAIN_MS)


@pytest.mark.parametrize("until_ms", [None, NOW_MS + 7_000])
def test_the_place_of_a_crashed_request_is_free_when_it_must_be_over(containers, stored, until_ms):
    crashed, one, busy = containers(), containers(), target(concurrency=2)
    for _ in range(2):
        crashed.take(busy, 0, NOW_MS, until_ms)
    over_ms = (until_ms or NOW_MS + 30_000) + GRACE_MS
    assert one.take(busy, 0, over_ms) is None
    assert one.take(busy, 0, over_ms + AGAIN_MS + 1)
    assert len(stored()["slots"]) == 1
    assert one.take(busy, 0, over_ms + AGAIN_MS + 1)
    assert one.take(busy, 0, over_ms + AGAIN_MS + 1) is None


def test_a_place_that_another_has_cleared_is_given_back_without_a_word(containers, capsys):
    slow, one, busy = containers(), containers(), target(concurrency=1)
    late = slow.take(busy, 0, NOW_MS)
    assert one.take(busy, 0, NOW_MS + 60_000)
    slow.give(late, 0)
    assert slow.take(busy, 0, NOW_MS + 60_000) is None  # it freed its own place, which was gone, and not the other's
    assert "cannot be counted" not in capsys.readouterr().err


def test_places_outlast_the_minute_and_count_beside_its_limits(one, stored):
    busy, long = target(requests=3, tokens=1_000, concurrency=2), NEXT_MINUTE_MS + 60_000
    first = one.take(busy, 100, NOW_MS, long)
    assert one.take(busy, 100, NOW_MS, long)
    assert one.take(busy, 100, NEXT_MINUTE_MS, long) is None
    one.give(first, 100)
    assert one.take(busy, 100, NEXT_MINUTE_MS + AGAIN_MS, long)
    assert (stored()["minute"], stored()["requests"], stored()["tokens"], len(stored()["slots"])) == (MINUTE + 1, 1, 100, 2)


def test_a_capacity_that_was_lowered_lets_nobody_in_until_enough_are_over(one):
    slots = [one.take(target(concurrency=5), 0, NOW_MS) for _ in range(4)]
    assert one.take(target(concurrency=3), 0, NOW_MS) is None
    for slot in slots[:2]:
        one.give(slot, 0)
    assert one.take(target(concurrency=3), 0, NOW_MS)


# ---- what it costs


@pytest.mark.parametrize(("limit", "calls"), [(10, 10), (500, 130), (6_000, 170)])
def test_most_requests_of_a_busy_target_need_no_call(one, limit, calls):
    assert taken(one, target(requests=limit)) == limit
    assert limit / SLICES["requests"] <= made(one) - 1 <= calls  # the first of all makes the item


def test_a_place_costs_a_call_before_and_one_after(one):
    busy = target(requests=1_000, tokens=100_000, concurrency=10)
    one.give(one.take(busy, 100, NOW_MS), 100)  # the first of all makes the item
    before = made(one)
    for _ in range(20):
        one.give(one.take(busy, 100, NOW_MS), 90)
    assert made(one) - before == 40


def test_the_first_of_a_minute_costs_one_call_and_one_more_where_others_were_first(containers):
    one, other, busy = containers(), containers(), target(requests=10)
    for capacities in (one, other):
        capacities.take(busy, 0, NOW_MS)
    before = made(one), made(other)
    for capacities in (one, other):
        capacities.take(busy, 0, NEXT_MINUTE_MS)
    assert (made(one) - before[0], made(other) - before[1]) == (1, 2)


def test_a_full_target_costs_nothing(one):
    taken(one, target(requests=3))
    before = made(one)
    assert one.take(target(requests=3), 0, NOW_MS + 1) is None
    assert made(one) == before


def test_made_up_names_fill_no_memory(one):
    for number in range(3 * MOST_KNOWN):
        one._window(target(requests=5, id=f"ollama/{number}"), NOW_MS + number * 60)
    assert len(one._windows) <= 2 * MOST_KNOWN


# ---- when DynamoDB does not answer


@pytest.mark.parametrize("declared", [{"requests": 1}, {"tokens": 100}, {"concurrency": 1}])
def test_nobody_is_refused_and_it_is_said_once(nobody, clock, capsys, declared):
    one = Capacities(client(nobody), "ledger", clock)
    for at_ms in range(NOW_MS, NOW_MS + 3 * SILENCE_MS, 1_000):
        clock.now_ms = at_ms
        slot = one.take(target(**declared), 10, at_ms)
        assert slot is not None
        one.give(slot, 10)
        assert one.full(at_ms) == ()
    assert made(one) == 3 * 2  # one attempt in five seconds, of two tries
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["message"] for line in lines] == ["capacities cannot be counted: nobody is held back"]


def test_when_it_answers_again_it_is_counted_again(one, tables, boto, capsys):
    busy = target(requests=2)
    one._ledger = "no such table"
    assert one.take(busy, 0, NOW_MS)
    one._ledger = tables.ledger
    later_ms = NOW_MS + SILENCE_MS
    assert taken(one, busy, now_ms=later_ms) == 2
    assert capsys.readouterr().err.count("cannot be counted") == 1
