"""What translating costs: a long request and a long stream, from every dialect to every wire and back. CPU of this process.

A request: to_request, lack_of and to_http of 100 messages with tools, their results and an image. A stream: 500 chunks on the way that they
take in production, from the pieces of the upstream's bytes over the wire, the flight's account and the journey to the dialect's events.

python -m bench.translation [requests | streams | images | embeddings]
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from signalbox.completion.clock import Clock
from signalbox.completion.journey import Journey
from signalbox.completion.travel import to_the_end
from signalbox.completion.trip import Trip
from signalbox.data_api import DIALECTS, dialect
from signalbox.dialects.contract import Answer
from signalbox.money import Prices, Tokens
from signalbox.providers.auth import with_key
from signalbox.providers.fit import lack_of
from signalbox.providers.registry import MODULES, wire
from signalbox.reply import gather
from signalbox.request import Message, Request, Text
from signalbox.routing.catalog import Provider, Route, Snapshot, Target, Timeouts
from signalbox.routing.decide import decide
from signalbox.routing.inputs import Features, Inputs
from signalbox.wire import HttpRequest

from . import conversations, streams

REQUEST_GOAL_MS, CHUNK_GOAL_US = 1.0, 15.0
ROUNDS, REQUESTS, STREAMS = 9, 10, 1  # a pair is measured in several rounds, and so many calls in each
IMAGES_KB = (0, 64, 256, 700)

EMBEDDINGS = "openai_embeddings"
WIRES = tuple(streams.EVENTS)
EMBEDDING_WIRES = tuple(name for name in MODULES if name not in WIRES)
SPOKEN = tuple(name for name in DIALECTS.values() if name != EMBEDDINGS)
KINDS = {"azure": "azure", "openai_responses": "openai", "anthropic_vertex": "vertex"}
MODELS = {
    "anthropic": "claude-sonnet-4-5-20250929",
    "anthropic_vertex": "claude-sonnet-4-5@20250929",
    "bedrock": "anthropic.claude-sonnet-4-5-20250929",
    "gemini": "gemini-3.5-flash",
}
PRICES = Prices(3_000_000_000, 15_000_000_000, 300_000_000, 3_750_000_000, 15_000_000_000, 6_000_000_000)
Pair = tuple[str, str]


class Figures(NamedTuple):
    """Of one pair, a round each."""

    values: tuple[float, ...]

    @property
    def best(self) -> float:
        return min(self.values)

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def main() -> None:
    asked = sys.argv[1:] if sys.argv[0].endswith("translation.py") else []
    for name, part in PARTS.items():
        if not asked or name in asked:
            part()


def requests() -> None:
    bodies = {name: conversations.body(name) for name in SPOKEN}
    sizes = ", ".join(f"{name} {len(body) // 1024} KB" for name, body in bodies.items())
    print(f"A request of {conversations.MESSAGES} messages, ms: median (best) of {ROUNDS} times {REQUESTS}. {sizes}\n")
    calls = {(name, to): translation(name, bodies[name], to) for name in SPOKEN for to in WIRES}
    table(measured(calls, REQUESTS, 1e3), "ms", REQUEST_GOAL_MS)


def streamed() -> None:
    print(f"\nA stream of {streams.CHUNKS} chunks, µs a chunk: median (best) of {ROUNDS} times {STREAMS}\n")
    calls = {(name, of): stream(name, of) for name in SPOKEN for of in WIRES}
    table(measured(calls, STREAMS, 1e6 / streams.CHUNKS), "µs", CHUNK_GOAL_US)


def images() -> None:
    print("\nWhat an image adds to the same request in openai_chat, ms (best)\n")
    calls = {
        (f"{size} KB", to): translation("openai_chat", conversations.body("openai_chat", size * 1024), to)
        for size in IMAGES_KB
        for to in WIRES
    }
    found = measured(calls, 3, 1e3)
    table(found, "ms")
    smallest, largest = f"{IMAGES_KB[0]} KB", f"{IMAGES_KB[-1]} KB"
    slopes = {to: (found[largest, to].best - found[smallest, to].best) / IMAGES_KB[-1] * 100 for to in WIRES}
    steepest = max(slopes, key=slopes.__getitem__)
    print(f"  at most {slopes[steepest]:.2f} ms for each 100 KB of image ({steepest})")


def embeddings() -> None:
    body = json.dumps({"model": "e", "input": [conversations.ASKED] * 100}).encode()
    print("\nA request for the embeddings of 100 texts, ms: median (best)\n")
    table(measured({(EMBEDDINGS, to): translation(EMBEDDINGS, body, to) for to in EMBEDDING_WIRES}, REQUESTS, 1e3), "ms", REQUEST_GOAL_MS)
    print("\nThe answer of 100 vectors of 1,536 numbers, ms: median (best); json alone, there and back, stands beside it\n")
    vectors = [[(number * 7 % 1_001 - 500) / 9_973 for number in range(1_536)] for _ in range(100)]
    data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(vectors)]
    whole = json.dumps({"object": "list", "data": data, "usage": {"prompt_tokens": 900, "total_tokens": 900}}).encode()
    request = dialect(EMBEDDINGS).to_request(body, {})
    answer = Answer("req_0", 1_795_000_000, "e", request)

    def answered() -> None:
        choices, tokens = gather(wire("openai_embeddings").from_body(whole))
        dialect(EMBEDDINGS).to_body(answer, choices, tokens or Tokens())

    table(measured({(EMBEDDINGS, "answer"): answered, (EMBEDDINGS, "json"): lambda: json.dumps(json.loads(whole)).encode()}, 1, 1e3), "ms")


PARTS: dict[str, Callable[[], None]] = {"requests": requests, "streams": streamed, "images": images, "embeddings": embeddings}


def translation(name: str, body: bytes, to: str) -> Callable[[], object]:
    """As a request comes and goes. Refused by nobody: what is refused costs less."""
    spoken, (provider, target) = dialect(name), place(to)
    assert lack_of(spoken.to_request(body, {}), target, provider) is None, (name, to)

    def translate() -> HttpRequest:
        request = spoken.to_request(body, {})
        lack_of(request, target, provider)
        return wire(target.wire).to_http(request, target, provider, 800)

    return translate


def stream(name: str, of: str) -> Callable[[], object]:
    spoken, (provider, target) = dialect(name), place(of)
    asked = spoken.to_request(conversations.body(name, 0), {})._replace(messages=(Message("user", (Text("hi"),)),), tools=())
    arriving = streams.pieces(of)
    written = b"".join(events(spoken.to_events, asked, target, provider, arriving))
    assert written.count(rb"G\u00f6schenen") >= streams.TEXTS // len(streams.WORDS), (name, of)

    def run() -> None:
        for _ in events(spoken.to_events, asked, target, provider, arriving):
            pass

    return run


def events(to_events: Callable, request: Request, target: Target, provider: Provider, arriving: list[bytes]) -> Iterator[bytes]:
    """The answer as the endpoint makes it: but for the upstream's socket, all is the real one."""
    journey = Journey(_trip(request, target, provider), lambda *_: Arriving(arriving), OneKey(), CLOCK)  # type: ignore[arg-type]
    journey.begin(whole=False)
    broke: list[Exception] = []
    yield from to_events(Answer("req_0", 1_795_000_000, target.model, request), to_the_end(journey, (), broke.append))
    assert not broke, broke


class Arriving:
    """An exchange whose answer is there already."""

    headers: Mapping[str, str] = {}

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def head(self, timeout_s: float) -> int:
        return 200

    def pieces(self, timeout_s: Callable[[], float]) -> Iterator[bytes]:
        for piece in self._pieces:
            timeout_s()
            yield piece

    def close(self) -> None:
        pass


class OneKey:
    def of(self, provider: Provider, owner: str, anew: bool = False) -> tuple[str | None, ...]:
        return ("sk-none",)

    def refused(self, provider: Provider, owner: str, key: str | None) -> None:
        raise AssertionError("nobody refuses it")

    def shown(self, request: HttpRequest, provider: Provider, key: str | None) -> HttpRequest:
        return with_key(request, "bearer", key)


CLOCK = Clock(time.time, time.monotonic, time.sleep)


def place(to: str) -> tuple[Provider, Target]:
    kind = KINDS.get(to, "" if to == "openai" else to)  # plain OpenAI's: OpenAI itself serves Responses in a wire of their own
    provider = Provider("p", to, "http://127.0.0.1:9/v1", "p", kind, options={"region": "eu-central-1"})
    serves = {"embeddings"} if to in EMBEDDING_WIRES else {"tools", "vision", "json_schema", "streaming", "reasoning"}
    return provider, Target("p/m", "p", MODELS.get(to, "m"), 400_000, 32_000, frozenset(serves), PRICES, to)


def _trip(request: Request, target: Target, provider: Provider) -> Trip:
    now_s = time.monotonic()
    route = Route("chat", (target.id,), "sequential", Timeouts(60, 60, 600), 1)
    snapshot = Snapshot(1, "d", {provider.name: provider}, {target.id: target}, {"chat": route}, {"chat": "chat"})
    now_ms = int(time.time() * 1000)
    inputs = Inputs(Features("r", "t", "core", "k", "chat", input_bound=10_000), draw=0.5, now_ms=now_ms, deadline_ms=now_ms + 600_000)
    decision = decide(inputs, snapshot, route, lambda target: None)
    return Trip(request, route, snapshot, inputs, decision, now_s + 600, 10**9)


def measured(calls: Mapping[Pair, Callable[[], object]], times: int, unit: float) -> dict[Pair, Figures]:
    """All of them in turn, round by round, so that a busy moment of the machine is nobody's alone."""
    took: dict[Pair, list[float]] = {pair: [] for pair in calls}
    for call in calls.values():
        call()
    for _ in range(ROUNDS):
        for pair, call in calls.items():
            began = time.process_time()
            for _ in range(times):
                call()
            took[pair].append((time.process_time() - began) / times * unit)
    return {pair: Figures(tuple(values)) for pair, values in took.items()}


def table(found: Mapping[Pair, Figures], unit: str, goal: float | None = None) -> None:
    columns, rows = dict.fromkeys(pair[0] for pair in found), dict.fromkeys(pair[1] for pair in found)
    print(" " * 20 + "".join(f"{name:>20}" for name in columns))
    for row in rows:
        cells = (f"{found[name, row].median:.2f} ({found[name, row].best:.2f})" for name in columns)
        print(f"  {row:18}" + "".join(f"{cell:>20}" for cell in cells))
    if goal is not None:
        worst = max(found, key=lambda pair: found[pair].median)
        figures = found[worst]
        over = sum(other.median > goal for other in found.values())
        verdict = "within" if not over else f"over ({over} of {len(found)} pairs)"
        print(f"\n  the worst: {' → '.join(worst)}, {figures.median:.2f} {unit} (best {figures.best:.2f}); the goal is {goal:g}: {verdict}")


if __name__ == "__main__":
    main()
