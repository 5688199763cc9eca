"""However attempts go, a request is over when its time is: waits, retries, keys, fallbacks, rivals and mirrors included."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.aws.http import Cut, Unreachable
from signalbox.errors import Refusal, UpstreamFailure

from .fakes import Answer, Now, delta, ending
from .trips import Ring, journey

STRICT_S = 5.0
BEGAN_S = Now().s

SILENCES = st.floats(0.01, 4)
PARTS = st.lists(SILENCES | st.just(delta("Hel")) | st.just(Cut("gone")), max_size=6)
ANSWERS = st.one_of(
    st.builds(
        lambda s, status, wait: Answer(status, [s], {"retry-after": str(wait)}),
        SILENCES,
        st.sampled_from([429, 500, 503]),
        st.integers(0, 4),
    ),
    st.builds(lambda s: Answer(401, [s]), SILENCES),
    st.builds(lambda parts: Answer(parts=[*parts, delta("lo"), *ending(10, 3)]), PARTS),
    st.just(Unreachable("nobody there")),
)


def lasting(total_s, **decision):
    """A trip of so many seconds, decided so."""

    def change(trip):
        trip = trip._replace(inputs=trip.inputs._replace(deadline_ms=trip.inputs.now_ms + round(total_s * 1000)))
        return trip._replace(decision=trip.decision._replace(**decision))

    return change


@given(st.lists(ANSWERS, min_size=14, max_size=14), st.integers(0, 5), st.booleans(), st.sampled_from([0.5, STRICT_S]))
def test_nothing_outlasts_the_whole_operation(answers, retries, whole, total_s):
    now, left, begun_s = Now(), list(answers), []

    def send(upstream, request, timeout_s):
        begun_s.append(now.s)
        assert timeout_s <= BEGAN_S + total_s - now.s
        upstream.answers = {request.url.split("/")[2]: [left.pop(0)]}
        return upstream.send(request, timeout_s)

    change = lasting(total_s, retries=dict.fromkeys(("server", "rate_limited", "overloaded", "cut"), retries), max_attempts=6, mirror="b/m")
    trip, _ = journey(now, total_s=total_s, change=change, ring=Ring(["one", "two"], ["one", "three"]), send=send)
    with suppress(Refusal, UpstreamFailure):
        trip.begin(whole=whole)
        list(trip.chunks())
    trip.drain()
    trip.mirror()
    assert now.s <= BEGAN_S + total_s + 0.001
    assert all(at_s < BEGAN_S + total_s for at_s in begun_s)
    assert len(begun_s) == len(trip.attempts())  # none is told of that was not made


def test_a_rival_that_hangs_with_the_first_is_over_with_it():
    now = Now()
    hang = [Answer(parts=[STRICT_S * 2]), Answer(parts=[STRICT_S * 2])]
    trip, _ = journey(now, total_s=STRICT_S, change=lasting(STRICT_S, hedge_after_ms=1), a=[hang[0]], b=[hang[1]])
    with pytest.raises(Refusal) as refused:
        trip.begin(whole=False)
    trip.drain()
    assert refused.value.code == "deadline_exceeded"
    assert now.s <= BEGAN_S + STRICT_S + 0.001


def test_a_mirror_for_which_no_time_is_left_is_none():
    now = Now()
    late = Answer(parts=[delta("Hel"), 1.9, delta("lo"), 0.2, *ending(10, 3)])
    trip, upstream = journey(now, total_s=2.0, change=lasting(2.0, mirror="b/m"), a=[late], b=[late])
    trip.begin(whole=False)
    with suppress(Refusal):
        list(trip.chunks())
    trip.drain()
    trip.mirror()
    assert [attempt.target for attempt in trip.attempts()] == ["a/m"]
    assert len(upstream.requests) == 1
