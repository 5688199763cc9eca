"""From target to target until one answers, and what each attempt came to. The upstream is a fake that holds state; the clock is its own."""

import json
from dataclasses import replace

import pytest

from signalbox.aws.http import Cut, Unreachable
from signalbox.completion.journey import total
from signalbox.completion.outing import MOST_FLIGHTS
from signalbox.errors import Refusal, UpstreamFailure
from signalbox.money import Tokens
from signalbox.reply import TextDelta, gather
from signalbox.routing.bound import MIN_OUTPUT_TOKENS
from signalbox.routing.catalog import Targets
from signalbox.usage.events import MOST_ATTEMPTS

from .fakes import Answer, Now, delta, ending, event
from .trips import GOOD, ROUTE, SNAPSHOT, Ring, journey, kinds


@pytest.fixture
def now():
    return Now()


def test_the_first_target_that_answers_serves(now):
    trip, _ = journey(now, a=[replace(GOOD)])
    trip.begin(whole=False)
    choices, _ = gather(trip.chunks())
    (attempt,) = trip.attempts()
    assert choices[0].text == "Hello"
    assert (trip.target, trip.finish) == ("a/m", "stop")
    assert (attempt.outcome, attempt.status, attempt.tokens, attempt.cost_nanousd, attempt.estimated) == (
        "ok",
        200,
        Tokens(10, 0, 0, 3),
        16,
        False,
    )
    assert (attempt.ttft_ms, attempt.duration_ms) == (0, 500)


def test_begin_reads_no_further_than_the_first_text(now):
    trip, _ = journey(now, a=[Answer(parts=[delta("Hel"), 1, delta("lo"), *ending(10, 3)])])
    trip.begin(whole=False)
    assert now.s == 1_000
    assert next(trip.chunks()) == TextDelta("Hel")


@pytest.mark.parametrize(
    ("answer", "kind", "billed"),
    [
        (Unreachable("b"), "unreachable", 0),
        (Answer(status=500), "server", 0),
        (Answer(status=429, headers={"retry-after": "7"}), "rate_limited", 0),
        (Answer(status=401), "auth", 0),
        (Answer(parts=[9, delta("late")]), "timeout", 100 + 2 * 500),
        (Answer(parts=[b"data: {nonsense\n\n"]), "malformed", 100 + 2 * (64 + 17)),
        (Answer(parts=[Cut("gone")]), "cut", 100 + 2 * 64),
    ],
)
def test_a_failure_before_the_first_text_leads_to_the_next_target(now, answer, kind, billed):
    trip, upstream = journey(now, a=[answer], b=[replace(GOOD)])
    trip.begin(whole=False)
    assert gather(trip.chunks())[0][0].text == "Hello"
    assert kinds(trip) == [("a/m", kind), ("b/m", "ok")]
    assert trip.attempts()[0].cost_nanousd == billed
    assert trip.attempts()[0].estimated is bool(billed)
    assert all(exchange.closed for exchange in upstream.exchanges[:-1])


def test_a_stream_that_breaks_after_its_first_text_goes_nowhere_else(now):
    trip, _ = journey(now, a=[Answer(parts=[delta("Hel"), Cut("gone")])], b=[replace(GOOD)])
    trip.begin(whole=False)
    with pytest.raises(Refusal) as refused:
        list(trip.chunks())
    assert (refused.value.code, str(refused.value)) == ("upstream_failed", "The answer of a/m broke off (cut). Try again.")
    assert kinds(trip) == [("a/m", "cut")]
    assert trip.attempts()[0].tokens == Tokens(input=100, output=3 + 64)


@pytest.mark.parametrize("behind", [[b"data: {nonsense\n\n" + delta("lo" * 99)], [b"data: {nonsense\n\n", delta("lo" * 99)]])
def test_what_comes_with_or_behind_what_is_not_understood_was_written_as_well(now, behind):
    trip, _ = journey(now, a=[Answer(parts=[delta("Hel"), *behind])])
    trip.begin(whole=False)
    with pytest.raises(Refusal):
        list(trip.chunks())
    [attempt] = trip.attempts()
    assert (attempt.outcome, attempt.estimated) == ("malformed", True)
    assert attempt.tokens.output >= 3 + 2 * 99


def test_what_was_understood_is_counted_by_its_text_also_where_the_end_is_not(now):
    words = [delta("a") for _ in range(300)]
    trip, _ = journey(now, a=[Answer(parts=[*words, b"data: {nonsense\n\n"])])
    trip.begin(whole=False)
    with pytest.raises(Refusal):
        list(trip.chunks())
    [attempt] = trip.attempts()
    assert 300 < attempt.tokens.output <= 300 + 64 + len(words[0]) + 17


def test_an_unstreamed_answer_that_breaks_midway_is_asked_for_elsewhere(now):
    trip, _ = journey(now, a=[Answer(parts=[delta("Hel"), Cut("gone")])], b=[replace(GOOD)])
    trip.begin(whole=True)
    assert gather(trip.chunks())[0][0].text == "Hello"
    assert total(trip.attempts()) == Tokens(110, 0, 0, 70)


def test_silence_between_two_chunks_ends_the_attempt(now):
    trip, _ = journey(now, a=[Answer(parts=[delta("Hel"), 3, delta("lo")])])
    trip.begin(whole=False)
    with pytest.raises(Refusal) as refused:
        list(trip.chunks())
    assert refused.value.code == "deadline_exceeded"
    assert now.s == 1_002


def test_a_trickle_of_comments_is_silence(now):
    trip, _ = journey(now, a=[Answer(parts=[delta("Hel"), *[0.5, b": still here\n\n"] * 20])])
    trip.begin(whole=False)
    with pytest.raises(Refusal):
        list(trip.chunks())
    assert now.s == 1_002


def test_a_deadline_that_has_passed_sends_nothing(now):
    trip, upstream = journey(now, total_s=-1.0, a=[replace(GOOD)])
    with pytest.raises(Refusal) as refused:
        trip.begin(whole=False)
    assert refused.value.code == "deadline_exceeded"
    assert upstream.requests == []
    assert total(trip.attempts()) == Tokens()


def test_the_callers_own_deadline_says_nothing_of_the_target(now):
    trip, _ = journey(now, total_s=1.0, a=[Answer(parts=[9, delta("late")])], b=[replace(GOOD)])
    with pytest.raises(Refusal) as refused:
        trip.begin(whole=False)
    assert refused.value.code == "deadline_exceeded"
    assert kinds(trip) == [("a/m", "deadline")]


@pytest.mark.parametrize(("n", "reasons", "output"), [(1, False, 3 + 64), (2, False, 3 + 2 * 64), (1, True, 500), (2, True, 1000)])
def test_what_was_not_counted_is_charged_at_what_may_have_been_written(now, n, reasons, output):
    trip, _ = journey(now, n=n, reasons=reasons, a=[Answer(parts=[delta("Hel"), Cut("gone")])])
    trip.begin(whole=False)
    with pytest.raises(Refusal):
        list(trip.chunks())
    assert trip.attempts()[0].tokens == Tokens(input=100, output=output)
    assert trip.attempts()[0].estimated


def test_what_was_sent_and_then_given_up_is_charged(now):
    def send(upstream, request, timeout_s):
        upstream.send(request, timeout_s)
        raise Refusal("ledger_unavailable", "The intent could not be stored.")

    trip, _ = journey(now, send=send, a=[replace(GOOD)])
    with pytest.raises(Refusal) as refused:
        trip.begin(whole=False)
    assert refused.value.code == "ledger_unavailable"
    assert kinds(trip) == [("a/m", "abandoned")]
    assert trip.attempts()[0].cost_nanousd >= 100


def test_landing_does_not_wait_for_an_upstream_that_never_ends(now):
    trip, _ = journey(now, a=[Answer(parts=[delta("Hi"), *ending(10, 3), *[0.05, b": more\n\n"] * 100])])
    trip.begin(whole=False)
    list(trip.chunks())
    trip.drain()
    ended = now.s
    trip.land()
    assert now.s - ended <= 0.11
    assert trip.attempts()[0].tokens == Tokens(10, 0, 0, 3)


def test_a_provider_without_a_key_is_passed_over(now):
    class Missing(Ring):
        def of(self, provider, owner, anew=False):
            if provider.name == "a":
                raise UpstreamFailure("no_key", "There is no key for a. Set one: signalbox secrets set a.")
            return super().of(provider, owner, anew)

    trip, _ = journey(now, ring=Missing(["key"], ["key"]), a=[replace(GOOD)], b=[replace(GOOD)])
    trip.begin(whole=False)
    assert trip.target == "b/m"


def test_an_answer_that_breaks_our_reading_is_the_upstreams_failure(now):
    """Whatever is wrong with it, the next target is tried and the attempt is charged."""
    trip, _ = journey(now, a=[Answer(parts=[b"data: " + b"[" * 200_000 + b"\n\n"])], b=[replace(GOOD)])
    trip.begin(whole=False)
    assert kinds(trip) == [("a/m", "malformed"), ("b/m", "ok")]


def test_the_deadline_ends_everything(now):
    trip, _ = journey(now, a=[Answer(parts=[delta("."), *[1.5, delta(".")] * 40])])
    trip.begin(whole=False)
    with pytest.raises(Refusal):
        list(trip.chunks())
    assert now.s == 1_020


def test_where_nobody_answers_the_caller_learns_the_last_failure_and_when_to_come_again(now):
    trip, _ = journey(now, a=[Answer(status=500)], b=[Answer(status=429, headers={"retry-after": "7"})])
    with pytest.raises(Refusal) as refused:
        trip.begin(whole=False)
    assert (refused.value.code, refused.value.status, refused.value.retry_after_s) == ("upstream_failed", 502, 7)
    assert "a/m, b/m" in refused.value.message


def test_what_the_upstream_wrote_never_reaches_the_caller(now):
    secret = b'{"error": {"message": "you said: my password is hunter2", "code": "bad_thing"}}'
    trip, _ = journey(now, a=[Answer(status=400, parts=[secret])])
    with pytest.raises(Refusal) as refused:
        trip.begin(whole=False)
    assert refused.value.code == "invalid_request"
    assert "bad_thing" in refused.value.message
    assert "hunter2" not in refused.value.message


def test_what_the_provider_minds_is_told_by_its_name_unless_that_holds_the_key(now):
    said = {"message": "Invalid value: 'hunter2'.", "type": "invalid_request_error", "param": "messages[0].content", "code": "bad_value"}
    for key, param in (("content", None), ("sk-another", "messages[0].content")):
        trip, _ = journey(now, a=[Answer(status=400, parts=[json.dumps({"error": said}).encode()])], keys=(key,))
        with pytest.raises(Refusal) as refused:
            trip.begin(whole=False)
        assert (refused.value.code, refused.value.param) == ("invalid_request", param)
        assert ("code=bad_value param=messages[0].content" in refused.value.message) == bool(param)
        assert "hunter2" not in refused.value.message


def test_a_rotated_key_is_read_anew_and_tried_once(now):
    trip, upstream = journey(now, fresh=["new"], a=[Answer(status=401), replace(GOOD)])
    trip.begin(whole=False)
    assert shown(upstream) == ["Bearer old", "Bearer new"]
    assert kinds(trip) == [("a/m", "key_refused"), ("a/m", "ok")]


def shown(upstream):
    return [key for _, _, key in upstream.requests]


@pytest.mark.parametrize(("status", "kind"), [(401, "key_refused"), (403, "key_refused"), (429, "key_limited")])
def test_another_key_takes_the_place_of_one_that_is_refused_or_used_up(now, status, kind):
    ring = Ring(["first", "second"], [])
    trip, upstream = journey(now, ring=ring, a=[Answer(status=status), replace(GOOD)])
    trip.begin(whole=False)
    assert shown(upstream) == ["Bearer first", "Bearer second"]
    assert kinds(trip) == [("a/m", kind), ("a/m", "ok")]
    assert ring.keys == ["second", "first"]
    assert trip.attempts()[0].cost_nanousd == 0


@pytest.mark.parametrize("first", ["a", "b"])
def test_a_credential_that_is_exchanged_for_nothing_is_followed_by_the_next(now, first):
    class Refusing(Ring):
        def shown(self, request, provider, key):
            if (provider.name, key) == (first, "bad"):
                raise UpstreamFailure("auth", "the google token was not given")
            return super().shown(request, provider, key)

    ring = Refusing(["bad", "good"], [])
    trip, _ = journey(now, ring=ring, a=[replace(GOOD) if first == "a" else Answer(status=500)], b=[replace(GOOD)])
    trip.begin(whole=False)
    assert kinds(trip) == ([] if first == "a" else [("a/m", "server")]) + [(f"{first}/m", "ok")]


def test_where_every_key_is_used_up_the_next_target_serves(now):
    trip, _ = journey(now, keys=["first", "second"], a=[Answer(status=429), Answer(status=429)], b=[replace(GOOD)])
    trip.begin(whole=False)
    assert kinds(trip) == [("a/m", "key_limited"), ("a/m", "rate_limited"), ("b/m", "ok")]


def test_keys_without_end_are_not_tried_without_end(now):
    keys = [f"key{number}" for number in range(40)]
    trip, upstream = journey(now, keys=keys, a=[Answer(status=401)] * 40, b=[replace(GOOD)])
    with pytest.raises(Refusal):
        trip.begin(whole=False)
    assert len(upstream.requests) == MOST_FLIGHTS == MOST_ATTEMPTS


RETRIED = ROUTE._replace(targets=("a/m",), max_attempts=2)


@pytest.mark.parametrize("headers", [{"retry-after": "1.5"}, {"retry-after-ms": "1500"}])
def test_a_target_is_tried_again_when_it_said_to(now, headers):
    trip, _ = journey(now, route=RETRIED, a=[Answer(status=429, headers=headers), replace(GOOD)])
    trip.begin(whole=False)
    assert kinds(trip) == [("a/m", "rate_limited"), ("a/m", "ok")]
    assert now.slept == [1.5]


def test_a_wait_past_the_deadline_is_not_begun(now):
    trip, _ = journey(now, route=RETRIED, a=[Answer(status=503, headers={"retry-after": "30"}), replace(GOOD)])
    with pytest.raises(Refusal) as refused:
        trip.begin(whole=False)
    assert (now.slept, refused.value.retry_after_s) == ([], 30)


def test_a_billed_failure_is_not_repeated_at_the_same_target(now):
    trip, _ = journey(now, route=RETRIED, a=[Answer(parts=[Cut("gone")], headers={"retry-after": "1"}), replace(GOOD)])
    with pytest.raises(Refusal):
        trip.begin(whole=False)
    assert kinds(trip) == [("a/m", "cut")]


def test_a_count_before_the_first_content_commits_to_nothing(now):
    counted = event(choices=[], usage={"prompt_tokens": 10, "completion_tokens": 0})
    failing = event(error={"type": "server_error", "message": "no"})
    trip, _ = journey(now, a=[Answer(parts=[counted, failing])], b=[replace(GOOD)])
    trip.begin(whole=False)
    assert kinds(trip) == [("a/m", "server"), ("b/m", "ok")]
    first = trip.attempts()[0]
    assert (first.tokens, first.estimated) == (Tokens(input=10, output=64), True)  # what was written since is not in it


def left_at(now, on_leave):
    providers = {name: row._replace(on_leave=on_leave) for name, row in SNAPSHOT.providers.items()}
    trip, upstream = journey(
        now,
        change=lambda trip: trip._replace(snapshot=trip.snapshot._replace(providers=providers)),
        a=[Answer(parts=[delta("Hel"), 0.5, delta("lo"), *ending(10, 3)])],
    )
    trip.begin(whole=False)
    chunks = trip.chunks()
    next(chunks)
    chunks.close()
    trip.drain()
    return trip.attempts()[0], upstream.exchanges[0]


def test_a_stream_that_was_left_is_drained_estimated_or_free_by_its_providers_rule(now):
    drained, exchange = left_at(now, "drain")
    assert (drained.tokens, drained.estimated, exchange.closed) == (Tokens(10, 0, 0, 3), False, False)
    estimated, exchange = left_at(now, "estimate")
    assert (estimated.tokens, estimated.estimated, exchange.closed) == (Tokens(100, 0, 0, 3 + 64), True, True)
    free, exchange = left_at(now, "free")
    assert (free.tokens, free.cost_nanousd, free.estimated, exchange.closed) == (Tokens(), 0, False, True)
    assert {attempt.outcome for attempt in (drained, estimated, free)} == {"ok"}


def test_a_model_that_only_the_client_named_is_unknown_and_no_fault_of_the_provider(now):
    row = SNAPSHOT.targets["a/m"]._replace(id="a/*")
    targets = Targets({"a/*": row._replace(capabilities=frozenset({"streaming"}))})

    def change(trip):
        return trip._replace(decision=trip.decision._replace(targets=("a/made-up",)), snapshot=trip.snapshot._replace(targets=targets))

    trip, _ = journey(now, change=change, a=[Answer(status=404)])
    with pytest.raises(Refusal) as refused:
        trip.begin(whole=False)
    assert (refused.value.code, kinds(trip)) == ("model_not_found", [("a/made-up", "unknown_model")])


def test_drain_reads_the_usage_after_the_client_has_left(now):
    trip, upstream = journey(now, a=[replace(GOOD)])
    trip.begin(whole=False)
    chunks = trip.chunks()
    next(chunks)
    chunks.close()
    trip.drain()
    assert trip.attempts()[0].tokens == Tokens(10, 0, 0, 3)
    assert not upstream.exchanges[0].closed


def asked_for(upstream):
    return [body.get("max_tokens") for _, body, _ in upstream.requests]


def test_without_a_budget_the_callers_limit_goes_through_as_it_is(now):
    for asked, sent in ((None, None), (7, 7), (64_000, 500)):  # but where the model would refuse it
        trip, upstream = journey(now, max_tokens=asked, a=[replace(GOOD)])
        trip.begin(whole=False)
        assert asked_for(upstream) == [sent]
        assert not trip.clamped


def test_what_is_billed_at_other_prices_than_ours_is_charged_and_marked(now):
    def change(trip):
        return trip._replace(request=trip.request._replace(extra={"service_tier": "priority"}))

    trip, _ = journey(now, change=change, a=[replace(GOOD)])
    trip.begin(whole=False)
    list(trip.chunks())
    (attempt,) = trip.attempts()
    assert (attempt.tokens, attempt.cost_nanousd, attempt.estimated) == (Tokens(10, 0, 0, 3), 16, True)


def test_under_a_budget_the_output_is_always_limited_to_what_was_held(now):
    for granted, tokens, clamped in ((10_000, 500, False), (100 + 2 * 300, 300, True)):
        trip, upstream = journey(now, granted=granted, a=[replace(GOOD)])
        trip.begin(whole=False)
        assert (asked_for(upstream), trip.clamped) == ([tokens], clamped)


def test_a_second_attempt_that_the_hold_does_not_cover_is_not_made(now):
    trip, upstream = journey(now, granted=100 + 2 * 500, a=[Answer(parts=[Cut("gone")])], b=[replace(GOOD)])
    trip.begin(whole=False)  # 228 of 1,100 spent: enough for another
    assert len(upstream.requests) == 2
    trip, upstream = journey(now, granted=100 + 2 * MIN_OUTPUT_TOKENS, a=[Answer(parts=[Cut("gone")])], b=[replace(GOOD)])
    with pytest.raises(Refusal) as refused:
        trip.begin(whole=False)
    assert (refused.value.code, len(upstream.requests)) == ("upstream_failed", 1)
