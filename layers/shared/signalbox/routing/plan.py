"""Which target is tried, and which after it: a generator that yields the next attempt and is sent how that one ended. No I/O, no clock."""

from collections.abc import Generator, Mapping
from math import ceil
from typing import NamedTuple

from ..circuits.state import Circuit
from .decide import Decision
from .failures import KINDS
from .inputs import Inputs

LONGEST_WAIT_S = 60  # waiting is billed: who asks for more is not waited for


class Try(NamedTuple):
    """One attempt to make, `wait_s` from now. `generation` is that of the target's circuit; `warning` says why it is the least bad one."""

    number: int
    target: str
    generation: int
    warning: str | None = None
    wait_s: float = 0.0


class Ended(NamedTuple):
    """How an attempt ended: `kind` is a row of `failures.KINDS`. An attempt that succeeded closes the plan instead.

    `retry_after_s` is what the upstream asked for; `billed`: it may have cost something, so that no hold covers it twice.
    """

    kind: str
    now_ms: int
    retry_after_s: float | None = None
    billed: bool = False


def plan(decision: Decision, inputs: Inputs) -> Generator[Try, Ended, None]:
    """Attempts in order, `decision.max_attempts` at most, none that begins after the deadline.

    Each target is tried once; then again those that said when to, and whose failure was not billed.
    """
    circuits, now_ms, deadline_ms = inputs.circuits, inputs.now_ms, inputs.deadline_ms
    due_ms: dict[str, int] = {}
    number = 0
    for target in decision.targets[: decision.max_attempts]:
        if now_ms >= deadline_ms:
            return
        number += 1
        ended = yield Try(number, target, _generation(circuits, target), decision.warning)
        if not KINDS[ended.kind].elsewhere:
            return
        now_ms = ended.now_ms
        _expect_again(due_ms, target, ended)
    while due_ms and number < decision.max_attempts:
        target = min(due_ms, key=due_ms.__getitem__)
        at_ms = max(now_ms, due_ms.pop(target))
        if at_ms >= deadline_ms:
            return
        number += 1
        ended = yield Try(number, target, _generation(circuits, target), None, (at_ms - now_ms) / 1000)
        if not KINDS[ended.kind].elsewhere:
            return
        now_ms = ended.now_ms
        _expect_again(due_ms, target, ended)


def _expect_again(due_ms: dict[str, int], target: str, ended: Ended) -> None:
    wait_s = ended.retry_after_s
    if KINDS[ended.kind].again and wait_s is not None and wait_s <= LONGEST_WAIT_S and not ended.billed:
        due_ms[target] = ended.now_ms + ceil(wait_s * 1000)


def _generation(circuits: Mapping[str, Circuit], target: str) -> int:
    return circuits[target].generation if target in circuits else 0
