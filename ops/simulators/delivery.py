"""One completion, from the request that came to the line in the ledger: the provider's answer, late or spoilt as it was told to be."""

import asyncio
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import formatdate

from .answer import to_answer
from .bill import cost_nanousd, generated
from .echo import echoing
from .exchange import Answer, Ask, Frame, Rejected, Stamp, Tokens
from .faults import KEYS, Fault
from .http import Connection, Request
from .ledger import Call, Ledger
from .prompt_cache import PromptCache
from .providers.provider import Operation, Provider

REF = re.compile(rb"\bref=([\w-]{1,64})")
NO_SHAPE_OF_OURS = (KeyError, TypeError, AttributeError, IndexError, ValueError)


@dataclass(slots=True)
class Delivery:
    connection: Connection
    provider: Provider
    operation: Operation
    request: Request
    stamp: Stamp
    at_ms: int
    fault: Fault
    held: asyncio.Event  # what is held back comes once this is set
    ledger: Ledger
    cache: PromptCache
    ask: Ask | None = None

    async def run(self) -> None:
        """A fault's status comes before everything else, as an outage does."""
        head_due = _now() + (self.fault.latency_ms or 0) / 1000
        status = self.fault.status_for(self.provider.key(self.request), self.provider.bad_key_status)
        refusal, answer = None, None
        try:
            self.ask = replace(self.operation.read(self.request), late_usage=bool(self.fault.late_usage))
            if status is None:
                answer = to_answer(self.ask, self._known(self.ask))
        except Rejected as rejected:
            refusal = rejected
        except NO_SHAPE_OF_OURS:
            refusal = Rejected(400, self.operation.error(400)[1])
        if await self.connection.left_before(head_due):
            self._record("client_gone", None, self._abandoned(answer))
        elif status is not None:
            kind, body = self.operation.error(status)
            self._send_error(status, {"content-type": kind} | self._retry_after(), self._said(body))
        elif refusal is not None:
            self._send_error(refusal.status, {"content-type": refusal.kind}, self._said(refusal.body))
        elif self.ask is not None and answer is not None:
            await (self._stream if self.ask.stream else self._whole)(self.ask, answer)

    def _known(self, ask: Ask) -> Tokens:
        """What of the prompt was cached, and what is from now on."""
        model = f"{self.provider.name}/{ask.model}"
        if not ask.writes or ask.cache_marks == ():
            return Tokens()
        if ask.cache_marks is not None:
            return self.cache.marked(model, ask.prompt_tokens, ask.cache_marks)
        return Tokens(cached=self.cache.cached(model, ask.prompt_tokens))

    def _abandoned(self, answer: Answer | None) -> Tokens:
        """An unstreamed answer is generated whole before its head is sent, whoever still waits for it."""
        if answer is None or self.ask is None:
            return Tokens()
        return generated(answer, ()) if self.ask.stream else answer.tokens

    def _said(self, error: bytes) -> bytes:
        return echoing(error, self.provider.key(self.request), self.ask.prompt if self.ask else "") if self.fault.echo else error

    def _send_error(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.connection.send(status, {**headers, **self.provider.headers(self.stamp)}, body)
        self._record("error", status, Tokens())

    async def _whole(self, ask: Ask, answer: Answer) -> None:
        body = self.operation.whole(ask, answer, self.stamp)
        kind = {"content-type": self.operation.whole_type}
        headers = {**kind, **self.provider.headers(self.stamp), **self.operation.headers(ask, answer)}
        if self.fault.cut_after_chunks is not None:
            self.connection.start(headers)
            self.connection.chunk(body[: len(body) // 2])
            self.connection.cut()
            return self._record("cut", 200, answer.tokens)
        self.connection.send(200, headers, self.operation.garbled(body) if self.fault.malformed else body)
        self._record("served", 200, answer.tokens, usage_delivered=not self.fault.malformed)

    async def _stream(self, ask: Ask, answer: Answer) -> None:
        """Nothing is awaited between the last byte and the ledger: who has read the answer finds it there."""
        kind = {"content-type": ask.stream_type or self.operation.stream_type, "cache-control": "no-cache"}
        frames = self.operation.frames(ask, answer, self.stamp)
        self.connection.start({**kind, **self.provider.headers(self.stamp), **self.operation.headers(ask, answer)})
        error_at, error_status = self.fault.stream_error() or (None, 0)
        due = _now() + (self.fault.first_chunk_ms or 0) / 1000
        for place, frame in enumerate(frames):
            if place == self.fault.cut_after_chunks:
                self.connection.cut()
                return self._record_stream("cut", answer, frames[:place])
            if place == error_at:
                return self._fail_stream(error_status, answer, frames[:place])
            if place:
                await self.connection.drain()
                due += (self.fault.chunk_ms or 0) / 1000 * frame.paced
            if place == self.fault.hold_after_chunks:
                await self.connection.left_or(self.held)
            if await self.connection.left_before(due):
                return self._record_stream("client_gone", answer, frames[:place])
            self.connection.chunk(self.operation.garbled(frame.data) if self.fault.malformed and place == 1 else frame.data)
        self.connection.end()
        self._record_stream("served", answer, frames)

    def _fail_stream(self, status: int, answer: Answer, sent: Sequence[Frame]) -> None:
        """The provider's own error, and an orderly end. It bills nothing where nothing had been written by then."""
        if event := self.operation.error_event(status):
            self.connection.chunk(self._said(event))
        self.connection.end()
        self._record("error", 200, generated(answer, sent) if sent else Tokens(), any(frame.usage for frame in sent))

    def _record_stream(self, outcome: str, answer: Answer, sent: Sequence[Frame]) -> None:
        self._record(outcome, 200, generated(answer, sent), any(frame.usage for frame in sent))

    def _record(self, outcome: str, status: int | None, tokens: Tokens, usage_delivered: bool = False) -> None:
        ask, headers = self.ask, self.request.headers
        counts = {f"{name}_tokens": count for name, count in tokens._asdict().items()}
        told = {name: value for name, value in self.fault.to_json().items() if name not in KEYS}
        self.ledger.record(
            Call(
                self.at_ms,
                self.provider.name,
                self.operation.name,
                ask.model if ask else "",
                ask.stream if ask else False,
                status,
                outcome,
                **counts,
                cost_nanousd=cost_nanousd(tokens, self.provider.prices(ask)) if ask and tokens.input else 0,
                usage_delivered=usage_delivered,
                request_id=headers.get("x-signalbox-request-id") or headers.get("x-request-id"),
                ref=ref[1].decode() if (ref := REF.search(self.request.body)) else None,
                fault=told or None,
            )
        )

    def _retry_after(self) -> dict[str, str]:
        """Whole seconds, and the milliseconds beside them, as OpenAI sends both, or the one form that was told."""
        wait_s, form = self.fault.retry_after_s, self.fault.retry_after_form
        if wait_s is None:
            return {}
        if form is not None:
            name, spelt = RETRY_AFTER[form]
            return {name: spelt(wait_s, self.at_ms / 1000)}
        return {"retry-after": str(math.ceil(wait_s)), "retry-after-ms": str(round(wait_s * 1000))}


# https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
RETRY_AFTER: Mapping[str, tuple[str, Callable[[float, float], str]]] = {
    "seconds": ("retry-after", lambda wait_s, now_s: str(math.ceil(wait_s))),
    "float_seconds": ("retry-after", lambda wait_s, now_s: f"{wait_s:.3f}"),
    "http_date": ("retry-after", lambda wait_s, now_s: formatdate(math.ceil(now_s + wait_s), usegmt=True)),
    "retry-after-ms": ("retry-after-ms", lambda wait_s, now_s: str(round(wait_s * 1000))),
    "x-ms-retry-after-ms": ("x-ms-retry-after-ms", lambda wait_s, now_s: str(round(wait_s * 1000))),
}


def _now() -> float:
    return asyncio.get_running_loop().time()
