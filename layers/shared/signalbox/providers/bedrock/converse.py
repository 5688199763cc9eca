"""Bedrock's Converse. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"""

from collections.abc import Iterable, Iterator
from itertools import chain
from urllib.parse import quote

from ...errors import UpstreamFailure
from ...reply import Chunk
from ...request import Request
from ...routing.catalog import Provider, Target
from ...wire import HttpRequest
from ..contract import Lack, Wire
from ..formats.checks import array, parsed
from ..formats.eventstream import messages
from ..formats.written import to_bytes
from .answer import Answer, failure
from .body import lack, to_body
from .models import model_of

OPERATIONS = {True: ("converse-stream", "application/vnd.amazon.eventstream"), False: ("converse", "application/json")}


def address(provider: Provider, model: str, operation: str) -> str:
    """An id may hold colons, and an ARN slashes: all of it is one step of the path."""
    return f"{provider.base_url}/model/{quote(model, safe='')}/{operation}"


def to_http(request: Request, target: Target, provider: Provider, max_tokens: int | None) -> HttpRequest:
    body = to_body(request, target, max_tokens)
    streamed = "streaming" in target.capabilities and ("toolConfig" not in body or model_of(target.model).streams_tools)
    operation, accept = OPERATIONS[streamed]
    headers = {"content-type": "application/json", "accept": accept, "accept-encoding": "identity"}
    return HttpRequest("POST", address(provider, target.model, operation), headers, to_bytes(body))


def lacks(request: Request, target: Target, provider: Provider) -> Lack | None:
    return lack(request, target)


def to_chunks(pieces: Iterable[bytes]) -> Iterator[Chunk]:
    """The usage comes last, after the stop; a stream that ends without one was cut. What could not be streamed is a whole body in JSON."""
    pieces = iter(pieces)
    first = next(filter(None, pieces), b"")
    if first.startswith(b"{"):
        yield from from_body(first + b"".join(pieces))
        return
    answer = Answer()
    for headers, payload in messages(chain((first,), pieces)):
        if headers.get(":message-type") != "event":
            raise failure(headers, payload)
        try:
            yield from answer.take(headers.get(":event-type", ""), parsed(payload))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UpstreamFailure("malformed", f"not an event of Converse: {type(error).__name__}") from error
    if not answer.finished:
        raise UpstreamFailure("cut", "the stream ended without a stopReason")


def from_body(body: bytes) -> Iterator[Chunk]:
    answer = Answer()
    try:
        whole = parsed(body)
        for number, block in enumerate(array(whole["output"]["message"]["content"])):
            yield from answer.block(number, block)
        yield from answer.take("messageStop", whole)
        yield from answer.take("metadata", whole)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UpstreamFailure("malformed", f"not an answer of Converse: {type(error).__name__}") from error
    if not answer.finished:
        raise UpstreamFailure("cut", "the answer has no stopReason")


WIRE = Wire(
    to_http=to_http,
    to_chunks=to_chunks,
    from_body=from_body,
    carries=frozenset({"top_k", "parallel_tool_calls"}),
    lacks=lacks,
)
