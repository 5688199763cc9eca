"""Recorded traffic, decided by a draft: what it would have cost, who would have served it, who would have been refused. Pure, one pass."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from .catalog import Snapshot, Target
from .decide import Decision
from .inputs import Inputs, Lack
from .refused import refusal_of
from .replay import Recorded, recorded
from .supposed import NOTHING, Assumptions, Interval, Known, Supposed, spread, supposed, sure

Row = Mapping[str, Any]
Json = dict[str, Any]
KnownBy = Callable[[str], Snapshot | None]  # a snapshot by its digest

EXAMPLES = 10
USUAL = Assumptions()


class Simulation:
    """`add` each row, then ask for the `result`. `known` gives the snapshots that decided then."""

    def __init__(self, draft: Snapshot, known: KnownBy, *, assume: Assumptions = USUAL, examples: int = EXAMPLES) -> None:
        self._draft, self._known, self._assume, self._most = draft, known, assume, examples
        self.requests = self._changed = self._unpriced = self._unanswered = 0
        self._cost = NOTHING
        self._recorded_nanousd = self._baseline_nanousd = 0
        self._denied: Counter[str] = Counter()
        self._denied_then = 0
        self._moved: Counter[tuple[str, str]] = Counter()
        self._served: tuple[Counter[str], Counter[str]] = Counter(), Counter()
        self._timed = _Timed(assume)
        self._examples: list[Json] = []

    def add(self, row: Row) -> None:
        was = recorded(row)
        before = self._known(was.snapshot)
        then = was.decide(before) if before else None
        now = was.decide(self._draft, _lacks(was, before, self._draft))
        denial = _denial(now, was.inputs, self._draft)
        self.requests += 1
        self._recorded_nanousd += row["cost_nanousd"]
        self._baseline_nanousd += row["baseline_cost_nanousd"]
        self._denied_then += not row["attempts"]
        self._served[0][_provider(row.get("target", ""))] += bool(row.get("target"))
        tried = next((attempt["target"] for attempt in row["attempts"]), "")
        denied_then = _denial(then, was.inputs, before) if before else "" if tried else row["outcome"]
        self._compare(row["id"], then, now, _first(then, denied_then) or tried, _first(now, denial))
        self._timed.heard(row)
        if denial:
            self._denied[denial] += 1
        elif now and any(attempt["outcome"] == "ok" and attempt.get("purpose") != "mirror" for attempt in row["attempts"]):
            self._answered(row, supposed(row, Known(before, then, self._draft, now, was.inputs), self._assume))
        else:
            self._unanswered += 1
            self._cost += sure(row["cost_nanousd"])

    def result(self) -> Json:
        then, now = self._served
        low, expected, high = self._cost
        known = self._recorded_nanousd
        moved = sorted(self._moved.items(), key=lambda pair: (-pair[1], pair[0]))
        return {
            "requests": self.requests,
            "cost_nanousd": {"recorded": known, "low": low, "expected": expected, "high": high, "unpriced_requests": self._unpriced},
            "savings_nanousd": {"low": known - high, "expected": known - expected, "high": known - low},
            "baseline_cost_nanousd": self._baseline_nanousd,
            "providers": {
                name: {"recorded": _percent(then[name], then.total()), "draft": _percent(now[name], now.total())}
                for name in sorted({*+then, *+now})
            },
            "denials": {"recorded": self._denied_then, "draft": self._denied.total(), "by_code": dict(sorted(self._denied.items()))},
            "latency_ms": self._timed.result(),
            "unanswered_requests": self._unanswered,
            "changed": {"requests": self._changed, "percent": _percent(self._changed, self.requests)},
            "moved": [{"from": was, "to": to, "requests": count} for (was, to), count in moved],
            "examples": self._examples,
            "assumptions": self._assume.told(),
        }

    def _answered(self, row: Row, found: Supposed) -> None:
        self._served[1][_provider(found.target)] += 1
        self._timed.expected(row, found)
        if found.cost is None:
            self._unpriced += 1
        else:
            self._cost += found.cost

    def _compare(self, id: str, then: Decision | None, now: Decision | None, was: str, to: str) -> None:
        """`then` is None where its snapshot is gone: what was tried first is all that is known of it."""
        same = (then.targets, then.max_tokens, then.mirror) == (now.targets, now.max_tokens, now.mirror) if then and now else was == to
        if was != to:
            self._moved[was, to] += 1
        if was == to and same:
            return
        self._changed += 1
        if len(self._examples) < self._most:
            self._examples.append({"request": id, "from": was, "to": to, "why": _why(was, to, now), "policy": now.policy if now else ""})


class _Timed:
    """How long requests take; where nothing was known of a target in time, what the recorded requests of it took on average."""

    def __init__(self, assume: Assumptions) -> None:
        self._assume = assume
        self._then_ms, self._now_ms, self._count = 0, NOTHING, 0
        self._heard: dict[str, list[int]] = defaultdict(lambda: [0, 0])  # milliseconds, attempts
        self._open: dict[str, list[tuple[int, int]]] = defaultdict(list)  # (recorded, waited) of requests, by the target not known

    def heard(self, row: Row) -> None:
        for attempt in row["attempts"]:
            if attempt["outcome"] == "ok":
                known = self._heard[attempt["target"]]
                known[0] += attempt["duration_ms"]
                known[1] += 1

    def expected(self, row: Row, found: Supposed) -> None:
        if found.duration is None:
            self._open[found.target].append((row["duration_ms"], found.waited_ms))
        else:
            self._add(row["duration_ms"], found.duration)

    def result(self) -> Json:
        unknown: dict[str, int] = {}
        for target, rows in sorted(self._open.items()):
            took_ms, times = self._heard[target]
            for then_ms, waited_ms in rows if times else ():
                self._add(then_ms, spread(took_ms // times, self._assume, waited_ms))
            if not times:
                unknown[target] = len(rows)
        self._open.clear()
        low, expected, high = (value // max(self._count, 1) for value in self._now_ms)
        recorded_ms = self._then_ms // max(self._count, 1)
        return {"recorded": recorded_ms, "low": low, "expected": expected, "high": high, "requests": self._count, "unknown": unknown}

    def _add(self, then_ms: int, now_ms: Interval) -> None:
        self._then_ms += then_ms
        self._now_ms += now_ms
        self._count += 1


def _lacks(was: Recorded, before: Snapshot | None, draft: Snapshot) -> Callable[[Target], Lack | None]:
    uses = was.inputs.features.uses

    def lack_of(target: Target) -> Lack | None:
        if target.id in was.lacks and _same(target, before):
            return was.lacks[target.id]
        missing = next((name for name in uses if name not in target.capabilities), None)
        if missing:
            return missing, f"the model has no {missing.replace('_', ' ')}"
        if "embeddings" in target.capabilities and "embeddings" not in uses:
            return "model", "the model makes embeddings and no completions"
        return None

    return lack_of


def _same(target: Target, before: Snapshot | None) -> bool:
    try:
        known = before.targets[target.id] if before else target
    except KeyError:
        return False
    return (known.model, known.wire, known.capabilities) == (target.model, target.wire, target.capabilities)


def _denial(decision: Decision | None, inputs: Inputs, snapshot: Snapshot) -> str:
    """The code that the caller is refused with; empty where it is served."""
    if decision is None:
        return "model_not_found"
    refusal = refusal_of(decision, inputs, snapshot)
    return refusal.code if refusal else ""


def _first(decision: Decision | None, denial: str) -> str:
    return f"refused: {denial}" if denial else decision.targets[0] if decision else ""


def _why(was: str, to: str, now: Decision | None) -> str:
    if now is None:
        return "the draft knows no such model"
    if now.deny is not None:
        return f"policy {now.policy} denies it: {now.deny}"
    left = dict(now.passed).get(was)
    if left:
        return f"{was}: {left}"
    return f"{to}: {now.reasons[to]}" if was != to and to in now.reasons else "what is tried after it, or a limit"


def _provider(target: str) -> str:
    return target.partition("/")[0]


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
