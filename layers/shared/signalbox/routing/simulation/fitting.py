"""Whether a draft's targets can serve a recorded request: as it was found then, else as their capabilities say."""

from ..catalog import Snapshot, Target
from ..decide import Decision
from ..inputs import Lack
from ..replay import Recorded
from ..worst import reachable


class Fitting:
    """Of one request. `then` is what was decided by `before`; both None where they are gone. `guessed` are those that nobody looked at."""

    def __init__(self, was: Recorded, before: Snapshot | None, then: Decision | None) -> None:
        self._was, self._before = was, before
        self._known = _looked_at(was, before, then) if before and then else set(was.lacks)
        self.guessed: set[str] = set()

    def lack_of(self, target: Target) -> Lack | None:
        if target.id in self._known and _same(target, self._before):
            return self._was.lacks.get(target.id)
        self.guessed.add(target.id)
        uses = self._was.inputs.features.uses
        missing = next((name for name in uses if name not in target.capabilities), None)
        if missing:
            return missing, f"the model has no {missing.replace('_', ' ')}"
        if "embeddings" in target.capabilities and "embeddings" not in uses:
            return "model", "the model makes embeddings and no completions"
        return None


def _looked_at(was: Recorded, before: Snapshot, then: Decision) -> set[str]:
    """For the default, those declared up to it; and where nobody was denied, all that were ordered or passed over, and the mirror."""
    route = before.route(was.inputs.features.model)
    declared = route.targets if route else ()
    known = {*then.lacks, *(declared[: declared.index(then.default) + 1] if then.default else declared)}
    return known if then.deny is not None else {*known, *reachable(then), *dict(then.passed), then.mirror}


def _same(target: Target, before: Snapshot | None) -> bool:
    try:
        known = before.targets[target.id] if before else target
    except KeyError:
        return False
    return (known.model, known.wire, known.capabilities) == (target.model, target.wire, target.capabilities)
