"""Two attempts at once: the second begins where the first has no content in time, and whose content comes first has won.

Only requests that may be hedged come here, and pay for threads: each attempt has one until its first content, and a loser's ends with it.
"""

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Thread

from ..errors import UpstreamFailure
from ..reply import Chunk
from .flight import Flight
from .outing import Failed, Outing

NAME = "hedge"  # of the threads
LOSER_S = 1.0  # nothing but connecting keeps one longer, and that has its own limit

Begin = Callable[[Outing], Iterator[Chunk]]


class Race:
    """`outings` are those that were started. `run` it once, and `close` it before what the loser cost is asked for."""

    def __init__(self, begin: Begin, first: Outing, rival: Outing, after_s: float) -> None:
        self.outings: list[Outing] = []
        self._begin = begin
        self._first, self._rival, self._after_s = first, rival, after_s
        self._heard: SimpleQueue[tuple[Outing, Iterator[Chunk] | Exception]] = SimpleQueue()
        self._threads: list[Thread] = []

    def run(self) -> tuple[Outing, Iterator[Chunk]]:
        """The winner, with its first content there. Raises Failed where there is none, and whatever else ends one of them for both."""
        failures: dict[Outing, UpstreamFailure] = {}
        winner = None
        try:
            self._start(self._first)
            for outing, came in self._arrivals():
                if not isinstance(came, Exception):
                    winner = outing
                    return outing, came
                if not isinstance(came, UpstreamFailure):
                    raise came
                failures[outing] = came
        finally:
            for outing in self.outings:
                if outing is not winner:
                    outing.lose()
        raise Failed(*((outing, failures[outing]) for outing in self.outings))

    def close(self, rule_of: Callable[[Flight], str]) -> None:
        """Before it is asked what the loser cost. `rule_of` is what is done at its provider with a stream that was left."""
        for thread in self._threads:
            thread.join(LOSER_S)
        for outing in self.outings:
            if outing.lost and outing.flight:
                outing.flight.concede(rule_of(outing.flight))

    def _arrivals(self) -> Iterator[tuple[Outing, Iterator[Chunk] | Exception]]:
        """As they come: of the first, and of its rival if that was started meanwhile."""
        try:
            yield self._heard.get(timeout=self._after_s)
            return
        except Empty:
            self._start(self._rival)
        for _ in self.outings:
            yield self._heard.get()

    def _start(self, outing: Outing) -> None:
        self.outings.append(outing)
        thread = Thread(target=self._go, args=(outing,), name=NAME, daemon=True)  # nobody waits for it when the container ends
        thread.start()
        self._threads.append(thread)

    def _go(self, outing: Outing) -> None:
        try:
            came: Iterator[Chunk] | Exception = self._begin(outing)
        except Exception as error:
            came = error
        self._heard.put((outing, came))
