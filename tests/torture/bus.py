"""The events' bus, which fails and repeats as buses do; and beside it the office where late requests wait, which outlives their senders."""

import json
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

FAILS = 0.01  # how often it takes nothing; and how often it does and says that it did not
OUTAGE_EACH, OUTAGE_S, OUTAGES = 150, 3.0, 6  # calls; for how long nobody's tries help, however many; and how often
HOP_HEADERS = ("host", "content-length", "connection", "accept-encoding", "x-late-for", "x-late-s")


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # whose sender was killed
            super().handle_error(request, client_address)


class Bus:
    """`events` are the details that it took, by the name of the bus. Use it as a context."""

    def __init__(self, seed: int) -> None:
        self.events: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._draw = Random(f"{seed}/bus")
        self._calls = 0
        self._down_until_s = 0.0
        self._lock = threading.Lock()
        self._late: list[threading.Timer] = []
        self._server = Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Bus":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for timer in self._late:
            timer.cancel()

    def take(self, entries: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        with self._lock:
            drawn, now_s = self._draw.random(), time.monotonic()
            self._calls += now_s >= self._down_until_s  # else the tries during one would bring about the next
            outages, place = divmod(self._calls, OUTAGE_EACH)
            if place == OUTAGE_EACH // 3 and outages < OUTAGES and now_s >= self._down_until_s:
                self._down_until_s = now_s + OUTAGE_S
            if drawn < FAILS or now_s < self._down_until_s:
                failed = [{"ErrorCode": "InternalFailure", "ErrorMessage": "not now"} for _ in entries]
                return 200, {"FailedEntryCount": len(entries), "Entries": failed}
            for entry in entries:
                self.events[entry["EventBusName"]].append(json.loads(entry["Detail"]))
            if drawn < 2 * FAILS:
                return 500, {"__type": "InternalFailure"}
            return 200, {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in entries]}

    def delay(self, url: str, headers: dict[str, str], body: bytes, late_s: float) -> None:
        def deliver() -> None:
            request = urllib.request.Request(url, body, headers)
            with suppress(OSError), urllib.request.urlopen(request, timeout=30) as answer:
                answer.read()

        timer = threading.Timer(late_s, deliver)
        timer.daemon = True
        self._late.append(timer)
        timer.start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bus = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # head and body in one packet

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) < length:  # whose sender was killed at it
                    return
                if self.path == "/late":
                    headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_HEADERS}
                    bus.delay(self.headers["x-late-for"], headers, body, float(self.headers["x-late-s"]))
                    status, said = 202, dict[str, Any]()
                else:
                    status, said = bus.take(json.loads(body)["Entries"])
                answer = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
