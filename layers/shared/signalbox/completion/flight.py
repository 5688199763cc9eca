"""One attempt at one target: sent, read chunk by chunk within its time limits, and accounted for however it ends."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from math import ceil
from typing import NamedTuple

from ..aws import telemetry
from ..aws.http import Cut, Exchange, Malformed, TimedOut, TransportError, Unreachable
from ..errors import Refusal, UpstreamFailure
from ..money import Prices, cost_nanousd
from ..providers.contract import Wire
from ..providers.errors import WITHHELD, error_names, param_of
from ..providers.retry_after import retry_after_s
from ..reply import Chunk, Citation, Embedding, Finish, ToolCallDelta, Usage
from ..routing.failures import kind_of
from ..routing.plan import Try
from ..usage.record import Attempt
from .clock import Clock
from .tally import Limits, Tally

KINDS: tuple[tuple[type[TransportError], str], ...] = (
    (TimedOut, "timeout"),
    (Unreachable, "unreachable"),
    (Cut, "cut"),
    (Malformed, "malformed"),
)
ERROR_BODY_BYTES = 4_096
LANDING_S = 0.1  # altogether
CLOCK_S = 0.005  # a wait may end this much before its time


class Part(NamedTuple):
    """One HTTP call of the attempt; only embeddings take several. `send` takes the seconds that connecting and writing may take."""

    send: Callable[[float], Exchange]
    first_input: int = 0


class Flight:
    """Take its `chunks`; `attempt` says what it came to. `key` is what no failure may quote, whatever it looks like.

    One thread takes the chunks; another may call `outrun`, and whatever else once that thread is done with them.
    """

    def __init__(self, step: Try, limits: Limits, prices: Prices | None, clock: Clock, key: str | None = None, purpose: str = "") -> None:
        self.step = step
        self.purpose = purpose
        self.outcome = "ok"
        self.status: int | None = None
        self.retry_after_s: float | None = None
        self.ttft_s: float | None = None
        self.finish: str | None = None
        self._limits = limits
        self._prices = prices
        self._clock = clock
        self._key = key
        self._tally = Tally(limits)
        self._at_ms = int(clock.wall() * 1000)
        self._began_s = self._heard_s = self._said_s = self._ended_s = clock.monotonic()
        self._land_by_s: float | None = None
        self._rest: Iterator[bytes] = iter(())
        self._exchange: Exchange | None = None
        self._outrun_s: float | None = None
        self.over = False

    def chunks(self, parts: Iterable[Part], wire: Wire, streamed: bool) -> Iterator[Chunk]:
        """Raises UpstreamFailure, at any point."""
        try:
            for part in parts:
                yield from self._part(part, wire, streamed)
        except TransportError as error:
            kind = next(kind for type_, kind in KINDS if isinstance(error, type_))
            if kind == "unreachable":
                self._tally.unbilled()
            late = kind == "timeout" and self._clock.monotonic() >= self._limits.deadline_s - CLOCK_S
            raise self._failed("deadline" if late else kind, str(error)) from error
        except UpstreamFailure as failure:
            if failure.counted and self._tally.is_counted and self.ttft_s is None:
                self._tally.unbilled()
            raise self._failed(failure.kind, failure.detail, failure.param) from failure
        except Refusal:
            self.outcome = "abandoned"
            raise
        except Exception as error:
            telemetry.error("an answer could not be read", error)
            raise self._failed("malformed", type(error).__name__) from error
        finally:
            self._ended_s = self._clock.monotonic() if self._outrun_s is None else self._outrun_s
            if self._exchange and self.outcome != "ok":
                self._exchange.close()
            self.over = True

    def _part(self, part: Part, wire: Wire, streamed: bool) -> Iterator[Chunk]:
        wait_s = self._wait_s()
        if wait_s <= 0:
            raise TimedOut("the time was up before it was sent")
        if self._outrun_s is not None:
            raise UpstreamFailure("outrun")
        self._tally.begin()
        self._exchange = exchange = part.send(wait_s)
        if self._outrun_s is not None:  # while it was sent, when there was no exchange yet to abort
            raise Cut("outrun")
        self._read_head(exchange)
        counted = wire.from_headers(exchange.headers)
        if counted is not None:
            self._note(Usage(counted))
        pieces = self._heard(exchange)
        for chunk in wire.to_chunks(pieces) if streamed else wire.from_body(self._gathered(pieces)):
            if isinstance(chunk, Embedding):
                chunk = chunk._replace(choice=part.first_input + chunk.choice)
            self._note(chunk)
            # The client is told of all parts, of which the last count stands for the whole.
            yield Usage(self._tally.tokens) if type(chunk) is Usage and self._tally.tokens else chunk
        self._tally.end()

    def leave(self, rule: str) -> None:
        """The client has gone. Unless the rule is to `drain` it, the stream is closed here: `free` where nothing is billed then."""
        if self.over or rule == "drain":
            return
        self._close(self._clock.monotonic())
        self._forgive(rule)

    def outrun(self) -> None:
        """Its rival has answered first: whoever waits for its chunks stops waiting."""
        self._outrun_s = self._clock.monotonic()
        if self._exchange and not self.over:
            self._exchange.abort()

    def concede(self, rule: str) -> None:
        """Closed, and charged for what may have been written by then: by the same rule, but that nobody waits for its count."""
        if self.outcome not in ("ok", "outrun"):
            return  # it had failed before
        self.outcome = "outrun"
        if not self.over:
            self._close(self._clock.monotonic() if self._outrun_s is None else self._outrun_s)
        self._forgive(rule)

    def _close(self, ended_s: float) -> None:
        self.over = True
        self._ended_s = ended_s
        if self._exchange:
            self._exchange.close()

    def _forgive(self, rule: str) -> None:
        if rule == "free":
            self._tally.forgiven()

    def land(self) -> None:
        """After the answer: reads what comes after the last chunk, which is little, so that the connection can serve again."""
        self._land_by_s = self._clock.monotonic() + LANDING_S
        try:
            for _ in self._rest:
                pass
        except TransportError:
            pass  # it serves no more

    def attempt(self) -> Attempt:
        tokens = self._tally.charged(silent_s=self._ended_s - self._heard_s, whole_s=self._ended_s - self._began_s)
        return Attempt(
            target=self.step.target,
            outcome=self.outcome,
            at_ms=self._at_ms,
            duration_ms=round((self._ended_s - self._began_s) * 1000),
            ttft_ms=None if self.ttft_s is None else round(self.ttft_s * 1000),
            status=self.status,
            retry_after_s=None if self.retry_after_s is None else ceil(self.retry_after_s),
            generation=self.step.generation,
            tokens=tokens,
            cost_nanousd=cost_nanousd(tokens, self._prices) if self._prices else 0,
            estimated=self._tally.is_owed or (self._limits.priced_otherwise and any(tokens)),
            purpose=self.purpose,
        )

    def _wait_s(self) -> float:
        """How long the next wait may take. Nothing but content ends the wait for the first byte, nor that between two chunks."""
        now, limits, timeouts = self._clock.monotonic(), self._limits, self._limits.timeouts
        if self._land_by_s is not None:
            return self._land_by_s - now
        from_s, within_s = (self._began_s, timeouts.ttft_s) if self.ttft_s is None else (self._said_s, timeouts.between_chunks_s)
        return min(from_s + (within_s or 0.0), limits.deadline_s) - now

    def _read_head(self, exchange: Exchange) -> None:
        self.status = exchange.head(self._wait_s())
        if self.status // 100 == 2:
            return
        self._tally.unbilled()  # providers do not bill an error
        body = b""
        for piece in exchange.pieces(self._wait_s):
            body += piece
            if len(body) >= ERROR_BODY_BYTES:
                break
        self.retry_after_s = retry_after_s(exchange.headers, body, self._clock.wall())
        raise UpstreamFailure(kind_of(self.status, body), error_names(body), param=param_of(body))

    def _heard(self, exchange: Exchange) -> Iterator[bytes]:
        self._rest = exchange.pieces(self._wait_s)
        for piece in self._rest:
            self._heard_s = self._clock.monotonic()
            self._tally.heard(len(piece))
            yield piece

    def _gathered(self, pieces: Iterable[bytes]) -> bytes:
        """All of it was written before any of it came: where it breaks off, a token is a byte at the least here too."""
        body = []
        for piece in pieces:
            body.append(piece)
            self._tally.delivered(len(piece))
        return b"".join(body)

    def _note(self, chunk: Chunk) -> None:
        kind = type(chunk)
        self._tally.understood()
        if kind is Usage:
            self._tally.count(chunk.tokens)  # type: ignore[union-attr]
            return
        if kind is Finish:
            self.finish = chunk.reason  # type: ignore[union-attr]
            self._tally.finish()
            return
        self._said_s = self._clock.monotonic()
        if self.ttft_s is None:
            self.ttft_s = self._said_s - self._began_s
        if kind is Citation or kind is Embedding:
            return
        text: str = chunk.arguments if kind is ToolCallDelta else chunk.text  # type: ignore[union-attr]
        self._tally.delivered(len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")))

    def _read_on(self) -> None:
        """Whatever came with what was not understood, and right behind it."""
        self._land_by_s = self._clock.monotonic() + LANDING_S
        with suppress(TransportError):
            for piece in self._rest:
                self._heard_s = self._clock.monotonic()
                self._tally.heard(len(piece))
        self._tally.misunderstood()

    def _failed(self, kind: str, detail: str, param: str | None = None) -> UpstreamFailure:
        if kind == "malformed":
            self._read_on()
        self.outcome = kind = kind if self._outrun_s is None else "outrun"
        if self._key and self._key in f"{detail} {param}":
            detail, param = WITHHELD, None
        return UpstreamFailure(kind, detail, param=param, status=self.status, retry_after_s=self.retry_after_s)
