"""Which target is tried, and which after it: a generator that yields the next attempt and is sent how that one ended. No I/O, no clock."""

from collections import Counter
from collections.abc import Generator
from typing import NamedTuple

from .chains import GENERIC
from .decide import Decision
from .failures import KINDS
from .inputs import Inputs
from .waits import backoff_ms, wait_ms

NOT_SENT = ("at_capacity", "spent")  # neither an attempt nor a failure
HEALTH_KEPT_MS = 300_000  # what was seen longer ago no longer says how long a target takes


class Try(NamedTuple):
    """One attempt to make, `wait_s` from now. `generation` is that of the target's circuit; `warning` says why it is the least bad one.

    Where no content has come within `rival_after_ms`, `rival` may be started beside it, as `beside` has it: who answers first has won.
    """

    number: int
    target: str
    generation: int
    warning: str | None = None
    wait_s: float = 0.0
    rival: str = ""
    rival_after_ms: int = 0

    def beside(self, inputs: Inputs) -> "Try":
        """The rival's own attempt."""
        return Try(self.number + 1, self.rival, _generation(inputs, self.rival), self.warning)


class Ended(NamedTuple):
    """How an attempt ended: `kind` is a row of `failures.KINDS`. An attempt that succeeded, or its rival, closes the plan instead.

    `retry_after_s` is what the upstream asked for; `billed`: it may have cost something, so that no hold covers it twice. `rival` is the
    kind in which the rival ended, empty where it was not started.
    """

    kind: str
    now_ms: int
    retry_after_s: float | None = None
    billed: bool = False
    rival: str = ""


def plan(decision: Decision, inputs: Inputs) -> Generator[Try, Ended, None]:
    """Attempts in order, `decision.max_attempts` at most with the rivals', none that the deadline cannot hold.

    Each target is tried once, and as often again as the route says for the kind of its failure; then what its chain has for that kind, and
    the others; then again those that may fare better after a wait, or have asked for a long one. None is asked again whose failure was
    billed.
    """
    left = _Left(decision, inputs)
    now_ms, number, attempts = inputs.now_ms, 0, 0
    while attempts < decision.max_attempts and (found := left.take(now_ms)):
        target, at_ms = found
        rival, rival_after_ms = left.rival(at_ms) if attempts + 2 <= decision.max_attempts else ("", 0)
        number += 1
        generation = _generation(inputs, target)
        ended = yield Try(number, target, generation, decision.warning, (at_ms - now_ms) / 1000, rival, rival_after_ms)
        kinds = {target: ended.kind} | ({rival: ended.rival} if rival and ended.rival else {})
        if not all(KINDS[kind].elsewhere for kind in kinds.values()):
            return
        now_ms = ended.now_ms
        attempts += sum(kind not in NOT_SENT for kind in kinds.values())
        left.failed(kinds)
        left.again(target, ended, number)
        number += len(kinds) - 1


class _Left:
    """The targets that may still be tried: in order, at once again (`retry`), and after a wait (`due_ms`)."""

    def __init__(self, decision: Decision, inputs: Inputs) -> None:
        self.decision = decision
        self.inputs = inputs
        self.order = list(decision.targets)
        self.had: set[str] = set()
        self.retry: tuple[str, int] | None = None
        self.due_ms: dict[str, int] = {}
        self.failures: Counter[str] = Counter()
        self.retries: Counter[tuple[str, str]] = Counter()

    def take(self, now_ms: int) -> tuple[str, int] | None:
        """The next one, and when; one that the time left cannot hold is dropped, since there will not be more of it."""
        retry, self.retry = self.retry, None
        if retry and holds(self.inputs, *retry):
            return retry
        while self.order:
            target = self.order.pop(0)
            if target not in self.had and holds(self.inputs, target, now_ms):
                self.had.add(target)
                return target, now_ms
        while self.due_ms:
            target = min(self.due_ms, key=self.due_ms.__getitem__)
            at_ms = max(now_ms, self.due_ms.pop(target))
            if holds(self.inputs, target, at_ms):
                return target, at_ms
        return None

    def rival(self, at_ms: int) -> tuple[str, int]:
        """Who may run beside an attempt that begins then, and how much later; it stays among those left until it has run."""
        after_ms = self.decision.hedge_after_ms
        if after_ms is None:
            return "", 0
        others = (target for target in self.order if target not in self.had and holds(self.inputs, target, at_ms + after_ms))
        return (other, after_ms) if (other := next(others, "")) else ("", 0)

    def failed(self, kinds: dict[str, str]) -> None:
        """What the chains of these have for such a failure is next."""
        self.had.update(kinds)
        behind = self.decision.behind
        rows = [(behind[target], kind) for target, kind in kinds.items() if target in behind]
        self.order[:0] = [target for row, kind in rows for target in (*row.get(kind, ()), *row.get(GENERIC, ()))]

    def again(self, target: str, ended: Ended, number: int) -> None:
        """A retry comes before the others, unless the target asks for more time than a failure costs anyhow: then one that is free does."""
        kind = ended.kind
        if kind in NOT_SENT or ended.billed:
            return
        self.failures[target] += 1
        wait = wait_ms(ended.retry_after_s, self.failures[target], self.inputs.draw, number)
        if wait is None:
            return
        is_retry = self.retries[target, kind] < self.decision.retries.get(kind, 0)
        self.retries[target, kind] += is_retry
        if is_retry and wait <= backoff_ms(self.failures[target]):
            self.retry = target, ended.now_ms + wait
        elif is_retry or KINDS[kind].again:
            self.due_ms[target] = ended.now_ms + wait


def holds(inputs: Inputs, target: str, at_ms: int) -> bool:
    """Whether an attempt that begins then may be over in time, by how long the target took of late."""
    left_ms = inputs.deadline_ms - at_ms
    health = inputs.health.get(target)
    if left_ms <= 0 or health is None or inputs.now_ms - health.at_ms > HEALTH_KEPT_MS:
        return left_ms > 0
    return (health.ttft_ms if inputs.features.stream else health.duration_ms) <= left_ms


def _generation(inputs: Inputs, target: str) -> int:
    return inputs.circuits[target].generation if target in inputs.circuits else 0
