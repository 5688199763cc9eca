"""The guardrails of a snapshot, made once for as long as it is live, and applied in the order in which `routing.yaml` names them."""

from collections.abc import Iterable, Iterator

from ..guardrails.contract import Guardrail
from ..guardrails.registry import maker
from ..reply import Chunk
from ..routing.catalog import Guard, Snapshot


class Guards:
    def __init__(self) -> None:
        self._digest = ""
        self._made: list[tuple[Guard, Guardrail]] = []

    def of(self, snapshot: Snapshot, *routes: str) -> tuple[Guardrail, ...]:
        """Those of any of the routes. Raises what making one raises: a request that cannot be guarded is not served."""
        if not snapshot.guards:
            return ()
        if snapshot.digest != self._digest:
            self._made = [(row, maker(row.use)(row.options)) for row in snapshot.guards]
            self._digest = snapshot.digest
        return tuple(guard for row, guard in self._made if row.routes is None or not row.routes.isdisjoint(routes))


def guarded(chunks: Iterator[Chunk], guards: Iterable[Guardrail]) -> Iterator[Chunk]:
    for guard in guards:
        chunks = guard.after(chunks)
    return chunks
