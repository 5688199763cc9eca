"""Recorded traffic, decided by a draft: what it would have cost, who would have served it, who would have been refused. Pure, one pass."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from ..catalog import Snapshot
from ..decide import Decision
from ..inputs import Inputs
from ..refused import refusal_of
from ..replay import recorded
from ..worst import reachable
from .denials import Denials
from .fitting import Fitting
from .latencies import Latencies
from .shares import Shares, percent
from .supposed import NOTHING, Assumptions, Known, Row, Supposed, supposed, sure
from .ways import course

Json = dict[str, Any]
KnownBy = Callable[[str], Snapshot | None]  # a snapshot by its digest

EXAMPLES = 10
MOST_MOVES = 100  # of those that move the most
MIRROR, CACHE = "mirror", "cache"
# What a request is refused with by others than its routes and policies: by a draft it still is.
NOT_ROUTING = {"budget_exceeded", "rate_limited", "unpriced_model", "llm_disabled", "ledger_unavailable"}
USUAL = Assumptions()


class Simulation:
    """`add` each row, then ask for the `result`. `known` gives the snapshots that decided then. It does not grow with the rows."""

    def __init__(self, draft: Snapshot, known: KnownBy, *, assume: Assumptions = USUAL, examples: int = EXAMPLES) -> None:
        self._draft, self._known, self._assume, self._most = draft, known, assume, examples
        self.requests = self._changed = self._unpriced = self._without_snapshot = 0
        self._cost = NOTHING
        self._recorded_nanousd = self._baseline_nanousd = 0
        self._denials = Denials()
        self._unanswered: Counter[str] = Counter()
        self._moved: Counter[tuple[str, str]] = Counter()
        self._shares = Shares()
        self._latencies = Latencies(assume)
        self._examples: list[Json] = []

    def add(self, row: Row) -> None:
        row = {**row, "attempts": [attempt for attempt in row["attempts"] if attempt.get("purpose") != CACHE]}  # which answered nobody
        was = recorded(row)
        before = self._known(was.snapshot)
        then = was.decide(before) if before else None
        fitting = Fitting(was, before, then)
        now = was.decide(self._draft, fitting.lack_of)
        tried = next((attempt["target"] for attempt in row["attempts"]), "")
        denied_then = _denial(then, was.inputs, before) if before else "" if tried else row["outcome"]
        elsewhere = row["outcome"] if not (tried or denied_then) and row["outcome"] in NOT_ROUTING else ""
        denied_then, denial = denied_then or elsewhere, elsewhere or _denial(now, was.inputs, self._draft)
        self.requests += 1
        self._without_snapshot += before is None
        self._recorded_nanousd += row["cost_nanousd"]
        self._baseline_nanousd += row["baseline_cost_nanousd"]
        self._latencies.heard(row)
        self._compare(row["id"], then, now, _first(then, denied_then) or tried, _first(now, denial))
        self._denials.add(denied_then, denial, not elsewhere and _unsure(now, denial, fitting))
        answered = next((a["target"] for a in reversed(row["attempts"]) if a["outcome"] == "ok" and a.get("purpose") != MIRROR), "")
        if answered:
            self._shares.served(answered)
        self._unanswered["recorded"] += not (answered or denied_then)
        if not denial and now and answered:
            self._answered(row, now, supposed(row, Known(before, then, self._draft, now, was.inputs), self._assume))
        elif not denial and not denied_then:
            self._unanswered["draft"] += 1
            self._cost += sure(row["cost_nanousd"])

    def result(self) -> Json:
        cost, known = self._cost, self._recorded_nanousd
        moved = sorted(self._moved.items(), key=lambda pair: (-pair[1], pair[0]))
        return {
            "requests": self.requests,
            "without_snapshot": self._without_snapshot,
            "cost_nanousd": {"recorded": known, **cost._asdict(), "unpriced_requests": self._unpriced},
            "savings_nanousd": {"low": known - cost.high, "expected": known - cost.expected, "high": known - cost.low},
            "baseline_cost_nanousd": self._baseline_nanousd,
            "providers": self._shares.result(),
            "denials": self._denials.result(),
            "unanswered": {name: self._unanswered[name] for name in ("recorded", "draft", "new")},
            "latency_ms": self._latencies.result(),
            "changed": {"requests": self._changed, "percent": percent(self._changed, self.requests)},
            "moved": [{"from": was, "to": to, "requests": count} for (was, to), count in moved[:MOST_MOVES]],
            "examples": self._examples,
            "assumptions": self._assume.told(),
        }

    def _answered(self, row: Row, now: Decision, found: Supposed) -> None:
        if found.cost is None:
            self._unpriced += 1
        else:
            self._cost += found.cost
        if not found.target:
            self._unanswered.update(("draft", "new"))
            return
        self._shares.serves(found.target, reachable(now), surely=found.surely)
        self._latencies.expected(row, found)

    def _compare(self, id: str, then: Decision | None, now: Decision | None, was: str, to: str) -> None:
        """`then` is None where its snapshot is gone: what was tried first is all that is known of it."""
        same = _limits(then) == _limits(now) if then and now else was == to
        if was != to:
            self._moved[was, to] += 1
        if was == to and same:
            return
        self._changed += 1
        if len(self._examples) < self._most:
            self._examples.append({"request": id, "from": was, "to": to, "why": _why(was, to, now), "policy": now.policy if now else ""})


def _limits(decision: Decision) -> tuple[Any, ...]:
    """What a decision comes to, whoever made it."""
    return *course(decision), decision.max_tokens, decision.mirror, decision.timeouts, decision.cache, decision.deny


def _unsure(now: Decision | None, denial: str, fitting: Fitting) -> bool:
    """Nobody has tried whether any of those that could serve it can, or whether one of those that seem not to cannot."""
    if now is None or now.deny is not None or not fitting.guessed:
        return False
    return any(id in fitting.guessed for id in now.lacks) if denial else all(id in fitting.guessed for id in reachable(now))


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
