"""The server beneath the providers: many at once, bad HTTP, the ledger, and how it ends."""

import asyncio
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ops.simulators import Simulators
from ops.simulators.providers import PROVIDERS
from tests.valkey import held_port

MANY = 200
LONG_MS = 3_600_000
COMMAND = [sys.executable, "-m", "ops.simulators", "--port"]


def exchange(port: int, raw: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(raw)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_health(upstream):
    expected = (200, {"status": "ok", "providers": list(PROVIDERS)})
    assert upstream.ask("GET", "/") == upstream.ask("GET", "/health") == expected


def test_hundreds_of_streams_at_once(upstream):
    """None of them goes on before each has its head."""
    upstream.fault(first_chunk_ms=LONG_MS)
    body = json.dumps({"model": "sim-x", "messages": [{"role": "user", "content": "words=20"}], "stream": True}).encode()
    head = b"POST /openai/v1/chat/completions HTTP/1.1\r\nauthorization: Bearer x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"

    async def one(everybody: asyncio.Barrier, is_whole: bool) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
        try:
            writer.write(head % len(body) + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            await everybody.wait()
            return answer + (await reader.read() if is_whole else b"")
        finally:
            writer.close()
            await writer.wait_closed()

    async def all_of_them(is_whole: bool) -> list[bytes]:
        everybody = asyncio.Barrier(MANY)
        return await asyncio.gather(*(one(everybody, is_whole) for _ in range(MANY)))

    asyncio.run(all_of_them(is_whole=False))
    upstream.until(lambda: upstream.ask("GET", "/ledger")[1]["providers"]["openai"]["client_gone"] == MANY)
    upstream.ask("DELETE", "/faults")
    answers = asyncio.run(all_of_them(is_whole=True))
    assert all(b"[DONE]" in answer and answer.endswith(b"0\r\n\r\n") for answer in answers)
    assert upstream.ask("GET", "/ledger")[1]["providers"]["openai"]["served"] == MANY


def test_the_ledger_adds_up(upstream):
    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(lambda _: upstream_of(upstream.port), range(8)):
            assert answer == 200
    upstream.complete(headers={"x-signalbox-request-id": "req-1"}, model="nobody").read()
    upstream.complete(headers={"x-request-id": "req-2"}, stream=True, messages=[{"role": "user", "content": "ref=ours-7 say: hi"}]).read()
    told = upstream.ask("GET", "/ledger")[1]
    assert [(call["request_id"], call["ref"]) for call in told["calls"][-2:]] == [("req-1", None), ("req-2", "ours-7")]
    for name, total in told["providers"].items():
        mine = [call for call in told["calls"] if call["provider"] == name]
        assert total["calls"] == len(mine) == total["served"] + total["cut"] + total["client_gone"] + total["error"]
        for field in ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "cost_nanousd"):
            assert total[field] == sum(call[field] for call in mine)
    assert told["providers"]["openai"]["cost_nanousd"] > 0
    last = told["calls"][-1]["n"]
    assert [call["n"] for call in upstream.ask("GET", f"/ledger?since={last - 1}")[1]["calls"]] == [last]
    assert upstream.ask("GET", "/ledger?since=x")[0] == 400
    assert upstream.ask("DELETE", "/ledger")[1]["calls"] == []
    upstream.complete().read()
    assert upstream.last_call()["n"] == last + 1


def upstream_of(port: int) -> int:
    body = json.dumps({"model": "mistral-small-latest", "messages": [{"role": "user", "content": "hi"}]}).encode()
    head = b"POST /mistral/v1/chat/completions HTTP/1.1\r\nauthorization: Bearer x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    return int(exchange(port, head % len(body) + body).split()[1])


def test_a_chunked_request_is_read(upstream):
    body = b'{"model":"sim-x","messages":[{"role":"user","content":"say: hi"}]}'
    head = (
        b"POST /openai/v1/chat/completions HTTP/1.1\r\nauthorization: Bearer x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    answer = exchange(upstream.port, head + b"10\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (body[:16], len(body) - 16, body[16:]))
    assert b'"content":"hi"' in answer


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST /ledger HTTP/1.1\r\ncontent-length: x\r\n\r\n", 400),
        (b"POST /ledger HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST /ledger HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", 431),
    ],
)
def test_bad_http_is_answered_and_closed(upstream, raw, status):
    assert exchange(upstream.port, raw).startswith(b"HTTP/1.1 %d " % status)


def test_unknown_paths_and_methods(upstream):
    assert upstream.ask("POST", "/ledger")[0] == 405
    assert upstream.ask("GET", "/nothing")[0] == 404
    status, answer = upstream.ask("POST", "/openai/v1/nothing")
    assert (status, answer["error"]["message"]) == (404, "Invalid URL (POST /v1/nothing)")
    assert upstream.ask("GET", "/mistral/v1/nothing") == (404, {"detail": "Not Found"})


@pytest.mark.parametrize(
    "body", [{"tools": [{}]}, {"tools": [1]}, {"messages": [{"role": "user", "content": 5}]}, {"stop": 5}, {"tool_choice": {}}]
)
@pytest.mark.parametrize("provider", ["openai", "mistral"])
def test_a_shape_that_no_check_foresaw_is_a_bad_request(upstream, provider, body):
    answer = upstream.complete(provider, **body)
    answer.read()
    assert answer.status == 400


def test_a_failure_of_ours_says_where_and_never_quotes_a_prompt(upstream, monkeypatch, capsys):
    def fail(*_):
        raise ValueError("words=20 is in this prompt")

    chat, *others = PROVIDERS["openai"].operations
    monkeypatch.setitem(PROVIDERS, "openai", replace(PROVIDERS["openai"], operations=(replace(chat, whole=fail), *others)))
    answer = upstream.complete()
    assert (answer.status, b"words=20" in answer.read()) == (500, False)
    said = capsys.readouterr().err
    assert said.startswith("simulators: ValueError at ")
    assert "words=20" not in said


def test_a_client_that_resets_is_gone_too(upstream):
    upstream.fault(chunk_ms=LONG_MS)
    body = b'{"model":"sim-x","messages":[{"role":"user","content":"hi"}],"stream":true}'
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=60) as connection:
        head = b"POST /openai/v1/chat/completions HTTP/1.1\r\nauthorization: Bearer x\r\ncontent-length: %d\r\n\r\n"
        connection.sendall(head % len(body) + body)
        assert connection.recv(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert upstream.until(upstream.calls)[0]["outcome"] == "client_gone"


def test_it_ends_while_an_upstream_hangs():
    before = set(threading.enumerate())
    holder, port = held_port()
    with holder:
        with Simulators(port), socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            told = b'{"latency_ms": 1000000000}'
            exchange(port, b"PUT /faults/openai HTTP/1.1\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(told), told))
            connection.sendall(b"POST /openai/v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
            exchange(port, b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=60)
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "simulators"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_and_ends_cleanly(ending):
    with subprocess.Popen([*COMMAND, "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().split()[3].rstrip(":")
            port = int(url.rsplit(":", 1)[1])
            exchange(port, b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
            upstream_of(port)
            process.send_signal(ending)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (0, "", "")


def test_a_taken_port_is_said_in_one_line(upstream):
    done = subprocess.run([*COMMAND, str(upstream.port)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"127.0.0.1:{upstream.port}" in done.stderr
    assert "--port" in done.stderr
    with pytest.raises(OSError):
        Simulators(upstream.port).__enter__()
