"""A draft's traffic: nothing changes where the draft is what was live, and each figure of one that differs is what its assumptions say."""

import json

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from signalbox.money import Tokens
from signalbox.routing.catalog import Snapshot
from signalbox.routing.decide import decide
from signalbox.routing.inputs import Features, Health, Inputs
from signalbox.routing.simulation.gate import judge, read
from signalbox.routing.simulation.latencies import MOST_UNKNOWN, Latencies
from signalbox.routing.simulation.simulation import Simulation
from signalbox.routing.simulation.supposed import Assumptions, Supposed
from signalbox.usage.record import Attempt

from . import traffic

CHEAP, DEAR = traffic.prices(10**9, 4 * 10**9), traffic.prices(2 * 10**9, 8 * 10**9)
TOKENS = Tokens(input=1_000, output=100)
AT_DEAR, AT_CHEAP = 2_800_000, 1_400_000  # nano-dollars of these tokens


def target(id, prices=CHEAP, **over):
    provider, _, name = id.partition("/")
    row = {"id": id, "provider": provider, "model": name, "context_window": 8_000, "max_output_tokens": 1_000, "capabilities": []}
    return row | {"prices": prices, "timeouts": traffic.TIMEOUTS, "capacity": {}} | over


def snapshot(*order, digest="then", prices=None, policies=(), targets=(), **over) -> Snapshot:
    """Of one route, `chat`, whose targets are a/dear and b/cheap where nothing else is said."""
    known = {row["id"]: row for row in (target("a/dear", DEAR), target("b/cheap", CHEAP), target("c/free", None), *targets)}
    route = {"name": "chat", "targets": list(order), "strategy": "sequential", "timeouts": {"total_s": 30.0}, "max_attempts": 3} | over
    compiled = {
        "providers": {name: {"name": name, "wire": "openai", "base_url": "http://x", "secret": None} for name in "abc"},
        "targets": known,
        "routes": {"chat": route},
        "names": {"chat": "chat"},
        "policies": policies,
    }
    return traffic.read(compiled, digest)


def policy(**actions):
    return {"id": "p", "name": "p", "priority": 1, "conditions": ["all", []], "actions": actions}


THEN = snapshot("a/dear", "b/cheap")
OK = Attempt("a/dear", "ok", traffic.NOW_MS, 200, 80, tokens=TOKENS, cost_nanousd=AT_DEAR)


def row(id="r1", attempts=(OK,), health=None, lacks=None, outcome="ok", **features):
    inputs = Inputs(Features(id, "acme", "", "k1", "chat", **features), health=health or {}, now_ms=traffic.NOW_MS)
    cost = sum(attempt.cost_nanousd for attempt in attempts)
    answered = next((attempt.target for attempt in reversed(attempts) if attempt.outcome == "ok"), "")
    over = {"attempts": attempts, "target": answered, "cost_nanousd": cost, "baseline_cost_nanousd": cost, "outcome": outcome}
    return traffic.row_of(inputs, lacks or {}, THEN, **over)


def simulated(draft, *rows, known=THEN, **more):
    simulation = Simulation(draft, lambda digest: known, **more)
    for one in rows:
        simulation.add(one)
    return simulation.result()


@given(traffic.compiled(), st.lists(traffic.inputs(), min_size=1, max_size=3), traffic.LACKS)
@settings(max_examples=60, phases=[Phase.generate])
def test_a_draft_that_is_what_was_live_changes_nothing(compiled, inputs, lacks):
    live = traffic.read(compiled)
    attempts = (OK._replace(target="gamma/m2", outcome="server", cost_nanousd=7), OK._replace(target="beta/m0"))
    over = {"attempts": attempts, "target": "beta/m0", "cost_nanousd": AT_DEAR + 7}
    rows = [traffic.row_of(one, lacks, live, **over) for one in inputs]
    result = simulated(live._replace(digest="draft"), *rows, known=live)
    served = len(rows) - result["denials"]["expected"]
    cost = result["cost_nanousd"]
    assert cost["low"] == cost["expected"] == cost["high"] == served * (AT_DEAR + 7)
    assert (result["changed"]["requests"], result["moved"], result["examples"]) == (0, [], [])
    assert result["denials"]["new"] == {"low": 0, "expected": 0, "high": 0}
    assert all(row["low"] == row["high"] == row["expected"] for row in result["providers"].values())


def test_a_mirror_that_served_serves_again_whatever_its_capabilities_say():
    mirrors = policy(mirror={"target": "b/cheap", "percent": 100})
    live = snapshot("a/dear", policies=[mirrors], targets=[target("a/dear", DEAR, capabilities=["tools"])])
    inputs = Inputs(Features("r1", "acme", "", "k1", "chat", uses=("tools",)), now_ms=traffic.NOW_MS)
    mirror = OK._replace(target="b/cheap", purpose="mirror", cost_nanousd=AT_CHEAP)
    recorded = traffic.row_of(inputs, {}, live, attempts=(OK, mirror), target="a/dear", cost_nanousd=AT_DEAR + AT_CHEAP)
    result = simulated(live._replace(digest="draft"), recorded, known=live)
    assert (result["changed"]["requests"], result["cost_nanousd"]["expected"]) == (0, AT_DEAR + AT_CHEAP)


def test_another_model_costs_what_it_writes_which_nobody_knows():
    result = simulated(snapshot("b/cheap", "a/dear"), row())
    low = 800 * 1_000 + 50 * 4_000
    high = 1_300 * 1_000 + 200 * 4_000
    cost = {"recorded": AT_DEAR, "low": low, "expected": AT_CHEAP, "high": high, "unpriced_requests": 0}
    assert result["cost_nanousd"] == cost
    assert result["savings_nanousd"] == {"low": AT_DEAR - high, "expected": AT_DEAR - AT_CHEAP, "high": AT_DEAR - low}
    shares = {name: {end: row[end] for end in ("recorded", "low", "expected", "high")} for name, row in result["providers"].items()}
    assert shares["a"] == {"recorded": 100.0, "low": 0.0, "expected": 0.0, "high": 100.0}  # if b fails where it was never tried
    assert shares["b"] == {"recorded": 0.0, "low": 0.0, "expected": 100.0, "high": 100.0}


def test_how_long_one_takes_that_has_only_failed_is_unknown():
    latency = simulated(snapshot("b/cheap", "a/dear"), row(health={"b/cheap": Health(0, 0, 0, traffic.NOW_MS)}))["latency_ms"]
    assert (latency["requests"], latency["unknown"]) == (0, {"b/cheap": 1})


def test_of_the_names_that_callers_make_up_the_most_frequent_are_told():
    latencies = Latencies(Assumptions())
    for number in range(500):
        for _ in range(1 + (number == 77)):
            latencies.expected({"duration_ms": 1}, Supposed(f"a/{number}", None, None))
    unknown = latencies.result()["unknown"]
    assert (len(unknown), next(iter(unknown.items()))) == (MOST_UNKNOWN, ("a/77", 2))


def test_a_changed_decision_is_shown_with_its_reason():
    result = simulated(snapshot("b/cheap", "a/dear"), row("r1"), row("r2"), row("r3"), examples=2)
    assert result["changed"] == {"requests": 3, "percent": 100.0}
    assert result["moved"] == [{"from": "a/dear", "to": "b/cheap", "requests": 3}]
    assert [example["request"] for example in result["examples"]] == ["r1", "r2"]
    assert result["examples"][0] == {"request": "r1", "from": "a/dear", "to": "b/cheap", "why": "b/cheap: as declared", "policy": "default"}


def test_a_new_price_for_the_same_target_is_exact():
    dearer = target("a/dear", traffic.prices(4 * 10**9, 16 * 10**9))
    cost = simulated(snapshot("a/dear", "b/cheap", targets=[dearer]), row())["cost_nanousd"]
    assert cost["low"] == cost["expected"] == cost["high"] == 2 * AT_DEAR


def test_who_failed_fails_again_wherever_the_draft_puts_it():
    failed = Attempt("a/dear", "server", traffic.NOW_MS, 300, cost_nanousd=5)
    answered = Attempt("b/cheap", "ok", traffic.NOW_MS, 100, tokens=TOKENS, cost_nanousd=AT_CHEAP)
    recorded = row(attempts=(failed, answered))
    spared = simulated(snapshot("b/cheap", "a/dear"), recorded)
    assert spared["cost_nanousd"]["high"] == AT_CHEAP  # nobody is asked in vain
    added = simulated(snapshot("a/dear", "c/free", "b/cheap"), recorded)
    assert added["cost_nanousd"]["unpriced_requests"] == 1
    assert added["providers"]["c"]["expected"] == 100.0


def test_a_cap_cuts_the_same_answer_short():
    draft = snapshot("a/dear", "b/cheap", policies=[policy(max_tokens=10)])
    cost = simulated(draft, row())["cost_nanousd"]
    assert cost["low"] == cost["high"] == 1_000 * 2_000 + 10 * 8_000


def test_a_model_that_reasons_may_write_more_and_one_that_does_not_writes_no_thoughts():
    thinker = target("b/cheap", CHEAP, capabilities=["reasoning"])
    assert simulated(snapshot("b/cheap", targets=[thinker]), row())["cost_nanousd"]["high"] == 1_300 * 1_000 + 400 * 4_000
    thought = OK._replace(tokens=TOKENS._replace(reasoning=60))
    assert simulated(snapshot("b/cheap"), row(attempts=(thought,)))["cost_nanousd"]["expected"] == 1_000 * 1_000 + 40 * 4_000


def test_whom_the_draft_refuses_costs_nothing_and_is_counted_by_its_code():
    denied = simulated(snapshot("a/dear", policies=[policy(deny="no")]), row())
    one = {"low": 1, "expected": 1, "high": 1}
    assert denied["denials"] == {"recorded": 0, **one, "new": one, "admitted": 0, "by_code": {"permission_denied": 1}}
    assert denied["cost_nanousd"]["high"] == 0
    assert denied["moved"] == [{"from": "a/dear", "to": "refused: permission_denied", "requests": 1}]
    assert denied["examples"][0]["why"] == "policy p denies it: no"
    unknown = simulated(THEN._replace(names={}, targets={}), row())
    assert unknown["denials"]["by_code"] == {"model_not_found": 1}


def test_whom_the_draft_would_admit_is_counted_and_has_no_cost_to_reckon_from():
    closed = snapshot("a/dear", policies=[policy(deny="no")])
    features = Features("r1", "acme", "", "k1", "chat")
    refused = traffic.row_of(Inputs(features, now_ms=traffic.NOW_MS), {}, closed, attempts=(), outcome="permission_denied")
    admitted = simulated(snapshot("a/dear"), refused, known=closed)
    none = {"low": 0, "expected": 0, "high": 0}
    assert admitted["denials"] == {"recorded": 1, **none, "new": none, "admitted": 1, "by_code": {}}
    assert admitted["unanswered"] == {"recorded": 0, "draft": 0, "new": 0}
    assert not judge([read("cost<=+500%")], admitted)[0].holds


def test_who_was_refused_for_its_budget_is_refused_by_any_draft():
    result = simulated(snapshot("b/cheap"), row(attempts=(), outcome="budget_exceeded"))
    assert (result["denials"]["by_code"], result["denials"]["new"]["high"]) == ({"budget_exceeded": 1}, 0)
    assert result["unanswered"] == {"recorded": 0, "draft": 0, "new": 0}


def test_who_could_not_serve_then_cannot_until_it_is_another_model():
    lacking = {"b/cheap": ("tools", "the model has no tools")}
    recorded = row(lacks=lacking, uses=("tools",))
    able = [target(id, prices, capabilities=["tools"]) for id, prices in (("a/dear", DEAR), ("b/cheap", CHEAP))]
    assert simulated(snapshot("b/cheap"), recorded)["denials"]["by_code"] == {"unsupported_parameter": 1}
    assert simulated(snapshot("b/cheap", targets=able), recorded)["providers"]["b"]["expected"] == 100.0


def test_latency_is_that_of_the_time_else_of_the_others_else_unknown():
    draft = snapshot("b/cheap", "a/dear")
    known = simulated(draft, row(health={"b/cheap": Health(50, 120, 1_000, traffic.NOW_MS)}))["latency_ms"]
    assert known == {"recorded": 200, "low": 60, "expected": 120, "high": 240, "requests": 1, "unknown": {}}
    elsewhere = OK._replace(target="b/cheap", duration_ms=90)
    assert simulated(draft, row(), row("r2", attempts=(elsewhere,)))["latency_ms"]["low"] == (45 + 200) // 2
    unknown = simulated(draft, row())["latency_ms"]
    assert (unknown["requests"], unknown["unknown"]) == (0, {"b/cheap": 1})


def test_a_request_that_nobody_answered_costs_what_it_did():
    failed = (Attempt("a/dear", "bad_request", traffic.NOW_MS, 30, cost_nanousd=3),)
    result = simulated(snapshot("b/cheap"), row(attempts=failed, outcome="invalid_request"))
    assert (result["unanswered"]["draft"], result["cost_nanousd"]["high"]) == (1, 3)


def test_a_mirror_is_paid_for_too():
    draft = snapshot("a/dear", "b/cheap", policies=[policy(mirror={"target": "b/cheap", "percent": 100})])
    assert simulated(draft, row())["cost_nanousd"]["expected"] == AT_DEAR + AT_CHEAP


def test_without_the_snapshot_of_then_what_was_tried_is_what_is_known():
    result = simulated(snapshot("b/cheap", "a/dear"), row(), known=None)
    assert result["moved"] == [{"from": "a/dear", "to": "b/cheap", "requests": 1}]


@pytest.mark.parametrize("draft", [snapshot("b/cheap"), snapshot("a/dear", strategy="weighted")])
def test_it_comes_out_the_same_whenever_it_is_asked(draft):
    rows = [row(f"r{number}") for number in range(5)]
    assert json.dumps(simulated(draft, *rows)) == json.dumps(simulated(draft, *rows))


TRIED = st.sampled_from(traffic.TARGETS)
OUTCOMES = st.sampled_from(["ok", "ok", "server", "timeout", "rate_limited", "outrun", "bad_request", "context_too_long", "key_limited"])


@st.composite
def attempts(draw):
    """Of one request, as anything may have happened to it: who succeeded ends it, but for a mirror."""
    made = []
    for _ in range(draw(st.integers(0, 4))):
        tokens = Tokens(input=draw(st.integers(0, 5_000)), output=draw(st.integers(0, 2_000)))
        purpose, outcome = draw(st.sampled_from(["", "", "hedge", "mirror"])), draw(OUTCOMES)
        cost, took_ms = draw(st.integers(0, 10**7)), draw(st.integers(0, 9_000))
        made.append(Attempt(draw(TRIED), outcome, traffic.NOW_MS, took_ms, tokens=tokens, cost_nanousd=cost, purpose=purpose))
        if outcome == "ok" and purpose != "mirror":
            break
    return tuple(made)


def rows_of(asked, lacks, live):
    """Those that nobody may be asked for have no attempts."""
    for inputs, made in asked:
        route = live.route(inputs.features.model)
        served = decide(inputs, live, route, lambda target: lacks.get(target.id)).targets
        made = made if served else ()
        yield traffic.row_of(inputs, lacks, live, attempts=made, cost_nanousd=sum(one.cost_nanousd for one in made), outcome="x")


ASKED = st.lists(st.tuples(traffic.inputs(), attempts()), min_size=1, max_size=4)


@given(traffic.compiled(), traffic.compiled(), ASKED, traffic.LACKS)
@settings(max_examples=25, phases=[Phase.generate])
def test_every_figure_lies_between_its_ends_and_every_request_is_somewhere(compiled, drafted, asked, lacks):
    live, draft = traffic.read(compiled), traffic.read(drafted, "draft")
    rows = list(rows_of(asked, lacks, live))
    result = simulated(draft, *rows, known=live)
    ends = [result["cost_nanousd"], result["savings_nanousd"], result["denials"], result["denials"]["new"], result["latency_ms"]]
    ends += [end for row in result["providers"].values() for end in (row, row["requests"])]
    assert all(row["low"] <= row["expected"] <= row["high"] for row in ends)
    served = sum(row["requests"]["expected"] for row in result["providers"].values())
    others = result["denials"]["expected"] + result["denials"]["admitted"] + result["unanswered"]["draft"]
    assert served + others == result["requests"] == len(rows)
    assert sum(row["requests"] for row in result["moved"]) <= result["changed"]["requests"] <= len(rows)
    assert result["latency_ms"]["requests"] + sum(result["latency_ms"]["unknown"].values()) == served
    backwards = simulated(draft, *rows[::-1], known=live)
    assert json.dumps(result | {"examples": 0}) == json.dumps(backwards | {"examples": 0})  # in whatever order the log is read


@given(traffic.compiled(), ASKED, traffic.LACKS)
@settings(max_examples=25, phases=[Phase.generate])
def test_whatever_came_of_the_requests_what_was_live_costs_what_they_did(compiled, asked, lacks):
    live = traffic.read(compiled)
    result = simulated(live._replace(digest="draft"), *rows_of(asked, lacks, live), known=live)
    cost, latency = result["cost_nanousd"], result["latency_ms"]
    assert cost["low"] == cost["expected"] == cost["high"] == cost["recorded"]
    assert latency["low"] == latency["expected"] == latency["high"] == latency["recorded"]
    assert (result["changed"]["requests"], result["unanswered"]["new"], result["denials"]["new"]["high"]) == (0, 0, 0)
    assert result["unanswered"]["recorded"] == result["unanswered"]["draft"]
    assert result["denials"]["recorded"] == result["denials"]["low"] == result["denials"]["high"]
