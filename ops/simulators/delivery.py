"""One completion, from the request that came to the line in the ledger: the provider's answer, late or spoilt as it was told to be."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .answer import to_answer
from .bill import cost_nanousd, generated
from .exchange import Answer, Ask, Frame, Rejected, Stamp, Tokens
from .faults import Fault
from .http import Connection, Request
from .ledger import Call, Ledger
from .prompt_cache import PromptCache
from .providers.provider import Provider

JSON = {"content-type": "application/json"}
NO_SHAPE_OF_OURS = (KeyError, TypeError, AttributeError, IndexError, ValueError)


@dataclass(slots=True)
class Delivery:
    connection: Connection
    provider: Provider
    request: Request
    stamp: Stamp
    at_ms: int
    fault: Fault
    ledger: Ledger
    cache: PromptCache
    ask: Ask | None = None

    async def run(self) -> None:
        """A fault's status comes before everything else, as an outage does."""
        head_due = _now() + (self.fault.latency_ms or 0) / 1000
        refusal, answer = None, None
        try:
            self.ask = self.provider.read(self.request)
            if self.fault.status is None:
                known = self.cache.cached(f"{self.provider.name}/{self.ask.model}", self.ask.prompt_tokens)
                answer = to_answer(self.ask, known)
        except Rejected as rejected:
            refusal = rejected
        except NO_SHAPE_OF_OURS:
            refusal = Rejected(400, self.provider.error(400)[1])
        if await self.connection.left_before(head_due):
            self._record("client_gone", None, self._abandoned(answer))
        elif self.fault.status is not None:
            kind, body = self.provider.error(self.fault.status)
            self._send_error(self.fault.status, {"content-type": kind} | self._retry_after(), body)
        elif refusal is not None:
            self._send_error(refusal.status, JSON, refusal.body)
        elif self.ask is not None and answer is not None:
            await (self._stream if self.ask.stream else self._whole)(self.ask, answer)

    def _abandoned(self, answer: Answer | None) -> Tokens:
        """An unstreamed answer is generated whole before its head is sent, whoever still waits for it."""
        if answer is None or self.ask is None:
            return Tokens()
        return generated(answer, ()) if self.ask.stream else answer.tokens

    def _send_error(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.connection.send(status, {**headers, **self.provider.headers(self.stamp)}, body)
        self._record("error", status, Tokens())

    async def _whole(self, ask: Ask, answer: Answer) -> None:
        body = self.provider.whole(ask, answer, self.stamp)
        headers = {**JSON, **self.provider.headers(self.stamp)}
        if self.fault.cut_after_chunks is not None:
            self.connection.start(headers)
            self.connection.chunk(body[: len(body) // 2])
            self.connection.cut()
            return self._record("cut", 200, answer.tokens)
        self.connection.send(200, headers, self.provider.garbled(body) if self.fault.malformed else body)
        self._record("served", 200, answer.tokens, usage_delivered=not self.fault.malformed)

    async def _stream(self, ask: Ask, answer: Answer) -> None:
        """Nothing is awaited between the last byte and the ledger: who has read the answer finds it there."""
        kind = {"content-type": self.provider.stream_type, "cache-control": "no-cache"}
        self.connection.start({**kind, **self.provider.headers(self.stamp)})
        frames = self.provider.frames(ask, answer, self.stamp)
        due = _now() + (self.fault.first_chunk_ms or 0) / 1000
        for place, frame in enumerate(frames):
            if place == self.fault.cut_after_chunks:
                self.connection.cut()
                return self._record_stream("cut", answer, frames[:place])
            if place:
                await self.connection.drain()
                due += (self.fault.chunk_ms or 0) / 1000 * frame.paced
            if await self.connection.left_before(due):
                return self._record_stream("client_gone", answer, frames[:place])
            self.connection.chunk(self.provider.garbled(frame.data) if self.fault.malformed and place == 1 else frame.data)
        self.connection.end()
        self._record_stream("served", answer, frames)

    def _record_stream(self, outcome: str, answer: Answer, sent: Sequence[Frame]) -> None:
        self._record(outcome, 200, generated(answer, sent), any(frame.usage for frame in sent))

    def _record(self, outcome: str, status: int | None, tokens: Tokens, usage_delivered: bool = False) -> None:
        ask, headers = self.ask, self.request.headers
        self.ledger.record(
            Call(
                self.at_ms,
                self.provider.name,
                ask.model if ask else "",
                ask.stream if ask else False,
                status,
                outcome,
                *tokens,
                cost_nanousd=cost_nanousd(tokens, self.provider.prices(ask.model)) if ask else 0,
                usage_delivered=usage_delivered,
                request_id=headers.get("x-signalbox-request-id") or headers.get("x-request-id"),
                fault=self.fault.to_json() or None,
            )
        )

    def _retry_after(self) -> dict[str, str]:
        """Whole seconds, and the milliseconds beside them, as OpenAI sends both."""
        if self.fault.retry_after_s is None:
            return {}
        return {"retry-after": str(math.ceil(self.fault.retry_after_s)), "retry-after-ms": str(round(self.fault.retry_after_s * 1000))}


def _now() -> float:
    return asyncio.get_running_loop().time()
