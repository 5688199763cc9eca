"""What a request may still cost: what is held for it, or its own ceiling where that is less. No two attempts are promised the same."""

from _thread import allocate_lock  # what `threading` makes locks of, whose import would cost every container a millisecond
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from ..errors import UpstreamFailure
from ..request import Request
from ..routing import bound
from ..routing.catalog import Target
from .flight import Flight


class Share:
    """What is put aside for one flight: its worst until it is over, and then what it cost. `clamped`: its answer may be cut short."""

    def __init__(self, provider: str, max_tokens: int | None, bound_nanousd: int, clamped: bool) -> None:
        self.provider = provider
        self.max_tokens = max_tokens
        self.clamped = clamped
        self.flight: Flight | None = None
        self._bound_nanousd = bound_nanousd

    def give_back(self) -> None:
        """Nothing flew."""
        self._bound_nanousd = 0

    @property
    def nanousd(self) -> int:
        return self.flight.attempt().cost_nanousd if self.flight and self.flight.over else self._bound_nanousd


class Purse:
    """`held_nanousd` is None where no budget holds the request, `ceiling_nanousd` and `cap_tokens` where nobody limits it.

    `binds`: a budget holds it that may not be overspent, so that nobody is asked whose price is unknown. `less_nanousd` is by provider,
    where its own flights may not cost all of it.
    """

    def __init__(
        self,
        held_nanousd: int | None,
        ceiling_nanousd: int | None,
        cap_tokens: int | None,
        binds: bool = False,
        less_nanousd: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        limits = [limit for limit in (held_nanousd, ceiling_nanousd) if limit is not None]
        self._limit_nanousd = min(limits) if limits else None
        self._only_priced = binds or ceiling_nanousd is not None
        self._cap_tokens = cap_tokens
        self._less_nanousd = less_nanousd
        self._shares: list[Share] = []
        self._lock = allocate_lock()  # two attempts of a race may want a share at the same time

    def share(self, request: Request, input_bound: int, target: Target) -> Share:
        """For one flight, with what to ask for so that it stays within. UpstreamFailure where too little is left: unaffordable, or
        spent, where other providers may have more.
        """
        asked = bound.output_tokens_bound(request, target)
        most = asked if self._cap_tokens is None or request.inputs else min(asked, self._cap_tokens)
        if target.prices is None and self._only_priced:
            raise UpstreamFailure("unaffordable")
        if self._limit_nanousd is None or target.prices is None:
            limited = request.max_tokens is not None or most < asked
            return Share(target.provider, most if limited and not request.inputs else None, 0, most < asked)  # more would be refused there
        least = min(most, bound.MIN_OUTPUT_TOKENS)
        with self._lock:
            for left_nanousd, short in self._left(self._limit_nanousd, target.provider):
                most = min(most, bound.affordable_output_tokens(left_nanousd, input_bound, request.n, target.prices))
                if most < least:
                    raise UpstreamFailure(short)
            share = Share(target.provider, most, bound.bound_nanousd(input_bound, most, request.n, target.prices), most < asked)
            self._shares.append(share)
            return share

    def _left(self, limit_nanousd: int, provider: str) -> Iterator[tuple[int, str]]:
        """Of all, and of what this provider's own may cost; each with the kind of failure where that is too little."""
        yield limit_nanousd - sum(share.nanousd for share in self._shares), "unaffordable"
        if provider in self._less_nanousd:
            own = sum(share.nanousd for share in self._shares if share.provider == provider)
            yield self._less_nanousd[provider] - own, "spent"
