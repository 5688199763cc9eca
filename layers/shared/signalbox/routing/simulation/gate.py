"""What a draft may do to recorded traffic before it goes live: `cost<=+5%`, read, and held against what a simulation found."""

import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from ...money import NANOUSD_PER_USD

Result = Mapping[str, Any]  # of `Simulation.result`
End = Literal["low", "expected", "high"]

FORM = re.compile(
    r"(?P<metric>[a-z]+)(?P<of>:.+?)?(?P<end>\.low|\.expected|\.high)?(?P<compare><=|>=)(?P<sign>[+-])?(?P<bound>\d+(\.\d+)?)(?P<unit>%|ms|usd)?"
)
SHOWN = {"+%": "+5% or -5% of what was recorded", "%": "5%", "usd": "5usd", "ms": "500ms", "": "5"}
EXAMPLES = "cost<=+5%, cost.high<=+20%, denials<=0, latency<=800ms, changed<=20%, share:llama_cpp>=40%"


class Gate(NamedTuple):
    """`text` is as it was asked for. `of` is a provider, where the metric is of one. `bound` is in `unit`."""

    text: str
    metric: str
    of: str
    end: End
    at_most: bool
    bound: Fraction
    unit: str


class Verdict(NamedTuple):
    """`figures` say what was found, and where nothing can be held, why."""

    gate: str
    holds: bool
    figures: str


class Unweighable(Exception):
    """The simulation does not know what the gate asks for."""


class Found(NamedTuple):
    """Two amounts: `now` of the draft, and `then` that it is a share of, or more or less than."""

    now: int
    then: int
    said: str  # both, in words


class Metric(NamedTuple):
    """`units` are those that a bound may have, with how many of what is counted are one of it; 0: it is percent of the whole.

    `+%` is percent more or less than what was recorded.
    """

    meaning: str
    units: Mapping[str, int]
    found: Callable[[Gate, Result], Found]
    of_one: bool = False


def read(text: str) -> Gate:
    """Raises ValueError, which says what is known."""
    form = FORM.fullmatch(re.sub(r"\s", "", text))
    if form is None:
        raise ValueError(f"{text!r} is no gate: write it as {EXAMPLES}")
    metric = METRICS.get(form["metric"])
    if metric is None:
        raise ValueError(f"{text!r}: there is no metric {form['metric']!r}. {known()}")
    if metric.of_one != bool(form["of"]):
        whose = "whose? Write share:PROVIDER" if metric.of_one else f"{form['metric']} is that of all providers"
        raise ValueError(f"{text!r}: {whose}. {known()}")
    unit = f"{'+' if form['sign'] else ''}{form['unit'] or ''}"
    if unit not in metric.units:
        raise ValueError(f"{text!r}: {form['metric']} is not bounded so. {known()}")
    end: Any = (form["end"] or ".expected")[1:]
    bound = Fraction(form["bound"]) * (-1 if form["sign"] == "-" else 1)
    return Gate(text.strip(), form["metric"], (form["of"] or "")[1:], end, form["compare"] == "<=", bound, unit)


def known() -> str:
    named = [(f"{name}:PROVIDER" if row.of_one else name, row) for name, row in METRICS.items()]
    rows = [f"{name} ({row.meaning}; {', '.join(SHOWN[unit] for unit in row.units)})" for name, row in named]
    return f"Known are {'; '.join(rows)}; each with .low, .expected or .high. For example: {EXAMPLES}"


def judge(gates: Iterable[Gate], result: Result) -> list[Verdict]:
    return [_verdict(gate, result) for gate in gates]


def _verdict(gate: Gate, result: Result) -> Verdict:
    if not result["requests"]:
        return Verdict(gate.text, False, "no traffic was recorded, so that nothing can be weighed")
    try:
        found = METRICS[gate.metric].found(gate, result)
    except Unweighable as why:
        return Verdict(gate.text, False, str(why))
    said = f"{'' if gate.end == 'expected' else gate.end + ' '}{found.said}"
    size = METRICS[gate.metric].units[gate.unit]
    if size:
        left, right = Fraction(found.now), gate.bound * size
    else:
        more = 100 if gate.unit == "+%" else 0
        left, right = Fraction(found.now * 100), found.then * (more + gate.bound)
    return Verdict(gate.text, left <= right if gate.at_most else left >= right, said)


def _cost(gate: Gate, result: Result) -> Found:
    cost = result["cost_nanousd"]
    if cost["unpriced_requests"]:
        which = f"{cost['unpriced_requests']} of {result['requests']} requests"
        raise Unweighable(f"{which} would go to targets without prices, so that nobody knows what they cost")
    if admitted := result["denials"]["admitted"]:
        which = f"{admitted} of {result['requests']} requests"
        raise Unweighable(f"{which} were refused and would be served, so that nobody knows what they cost")
    now, then = cost[gate.end], cost["recorded"]
    return Found(now, then, f"${now / NANOUSD_PER_USD:.6g} against ${then / NANOUSD_PER_USD:.6g} recorded{_more(now, then)}")


def _latency(gate: Gate, result: Result) -> Found:
    latency = result["latency_ms"]
    if latency["unknown"]:
        rows = ", ".join(f"{id} ({count} requests)" for id, count in latency["unknown"].items())
        raise Unweighable(f"nobody knows how long these take: {rows}")
    if not latency["requests"]:
        raise Unweighable("no request would be answered, so that there is no latency")
    now, then = latency[gate.end], latency["recorded"]
    return Found(now, then, f"{now} ms against {then} ms recorded{_more(now, then)}")


def _denials(gate: Gate, result: Result) -> Found:
    new = result["denials"]["new"][gate.end]
    return Found(new, result["requests"], f"{new} of {result['requests']} requests are refused that were not")


def _unanswered(gate: Gate, result: Result) -> Found:
    new = result["unanswered"]["new"]
    return Found(new, result["requests"], f"{new} of {result['requests']} requests are answered by nobody that were answered")


def _changed(gate: Gate, result: Result) -> Found:
    changed = result["changed"]["requests"]
    return Found(changed, result["requests"], f"{changed} of {result['requests']} requests are decided otherwise{_share(changed, result)}")


def _served(gate: Gate, result: Result) -> Found:
    served = sum(row["requests"]["expected"] for row in result["providers"].values())
    if not served:
        raise Unweighable("no request would be answered, so that nobody has a share")
    if gate.of not in result["providers"]:
        return Found(0, served, f"none of {served} requests: neither the traffic nor the draft leads to {gate.of}")
    mine = result["providers"][gate.of]["requests"][gate.end]
    return Found(mine, served, f"{mine} of {served} requests are served by {gate.of} ({100 * mine / served:.2f} %)")


METRICS = {
    "cost": Metric("what the requests cost", {"+%": 0, "usd": NANOUSD_PER_USD}, _cost),
    "latency": Metric("how long an answer takes on average", {"+%": 0, "ms": 1}, _latency),
    "denials": Metric("requests that are refused and were not", {"": 1, "%": 0}, _denials),
    "unanswered": Metric("requests that nobody answers and somebody did", {"": 1, "%": 0}, _unanswered),
    "changed": Metric("requests that are decided otherwise", {"": 1, "%": 0}, _changed),
    "share": Metric("the requests that a provider serves, of those served", {"%": 0}, _served, of_one=True),
}


def _more(now: int, then: int) -> str:
    return f" ({100 * (now - then) / then:+.2f} %)" if then else ""


def _share(part: int, result: Result) -> str:
    return f" ({100 * part / result['requests']:.2f} %)"
