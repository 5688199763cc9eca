"""What a request may still cost: what is held for it, or its own ceiling where that is less. No two attempts are promised the same."""

from _thread import allocate_lock  # what `threading` makes locks of, whose import would cost every container a millisecond

from ..errors import UpstreamFailure
from ..request import Request
from ..routing import bound
from ..routing.catalog import Target
from .flight import Flight


class Share:
    """What is put aside for one flight: its worst until it is over, and then what it cost. `clamped`: its answer may be cut short."""

    def __init__(self, max_tokens: int | None, bound_nanousd: int, clamped: bool) -> None:
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

    `binds`: a budget holds it that may not be overspent, so that nobody is asked whose price is unknown.
    """

    def __init__(self, held_nanousd: int | None, ceiling_nanousd: int | None, cap_tokens: int | None, binds: bool = False) -> None:
        limits = [limit for limit in (held_nanousd, ceiling_nanousd) if limit is not None]
        self._limit_nanousd = min(limits) if limits else None
        self._only_priced = binds or ceiling_nanousd is not None
        self._cap_tokens = cap_tokens
        self._shares: list[Share] = []
        self._lock = allocate_lock()  # two attempts of a race may want a share at the same time

    def share(self, request: Request, input_bound: int, target: Target) -> Share:
        """For one flight, with what to ask for so that it stays within. UpstreamFailure (unaffordable) where too little is left."""
        asked = bound.output_tokens_bound(request, target)
        most = asked if self._cap_tokens is None or request.inputs else min(asked, self._cap_tokens)
        if target.prices is None and self._only_priced:
            raise UpstreamFailure("unaffordable")
        if self._limit_nanousd is None or target.prices is None:
            limited = request.max_tokens is not None or most < asked
            return Share(most if limited and not request.inputs else None, 0, most < asked)  # more would be refused there
        with self._lock:
            left_nanousd = self._limit_nanousd - sum(share.nanousd for share in self._shares)
            affordable = bound.affordable_output_tokens(left_nanousd, input_bound, request.n, target.prices)
            if affordable < min(most, bound.MIN_OUTPUT_TOKENS):
                raise UpstreamFailure("unaffordable")
            tokens = min(affordable, most)
            share = Share(tokens, bound.bound_nanousd(input_bound, tokens, request.n, target.prices), tokens < asked)
            self._shares.append(share)
            return share
