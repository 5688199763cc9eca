"""What policies and ceilings limit, what targets have room for, and what is mirrored: within what is held, and seen by nobody."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.aws.http import Cut
from signalbox.errors import Refusal, UpstreamFailure
from signalbox.reply import gather
from signalbox.routing.bound import MIN_OUTPUT_TOKENS

from .fakes import Answer, Now, delta, ending
from .trips import GOOD, ROUTE, Ring, journey, kinds


@pytest.fixture
def now():
    return Now()


def deciding(**fields):
    return lambda trip: trip._replace(decision=trip.decision._replace(**fields))


def text(trip):
    return gather(trip.chunks())[0][0].text


def asked_for(upstream):
    return [body.get("max_tokens") for _, body, _ in upstream.requests]


@pytest.mark.parametrize(
    ("asked", "cap", "sent", "clamped"), [(None, 7, 7, True), (5, 7, 5, False), (9, 7, 7, True), (None, 600, 500, False)]
)
@pytest.mark.parametrize("granted", [None, 10_000])
def test_a_policys_cap_limits_the_answer_and_says_so_where_it_cuts(now, asked, cap, sent, clamped, granted):
    trip, upstream = journey(now, max_tokens=asked, granted=granted, change=deciding(max_tokens=cap), a=[replace(GOOD)])
    trip.begin(whole=False)
    unlimited = granted is None and asked is None and not clamped
    assert (asked_for(upstream), trip.clamped) == ([None if unlimited else sent], clamped)


def test_a_ceiling_limits_the_answer_as_a_short_budget_does(now):
    trip, upstream = journey(now, change=deciding(max_cost_nanousd=100 + 2 * 300), a=[replace(GOOD)])
    trip.begin(whole=False)
    assert (asked_for(upstream), trip.clamped) == ([300], True)


def test_a_ceiling_holds_for_all_attempts_together(now):
    least = deciding(max_cost_nanousd=100 + 2 * MIN_OUTPUT_TOKENS)
    trip, upstream = journey(now, granted=10_000, change=least, a=[Answer(parts=[Cut("gone")])], b=[replace(GOOD)])
    with pytest.raises(Refusal):
        trip.begin(whole=False)
    assert len(upstream.requests) == 1


def test_under_a_ceiling_nobody_is_asked_whose_price_is_unknown(now):
    def change(trip):
        targets = {id: target._replace(prices=None) for id, target in trip.snapshot.targets.items()}
        trip = trip._replace(snapshot=trip.snapshot._replace(targets=targets))
        return deciding(max_cost_nanousd=10_000)(trip)

    trip, upstream = journey(now, change=change, a=[replace(GOOD)])
    with pytest.raises(Refusal):
        trip.begin(whole=False)
    assert upstream.requests == []


# What an upstream may make of a request for so many tokens: the last one takes all that it is let.
ENDS = [
    lambda max_tokens: Answer(status=500),
    lambda max_tokens: Answer(status=429),
    lambda max_tokens: Answer(parts=[Cut("gone")]),
    lambda max_tokens: Answer(parts=[delta("Hel"), Cut("gone")]),
    lambda max_tokens: Answer(parts=[delta("Hel"), *ending(100, max_tokens)]),
]


@settings(max_examples=200, deadline=None)
@given(
    granted=st.integers(0, 6_000),
    ceiling=st.none() | st.integers(0, 6_000),
    cap=st.none() | st.integers(1, 600),
    ends=st.lists(st.sampled_from(ENDS), min_size=14, max_size=14),
    retries=st.integers(0, 3),
    mirror=st.sampled_from(["", "b/m"]),
)
def test_all_attempts_together_never_cost_more_than_is_held(granted, ceiling, cap, ends, retries, mirror):
    left = list(ends)

    def send(upstream, request, timeout_s):
        end = left.pop(0)(json.loads(request.body)["max_tokens"])
        upstream.answers = {"a": [end], "b": [end]}
        return upstream.send(request, timeout_s)

    change = deciding(
        max_cost_nanousd=ceiling,
        max_tokens=cap,
        max_attempts=5,
        retries=dict.fromkeys(("rate_limited", "server", "cut"), retries),
        behind={"a/m": {"content_filtered": ("b/m",)}},
        mirror=mirror,
    )
    trip, _ = journey(Now(), granted=granted, ring=Ring(["one", "two"], []), change=change, send=send)
    with suppress(Refusal):
        trip.begin(whole=True)
        text(trip)
    trip.drain()
    trip.mirror()
    assert sum(attempt.cost_nanousd for attempt in trip.attempts()) <= min(granted, granted if ceiling is None else ceiling)


@settings(max_examples=100, deadline=None)
@given(
    granted=st.integers(0, 6_000),
    less=st.dictionaries(st.sampled_from("ab"), st.integers(0, 3_000)),
    ends=st.lists(st.sampled_from(ENDS), min_size=14, max_size=14),
    retries=st.integers(0, 3),
    mirror=st.sampled_from(["", "b/m"]),
)
def test_a_providers_attempts_never_cost_more_than_its_budget_holds(granted, less, ends, retries, mirror):
    left = list(ends)

    def send(upstream, request, timeout_s):
        end = left.pop(0)(json.loads(request.body)["max_tokens"])
        upstream.answers = {"a": [end], "b": [end]}
        return upstream.send(request, timeout_s)

    change = deciding(max_attempts=5, retries=dict.fromkeys(("rate_limited", "server", "cut"), retries), mirror=mirror)
    trip, _ = journey(Now(), granted=granted, change=lambda trip: change(trip)._replace(less_nanousd=less), send=send)
    with suppress(Refusal):
        trip.begin(whole=True)
        text(trip)
    trip.drain()
    trip.mirror()
    for provider in "ab":
        cost = sum(attempt.cost_nanousd for attempt in trip.attempts() if attempt.target.startswith(provider))
        assert cost <= min(granted, less.get(provider, granted))


def short(provider, nanousd):
    return lambda trip: trip._replace(less_nanousd={provider: nanousd})


def test_a_fallbacks_budget_cuts_no_answer_but_its_own(now):
    little = short("b", 100 + 2 * 300)
    trip, upstream = journey(now, granted=10_000, change=little, a=[replace(GOOD)])
    trip.begin(whole=False)
    assert (asked_for(upstream), trip.clamped) == ([500], False)
    trip, upstream = journey(now, granted=10_000, change=little, a=[Answer(status=500)], b=[replace(GOOD)])
    trip.begin(whole=False)
    assert (asked_for(upstream), trip.clamped) == ([500, 300], True)


def test_a_fallback_whose_budget_is_spent_is_passed_over(now):
    nothing = short("b", 100 + 2 * (MIN_OUTPUT_TOKENS - 1))
    trip, _ = journey(now, granted=10_000, change=nothing, a=[Answer(status=404)], b=[replace(GOOD)])
    with pytest.raises(Refusal, match=r"No target answered \(tried a/m; the last ended in not_found\)"):
        trip.begin(whole=False)
    assert kinds(trip) == [("a/m", "not_found")]


class Places:
    """So many a target."""

    def __init__(self, **places):
        self.places, self.given = {f"{name}/m": count for name, count in places.items()}, []

    def take(self, target, tokens, now_ms, until_ms=None):
        if self.places.get(target.id, 1) == 0:
            return None
        self.places[target.id] = self.places.get(target.id, 1) - 1
        return target.id

    def give(self, slot, tokens):
        self.given.append((slot, tokens))


def test_a_target_at_its_capacity_is_not_asked(now):
    places = Places(a=0, b=1)
    trip, _ = journey(now, capacities=places, a=[replace(GOOD)], b=[replace(GOOD)])
    trip.begin(whole=False)
    assert text(trip) == "Hello"
    trip.land()
    assert kinds(trip) == [("b/m", "ok")]
    assert places.given == [("b/m", 13)]


def test_where_all_are_at_their_capacity_the_caller_is_told_when_to_come_again(now):
    now.s = 60 * 1_000 + 45
    trip, _ = journey(now, capacities=Places(a=0, b=0))
    with pytest.raises(Refusal) as refused:
        trip.begin(whole=False)
    assert (refused.value.code, refused.value.retry_after_s) == ("rate_limited", 15)
    assert trip.attempts() == ()


def mirrored(now, mirror, granted=None, **more):
    trip, upstream = journey(now, granted=granted, change=deciding(mirror="b/m"), a=[replace(GOOD)], b=[mirror], **more)
    trip.begin(whole=False)
    assert text(trip) == "Hello"
    trip.drain()
    trip.mirror()
    return trip, upstream


def test_a_mirror_is_asked_the_same_and_is_neither_answer_nor_time_to_it(now):
    trip, upstream = mirrored(now, Answer(parts=[delta("Hi"), *ending(10, 1)]))
    assert (trip.target, trip.finish) == ("a/m", "stop")
    assert upstream.requests[0][1]["messages"] == upstream.requests[1][1]["messages"]
    assert [(attempt.target, attempt.purpose, attempt.cost_nanousd) for attempt in trip.attempts()] == [
        ("a/m", "", 16),
        ("b/m", "mirror", 12),
    ]


@pytest.mark.parametrize(
    "mirror", [Answer(status=500), Answer(parts=[Cut("gone")]), Answer(parts=[9, delta("late")]), Answer(parts=[b"\xff{{"])]
)
def test_nobody_hears_of_a_mirrors_failure(now, mirror):
    trip, _ = mirrored(now, mirror)
    assert kinds(trip)[0] == ("a/m", "ok")
    assert trip.attempts()[1].outcome != "ok" or not trip.attempts()[1].tokens.output


def test_a_mirror_whose_keys_cannot_be_had_is_none(now):
    class Missing(Ring):
        def of(self, provider, owner, anew=False):
            if provider.name == "b":
                raise UpstreamFailure("no_key", "There is no key for b.")
            return super().of(provider, owner, anew)

    trip, _ = mirrored(now, replace(GOOD), ring=Missing(["key"], []))
    assert kinds(trip) == [("a/m", "ok")]


def test_a_mirror_flies_only_on_what_is_left(now):
    trip, _ = mirrored(now, replace(GOOD), granted=100 + 2 * 500 + 16)
    assert [attempt.purpose for attempt in trip.attempts()] == ["", "mirror"]
    trip, upstream = mirrored(now, replace(GOOD), granted=100 + 2 * MIN_OUTPUT_TOKENS + 15)
    assert len(upstream.requests) == 1


def test_a_mirror_ends_with_the_deadline(now):
    trip, _ = mirrored(now, Answer(parts=[delta("."), *[1.5, delta(".")] * 40]))
    assert now.s <= 1_020
    assert kinds(trip)[1] == ("b/m", "deadline")


def test_a_request_that_nobody_answered_is_not_mirrored(now):
    trip, upstream = journey(now, route=ROUTE._replace(targets=("a/m",)), change=deciding(mirror="b/m"), a=[Answer(status=400)])
    with pytest.raises(Refusal):
        trip.begin(whole=False)
    trip.drain()
    trip.mirror()
    assert len(upstream.requests) == 1
