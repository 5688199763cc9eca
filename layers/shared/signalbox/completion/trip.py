"""What a request sets out with, once it is admitted, and what it meets on its way."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from ..aws.http import Exchange
from ..request import Request
from ..routing.catalog import Provider, Route, Snapshot, Target
from ..routing.decide import Decision
from ..routing.inputs import Inputs
from ..wire import HttpRequest

Send = Callable[[HttpRequest, float], Exchange]


class Trip(NamedTuple):
    """`route` is the one asked for. `granted_nanousd` is None where no budget holds it; `binds`: one does that may not be overspent.
    `less_nanousd` is by provider, where its own attempts may not cost all that is granted. `passed_over` are the providers' budgets, and
    their periods, of which nothing is left: their targets were no candidates.

    `own_keys` are the tenant's own providers. `near_nanousd` is what of it is for a look-up by meaning; None: there is none. `by_meaning`:
    one may be made, as far as the budgets of those who embed are known.
    """

    request: Request
    route: Route
    snapshot: Snapshot
    inputs: Inputs
    decision: Decision
    deadline_s: float  # monotonic; the same moment as the inputs' `deadline_ms`
    granted_nanousd: int | None
    binds: bool = False
    tenant: str = ""
    own_keys: frozenset[str] = frozenset()
    near_nanousd: int | None = None
    by_meaning: bool = True
    less_nanousd: Mapping[str, int] = MappingProxyType({})
    passed_over: tuple[tuple[str, str], ...] = ()

    @property
    def spared(self) -> "Trip":
        """With what is left of its means for the answer itself."""
        near = self.near_nanousd
        if near is None:
            return self
        granted, ceiling = (None if most is None else most - near for most in (self.granted_nanousd, self.decision.max_cost_nanousd))
        return self._replace(granted_nanousd=granted, decision=self.decision._replace(max_cost_nanousd=ceiling))

    @property
    def told(self) -> dict[str, str]:
        """What the headers of an answer tell of how it was decided."""
        return {"x-signalbox-policy": self.decision.policy, "x-signalbox-config-version": str(self.snapshot.version)}

    @property
    def input_bound(self) -> int:
        """No provider counts more tokens of it."""
        return self.inputs.features.input_bound


class Keys(Protocol):
    """The providers' keys. `owner` is the tenant that brings its own, or empty."""

    def of(self, provider: Provider, owner: str, anew: bool = False) -> tuple[str | None, ...]:
        """One at the least, the best first; (None,) for a provider that asks for none. `anew` asks to read them again."""

    def refused(self, provider: Provider, owner: str, key: str | None) -> None:
        """It is the last to be tried from now on."""

    def shown(self, request: HttpRequest, provider: Provider, key: str | None) -> HttpRequest:
        """The request with what proves who sends it. Raises UpstreamFailure where a token cannot be had."""


Slot = Any  # what an attempt takes of a target's capacity: whatever `take` gave


class Capacities(Protocol):
    """What targets take of what they declare they can, as `aws.capacity` knows it."""

    def take(self, target: Target, tokens: int, now_ms: int, until_ms: int | None = None) -> Slot | None: ...

    def give(self, slot: Slot, tokens: int) -> None: ...


class _Boundless:
    """Where nobody has declared any."""

    def take(self, target: Target, tokens: int, now_ms: int, until_ms: int | None = None) -> Slot | None:
        return target

    def give(self, slot: Slot, tokens: int) -> None:
        pass


BOUNDLESS = _Boundless()
