"""What an answer is compared with, so that savings are neither guessed nor invented."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from signalbox.aws.http import Cut
from signalbox.completion.admitted import Admitted
from signalbox.completion.asked import Asked
from signalbox.completion.clock import Clock
from signalbox.completion.record import baseline_nanousd, to_intent, to_record
from signalbox.errors import Refusal
from signalbox.money import Prices, Tokens
from signalbox.routing.catalog import Target, Targets
from signalbox.routing.flags import MOST_DECLARED
from signalbox.usage.events import UsageRecorded
from signalbox.usage.record import Attempt, UsageRecord

from .fakes import Answer, Now, delta
from .trips import GOOD, PRICES, journey

TOKENS = Tokens(10, output=3)
FREE = Prices(0, 0, 0, 0, 0, 0)
ROWS = {"dear/m": Prices(3_000_000, 6_000_000, 0, 0, 6_000_000, 0), "cheap/m": PRICES, "free/m": FREE, "unpriced/m": None}
TARGETS = Targets({id: Target(id, id.partition("/")[0], "m", 1000, 500, frozenset(), prices) for id, prices in ROWS.items()})


def attempt(target="cheap/m", outcome="ok", tokens=TOKENS, **over):
    return Attempt(target, outcome, 0, 1, tokens=tokens, **over)


@pytest.mark.parametrize(
    ("default", "answered", "baseline"),
    [
        ("dear/m", "cheap/m", 48),
        ("cheap/m", "cheap/m", 16),
        ("free/m", "cheap/m", 0),  # a loss, and told as one
        ("dear/m", "free/m", 48),
        ("unpriced/m", "cheap/m", None),
        ("dear/m", "unpriced/m", None),  # it only counts as free
        ("", "cheap/m", None),
    ],
)
def test_the_answers_tokens_at_the_default_targets_prices(default, answered, baseline):
    answer = attempt(answered)
    assert baseline_nanousd(answer, [answer], default, TARGETS) == baseline


def test_a_failed_attempt_and_a_mirror_are_no_part_of_the_baseline():
    attempts = [attempt(outcome="cut", tokens=Tokens(99)), attempt(), attempt("dear/m", tokens=Tokens(77), purpose="mirror")]
    assert baseline_nanousd(attempts[1], attempts, "dear/m", TARGETS) == 48


def test_what_an_unpriced_mirror_costs_is_unknown_and_so_is_the_saving():
    assert baseline_nanousd(attempt(), [attempt(), attempt("unpriced/m", purpose="mirror")], "dear/m", TARGETS) is None


@pytest.fixture
def now():
    return Now()


def recorded(now, outcome="ok", **answers):
    trip, _ = journey(now, **answers)
    asked = Asked("r1", 0, now.s, now.s + 20, None, None, 0)
    try:
        trip.begin(whole=False)
        list(trip.chunks())
    except Refusal as refusal:
        outcome = refusal.code
    intent = UsageRecord("r1", 0, "t", "", "k", "chat", "crashed", 500, False, 2, 0, default_target="a/m")
    return to_record(intent, asked, trip, outcome, 200, now.s)


@pytest.mark.parametrize(("names", "is_kept"), [(500, True), (1_000, False)])
def test_an_event_fits_the_bus_however_many_targets_are_known(now, names, is_kept, capsys):
    full = tuple(f"mine/{number:0>180}" for number in range(names))
    trip = journey(now, change=lambda trip: trip._replace(inputs=trip.inputs._replace(full=full)), a=[GOOD])[0].trip
    caller = SimpleNamespace(tenant="t", team="", key_id="k")
    asked = Asked("r1", 0, now.s, now.s + 20, caller, trip.request, 0)
    admitted = Admitted(trip, SimpleNamespace(lease="", period_by_scope={}))
    intent = to_intent(asked, admitted, Clock(now, now, now.sleep))
    assert (intent.inputs != "", "InputsTooLong" in capsys.readouterr().out) == (is_kept, not is_kept)
    assert intent.decision
    assert len(json.dumps(json.dumps(intent.to_detail()))) < 256_000
    UsageRecorded.model_validate(json.loads(json.dumps(intent.to_detail())))


def test_an_event_can_be_read_however_many_policies_were_applied(now):
    decided = {"policies": tuple(f"p{number}" for number in range(1_000)), "flags": tuple(f"f{number}" for number in range(MOST_DECLARED))}
    trip = journey(now, change=lambda trip: trip._replace(decision=trip.decision._replace(**decided)), a=[GOOD])[0].trip
    asked = Asked("r1", 0, now.s, now.s + 20, SimpleNamespace(tenant="t", team="", key_id="k"), trip.request, 0)
    intent = to_intent(asked, Admitted(trip, SimpleNamespace(lease="", period_by_scope={})), Clock(now, now, now.sleep))
    event = UsageRecorded.model_validate(json.loads(json.dumps(intent.to_detail())))
    assert (event.policies[:2], event.flags) == (["p0", "p1"], list(decided["flags"]))


def test_an_answer_of_the_default_target_is_its_own_baseline(now):
    record = recorded(now, a=[replace(GOOD)])
    assert (record.compared, record.baseline_cost_nanousd, record.cost_nanousd) == (True, 16, 16)


def test_what_was_not_answered_has_no_baseline_however_much_it_cost(now):
    record = recorded(now, a=[Answer(parts=[delta("Hel"), Cut("gone")])], b=[replace(GOOD)])
    assert record.outcome != "ok"
    assert record.cost_nanousd > 0
    assert (record.compared, record.baseline_cost_nanousd) == (False, 0)
