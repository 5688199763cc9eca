"""The order of attempts, and when there is no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.circuits.state import Circuit
from signalbox.routing.catalog import Route, Snapshot, Target, Timeouts
from signalbox.routing.decide import decide
from signalbox.routing.failures import KINDS, kind_of
from signalbox.routing.inputs import Features, Inputs
from signalbox.routing.plan import Ended, plan

ROUTE = Route("chat", ("a", "b", "c"), "sequential", Timeouts(1, 1, 10), max_attempts=3)
TARGETS = {id: Target(id, "acme", id, 1_000, 100, frozenset(), None) for id in "abc"}
SNAPSHOT = Snapshot(1, "digest", {}, TARGETS, {"chat": ROUTE}, {})


def inputs(circuits=None, draw=0.5, now_ms=0, deadline_ms=1000):
    return Inputs(Features("r", "t", "core", "k", "chat"), circuits or {}, draw=draw, now_ms=now_ms, deadline_ms=deadline_ms)


def decided(given, route=ROUTE):
    return decide(given, SNAPSHOT, route, lambda target: None)


def tried(kinds, route=ROUTE, circuits=None, draw=0.5, now_ms=0, deadline_ms=1000, took_ms=1):
    """The targets of a journey whose attempts end in these kinds, one after the other; "ok" ends it."""
    given = inputs(circuits, draw, now_ms, deadline_ms)
    steps = plan(decided(given, route), given)
    targets, step = [], next(steps, None)
    for kind in kinds:
        if step is None:
            break
        targets.append(step.target)
        if kind == "ok":
            break
        now_ms += took_ms
        try:
            step = steps.send(Ended(kind, now_ms))
        except StopIteration:
            step = None
    return targets


def tried_first(circuits):
    given = inputs(circuits)
    return next(plan(decided(given), given))


def test_targets_are_tried_in_order_until_one_answers():
    assert tried(["ok"]) == ["a"]
    assert tried(["server", "timeout", "ok"]) == ["a", "b", "c"]
    assert tried(["server"] * 9) == ["a", "b", "c"]


def test_a_fault_of_the_caller_is_not_tried_elsewhere():
    assert tried(["bad_request", "ok"]) == ["a"]


def test_no_more_attempts_than_the_route_allows_and_none_after_the_deadline():
    assert tried(["server"] * 9, ROUTE._replace(max_attempts=2)) == ["a", "b"]
    assert tried(["server"] * 9, took_ms=600) == ["a", "b"]
    assert tried(["server"], now_ms=1000) == []


def test_an_open_circuit_is_passed_over_and_a_half_open_one_left_to_the_last():
    circuits = {"a": Circuit("open", 1, 500), "b": Circuit("half_open", 3)}
    assert decided(inputs(circuits)).targets == ("c", "b")
    assert decided(inputs(circuits)).warning is None
    assert decided(inputs(circuits, 0.05)).targets == ("b", "c")


def test_where_all_are_open_the_first_to_close_is_tried_with_a_warning():
    circuits = {"a": Circuit("open", 1, 900), "b": Circuit("open", 1, 500), "c": Circuit("open", 1, 700)}
    decision = decided(inputs(circuits))
    assert decision.targets == ("b", "c", "a")
    assert "open" in (decision.warning or "")


def test_an_attempt_carries_the_generation_of_its_circuit():
    assert tried_first({"a": Circuit(generation=4)}).generation == 4


@given(
    st.dictionaries(
        st.sampled_from("abc"), st.builds(Circuit, st.sampled_from(["closed", "open", "half_open"]), st.just(1), st.integers(0, 9))
    ),
    st.floats(0, 1, exclude_max=True),
    st.lists(st.sampled_from(sorted(KINDS)), max_size=5),
)
def test_the_same_inputs_give_the_same_attempts_and_none_twice(circuits, draw, kinds):
    first = tried(kinds, circuits=circuits, draw=draw)
    assert first == tried(kinds, circuits=circuits, draw=draw)
    assert len(set(first)) == len(first)
    assert bool(first) == bool(kinds)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"{}", "bad_request"),
        (400, b'{"error": {"code": "context_length_exceeded"}}', "context_too_long"),
        (400, b'{"error": {"code": "content_filter"}}', "content_filtered"),
        (400, b'{"error": {"message": "maximum context length is 8192 tokens"}}', "context_too_long"),
        (400, b'{"error": {"message": "content_filter, you said", "code": "rate_limit_exceeded"}}', "rate_limited"),
        (400, b'{"object": "error", "message": "m", "type": "invalid_model", "code": "1500"}', "not_found"),
        (400, b'{"error": {"type": ["overloaded"], "code": 429}}', "rate_limited"),
        (400, b'{"error": {"message": "maximum context length", "code": 400}}', "context_too_long"),
        (400, b'{"error": {"message": "rate_limit"}}', "bad_request"),
        (400, b'{"error": "overloaded"}', "bad_request"),
        (400, b'{"error": {"code": "overlo', "bad_request"),
        (400, b"[" * 100_000, "bad_request"),
        (103, b"", "malformed"),
        (302, b"", "malformed"),
        (399, b"context_length_exceeded", "malformed"),
        (401, b'{"error": {"code": "rate_limit_exceeded"}}', "auth"),
        (404, b"", "not_found"),
        (418, b"", "bad_request"),
        (429, b"", "rate_limited"),
        (500, b"context_length_exceeded", "server"),
        (503, b"", "overloaded"),
        (599, b"", "server"),
    ],
)
def test_a_status_shows_its_kind_and_a_name_or_a_message_only_refines_a_400(status, body, kind):
    assert kind_of(status, body) == kind
