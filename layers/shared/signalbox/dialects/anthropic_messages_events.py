"""An answer as Anthropic streams it, block by block. https://platform.claude.com/docs/en/build-with-claude/streaming"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import Refusal
from ..money import Tokens
from ..reply import Chunk, Citation, Embedding, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, Usage
from .anthropic_messages_answer import (
    ARGUMENTS,
    to_citation,
    to_error,
    to_message,
    to_sealed,
    to_sealed_of_call,
    to_stop,
    to_text,
    to_thinking,
    to_tool_use,
    to_usage_so_far,
)
from .anthropic_messages_blocks import FAMILY
from .contract import Answer
from .signatures import pack
from .written import dumped, quoted

START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%b}\n\n'
STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

TEXT = b'{"type":"text_delta","text":%b}'
THINKING = b'{"type":"thinking_delta","thinking":%b}'
SIGNATURE = b'{"type":"signature_delta","signature":%b}'
INPUT = b'{"type":"input_json_delta","partial_json":%b}'

NO_STOP = {"stop_reason": None, "stop_sequence": None, "stop_details": None}


def to_events(answer: Answer, chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """Each chunk as it comes. A Refusal from `chunks` ends the stream with the error, which clients raise."""
    content = _Content()
    begun = False
    try:
        for chunk in chunks:
            written = content.take(chunk)
            if not begun:
                begun = True
                yield _begin(answer, content.tokens)
            if written:
                yield written
    except Refusal as refusal:
        yield b"event: error\ndata: %b\n\n" % to_error(refusal, answer.id)
        return
    if not begun:
        yield _begin(answer, content.tokens)
    yield content.end()


def _begin(answer: Answer, tokens: Tokens) -> bytes:
    message = to_message(answer, [], NO_STOP, tokens)
    return b"event: message_start\ndata: %b\n\n" % dumped({"type": "message_start", "message": message})


class _Block:
    """`start` is its content_block_start, written with its first delta, or at once where it is whole (`opens`)."""

    def __init__(self, kind: str, start: dict[str, Any], opens: bool = False) -> None:
        self.kind = kind
        self.start = start
        self.opens = opens
        self.open = False
        self.over = False
        self.waiting: list[bytes] = []
        self.arguments: list[str] = []


class _Content:
    """The blocks that are not over yet. The first one is being written; those behind it wait, as only one block comes at a time.

    A text is over when anything else begins. A call is over when its arguments are whole: pieces of the one before may still come.
    """

    def __init__(self) -> None:
        self.tokens = Tokens()
        self._blocks: deque[_Block] = deque()
        self._last: _Block | None = None
        self._index = 0
        self._calls: dict[int, _Block] = {}
        self._sources: list[bytes] = []  # that came before the text that they stand with
        self._cited: _Block | None = None
        self._refused = False
        self._finish = Finish("stop")

    def take(self, chunk: Chunk) -> bytes:
        kind = type(chunk)
        if kind is TextDelta:
            return self._say("text", chunk.text) if not chunk.choice else b""  # type: ignore[union-attr]
        if kind is Usage:
            self.tokens = chunk.tokens  # type: ignore[union-attr]
            return b""
        if chunk.choice or kind is Embedding:  # type: ignore[union-attr]
            return b""
        match chunk:
            case ToolCallDelta():
                return self._call(chunk)
            case ReasoningDelta():
                return self._reason(chunk)
            case RefusalDelta(text):
                self._refused |= bool(text)
                return self._say("refusal", text)
            case Citation():
                return self._cite(chunk)
            case Finish():
                self._finish = chunk
        return b""

    def end(self) -> bytes:
        written = b""
        if self._sources:
            written = self._begin(_Block("text", to_text()))
            written += self._write(self._blocks[-1], *self._sources)
        for block in self._blocks:
            block.over = True
        written += self._advance()
        stop = to_stop(self._finish.reason, self._finish.stop_sequence, self._refused, bool(self._calls))
        event = {"type": "message_delta", "delta": {"container": None} | stop, "usage": to_usage_so_far(self.tokens)}
        return b"%bevent: message_delta\ndata: %b\n\n%b" % (written, dumped(event), MESSAGE_STOP)

    def _say(self, kind: str, text: str) -> bytes:
        block, written = self._last, b""
        if block is None or block.kind != kind:
            block = _Block(kind, to_text())
            written = self._begin(block)
        if not text:
            return written
        written += self._write(block, TEXT % quoted(text))
        if kind == "text":
            self._cited = block
            if self._sources:
                written += self._write(block, *self._sources)
                self._sources = []
        return written

    def _reason(self, chunk: ReasoningDelta) -> bytes:
        if chunk.redacted:
            return self._begin(_Block("sealed", to_sealed(chunk.signature), opens=True))
        block, written = self._last, b""
        if block is None or block.kind != "thinking":
            block = _Block("thinking", to_thinking())
            written = self._begin(block)
        if chunk.text:
            written += self._write(block, THINKING % quoted(chunk.text))
        if chunk.signature:
            written += self._write(block, SIGNATURE % quoted(pack(chunk.signature, FAMILY)))
            block.kind = "signed"  # what is thought after it is another block
        return written

    def _call(self, chunk: ToolCallDelta) -> bytes:
        block, written = self._calls.get(chunk.position), b""
        if block is None or chunk.signature:
            id = chunk.id or (block.start["id"] if block else "")
            if sealed := to_sealed_of_call(id, chunk.signature):
                written = self._begin(_Block("sealed", sealed, opens=True))
        if block is None:
            block = self._calls[chunk.position] = _Block("call", to_tool_use(chunk.id or "", chunk.name or "", {}), opens=True)
            written += self._begin(block)
        if chunk.arguments and not block.over:
            block.arguments.append(chunk.arguments)
            written += self._write(block, INPUT % quoted(chunk.arguments))
            if block is not self._last:
                self._settle(block)
                written += self._advance()
        return written

    def _cite(self, citation: Citation) -> bytes:
        source = b'{"type":"citations_delta","citation":%b}' % dumped(to_citation(citation))
        if self._cited is None or self._cited not in self._blocks:
            self._sources.append(source)
            return b""
        return self._write(self._cited, source)

    def _begin(self, block: _Block) -> bytes:
        for before in self._blocks:
            self._settle(before)
        self._blocks.append(block)
        self._last = block
        return self._advance()

    def _settle(self, block: _Block) -> None:
        if block.kind != "call":
            block.over = True
        elif not block.over and block.arguments and block.arguments[-1].rstrip().endswith("}"):
            block.over = _is_whole("".join(block.arguments))

    def _write(self, block: _Block, *deltas: bytes) -> bytes:
        if block is not self._blocks[0]:
            block.waiting += deltas
            return b""
        begun = b"" if block.open else START % (self._index, dumped(block.start))
        block.open = True
        return begun + b"".join([DELTA % (self._index, delta) for delta in deltas])

    def _advance(self) -> bytes:
        """Writes all that is no longer to wait."""
        written = []
        while self._blocks:
            block = self._blocks[0]
            if block.waiting or (block.opens and not block.open):
                waiting, block.waiting = block.waiting, []
                written.append(self._write(block, *waiting))
            if not block.over:
                break
            if block.open:
                written.append(STOP % self._index)
                self._index += 1
            self._blocks.popleft()
        return b"".join(written)


def _is_whole(arguments: str) -> bool:
    try:
        ARGUMENTS.decode(arguments)
    except (ValueError, RecursionError):
        return False
    return True
