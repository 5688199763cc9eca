"""What a handler is given and what it gives back: `handler(event, context) -> Response`."""

import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple


class Context(NamedTuple):
    """`deadline_ms` is epoch; `trace_id` is empty where Lambda gave none."""

    request_id: str
    deadline_ms: int
    function_arn: str = ""
    trace_id: str = ""

    def remaining_s(self) -> float:
        """Seconds until Lambda ends this invocation, never below zero."""
        return max(0.0, self.deadline_ms / 1000 - time.time())


class Response(NamedTuple):
    """`after` runs once the answer is out, or broken, and before the next invocation is asked for.

    An iterator's chunks are flushed one by one; where it has a `close()`, that is called however the answer ended.
    """

    status: int
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | Iterable[bytes] = b""
    after: Callable[[], None] | None = None
