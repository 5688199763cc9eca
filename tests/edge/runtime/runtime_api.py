"""A Runtime API of the tests' own: real sockets, strict about the protocol, and one journal of everything in the order it happened.

Handlers under test speak to it as well: `/tests/told` notes what they did, `/tests/gates/<name>` holds them until the test opens it.
"""

import itertools
import json
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from .strict_http import Call, Chunk, Violation, read_body, read_head

DEADLINE_S = 60  # nothing waits so long but what is broken
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:complete:live"
ANSWERED = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")
STREAMED = "application/vnd.awslambda.http-integration-response"


@dataclass
class Invocation:
    """`hangs_up_after` chunks the API closes the connection; `status` is what it says to the answer."""

    id: str
    event: bytes
    trace_id: str
    deadline_ms: int
    event_is_chunked: bool
    hangs_up_after: int | None
    status: int
    kind: str = ""  # response or error
    call: Call | None = None
    done: bool = False

    @property
    def answer(self) -> Call:
        assert self.call
        return self.call

    @property
    def json(self) -> Any:
        return json.loads(self.answer.body)


class RuntimeApi:
    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.journal: list[tuple[float, str]] = []
        self.violations: list[str] = []
        self.init_errors: list[Call] = []
        self.extension_status = 200
        self._changed = threading.Condition()
        self._ids = itertools.count()
        self._waiting: deque[Invocation] = deque()
        self._current: Invocation | None = None
        self._registered = self._extension_ready = self._hung_up = self._closed = False
        self._open_gates: set[str] = set()
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    # -- what a test does

    def invoke(self, act: str = "", *, raw: bytes | None = None, **options: Any) -> Invocation:
        """Puts an invocation into the queue. `options` are Invocation's, and the rest goes into the event."""
        own = {name: options.pop(name, default) for name, default in OPTIONS.items()}
        event = json.dumps({"act": act, **options}).encode() if raw is None else raw
        deadline_ms = int(time.time() * 1000) + 60_000
        invocation = Invocation(f"id-{next(self._ids)}", event, deadline_ms=deadline_ms, **own)
        with self._changed:
            self._waiting.append(invocation)
            self._changed.notify_all()
        return invocation

    def wait_for(self, reached: Callable[[], Any]) -> None:
        with self._changed:
            reached_in_time = self._changed.wait_for(reached, DEADLINE_S)
        assert reached_in_time, f"it did not happen within {DEADLINE_S} s; what did: {self.said}, {self.violations}"

    def wait_until_said(self, what: str) -> None:
        self.wait_for(lambda: what in self.said)

    def finish(self, *invocations: Invocation) -> None:
        """Waits until they are answered and the loop has asked for the next one."""
        self.wait_for(lambda: all(one.done for one in invocations) and self.said[-1] == "next")

    @property
    def said(self) -> list[str]:
        return [what for _, what in self.journal]

    def open_gate(self, name: str) -> None:
        with self._changed:
            self._open_gates.add(name)
            self._changed.notify_all()

    def hang_up(self) -> None:
        """Closes the connection of a loop that waits for an invocation."""
        with self._changed:
            self._hung_up = True
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()  # nobody comes after it
        self._listener.close()
        for connection in self._connections:
            with suppress(OSError):  # most have ended by themselves
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(DEADLINE_S)
        assert not any(thread.is_alive() for thread in self._threads)

    # -- what it does by itself

    def _note(self, what: str) -> None:
        with self._changed:
            self.journal.append((time.monotonic(), what))
            self._changed.notify_all()

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                while call := read_head(reader):
                    if call.headers.get("host") not in (self.address, None):
                        raise Violation(f"host is {call.headers.get('host')}")
                    self._exchange(connection, reader, call)
            except Violation as violation:
                with self._changed:
                    self.violations.append(str(violation))
                    self._changed.notify_all()
            except (OSError, ValueError):
                if not self._closed:
                    self._note("connection broke")

    def _exchange(self, connection: socket.socket, reader: BinaryIO, call: Call) -> None:
        if call.path == "/2018-06-01/runtime/invocation/next":
            self._next(connection)
        elif found := ANSWERED.fullmatch(call.path):
            self._answered(connection, reader, call, *found.groups())
        elif call.path == "/2018-06-01/runtime/init/error":
            read_body(reader, call)
            check_error(call)
            self.init_errors.append(call)
            self._note("init error")
            send(connection, 202)
        elif call.path == "/2020-01-01/extension/register":
            read_body(reader, call)
            self._register(connection, call)
        elif call.path == "/2020-01-01/extension/event/next":
            if call.headers.get("lambda-extension-identifier") != "extension-1":
                raise Violation("the extension does not say who it is")
            with self._changed:
                self._extension_ready = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._closed)
        elif call.path == "/tests/told":
            read_body(reader, call)
            self._note(call.body.decode())
            send(connection, 200)
        elif call.path.startswith("/tests/gates/"):
            with self._changed:
                self._changed.wait_for(lambda: call.path.rpartition("/")[2] in self._open_gates or self._closed)
            send(connection, 200)
        else:
            raise Violation(f"no such path: {call.method} {call.path}")

    def _register(self, connection: socket.socket, call: Call) -> None:
        if not call.headers.get("lambda-extension-name") or json.loads(call.body) != {"events": []}:
            raise Violation("an internal extension registers with a name and no events")
        self._registered = self.extension_status == 200
        self._note("registered" if self._registered else "not registered")
        send(connection, self.extension_status, b"{}", {"Lambda-Extension-Identifier": "extension-1"} if self._registered else {})

    def _next(self, connection: socket.socket) -> None:
        if self._current and not self._current.done:
            raise Violation("asks for the next invocation before it has answered this one")
        self._note("next")
        with self._changed:
            self._changed.wait_for(lambda: (self._waiting and self._init_is_over) or self._hung_up or self._closed)
            if self._hung_up or self._closed:
                raise ConnectionAbortedError
            invocation = self._current = self._waiting.popleft()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
        }
        if invocation.trace_id:
            headers["Lambda-Runtime-Trace-Id"] = invocation.trace_id
        send(connection, 200, invocation.event, headers, chunked=invocation.event_is_chunked)

    @property
    def _init_is_over(self) -> bool:
        """As at Lambda: an extension that registered must have asked for its first event."""
        return self._extension_ready or not self._registered

    def _answered(self, connection: socket.socket, reader: BinaryIO, call: Call, id: str, kind: str) -> None:
        invocation = self._current
        if not invocation or invocation.id != id or invocation.done:
            raise Violation(f"{kind} to {id}, which is not under way")
        invocation.kind, invocation.call = kind, call
        streamed = call.headers.get("lambda-runtime-function-response-mode") == "streaming"
        if streamed and call.headers.get("content-type") != STREAMED:
            raise Violation("a streamed answer of another content type")
        self._note(f"{kind} begins")

        def arrived(chunk: Chunk) -> None:
            self._note(f"chunk {chunk.data!r}")
            if len(call.chunks) == invocation.hangs_up_after:
                with self._changed:
                    invocation.done = True
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closed, not finished: a reset
                raise ConnectionAbortedError

        read_body(reader, call, arrived)
        if kind == "error":
            check_error(call)
        with self._changed:
            invocation.done = True
        self._note(f"{kind} ends")
        send(connection, invocation.status)
        if streamed and reader.read(1):
            raise Violation("the connection is used again after a streamed answer")


OPTIONS: dict[str, Any] = {"trace_id": "", "event_is_chunked": False, "hangs_up_after": None, "status": 202}


def check_error(call: Call) -> None:
    error = json.loads(call.body)
    if set(error) != {"errorType", "errorMessage", "stackTrace"}:
        raise Violation(f"not Lambda's error object: {error}")
    if call.headers.get("lambda-runtime-function-error-type") != error["errorType"]:
        raise Violation("the header does not name the error's type")


def send(
    connection: socket.socket, status: int, body: bytes = b"", headers: dict[str, str] | None = None, *, chunked: bool = False
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    if chunked:
        half = len(body) // 2
        framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:])) + b"0\r\n\r\n"
        connection.sendall(f"HTTP/1.1 {status} Said\r\n{lines}Transfer-Encoding: chunked\r\n\r\n".encode() + framed)
    else:
        connection.sendall(f"HTTP/1.1 {status} Said\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)
