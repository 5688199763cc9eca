"""What is not recorded as it was billed is found, request by request."""

import pytest

from ...torture.compare import compared, miscounted


def call(cost=10, ref="r1", provider="openai", delivered=True, at_ms=1, operation="chat", **fault):
    told = {"provider": provider, "operation": operation, "ref": ref, "cost_nanousd": cost, "usage_delivered": delivered, "at_ms": at_ms}
    return told | {"fault": fault or None, "outcome": "served", "input_tokens": 1, "output_tokens": 1}


def attempt(cost=10, provider="openai", estimated=False, at_ms=1, purpose="", outcome="ok"):
    told = {"target": f"{provider}/m", "cost_nanousd": cost, "estimated": estimated, "at_ms": at_ms}
    return told | {"purpose": purpose, "outcome": outcome, "tokens": {}}


def event(*attempts, ref="r1"):
    return {"tags": [ref], "attempts": list(attempts)}


def test_equal_is_equal():
    sums, complaints = compared([call(), call(7, provider="mistral")], [event(attempt(), attempt(7, "mistral"))])
    assert complaints == []
    assert sums["openai"] == {"calls": 1, "billed": 1, "delivered": 1, "captured": 1, "theirs": 10, "ours": 10}


@pytest.mark.parametrize(
    ("calls", "events", "complaint"),
    [
        ([call(10)], [event(attempt(11))], "they billed 10 and we recorded 11"),
        ([call(10)], [event(attempt(9))], "they billed 10 and we recorded 9"),
        ([call(10), call(20, at_ms=2)], [event(attempt(20), attempt(10, at_ms=2))], "they billed 10 and we recorded 20"),
        ([call(10)], [], "a call is missing"),
        ([call(10)], [event(attempt(), ref="r2")], "a call is missing"),
        ([call(0, status=500)], [], "a call is missing"),
        ([call(0, status=500), call(10, at_ms=2)], [event(attempt(10, at_ms=2))], "a call is missing"),
        ([call(10), call(10, at_ms=2)], [event(attempt(20))], "a call is missing"),
        ([call(10), call(10, delivered=False)], [event(attempt(20, estimated=True))], "a call is missing"),
        ([call(10, ref=None)], [], "nobody at openai: a call is missing"),
        ([call(10, delivered=False)], [event(attempt(9, estimated=True))], "less, where no usage was delivered"),
        ([call(10, delivered=False)], [event(attempt(11))], "more, and not marked as estimated"),
        ([call(0)], [event(attempt(11))], "more, and not marked as estimated"),
        ([call(10)], [event(attempt(11, outcome="timeout"))], "more, and not marked as estimated"),
        ([call(10)], [event(attempt(9, outcome="abandoned", estimated=True))], "less, where no usage was delivered"),
    ],
)
def test_what_differs_is_complained_of(calls, events, complaint):
    assert any(complaint in told for told in compared(calls, events)[1]), compared(calls, events)


def test_an_estimate_may_be_more_where_no_usage_came_or_none_could_be_read():
    for undelivered in (call(10, delivered=False), call(10, malformed=True), call(0, status=500)):
        assert compared([undelivered], [event(attempt(12, estimated=True))])[1] == []


def test_what_was_given_up_before_it_was_read_was_not_delivered_whatever_its_sender_thinks():
    for outcome in ("timeout", "abandoned"):
        sums, complaints = compared([call(10)], [event(attempt(12, estimated=True, outcome=outcome))])
        assert (complaints, sums["openai"]["delivered"], sums["openai"]["elsewhere_ours"]) == ([], 0, 12)


def test_a_rival_is_counted_with_whom_it_ran_against():
    hedged = [event(attempt(20), attempt(10, at_ms=2, purpose="hedge"))]
    assert compared([call(10), call(20, at_ms=2)], hedged)[1] == []


def test_the_texts_of_one_embedding_may_be_a_call_each():
    assert compared([call(10, operation="invoke"), call(7, operation="invoke")], [event(attempt(17))])[1] == []
    assert compared([call(10, operation="invoke"), call(7, operation="invoke")], [event(attempt(10))])[1] != []


def test_a_request_that_was_answered_has_one_event():
    assert miscounted(["r1", "r2", "r3"], [event(), event(ref="r3"), event(ref="r3")]) == [
        "r2 was answered and has 0 usage events",
        "r3 was answered and has 2 usage events",
    ]
