"""The guardrails of a snapshot, made once for as long as it is live, and applied in the order in which `routing.yaml` names them."""

from collections.abc import Iterable, Iterator

from ..aws import telemetry
from ..errors import Refusal
from ..guardrails.contract import Guardrail
from ..guardrails.registry import maker
from ..reply import Chunk
from ..routing.catalog import Guard, Snapshot


class Guards:
    def __init__(self) -> None:
        self._digest = ""
        self._made: list[tuple[Guard, Guardrail | None]] = []

    def of(self, snapshot: Snapshot, *routes: str) -> tuple[Guardrail, ...]:
        """Those of any of the routes. Refusal where one of them could not be made: a request that cannot be guarded is not served."""
        if not snapshot.guards:
            return ()
        if snapshot.digest != self._digest:
            self._made = [(row, _made(row)) for row in snapshot.guards]
            self._digest = snapshot.digest
        return tuple(_there(row, guard) for row, guard in self._made if row.routes is None or not row.routes.isdisjoint(routes))


def _made(row: Guard) -> Guardrail | None:
    """None where it cannot be: a release may refuse what one before it took, and routes that do not need it go on."""
    try:
        return maker(row.use)(row.options)
    except Exception as error:
        telemetry.error(f"the guardrail {row.name} cannot be made, and its routes serve nobody: `signalbox config check` says why", error)
        return None


def _there(row: Guard, guard: Guardrail | None) -> Guardrail:
    if guard is None:
        message = f"The guardrail {row.name} of this route cannot be set up, and without it nothing is served. Ask the operators."
        raise Refusal("no_route", f"{message} They are told why by `signalbox config check` of the live document.")
    return guard


def guarded(chunks: Iterator[Chunk], guards: Iterable[Guardrail]) -> Iterator[Chunk]:
    for guard in guards:
        chunks = guard.after(chunks)
    return chunks
