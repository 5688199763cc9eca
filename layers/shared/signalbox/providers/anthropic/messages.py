"""Anthropic's messages. https://platform.claude.com/docs/en/api/messages"""

from collections.abc import Iterable, Iterator

from ...errors import UpstreamFailure
from ...reply import Chunk
from ...request import Request
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Lack, Wire
from ..formats.checks import array, parsed
from ..formats.sse import data_lines
from ..formats.written import to_bytes
from .answer import Answer
from .body import READS, betas, lack, to_body

# The later one, 2026-10-21, takes temperature, top_p and top_k from all models. https://platform.claude.com/docs/en/api/versioning
VERSION = "2023-06-01"
STREAMED = {True: "text/event-stream", False: "application/json"}


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    headers = {
        "content-type": "application/json",
        "accept": STREAMED["streaming" in target.capabilities],
        "accept-encoding": "identity",
        "anthropic-version": VERSION,
        **betas(request),
    }
    body = {"model": target.model, **to_body(request, target, max_tokens)}
    return HttpRequest("POST", f"{provider.base_url}/v1/messages", headers, to_bytes(body))


def lacks(request: Request, target: Target, provider: Provider) -> Lack | None:
    return lack(request, target, urls=True)


def to_chunks(pieces: Iterable[bytes]) -> Iterator[Chunk]:
    """A stream that ends without a stop reason was cut."""
    answer = Answer()
    for data in data_lines(pieces):
        try:
            yield from answer.take(parsed(data))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UpstreamFailure("malformed", f"not an event of a message: {type(error).__name__}") from error
    if not answer.finished:
        raise UpstreamFailure("cut", "the stream ended without a stop_reason")


def from_body(body: bytes) -> Iterator[Chunk]:
    """A whole message is read as the events it would have come in."""
    answer = Answer()
    try:
        message = parsed(body)
        if message["type"] == "error":
            yield from answer.take(message)
        for number, block in enumerate(array(message["content"])):
            yield from answer.begin({"index": number, "content_block": block})
            yield from answer.end({"index": number})
        yield from answer.change({"delta": message, "usage": message.get("usage")})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UpstreamFailure("malformed", f"not a message: {type(error).__name__}") from error
    if not answer.finished:
        raise UpstreamFailure("cut", "the message has no stop_reason")


WIRE = Wire(
    to_http=to_http,
    to_chunks=to_chunks,
    from_body=from_body,
    carries=frozenset({"top_k", "parallel_tool_calls"}),
    reads=READS,
    lacks=lacks,
)
