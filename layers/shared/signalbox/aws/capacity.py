"""What targets take of what they declare they can, over all containers: one at its capacity is not asked, before it says 429."""

from collections.abc import Callable
from typing import NamedTuple

from ..routing.catalog import Target
from .client import Aws


class Slot(NamedTuple):
    """What one attempt takes of a target's capacity; give it back when the attempt is over. `minute` counts since the epoch."""

    target: str
    tokens: int = 0
    minute: int = 0
    id: str = ""


class Capacities:
    """One per container, used by one thread. Nothing is called for a target that declares no capacity. `wall` is epoch seconds."""

    def __init__(self, aws: Aws, ledger: str, wall: Callable[[], float]) -> None:
        self._aws = aws
        self._ledger = ledger
        self._wall = wall

    def full(self, now_ms: int) -> tuple[str, ...]:
        """The targets that are known to be at their capacity, sorted. No I/O."""
        return ()

    def take(self, target: Target, tokens: int, now_ms: int, until_ms: int | None = None) -> Slot | None:
        """Room for one attempt that needs about so many tokens; None where there is none. Right before the attempt; never raises.

        `until_ms` is when it is over at the latest (else the target's total says): then its place is free, whatever became of it.
        """
        return Slot(target.id, tokens)

    def give(self, slot: Slot, tokens: int) -> None:
        """After the answer: its place is free, and `tokens` is what it used (0 where it was not sent). Never raises."""
