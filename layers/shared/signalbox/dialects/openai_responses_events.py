"""The stream of a Response. https://platform.openai.com/docs/api-reference/responses-streaming

Each item is opened, told in pieces, closed, and stands whole in the last event. An item ends where the next begins, but for a call whose
arguments are no whole JSON yet: some providers tell parallel calls in turns.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from ..errors import Refusal
from ..money import Tokens
from ..reply import Chunk, Citation, Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, Usage
from ..request import Reasoning, Signature, ToolCall
from . import openai_responses_items as items
from .contract import Answer
from .openai_responses_items import UNFINISHED, Item, own_id
from .openai_responses_object import Head
from .written import dumped, quoted


def to_events(answer: Answer, chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """Ends in response.completed, response.incomplete, or, where `chunks` raises a Refusal, in `error` and response.failed."""
    head, telling = Head(answer), _Telling(answer.id)
    finish: str | None = None
    tokens: Tokens | None = None
    begun = head.response("in_progress", [])
    yield telling.of_response("response.created", begun) + telling.of_response("response.in_progress", begun)
    try:
        for chunk in chunks:
            if isinstance(chunk, Usage):
                tokens = chunk.tokens
            elif chunk.choice == 0:  # Responses have one choice
                if isinstance(chunk, Finish):
                    finish = chunk.reason
                elif told := telling.take(chunk):
                    yield told
    except Refusal as refusal:
        failed = head.response("failed", telling.so_far(), tokens, error=refusal)
        yield telling.error(refusal) + telling.of_response("response.failed", failed)
        return
    status = "incomplete" if finish in UNFINISHED else "completed"
    yield telling.end(status) + telling.of_response(f"response.{status}", head.ended(telling.so_far(), finish, tokens))


class _Open:
    """An item that is being told. `pieces` are of its text, whatever that is; `before` and `after` stand around each in its event."""

    def __init__(self, index: int, id: str, kind: str, before: bytes = b"", after: bytes = b"") -> None:
        self.index = index
        self.id = id
        self.kind = kind
        self.before = before
        self.after = after
        self.pieces: list[str] = []
        self.length = 0
        self.logprobs: list[Item] = []
        self.annotations: list[Item] = []
        self.signature: Signature | None = None
        self.redacted = False
        self.call = ToolCall("", "", "")
        self.done: Item | None = None


class _Telling:
    def __init__(self, answer_id: str) -> None:
        self._answer_id = answer_id
        self._sequence = 0
        self._items: list[_Open] = []
        self._run: _Open | None = None  # the text or reasoning that goes on
        self._refusal: _Open | None = None
        self._calls: dict[int, _Open] = {}
        self._messages: list[_Open] = []
        self._citations: list[Citation] = []
        self._untold: deque[Citation] = deque()

    def take(self, chunk: Chunk) -> bytes:
        match chunk:
            case TextDelta(text, _, logprobs):
                return self._text(text, logprobs)
            case ReasoningDelta(text, _, signature, redacted):
                return self._reason(text, signature, redacted)
            case ToolCallDelta():
                return self._call(chunk)
            case RefusalDelta(text):
                return self._refuse(text)
            case Citation():
                self._citations.append(chunk)
                self._untold.append(chunk)
                return self._cite()
        return b""

    def end(self, status: str) -> bytes:
        """Closes what is open; the very last item may be less than whole."""
        told = b"".join(
            self._close(item, status if item is self._items[-1] else "completed", last=True) for item in self._items if item.done is None
        )
        lengths = [message.length for message in self._messages]
        for message, annotations in zip(self._messages, items.shared_out(self._citations, lengths), strict=True):
            message.annotations[:] = annotations  # with those that came when their message was closed
        return told

    def so_far(self) -> list[Item]:
        return [item.done or self._whole(item, "incomplete") for item in self._items]

    def of_response(self, kind: str, response: bytes) -> bytes:
        return self._event(kind, b'"response":%b' % response)

    def error(self, refusal: Refusal) -> bytes:
        """As published, and with `error`, by which the official clients know that they have to raise it."""
        error = {"code": refusal.code, "message": refusal.message, "param": refusal.param}
        return self._event("error", dumped(error | {"error": {"type": refusal.code} | error})[1:-1])

    def _event(self, kind: str, fields: bytes) -> bytes:
        number, self._sequence = self._sequence, self._sequence + 1
        name = kind.encode()
        return b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n' % (name, name, number, fields)

    def _delta(self, item: _Open, text: str, more: bytes | None = None) -> bytes:
        item.pieces.append(text)
        if not text:
            return b""
        number, self._sequence = self._sequence, self._sequence + 1
        return b"%b%d%b%b%b" % (item.before, number, item.after, quoted(text), b"}\n\n" if more is None else more)

    def _text(self, text: str, logprobs: tuple[object, ...]) -> bytes:
        item, told = self._run, b""
        if item is None or item.kind != "text":
            item, told = self._begin_message("text", "response.output_text.delta")
            self._messages.append(item)
        if logprobs:
            records = list(items.to_logprobs(logprobs))
            item.logprobs += records
            told += self._delta(item, text, b',"logprobs":%b}\n\n' % dumped(records))
        else:
            told += self._delta(item, text, b',"logprobs":[]}\n\n')
        item.length += len(text)
        return told + self._cite() if self._untold else told

    def _refuse(self, text: str) -> bytes:
        item, told = self._refusal, b""
        if item is None:
            item, told = self._begin_message("refusal", "response.refusal.delta")
            self._refusal, self._run = item, None  # another run may follow, but there is one refusal
        return told + self._delta(item, text)

    def _begin_message(self, kind: str, delta: str) -> tuple[_Open, bytes]:
        told = self._close_run()
        item = self._open("msg", kind, delta, b',"content_index":0')
        part = items.text_part("", [], []) if kind == "text" else items.refusal_part("")
        self._run = item
        told += self._added(item, items.message(item.id, [], "in_progress"))
        return item, told + self._of_part("response.content_part.added", item, part)

    def _reason(self, text: str, signature: Signature | None, redacted: bool) -> bytes:
        item, told = self._run, b""
        if item is None or item.kind != "reasoning" or redacted:
            told = self._close_run()
            id = items.reasoning_id(Reasoning(text, signature), self._answer_id, len(self._items))
            item = self._run = self._open("rs", "reasoning", "response.reasoning_summary_text.delta", b',"summary_index":0', id)
            told += self._added(item, items.reasoning(item.id, Reasoning(), "in_progress"))
        if text:
            if not item.length:
                told += self._of_summary("response.reasoning_summary_part.added", item, "")
            item.length += len(text)
            told += self._delta(item, text)
        if signature or redacted:
            item.signature, item.redacted = signature, redacted
            told += self._close_run()
        return told

    def _call(self, chunk: ToolCallDelta) -> bytes:
        item, told = self._calls.get(chunk.position), b""
        if item is None:
            told = self._close_run()
            item = self._open("fc", "call", "response.function_call_arguments.delta", b"")
            self._calls[chunk.position] = item
            item.call = ToolCall(chunk.id or own_id("call", self._answer_id, item.index), chunk.name or "", "")
            told += self._added(item, items.call(item.id, item.call.id, item.call, "in_progress"))
        if item.done is not None:  # it was whole, and more cannot mend it
            return told
        if chunk.signature:
            item.call = item.call._replace(signature=chunk.signature)
        return told + self._delta(item, chunk.arguments)

    def _open(self, prefix: str, kind: str, delta: str, place: bytes, id: str | None = None) -> _Open:
        index = len(self._items)
        id = id or own_id(prefix, self._answer_id, index)
        name = delta.encode()
        before = b'event: %b\ndata: {"type":"%b","item_id":%b,"output_index":%d%b,"sequence_number":' % (
            name,
            name,
            quoted(id),
            index,
            place,
        )
        item = _Open(index, id, kind, before, b',"delta":')
        self._items.append(item)
        return item

    def _close_run(self) -> bytes:
        """Another item begins: what went on is done, and so is every call that is whole."""
        told = b""
        if self._run:
            told = self._close(self._run, "completed")
            self._run = None
        for item in self._calls.values():
            if item.done is None and items.whole("".join(item.pieces)):
                told += self._close(item, "completed")
        return told

    def _close(self, item: _Open, status: str, *, last: bool = False) -> bytes:
        told = self._cite(closing=True, last=last) if item.kind == "text" else b""
        done = item.done = self._whole(item, status)
        match item.kind:
            case "text":
                (part,) = done["content"]
                rest = {"content_index": 0, "text": part["text"], "logprobs": part["logprobs"]}
                told += self._of_item("response.output_text.done", item, rest)
                told += self._of_part("response.content_part.done", item, part)
            case "refusal":
                (part,) = done["content"]
                told += self._of_item("response.refusal.done", item, {"content_index": 0, "refusal": part["refusal"]})
                told += self._of_part("response.content_part.done", item, part)
            case "reasoning" if item.length:
                text = done["summary"][0]["text"]
                told += self._of_item("response.reasoning_summary_text.done", item, {"summary_index": 0, "text": text})
                told += self._of_summary("response.reasoning_summary_part.done", item, text)
            case "call":
                rest = {"name": done["name"], "arguments": done["arguments"]}
                told += self._of_item("response.function_call_arguments.done", item, rest)
        return told + self._event("response.output_item.done", b'"output_index":%d,"item":%b' % (item.index, dumped(done)))

    def _whole(self, item: _Open, status: str) -> Item:
        text = "".join(item.pieces)
        match item.kind:
            case "text":
                return items.message(item.id, [items.text_part(text, item.annotations, item.logprobs)], status)
            case "refusal":
                return items.message(item.id, [items.refusal_part(text)], status)
            case "reasoning":
                return items.reasoning(item.id, Reasoning(text, item.signature, item.redacted), status)
        return items.call(item.id, item.call.id, item.call._replace(arguments=text), status)

    def _cite(self, *, closing: bool = False, last: bool = False) -> bytes:
        """In their order, each as soon as all of its words are there, or when they are known to be no more."""
        message = self._messages[-1] if self._messages else None
        if message is None or message.done is not None:
            return b""
        told = b""
        before = sum(earlier.length for earlier in self._messages[:-1])
        ends = before + message.length
        later: list[Citation] = []
        while self._untold:
            start, end = self._untold[0].start, self._untold[0].end
            if not closing and (start is None or end is None or start >= ends or end > ends):
                break
            citation = self._untold.popleft()
            if (start or 0) >= ends and not last:
                later.append(citation)
            elif (start or 0) >= before:  # else it is of a message that is closed: the last event has it
                told += self._annotate(message, items.annotation(citation, before, message.length))
        self._untold.extend(later)
        return told

    def _annotate(self, item: _Open, annotation: Item) -> bytes:
        item.annotations.append(annotation)
        rest = {"content_index": 0, "annotation_index": len(item.annotations) - 1, "annotation": annotation}
        return self._of_item("response.output_text.annotation.added", item, rest)

    def _added(self, item: _Open, content: Item) -> bytes:
        return self._event("response.output_item.added", b'"output_index":%d,"item":%b' % (item.index, dumped(content)))

    def _of_part(self, kind: str, item: _Open, part: Item) -> bytes:
        return self._of_item(kind, item, {"content_index": 0, "part": part})

    def _of_summary(self, kind: str, item: _Open, text: str) -> bytes:
        return self._of_item(kind, item, {"summary_index": 0, "part": {"type": "summary_text", "text": text}})

    def _of_item(self, kind: str, item: _Open, fields: Item) -> bytes:
        return self._event(kind, dumped({"item_id": item.id, "output_index": item.index, **fields})[1:-1])
