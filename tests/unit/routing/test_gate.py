"""A gate holds or says by how much it does not, with the exact bound on the holding side; and what cannot be weighed never passes."""

from fractions import Fraction

import pytest

from signalbox.routing.simulation.gate import judge, read


def result(**over):
    cost = {"recorded": 1_000, "low": 800, "expected": 1_050, "high": 1_200, "unpriced_requests": 0}
    a = {"recorded": 6, "low": 2, "expected": 4, "high": 9}
    b = {"recorded": 4, "low": 3, "expected": 6, "high": 8}
    found = {
        "requests": 10,
        "cost_nanousd": cost,
        "latency_ms": {"recorded": 200, "low": 100, "expected": 220, "high": 400, "requests": 10, "unknown": {}},
        "denials": {"new": {"low": 0, "expected": 1, "high": 2}, "admitted": 0},
        "unanswered": {"recorded": 0, "draft": 1, "new": 1},
        "changed": {"requests": 2, "percent": 20.0},
        "providers": {"a": {"requests": a}, "b.c": {"requests": b}},
    }
    return {name: value | over.get(name, {}) if isinstance(value, dict) else over.get(name, value) for name, value in found.items()}


def verdict(gate, **over):
    [found] = judge([read(gate)], result(**over))
    return found


@pytest.mark.parametrize(
    ("holds", "fails"),
    [
        ("cost<=+5%", "cost<=+4.999999%"),
        ("cost>=+5%", "cost>=+5.000001%"),
        ("cost.low<=-20%", "cost.low<=-20.1%"),
        ("cost.high<=+20%", "cost.high<=+19.9%"),
        ("cost.expected<=0.00000105usd", "cost<=0.000001049usd"),
        ("latency<=+10%", "latency<=+9.9%"),
        ("latency.high<=400ms", "latency.high<=399ms"),
        ("denials<=1", "denials<=0"),
        ("denials.high<=20%", "denials.high<=19%"),
        ("denials.low<=0", "denials.high<=1"),
        ("unanswered<=10%", "unanswered<=0"),
        ("changed<=20%", "changed<=19.99%"),
        ("changed <= 2", "changed<=1"),
        ("share:a>=40%", "share:a>=40.01%"),
        ("share:b.c.low>=30%", "share:b.c.low>=31%"),
        ("share:nobody<=0%", "share:nobody>=0.1%"),
    ],
)
def test_a_bound_itself_holds_and_a_hair_beyond_does_not(holds, fails):
    assert verdict(holds).holds
    assert not verdict(fails).holds


def test_a_verdict_says_its_figures():
    assert verdict("cost<=+2%") == ("cost<=+2%", False, "$1.05e-06 against $1e-06 recorded (+5.00 %)")
    assert verdict("latency.high<=300ms").figures == "high 400 ms against 200 ms recorded (+100.00 %)"
    assert verdict("share:a>=50%").figures == "4 of 10 requests are served by a (40.00 %)"


def test_where_nothing_was_paid_any_cost_is_more():
    free = {"recorded": 0, "low": 0, "expected": 0, "high": 1}
    assert verdict("cost<=+5%", cost_nanousd=free).holds
    assert not verdict("cost.high<=+5000%", cost_nanousd=free).holds


@pytest.mark.parametrize(
    ("gate", "over", "why"),
    [
        ("cost<=+500%", {"cost_nanousd": {"unpriced_requests": 3}}, "3 of 10 requests would go to targets without prices"),
        ("cost<=+500%", {"denials": {"admitted": 2}}, "2 of 10 requests were refused and would be served"),
        ("latency<=+500%", {"latency_ms": {"unknown": {"b/new": 4}}}, "b/new (4 requests)"),
        ("latency<=+500%", {"latency_ms": {"requests": 0}}, "no request would be answered"),
        ("changed<=100%", {"requests": 0}, "no traffic"),
    ],
)
def test_what_nobody_knows_holds_nothing(gate, over, why):
    found = verdict(gate, **over)
    assert not found.holds
    assert why in found.figures


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cost",
        "cost<5%",
        "cost<=5%",
        "cost<=+5",
        "cost<=+5ms",
        "price<=+5%",
        "share>=40%",
        "share:a>=+4%",
        "cost:a<=+5%",
        "denials<=+5%",
        "cost<=+5%%",
    ],
)
def test_a_bad_gate_says_what_is_known(text):
    with pytest.raises(ValueError, match=r"cost<=\+5%"):
        read(text)


def test_a_gate_is_read_whole():
    gate = read(" share:llama_cpp.high >= 40.5 % ")
    assert (gate.metric, gate.of, gate.end, gate.at_most, gate.bound) == ("share", "llama_cpp", "high", False, Fraction(81, 2))
    assert read("cost<=-10%").bound == -10
