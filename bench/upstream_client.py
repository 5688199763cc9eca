"""What one call to an upstream costs by our pool, by httpcore and by httpx: CPU of this process, in turn, against the same server.

python -m bench.upstream_client
"""

import http.server
import multiprocessing
import statistics
import time

import httpcore
import httpx

from signalbox.aws.http import Pool
from signalbox.wire import HttpRequest

CALLS, ROUNDS = 200, 7
BODY = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for _ in range(10):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


def serve(port) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    port.value = server.server_port
    server.serve_forever()


def main() -> None:
    port = multiprocessing.Value("i", 0)
    process = multiprocessing.Process(target=serve, args=(port,), daemon=True)
    process.start()
    while not port.value:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{port.value}/v1/chat/completions"
    headers = {"content-type": "application/json"}
    pool, core, client = Pool(), httpcore.ConnectionPool(), httpx.Client()

    def by_pool() -> None:
        exchange = pool.send(HttpRequest("POST", url, headers, BODY), 5)
        exchange.head(5)
        exchange.read(5)

    def by_httpcore() -> None:
        with core.stream("POST", url, headers=[*headers.items(), ("content-length", str(len(BODY)))], content=BODY) as response:
            for _ in response.iter_stream():
                pass

    def by_httpx() -> None:
        with client.stream("POST", url, headers=headers, content=BODY) as response:
            for _ in response.iter_raw():
                pass

    ways = {"signalbox.aws.http": by_pool, "httpcore": by_httpcore, "httpx": by_httpx}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            before = time.process_time()
            for _ in range(CALLS):
                way()
            cpu[name].append((time.process_time() - before) / CALLS * 1e6)
    ours = statistics.median(cpu["signalbox.aws.http"])
    for name, figures in cpu.items():
        middle = statistics.median(figures)
        print(f"{name:20} {middle:7.0f} µs CPU a call (min {min(figures):.0f}, max {max(figures):.0f}), {middle / ours:.2f} x ours")
    process.terminate()


if __name__ == "__main__":
    main()
