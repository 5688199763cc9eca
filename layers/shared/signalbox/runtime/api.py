"""The Runtime API's five calls and the Extensions API's two, by the letter.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

import socket
from collections.abc import Callable, Iterable
from typing import Any

from .connection import Answer, Broken, Connection
from .failures import to_error, to_json
from .invocation import Context, Response
from .log import log
from .streamed import END, ERROR_TYPE, HEADERS, to_broken_end, to_chunk, to_prelude

RUNTIME = "/2018-06-01/runtime"
EXTENSION = "/2020-01-01/extension"


class RuntimeApi:
    def __init__(self, address: str, wait: Callable[[socket.socket], None]) -> None:
        """`wait(socket)` returns when there is something to read: idle time is spent in it."""
        self._wait = wait
        self._connection = Connection(address)
        self._extension = Connection(address)

    def next(self) -> tuple[Context, bytes]:
        """The next invocation, however long it takes, and its event as JSON. Leaves the process where the API has gone."""
        try:
            self._connection.start("GET", f"{RUNTIME}/invocation/next", "")
            answer = self._connection.receive(self._wait)
        except Broken as error:
            log("ERROR", "the Runtime API is gone", detail=str(error))
            raise SystemExit(1) from error
        if answer.status != 200:
            log("ERROR", "the Runtime API gives no invocation", status=answer.status, detail=answer.body.decode(errors="replace"))
            raise SystemExit(1)
        headers = answer.headers
        return Context(
            request_id=headers["lambda-runtime-aws-request-id"],
            deadline_ms=int(headers.get("lambda-runtime-deadline-ms", 0)),
            function_arn=headers.get("lambda-runtime-invoked-function-arn", ""),
            trace_id=headers.get("lambda-runtime-trace-id", ""),
        ), answer.body

    def answer(self, request_id: str, payload: bytes) -> None:
        _check(self._post(f"{RUNTIME}/invocation/{request_id}/response", payload), request_id)

    def stream(self, request_id: str, response: Response) -> None:
        """Writes each chunk as it comes. An error of the body ends the stream with trailers; Broken where nobody reads it any more."""
        path = f"{RUNTIME}/invocation/{request_id}/response"
        prelude = to_prelude(response.status, response.headers)
        if isinstance(response.body, bytes):
            self._connection.start("POST", path, HEADERS, prelude + to_chunk(response.body) + END)
        else:
            self._connection.start("POST", path, HEADERS, prelude)
            self._connection.send(self._write_body(request_id, response.body))
        _check(self._connection.receive(), request_id)
        self._connection.close()  # the documentation asks for it

    def _write_body(self, request_id: str, body: Iterable[bytes]) -> bytes:
        """The end that is due."""
        try:
            for data in body:
                self._connection.send(to_chunk(data))
        except Broken:
            raise
        except Exception as error:
            described = to_error(error)
            log("ERROR", "the answer broke midway", request_id=request_id, **described)
            return to_broken_end(described)
        return END

    def fail(self, request_id: str, error: dict[str, Any]) -> None:
        """Only before anything of the answer was sent."""
        _check(self._post_error(f"{RUNTIME}/invocation/{request_id}/error", error), request_id)

    def fail_init(self, error: dict[str, Any]) -> None:
        """The process must end after it."""
        self._post_error(f"{RUNTIME}/init/error", error)

    def register_extension(self) -> bool:
        """An internal extension without events: for its sake Lambda announces the end with SIGTERM. False where it is refused.

        Lambda waits until each extension has asked for its first event. No event will come, so the question is asked and never read.
        """
        try:
            answer = self._post(f"{EXTENSION}/register", b'{"events":[]}', "Lambda-Extension-Name: signalbox\r\n")
            if answer.status != 200:
                return False
            identifier = answer.headers["lambda-extension-identifier"]
            self._extension.start("GET", f"{EXTENSION}/event/next", f"Lambda-Extension-Identifier: {identifier}\r\n")
        except (Broken, KeyError):
            return False
        return True

    def _post_error(self, path: str, error: dict[str, Any]) -> Answer:
        return self._post(path, to_json(error), f"{ERROR_TYPE}: {error['errorType']}\r\n")

    def _post(self, path: str, payload: bytes, headers: str = "") -> Answer:
        headers += f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
        self._connection.start("POST", path, headers, payload)
        return self._connection.receive()


def _check(answer: Answer, request_id: str) -> None:
    if answer.status < 300:
        return
    log("ERROR", "the Runtime API refused it", status=answer.status, request_id=request_id, detail=answer.body.decode(errors="replace"))
    if answer.status >= 500:  # documented as beyond recovery: the runtime should exit promptly
        raise SystemExit(1)
