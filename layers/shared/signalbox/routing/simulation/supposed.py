"""What a recorded request would have cost and taken, had another target been asked: an interval, because its answer is not known."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...money import Prices, Tokens, cost_nanousd
from ..catalog import Snapshot, Target
from ..decide import Decision
from ..inputs import Inputs
from .ways import way

Row = Mapping[str, Any]


class Assumptions(NamedTuple):
    """By which factors another model's tokens and time may differ from those recorded. `reasons` is for one that reasons beside one that
    does not: what it thinks is billed as output.
    """

    output_low: float = 0.5
    output_high: float = 2.0
    reasons_high: float = 4.0
    input_low: float = 0.8
    input_high: float = 1.3
    latency_low: float = 0.5
    latency_high: float = 2.0

    def told(self) -> list[str]:
        return [
            "A target that failed in a request then fails in it again, so that a draft without the one that answered may leave nobody. Any"
            " other that is asked answers, in time.",
            "The same target answers as it did: the same tokens, at the draft's prices, in the same time.",
            f"Another counts {self.input_low:g} to {self.input_high:g} times the input, as tokenizers differ. It writes {self.output_low:g}"
            f" to {self.output_high:g} times the output, up to {self.reasons_high:g} where it reasons and the recorded one did not."
            " Expected: the same. At the worst it finds nothing in its cache.",
            f"Another takes {self.latency_low:g} to {self.latency_high:g} times as long as it did of late, by what the router knew then,"
            " else by its own recorded requests.",
            "A provider's share: at the least what it answered then too, at the most whatever it is asked for, first or after others.",
            "What a target could not serve it still cannot while it is the same model; of a new or changed one its capabilities decide."
            " A request whose targets are all such may be refused, and one refused for such a target may be served: denials have ends.",
            "What is decided is known exactly; circuits, health, capacities and budgets are as they were: what a draft would have done to"
            " them is not played on.",
            "A request that was refused then has no answer to reckon from: what it costs where the draft serves it is not in the sums.",
            "A request that nobody answered costs and takes what it did.",
        ]


class Interval(NamedTuple):
    low: int
    expected: int
    high: int

    def __add__(self, other: "Interval") -> "Interval":  # type: ignore[override]
        return Interval(*(a + b for a, b in zip(self, other, strict=True)))


NOTHING = Interval(0, 0, 0)


def sure(value: int) -> Interval:
    return Interval(value, value, value)


class Supposed(NamedTuple):
    """`target` is empty where nobody answers. `cost` is None where a target without prices is asked; `duration` where nobody knows how long
    `target` takes beyond `waited_ms`. `surely`: it is the one that answered then.
    """

    target: str
    cost: Interval | None
    duration: Interval | None
    waited_ms: int = 0
    surely: bool = False


class Known(NamedTuple):
    """The snapshot of then and what it decides, both None where it is gone; the draft and what that decides; the inputs of both."""

    before: Snapshot | None
    then: Decision | None
    draft: Snapshot
    now: Decision
    inputs: Inputs


def supposed(row: Row, known: Known, assume: Assumptions) -> Supposed:
    """Of a request that was answered."""
    now, attempts = known.now, [attempt for attempt in row["attempts"] if attempt.get("purpose") != "mirror"]
    answer = next(attempt for attempt in reversed(attempts) if attempt["outcome"] == "ok")
    target, waited = way(attempts, answer, known.then, now, known.inputs)
    waited_ms = sum(attempt["duration_ms"] for attempt in waited)
    cost: Interval | None = sure(sum(attempt["cost_nanousd"] for attempt in waited))
    if not target:
        return Supposed("", cost, sure(waited_ms), waited_ms)
    costs = [cost, _cost(answer if target == answer["target"] else None, target, answer, known, assume)]
    mirrored = [attempt for attempt in row["attempts"] if attempt.get("purpose") == "mirror"]
    if known.then and known.then.mirror == now.mirror:
        costs.append(sure(sum(attempt["cost_nanousd"] for attempt in mirrored)))
    elif now.mirror:
        costs.append(_cost(None, now.mirror, answer, known, assume))
    cost = sum((some for some in costs if some), NOTHING) if None not in costs else None
    if target == answer["target"]:
        return Supposed(target, cost, sure(row["duration_ms"]), waited_ms, surely=True)
    health = known.inputs.health.get(target)
    known_ms = health.duration_ms if health else 0  # 0: it has only failed
    return Supposed(target, cost, spread(known_ms, assume, waited_ms) if known_ms else None, waited_ms)


def spread(duration_ms: int, assume: Assumptions, waited_ms: int = 0) -> Interval:
    low, high = int(duration_ms * assume.latency_low), int(duration_ms * assume.latency_high)
    return Interval(waited_ms + low, waited_ms + duration_ms, waited_ms + high)


def _cost(made: Row | None, id: str, answer: Row, known: Known, assume: Assumptions) -> Interval | None:
    """Of the answer of target `id`: `made`, where it has made one; else supposed after `answer`, which another gave."""
    target, tokens = known.draft.targets[id], Tokens(**answer["tokens"])
    most = _most_output(target, known.inputs, known.now)
    if made is not None:
        capped_alike = known.then is not None and known.then.max_tokens == known.now.max_tokens
        if _prices(known.before, id) == target.prices and (capped_alike or made["tokens"]["output"] <= most):
            return sure(made["cost_nanousd"])
        return sure(cost_nanousd(_written(Tokens(**made["tokens"]), most), target.prices)) if target.prices else None
    if target.prices is None:
        return None
    reasons = "reasoning" in target.capabilities
    expected = _written(tokens if reasons else tokens._replace(output=tokens.output - tokens.reasoning, reasoning=0), most)
    factor = assume.reasons_high if reasons and not tokens.reasoning else assume.output_high
    low = _written(_times(expected, assume.input_low, assume.output_low), most)
    high = _written(_times(tokens._replace(cached=0), assume.input_high, factor), most)
    ends = sorted(cost_nanousd(some, target.prices) for some in (low, expected, high))  # a cache that is dear to write to may turn them
    return Interval(ends[0], cost_nanousd(expected, target.prices), ends[-1])


def _prices(snapshot: Snapshot | None, id: str) -> Prices | None:
    try:
        return snapshot.targets[id].prices if snapshot else None
    except KeyError:
        return None


def _most_output(target: Target, inputs: Inputs, decision: Decision) -> int:
    limits = (inputs.features.max_tokens, decision.max_tokens, target.max_output_tokens or None)
    return inputs.features.n * min((limit for limit in limits if limit is not None), default=10**9)


def _times(tokens: Tokens, input: float, output: float) -> Tokens:
    counts = tokens._asdict()
    scaled = {name: int(count * (output if name in ("output", "reasoning") else input)) for name, count in counts.items()}
    return Tokens(**scaled)


def _written(tokens: Tokens, most: int) -> Tokens:
    """Cut off at what may be written."""
    output = min(tokens.output, most)
    return tokens._replace(output=output, reasoning=min(tokens.reasoning, output))
