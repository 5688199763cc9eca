"""Whose turn it is in each route: counted by route, or two that are asked by turns would meet the same target each time."""

import os
from collections import Counter

from ..routing.catalog import Snapshot
from ..routing.decide import Decision

TURNED = "round_robin"


class Turns:
    """One per container, which begins anywhere, so that those that start together do not go round together."""

    def __init__(self) -> None:
        self._first = int.from_bytes(os.urandom(2))
        self._taken: Counter[str] = Counter()

    def of(self, route: str) -> int:
        return self._first + self._taken[route]

    def take(self, decision: Decision, snapshot: Snapshot) -> None:
        """A request sets out. Routes that callers make up by a name below `*` are not counted: each has one target."""
        if decision.strategy == TURNED and decision.route in snapshot.routes:
            self._taken[decision.route] += 1
