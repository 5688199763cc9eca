"""Answers from a cache in Valkey, as a caller meets them: the same as from the table, and no error wherever the server is."""

import hashlib
import json
import signal
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from signalbox.aws import valkey as wire
from signalbox.completion import kept_lookup
from tests import valkey

from . import test_complete_near as meaning
from .routes import Routed
from .test_complete_cache import EXACT, cached, content, let_in, publish, said, streamed
from .world import PATIENCE_S

pytestmark = valkey.needed


@pytest.fixture
def server(tmp_path: Path) -> Iterator[valkey.Server]:
    with valkey.Server(tmp_path) as server:
        yield server


@pytest.fixture
def caching(routed: Routed, server: valkey.Server, monkeypatch: pytest.MonkeyPatch) -> Routed:
    monkeypatch.setattr(wire, "PATIENCE_S", PATIENCE_S)
    keeper = routed.world.module.completions.means.keeper
    keeper.places = keeper.places._replace(cache_url=server.url)
    publish(routed)
    return routed


def table(routed: Routed) -> set[str]:
    return {item["pk"].partition("#")[0] for item in routed.world.table("cache").scan()["Items"]}


def test_a_hit_is_told_and_recorded_as_one_from_the_table(caching: Routed) -> None:
    first, again = caching.ask(**EXACT), caching.ask(**EXACT)
    [usage] = caching.usage
    assert (cached(first), cached(again), content(again)) == ("miss", "hit", content(first))
    assert (usage["cache"], usage["cost_nanousd"], usage["attempts"], caching.calls) == ("hit", 0, [], [])
    assert table(caching) == set()


@pytest.mark.parametrize(("first", "second"), [(False, True), (True, False)])
def test_streamed_from_it_and_into_it(caching: Routed, first: bool, second: bool) -> None:
    assert [streamed(caching, stream, **said("one two three")) for stream in (first, second)] == 2 * ["one two three"]
    assert caching.usage[0]["cache"] == "hit"


def test_what_means_the_same_is_found_in_it_whoever_embeds(caching: Routed) -> None:
    meaning.publish(caching, route="vectors")
    first = meaning.ask(caching, meaning.SAME)
    again = meaning.ask(caching, meaning.LIKE)
    assert (cached(first), cached(again), content(again)) == ("miss", "hit", content(first))
    assert 0.9 <= float(again.headers["x-signalbox-cache-similarity"]) < 1
    assert meaning.ended(caching) == [(meaning.EMBEDS, "ok")]
    for expected, text in (("miss", meaning.OTHER), ("hit", meaning.OTHER + " please")):
        caching.fault("openai", times=1, status=500)
        assert cached(meaning.ask(caching, text)) == expected
        assert meaning.ended(caching) == [(meaning.EMBEDS, "server"), (meaning.NEXT, "ok")]
    assert table(caching) == set()


def test_an_idempotency_key_stays_in_the_table(caching: Routed) -> None:
    """Which forgets nothing before its time."""
    once = {"idempotency-key": "k"}
    assert [cached(caching.ask(headers=once, **EXACT)) for _ in range(2)] == ["miss", "replay"]
    assert table(caching) == {"once"}
    assert cached(caching.ask(headers={"idempotency-key": "l"}, **EXACT)) == "hit"


def test_no_other_tenant_is_given_it_and_nothing_of_it_can_be_read_in_a_name(caching: Routed, server: valkey.Server) -> None:
    caching.ask(**said("the secret of the line"))
    let_in(caching, {"sk-other": ("other", "elsewhere")})
    assert cached(caching.ask(headers={"authorization": "Bearer sk-other"}, **said("the secret of the line"))) == "miss"
    assert cached(caching.ask(**said("the secret of the line"))) == "hit"


def noted(into: list[str], name: Callable[..., str], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, each of whose calls is written down."""

    def noting(*arguments: Any) -> Any:
        into.append(name(*arguments))
        return function(*arguments)

    return noting


def test_the_look_up_goes_along_with_the_wave(caching: Routed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent before anything of it is heard."""
    caching.ask(**EXACT)
    told: list[str] = []
    begin, answer = wire.Valkey.begin, wire._Asked.answer
    wave = caching.world.module.aws.wave
    monkeypatch.setattr(wire.Valkey, "begin", noted(told, lambda *_: "sent", begin))
    monkeypatch.setattr(wire._Asked, "answer", noted(told, lambda *_: "heard", answer))

    def watched(calls: Any, **more: Any) -> Any:
        told.append(f"wave of {'several' if len(calls) > 1 else 'one'}")
        return wave(calls, **more)

    monkeypatch.setattr(caching.world.module.aws, "wave", watched)
    assert cached(caching.ask(**EXACT)) == "hit"
    assert told[:3] == ["wave of several", "sent", "heard"]


def test_a_server_that_is_away_is_no_error_and_is_left_alone_for_a_while(
    caching: Routed, server: valkey.Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[str] = []
    begin = wire.Valkey.begin
    monkeypatch.setattr(wire.Valkey, "begin", noted(sent, lambda _, call, __: call.action, begin))
    server.stop()
    assert [caching.ask(**EXACT).status for _ in range(3)] == [200, 200, 200]
    assert sent == ["GET"]
    assert sum("CacheFailures" in json.loads(line) for line in capsys.readouterr().out.splitlines()) == 1
    server.start()
    assert cached(caching.ask(**EXACT)) == "miss"
    assert sent == ["GET"]
    caching.world.now_s += kept_lookup.SILENCE_S
    assert [cached(caching.ask(**EXACT)) for _ in range(2)] == ["miss", "hit"]


def test_a_server_that_hangs_costs_one_request_its_patience(
    caching: Routed, server: valkey.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    caching.ask(**EXACT)
    server.signal(signal.SIGSTOP)
    monkeypatch.setattr(wire, "PATIENCE_S", 0.05)
    assert [(response.status, cached(response)) for response in (caching.ask(**EXACT), caching.ask(**EXACT))] == 2 * [(200, "miss")]
    server.signal(signal.SIGCONT)
    monkeypatch.setattr(wire, "PATIENCE_S", PATIENCE_S)
    caching.world.now_s += kept_lookup.SILENCE_S
    assert cached(caching.ask(**EXACT)) == "hit"


@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$9\r\n1garbage!\r\n", b"$40\r\n" + b"\xff" * 40 + b"\r\n", b"-OOM no\r\n", b""]
)
def test_a_server_that_babbles_is_no_error(caching: Routed, monkeypatch: pytest.MonkeyPatch, reply: bytes) -> None:
    meaning.publish(caching, route="vectors")
    monkeypatch.setattr(wire, "PATIENCE_S", 0.3)  # some of it leaves more to be waited for
    with babbling(reply) as address:
        monkeypatch.setattr(wire.Valkey, "_reached", lambda *_: socket.create_connection(address, 5))
        responses = [meaning.ask(caching, meaning.SAME, headers=headers) for headers in ({}, {"idempotency-key": "k"})]
        assert [(response.status, cached(response)) for response in responses] == 2 * [(200, "miss")]
        caching.world.module.aws.close()


@contextmanager
def babbling(reply: bytes) -> Iterator[tuple[str, int]]:
    """Says this whatever it is asked for, to whoever asks."""

    class Babbler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while self.request.recv(65_536):
                self.request.sendall(reply)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Babbler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield "127.0.0.1", server.server_address[1]
        finally:
            server.shutdown()


def test_a_server_that_was_restarted_has_forgotten_and_learns_anew(caching: Routed, server: valkey.Server) -> None:
    caching.ask(**EXACT)
    server.stop()
    server.start()
    assert [cached(caching.ask(**EXACT)) for _ in range(2)] == ["miss", "hit"]


def test_what_is_larger_than_its_bound_is_not_kept(caching: Routed) -> None:
    publish(caching, max_kb=1)
    noise = " ".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(60))
    assert [cached(caching.ask(**said(noise))) for _ in range(2)] == ["miss", "miss"]
