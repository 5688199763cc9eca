"""The order of attempts, and when there is no other."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.circuits.state import Circuit
from signalbox.routing.catalog import Timeouts
from signalbox.routing.decide import Decision
from signalbox.routing.failures import KINDS, kind_of
from signalbox.routing.inputs import Features, Health, Inputs
from signalbox.routing.plan import HEALTH_KEPT_MS, NOT_SENT, Ended, Try, plan
from signalbox.routing.waits import BACKOFF_MOST_MS, BACKOFF_MS, LONGEST_WAIT_S, jitter, wait_ms

DECISION = Decision("chat", "chat", ("a", "b", "c"), "a", "sequential", Timeouts(1, 1, 10), max_attempts=3)
NOW_MS = 1_800_000_000_000


def inputs(stream: bool = False, total_ms: int = 100_000, **rest) -> Inputs:
    features = Features("r", "t", "core", "k", "chat", stream=stream)
    return Inputs(features, **{"draw": 0.5, "now_ms": NOW_MS, "deadline_ms": NOW_MS + total_ms, **rest})


@dataclass
class Upstream:
    """Whoever flies the attempts: each ends as the script says, a rival too where it has one; without a script left, one succeeds."""

    script: list[str | Ended]
    took_ms: int = 1
    made: list[Try] = field(default_factory=list)
    began_ms: list[int] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    def fly(self, decision: Decision, given: Inputs) -> list[Try]:
        steps, now_ms, script = plan(decision, given), given.now_ms, iter(self.script)
        step = next(steps, None)
        while step is not None:
            self.made.append(step)
            now_ms += round(step.wait_s * 1000)
            self.began_ms.append(now_ms)
            how = next(script, "ok")
            if how == "ok":
                break
            now_ms += self.took_ms
            ended = Ended(how, now_ms) if isinstance(how, str) else how._replace(now_ms=now_ms)
            self.ended.append(ended)
            try:
                step = steps.send(ended)
            except StopIteration:
                step = None
        return self.made


def made(*script: str | Ended, given: Inputs | None = None, took_ms: int = 1, **decision) -> list[Try]:
    return Upstream(list(script), took_ms).fly(DECISION._replace(**decision), given or inputs())


def tried(*script: str | Ended, **rest) -> str:
    """The targets of a journey whose attempts end like this, one after the other; "ok" ends it."""
    return "".join(step.target for step in made(*script, **rest))


def ended(kind: str, retry_after_s: float | None = None, billed: bool = False, rival: str = "") -> Ended:
    return Ended(kind, 0, retry_after_s, billed, rival)


def test_targets_are_tried_in_order_until_one_answers():
    assert tried("ok") == "a"
    assert tried("server", "timeout", "ok") == "abc"
    assert [step.number for step in made("server", "timeout", "ok")] == [1, 2, 3]
    assert tried(targets=()) == ""


@pytest.mark.parametrize("kind", [kind for kind, row in KINDS.items() if not row.elsewhere])
def test_what_no_other_target_can_mend_ends_it(kind):
    assert tried(kind) == "a"
    assert tried("server", kind, retries={kind: 2, "server": 0}) == "ab"
    assert tried(ended("timeout", rival=kind), hedge_after_ms=5) == "a"


def test_no_more_attempts_than_the_route_allows_and_none_after_the_deadline():
    assert tried(*["server"] * 9, max_attempts=2) == "ab"
    assert tried(*["unreachable"] * 9, max_attempts=9) == "abc"
    assert tried(*["unreachable"] * 9, given=inputs(total_ms=1_000), took_ms=600) == "ab"
    assert tried(given=inputs(total_ms=0)) == ""


def test_an_attempt_carries_the_generation_of_its_circuit_and_why_it_is_the_least_bad():
    given = inputs(circuits={"a": Circuit(generation=4), "c": Circuit(generation=7)})
    a, b, c = made("timeout", "timeout", given=given, warning="all are open")
    assert (a.generation, b.generation, c.generation) == (4, 0, 7)
    assert {a.warning, b.warning, c.warning} == {"all are open"}


# What a chain has for a kind.

BEHIND = {"a": {"context_too_long": ("d", "c"), "content_filtered": ("e",)}, "d": {"context_too_long": ("f",), "generic": ("g",)}}


def test_what_the_chain_has_for_the_kind_is_tried_first_and_nothing_twice():
    assert tried("context_too_long", *["timeout"] * 9, behind=BEHIND, max_attempts=9) == "adgcb"
    assert tried("context_too_long", "context_too_long", *["timeout"] * 9, behind=BEHIND, max_attempts=9) == "adfgcb"
    assert tried("content_filtered", *["timeout"] * 9, behind=BEHIND, max_attempts=9) == "aebc"
    assert tried(*["timeout"] * 9, behind=BEHIND, max_attempts=9) == "abc"


def test_a_circle_among_the_kinds_ends():
    circle = {"a": {"context_too_long": ("b",)}, "b": {"context_too_long": ("a", "b", "c")}, "c": {"context_too_long": ("a",)}}
    assert tried(*["context_too_long"] * 9, behind=circle, max_attempts=9) == "abc"


# The same target again.


def test_a_kind_with_retries_is_asked_again_at_once_and_then_the_next():
    assert tried(*["server"] * 9, retries={"server": 1}, max_attempts=4) == "aabb"
    assert tried("server", "timeout", "server", "ok", retries={"server": 1}, max_attempts=9) == "aabb"
    assert tried("server", "timeout", "timeout", "timeout", retries={"server": 1, "timeout": 1}, max_attempts=4) == "aaab"


def test_retries_count_among_all_attempts():
    assert tried(*["server"] * 9, retries={"server": 5}) == "aaa"


def test_what_was_billed_is_not_asked_again():
    billed = ended("server", 1, billed=True)
    assert tried(billed, billed, billed, retries={"server": 5}, max_attempts=9) == "abc"


def test_when_no_other_is_left_those_are_asked_again_that_may_fare_better():
    steps = made("server", "timeout", ended("rate_limited", 2), "timeout", "ok", max_attempts=9)
    assert "".join(step.target for step in steps) == "abc" + "ac"
    assert [step.wait_s for step in steps[:3]] == [0, 0, 0]
    assert [step.number for step in steps] == [1, 2, 3, 4, 5]


def test_the_one_that_is_due_first_is_first():
    assert tried(ended("server", 9), ended("server", 3), ended("server", 6), *["timeout"] * 9, max_attempts=9) == "abc" + "bca"


def test_a_wait_that_is_over_meanwhile_is_none():
    assert [step.wait_s for step in made(ended("server", 2), "timeout", targets=("a", "b"), took_ms=3_000)] == [0, 0, 0]


def test_a_stated_wait_is_kept_to_the_millisecond_and_a_long_one_is_not_waited_for():
    [_, again] = made(ended("rate_limited", 1.2345), targets=("a",))
    assert again.wait_s == 1.235
    assert made(ended("rate_limited", 0), targets=("a",))[1].wait_s == 0
    assert tried(ended("rate_limited", LONGEST_WAIT_S), targets=("a",)) == "aa"
    assert tried(ended("rate_limited", LONGEST_WAIT_S + 0.1), targets=("a",)) == "a"
    assert tried(ended("rate_limited", LONGEST_WAIT_S + 0.1), retries={"rate_limited": 1}) == "ab"


def test_one_that_asks_for_a_long_wait_is_asked_again_when_no_other_is_left():
    long, short = ended("rate_limited", 9), ended("rate_limited", BACKOFF_MS / 1000)
    again = {"rate_limited": 1, "timeout": 1}
    assert tried(long, "ok", retries=again) == "ab"
    assert tried(short, "ok", retries=again) == "aa"
    steps = made(long, "cut", "cut", "ok", retries=again, max_attempts=9)
    assert ("".join(step.target for step in steps), steps[-1].wait_s) == ("abca", 9 - 2 * 0.001)
    assert tried(ended("timeout", 9), "cut", "cut", "ok", retries=again, max_attempts=9) == "abca"  # only since the route says so
    assert tried(ended("timeout", 9), "cut", "cut", "ok", max_attempts=9) == "abc"
    assert tried(long, "ok", targets=("a",), retries=again) == "aa"


def test_a_wait_that_ends_after_the_deadline_is_not_begun():
    given = inputs(total_ms=5_000)
    assert tried(ended("rate_limited", 5), targets=("a",), given=given) == "a"
    assert tried(ended("rate_limited", 4.9), targets=("a",), given=given) == "aa"
    assert tried(ended("rate_limited", 5), retries={"rate_limited": 1}, given=given) == "ab"


def test_a_backoff_grows_and_is_spread_by_request_and_attempt():
    for failures in range(1, 20):
        waits = [wait_ms(None, failures, draw / 997, failures) for draw in range(997)]
        most = min(BACKOFF_MOST_MS, BACKOFF_MS * 2 ** (failures - 1))
        assert 0 <= min(waits) < most * 0.02
        assert most * 0.98 < max(waits) < most
        assert 0.45 < sum(waits) / len(waits) / most < 0.55
    assert jitter(0.5, 1) != jitter(0.5, 2)


def test_a_share_of_the_draws_does_not_wait_alike():
    """A draw sends a request to its target as well; those that it sent to the same one come back at different times."""
    assert max(jitter(draw / 10_000, 1) for draw in range(100)) - min(jitter(draw / 10_000, 1) for draw in range(100)) > 0.9


# At capacity, or its provider's budget spent.


@pytest.mark.parametrize("kind", NOT_SENT)
def test_what_was_not_sent_is_neither_an_attempt_nor_a_failure(kind):
    assert tried(kind, "timeout", kind, max_attempts=2) == "abc"
    assert tried(kind, "server", kind, "ok", retries={kind: 3}, max_attempts=2) == "abc" + "b"
    assert tried(*[kind] * 9, max_attempts=1) == "abc"


# The time that is left.


def health(ttft_ms: int = 100, duration_ms: int = 3_000, at_ms: int = NOW_MS) -> Health:
    return Health(ttft_ms, duration_ms, 1_000, at_ms)


def test_a_target_that_would_not_be_over_in_time_is_passed_over():
    slow = {"a": health(duration_ms=5_001), "b": health(duration_ms=5_000)}
    assert tried("timeout", "timeout", given=inputs(total_ms=5_000, health=slow)) == "bc"
    assert tried("timeout", given=inputs(total_ms=5_000, health=dict.fromkeys("abc", slow["a"]))) == ""


def test_a_streams_first_byte_counts_and_not_its_end():
    assert tried(given=inputs(stream=True, total_ms=5_000, health={"a": health(duration_ms=60_000)})) == "a"
    assert tried(given=inputs(stream=True, total_ms=5_000, health={"a": health(ttft_ms=5_001, duration_ms=1)})) == "b"


def test_what_was_seen_long_ago_keeps_nobody_away():
    old = health(duration_ms=60_000, at_ms=NOW_MS - HEALTH_KEPT_MS - 1)
    assert tried(given=inputs(total_ms=5_000, health={"a": old})) == "a"


def test_a_wait_and_what_follows_it_have_to_fit():
    given = inputs(total_ms=5_000, health={"a": health(duration_ms=3_000)})
    assert tried(ended("server", 1.9), targets=("a",), given=given) == "aa"
    assert tried(ended("server", 2), targets=("a",), given=given) == "a"


# Hedging.


def test_the_next_target_is_the_rival_where_the_route_hedges():
    [a] = made(hedge_after_ms=800)
    assert (a.rival, a.rival_after_ms) == ("b", 800)
    [a] = made()
    assert (a.rival, a.rival_after_ms) == ("", 0)
    assert [step.rival for step in made("timeout", "timeout", hedge_after_ms=800)] == ["b", "c", ""]


def test_a_rival_that_ran_is_used_up_and_has_a_number():
    a, c = made(ended("timeout", rival="server"), hedge_after_ms=800)
    assert (a.number, a.beside(inputs()).number, a.beside(inputs()).target) == (1, 2, "b")
    assert (c.number, c.target, c.rival) == (3, "c", "")


def test_a_rivals_own_attempt_has_the_generation_of_its_circuit():
    given = inputs(circuits={"b": Circuit(generation=9)})
    assert made(given=given, hedge_after_ms=1)[0].beside(given) == Try(2, "b", 9)


def test_a_rival_that_was_not_started_is_still_to_come():
    assert tried("timeout", "timeout", "timeout", hedge_after_ms=800) == "abc"


def test_a_rival_counts_as_an_attempt_unless_it_was_not_sent():
    both = ended("timeout", rival="server")
    assert tried(both, "timeout", hedge_after_ms=1, max_attempts=2) == "a"
    assert [step.rival for step in made(both, "timeout", hedge_after_ms=1, max_attempts=3)] == ["b", ""]
    assert tried(ended("timeout", rival="at_capacity"), "timeout", hedge_after_ms=1, max_attempts=2) == "ac"
    assert [step.rival for step in made("timeout", hedge_after_ms=1, max_attempts=2)] == ["b", ""]


def test_a_rival_that_could_not_be_over_in_time_is_none():
    slow = {"b": health(duration_ms=4_900)}
    assert made(given=inputs(total_ms=5_000, health=slow), hedge_after_ms=200)[0].rival == "c"
    assert made(given=inputs(total_ms=200), hedge_after_ms=200)[0].rival == ""


def test_a_rival_is_not_asked_again_since_nobody_told_what_it_cost():
    assert tried(ended("server", 1, rival="server"), "server", targets=("a", "b"), hedge_after_ms=1, max_attempts=3) == "aa"


def test_the_chain_of_a_rival_counts_as_that_of_any_other():
    behind = {"b": {"context_too_long": ("d",)}}
    assert tried(ended("timeout", rival="context_too_long"), "timeout", behind=behind, hedge_after_ms=1, max_attempts=9) == "adc"


# Whatever happens.

IDS = st.sampled_from("abcdefg")
LISTS = st.lists(IDS, max_size=4).map(tuple)
WAITS = st.none() | st.floats(0, 90)
ENDINGS = st.builds(
    Ended,
    st.sampled_from(sorted(KINDS)) | st.sampled_from(["server", "rate_limited", "at_capacity", "context_too_long"]),
    st.just(0),
    WAITS,
    st.booleans(),
    st.just("") | st.sampled_from(["server", "at_capacity", "context_too_long", "timeout"]),
)
DECISIONS = st.builds(
    DECISION._replace,
    targets=st.lists(IDS, max_size=5, unique=True).map(tuple),
    max_attempts=st.integers(1, 10),
    behind=st.dictionaries(IDS, st.dictionaries(st.sampled_from(["context_too_long", "content_filtered", "generic"]), LISTS)),
    retries=st.dictionaries(st.sampled_from(sorted(KINDS)), st.integers(0, 5)),
    hedge_after_ms=st.none() | st.integers(1, 5_000),
)
HEALTHS = st.dictionaries(IDS, st.builds(health, st.integers(0, 9_000), st.integers(0, 60_000)))
GIVEN = st.builds(inputs, st.booleans(), st.integers(0, 90_000), draw=st.floats(0, 1, exclude_max=True), health=HEALTHS)


@given(DECISIONS, GIVEN, st.lists(ENDINGS, max_size=30), st.integers(0, 9_000))
def test_whatever_happens_a_plan_keeps_to_its_limits(decision, given, endings, took_ms):
    flown = Upstream([*endings, *["server"] * 99], took_ms)
    steps = flown.fly(decision, given)
    assert steps == Upstream([*endings, *["server"] * 99], took_ms).fly(decision, given)
    assert len(flown.ended) == len(steps)  # it ended by itself, however long the script

    kinds = [kind for step, end in zip(steps, flown.ended, strict=True) for kind in (end.kind, end.rival if step.rival else "") if kind]
    assert sum(kind not in NOT_SENT for kind in kinds) <= decision.max_attempts

    numbers = [
        number
        for step, end in zip(steps, flown.ended, strict=True)
        for number in (step.number, *([step.beside(given).number] if step.rival and end.rival else []))
    ]
    assert numbers == list(range(1, len(numbers) + 1))

    asked: dict[str, tuple[Ended, int] | None] = {}
    for step, began_ms, end in zip(steps, flown.began_ms, flown.ended, strict=True):
        seen = given.health.get(step.target)
        needed_ms = (seen.ttft_ms if given.features.stream else seen.duration_ms) if seen else 1
        assert began_ms + needed_ms <= given.deadline_ms
        assert began_ms < given.deadline_ms
        assert step.wait_s >= 0
        if step.target in asked:
            before = asked[step.target]
            assert before is not None, "a rival is not asked again"
            failed, failed_ms = before
            assert not failed.billed
            assert KINDS[failed.kind].again or decision.retries.get(failed.kind)
            assert failed.kind not in NOT_SENT
            assert began_ms - failed_ms >= (failed.retry_after_s or 0) * 1000 - 0.001
            assert (failed.retry_after_s or 0) <= LONGEST_WAIT_S
        else:
            assert step.wait_s == 0
        asked[step.target] = end, end.now_ms
        if step.rival and end.rival:
            assert step.rival not in asked
            asked[step.rival] = None


@given(DECISIONS, GIVEN, st.lists(ENDINGS, max_size=30))
def test_none_is_tried_before_its_turn(decision, given, endings):
    """A new target is either behind one that has failed, or the first of the order that is still to come and in time."""
    flown = Upstream(list(endings))
    had: set[str] = set()
    failed: set[str] = set()
    for step, began_ms, end in zip(flown.fly(decision, given), flown.began_ms, [*flown.ended, None], strict=False):
        in_time = [id for id in decision.targets if id not in had and _fits(id, began_ms, given)]
        if step.target in had:
            assert decision.retries or not in_time
        else:
            behind = {id for one in failed for row in decision.behind.get(one, {}).values() for id in row}
            assert step.target in behind or step.target == in_time[0]
        had.add(step.target)
        failed.add(step.target)
        if end and step.rival and end.rival:
            had.add(step.rival)
            failed.add(step.rival)


def _fits(target: str, at_ms: int, given: Inputs) -> bool:
    seen = given.health.get(target)
    needed_ms = (seen.ttft_ms if given.features.stream else seen.duration_ms) if seen else 1
    return at_ms + max(1, needed_ms) <= given.deadline_ms


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
