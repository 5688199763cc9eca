import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from signalbox.money import Tokens
from signalbox.usage.events import EVENTS, MOST_ATTEMPTS, Envelope, UsageRecorded
from signalbox.usage.record import Attempt, UsageRecord

COUNTS = st.integers(0, 10**18)
TEXT = st.text(max_size=40)
NAMES = st.text(min_size=1, max_size=40)
TOKENS = st.builds(Tokens, *[COUNTS] * 6)
ATTEMPTS = st.builds(
    Attempt,
    target=NAMES,
    outcome=NAMES,
    at_ms=COUNTS,
    duration_ms=COUNTS,
    ttft_ms=st.none() | COUNTS,
    status=st.none() | st.integers(100, 599),
    retry_after_s=st.none() | COUNTS,
    generation=COUNTS,
    tokens=TOKENS,
    cost_nanousd=COUNTS,
    purpose=st.sampled_from(["", "hedge", "mirror"]),
)
TEXTS: tuple[str, ...] = ("tenant", "team", "key", "agent", "model", "route", "policy", "target", "provider", "cache", "decision", "lease")
TEXTS += ("default_target", "inputs", "decided", "strategy")
NUMBERS = ("prompt_chars", "duration_ms", "config_version", "cost_nanousd", "baseline_cost_nanousd")
RECORDS = st.builds(
    UsageRecord,
    id=NAMES,
    at_ms=st.integers(0, 4_000_000_000_000),
    outcome=NAMES,
    status=st.integers(0, 999),
    finish=st.none() | TEXT,
    ttft_ms=st.none() | COUNTS,
    attempts=st.lists(ATTEMPTS, max_size=4).map(tuple),
    tokens=TOKENS,
    period_by_scope=st.dictionaries(NAMES, st.lists(NAMES, max_size=3), max_size=4),
    refused_by=st.none() | st.tuples(NAMES, NAMES),
    tags=st.lists(TEXT, max_size=3).map(tuple),
    policies=st.lists(TEXT, max_size=3).map(tuple),
    flags=st.lists(TEXT, max_size=3).map(tuple),
    compared=st.booleans(),
    unlisted=st.lists(NAMES, max_size=3).map(tuple),
    passed_over=st.lists(st.tuples(NAMES, NAMES), max_size=3).map(tuple),
    features=st.dictionaries(NAMES, st.none() | st.booleans() | COUNTS | TEXT | st.lists(TEXT, max_size=2), max_size=4),
    **dict.fromkeys(TEXTS, TEXT),
    **dict.fromkeys(NUMBERS, COUNTS),
)


def envelope(detail, name="UsageRecorded", source="signalbox"):
    return json.dumps({"source": source, "detail-type": name, "detail": detail})


def attempt(**over):
    return Attempt("a/b", "ok", 1, 1)._asdict() | {"tokens": Tokens()._asdict()} | over


def detail(**over):
    return UsageRecord("r1", 0, "t", "", "k", "chat", "ok", 200, False, 1, 2).to_detail() | over


@given(RECORDS)
def test_whatever_complete_records_is_an_event_and_comes_through_unchanged(record):
    sent = json.loads(json.dumps(record.to_detail()))
    read = Envelope[UsageRecorded].model_validate_json(envelope(sent)).detail
    assert json.loads(read.model_dump_json()) == sent


@pytest.mark.parametrize(
    "over",
    [
        {"version": 2},
        {"id": ""},
        {"cost_nanousd": 1.5},
        {"cost_nanousd": "13"},
        {"cost_nanousd": -1},
        {"cost_nanousd": 10**40},  # more digits than DynamoDB keeps
        {"at_ms": 10**15},
        {"stream": "yes"},
        {"tenant": "t" * 2000},  # more than a key of DynamoDB takes
        {"status": 10**40},
        {"status": -1},
        {"attempts": [{"target": "a/b"}]},
        {"attempts": [attempt(status=10**40)]},
        {"attempts": [attempt(retry_after_s=10**40)]},
        {"attempts": [attempt()] * (MOST_ATTEMPTS + 1)},  # more totals than a transaction takes
        {"tags": ["t"] * 51},
        {"tags": ["t" * 2000]},
        {"period_by_scope": {f"key#{n}": ["total"] for n in range(51)}},
        {"finish": "f" * 2000},
        {"refused_by": ["key#k"]},
    ],
)
def test_what_cannot_be_counted_is_refused(over):
    with pytest.raises(ValidationError):
        Envelope[UsageRecorded].model_validate_json(envelope(detail(**over)))


@pytest.mark.parametrize(("name", "source"), [("CircuitOpened", "signalbox"), ("Nonsense", "signalbox"), ("UsageRecorded", "aws.s3")])
def test_an_envelope_that_says_something_else_is_refused(name, source):
    with pytest.raises(ValidationError):
        Envelope[UsageRecorded].model_validate_json(envelope(detail(), name, source))


def test_a_field_that_is_not_known_yet_is_passed_over():
    assert UsageRecorded.model_validate_json(json.dumps(detail(colour="blue"))).id == "r1"


def test_an_event_of_before_a_field_was_told_is_read_without_it():
    older = detail(attempts=[attempt()])
    for name in ("policies", "flags", "default_target", "features", "inputs", "decided", "strategy", "compared"):
        del older[name]
    del older["attempts"][0]["purpose"]
    read = UsageRecorded.model_validate_json(json.dumps(older))
    assert (read.policies, read.flags, read.features, read.inputs, read.decided, read.compared) == ([], [], {}, "", "", None)
    assert read.attempts[0].purpose == ""


def test_what_is_wrong_is_said_without_repeating_the_input():
    with pytest.raises(ValidationError) as error:
        UsageRecorded.model_validate_json(json.dumps(detail(tenant="SECRET" * 100)))
    assert "tenant" in str(error.value)
    assert "SECRET" not in str(error.value)


def test_the_table_has_every_event_under_its_name():
    assert set(EVENTS) == {
        "UsageRecorded",
        "BudgetThresholdCrossed",
        "BudgetExhausted",
        "CircuitOpened",
        "CircuitHalfOpened",
        "CircuitClosed",
        "ConfigPublished",
        "RollbackStarted",
        "RollbackSucceeded",
        "RollbackFailed",
        "ReportPublished",
    }
