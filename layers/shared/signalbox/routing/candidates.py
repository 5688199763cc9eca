"""Which targets may serve a request at all, and why each of the others may not."""

from collections.abc import Callable, Iterable, Mapping

from ..circuits.state import CLOSED, OPEN
from .catalog import ANY, Snapshot, Target
from .chains import GENERIC
from .costs import expected_nanousd, expected_output_tokens
from .inputs import Features, Inputs, Lack

LackOf = Callable[[Target], Lack | None]

NO_ROOM = "context_too_long"
FULL = "at its capacity"
SPENT = "its provider's budget does not cover the request"


class Screen:
    """Asked of each target once, and the same whenever it is asked again.

    `passed` says why not. `lacks` are those that cannot serve the request, whatever their state. `back` are those that stand back for this
    request, with the kind in which they would have failed: what their chains name may serve instead. `ill` are so for their circuit alone.
    """

    def __init__(
        self,
        inputs: Inputs,
        features: Features,
        snapshot: Snapshot,
        lack_of: LackOf,
        removed: Mapping[str, str],
        ceiling_nanousd: int | None,
    ) -> None:
        self.passed: dict[str, str] = {}
        self.lacks: dict[str, Lack] = {}
        self.back: dict[str, str] = {}
        self.ill: list[str] = []
        self._inputs, self._features, self._targets, self._lack_of = inputs, features, snapshot.targets, lack_of
        self._removed, self._ceiling_nanousd = removed, ceiling_nanousd
        self._found: dict[str, Target | None] = {}
        self._usable: dict[str, bool] = {}

    def usable(self, id: str) -> bool:
        usable = self._usable.get(id)
        if usable is None:
            why = self._why_not(id)
            usable = self._usable[id] = not why
            if why:
                self.passed[id] = why
        return usable

    def serves(self, id: str) -> bool:
        """Whatever its circuit, its capacity, its price and the policies say."""
        target = self._target(id)
        return target is not None and id not in self.lacks and self._has_room(target)

    def state(self, id: str) -> str:
        circuit = self._inputs.circuits.get(id)
        return circuit.state if circuit else CLOSED

    def costs_nanousd(self, targets: Iterable[Target]) -> dict[str, int | None]:
        return {target.id: expected_nanousd(self._features, target) for target in targets}

    def least_bad(self, ids: Iterable[str]) -> tuple[list[str], str, str]:
        """Of targets that are only ill, else of those that are only too small: the best first, what ails all, and what the first is."""
        circuits = self._inputs.circuits
        ill = sorted((id for id in ids if id in self.ill), key=lambda id: circuits[id].until_ms)
        if ill:
            return ill, "every circuit of route {} is open", "the one that may close first"
        all_small = [id for id in ids if self.back.get(id) == NO_ROOM]
        small = [id for id in all_small if self.state(id) != OPEN] or sorted(all_small, key=lambda id: circuits[id].until_ms)
        most = max((self._targets[id].context_window for id in small), default=0)
        largest = [id for id in small if self._targets[id].context_window == most]
        return largest, "no target of route {} seems to have room for the request", "the one with the largest window"

    def _why_not(self, id: str) -> str:
        target = self._target(id)
        if target is None:
            return "there is no such model"
        if id in self._removed:
            return f"policy {self._removed[id]} takes it out"
        self.back[id] = GENERIC
        if id in self.lacks:
            parameter, why = self.lacks[id]
            return f"cannot serve `{parameter}`: {why}"
        if id in self._inputs.full:
            return FULL
        if target.provider in self._inputs.spent:
            return SPENT
        if self._ceiling_nanousd is not None and (dear := self._too_dear(target, self._ceiling_nanousd)):
            return dear
        if not self._has_room(target):
            self.back[id] = NO_ROOM
            return f"its window of {target.context_window} tokens has no room for the request and an answer"
        if self.state(id) == OPEN:
            self.ill.append(id)
            return "its circuit is open"
        del self.back[id]
        return ""

    def targets(self, ids: Iterable[str]) -> list[Target]:
        """Those of them that are known."""
        return [target for id in ids if (target := self._target(id))]

    def _target(self, id: str) -> Target | None:
        """None where the configuration knows none. What it lacks is found with it."""
        if id not in self._found:
            try:
                target = None if id.endswith(ANY) else self._targets[id]
            except KeyError:
                target = None
            self._found[id] = target
            if target and (lack := self._lack_of(target)):
                self.lacks[id] = lack
        return self._found[id]

    def _has_room(self, target: Target) -> bool:
        features = self._features
        return features.input_tokens + expected_output_tokens(features, target) <= target.context_window

    def _too_dear(self, target: Target, ceiling_nanousd: int) -> str:
        cost = expected_nanousd(self._features, target)
        if cost is None:
            return f"has no prices, and the request may cost {ceiling_nanousd} nano-dollars"
        return f"expected to cost {cost} nano-dollars, and the request may cost {ceiling_nanousd}" if cost > ceiling_nanousd else ""
