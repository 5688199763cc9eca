"""What the cache answers of a workload in which few questions are asked often and many seldom (Zipf's law), and what that saves.

Through the local stack. Two routes, each with questions of its own; the hit rate is that of `x-signalbox-cache`, and beside it the one that
`signalbox analytics` has of each route.

python -m bench.cache [requests of each route, 1500]
"""

import http.client
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import yaml

from ops.local.settings import ADMIN_KEY, DATA_KEY

from .warm_request import stack_in

EXPONENT = 1.1  # of questions to a help desk or a search field: 0.9 to 1.2
QUESTIONS = {"faq": 500, "support": 1_000}  # by route
WINDOWS = (0, 100, 500, 1_000)  # from which request on
UPSTREAM_MS = 50
COUNTED_S = 60  # until the last request stands in the totals


class Answered(NamedTuple):
    is_hit: bool
    took_ms: float


def workload(questions: int, requests: int, seed: int, exponent: float = EXPONENT) -> Iterator[int]:
    """Which question is asked next, by its rank: the n-th is asked 1/n^exponent as often as the first."""
    weights = [1 / rank**exponent for rank in range(1, questions + 1)]
    yield from random.Random(seed).choices(range(questions), weights, k=requests)


def rates(answers: list[bool], windows: tuple[int, ...] = WINDOWS) -> list[float]:
    """The hit rate in each window."""
    ends = (min(end, len(answers)) for end in (*windows[1:], len(answers)))
    return [sum(answers[first:end]) / (end - first) for first, end in zip(windows, ends, strict=True) if first < end]


def main(requests: int = 1_500) -> None:
    with tempfile.TemporaryDirectory() as home, stack_in(home) as facts:
        publish(facts["url"])
        httpx.put(f"{facts['simulators']}/faults/openai", json={"latency_ms": UPSTREAM_MS}).raise_for_status()
        answers = {route: asked(facts["url"], route, questions, requests) for route, questions in QUESTIONS.items()}
        show(answers, counted(facts["url"], requests))


def publish(url: str) -> None:
    with operator(url) as client:
        document = yaml.safe_load(client.get("/admin/config").raise_for_status().json()["document"])
        for route in QUESTIONS:
            document["routes"][route] = {"targets": ["openai/gpt-4.1-mini"], "cache": {"ttl_s": 86_400}}
        body = {"document": json.dumps(document, default=str), "message": "bench"}
        client.post("/admin/config/publish", json=body).raise_for_status()
    time.sleep(6)  # every container has it after 5


def operator(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"authorization": f"Bearer {ADMIN_KEY}"}, timeout=60)


def counted(url: str, requests: int) -> dict[str, float]:
    """Each route's hit rate by its totals, once all of its requests are in them."""
    until_s = time.monotonic() + COUNTED_S
    with operator(url) as client:
        while True:
            rows = {row["id"]: row for row in client.get("/admin/analytics?by=route").raise_for_status().json()["rows"]}
            if all(route in rows and rows[route]["requests"] >= requests for route in QUESTIONS):
                return {route: rows[route]["cache_hit_rate"] for route in QUESTIONS}
            if time.monotonic() > until_s:
                raise SystemExit(f"not all requests are in the totals after {COUNTED_S} s")
            time.sleep(0.5)


def asked(url: str, route: str, questions: int, requests: int) -> list[Answered]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    headers = {"authorization": f"Bearer {DATA_KEY}", "content-type": "application/json"}
    answers = []
    for number in workload(questions, requests, seed=len(route)):
        prompt = {"role": "user", "content": f"say: the answer to question {number} of {route}"}
        body = json.dumps({"model": route, "temperature": 0, "messages": [prompt]})
        began = time.perf_counter()
        connection.request("POST", "/v1/chat/completions", body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise SystemExit(f"{route}: {response.status} {answer[:300]!r}")
        answers.append(Answered(response.headers["x-signalbox-cache"] == "hit", (time.perf_counter() - began) * 1000))
    return answers


def show(answers: dict[str, list[Answered]], by_totals: dict[str, float]) -> None:
    heads = [f"from {first:,}" for first in WINDOWS]
    print(
        f"  {'route':10} {'questions':>9}  "
        + "".join(f"{head:>12}" for head in heads)
        + f"{'all':>7}{'by totals':>11}{'a hit':>12}{'a miss':>12}"
    )
    for route, told in answers.items():
        hits = [answer.is_hit for answer in told]
        whole = f"{sum(hits) / len(hits):7.1%}{by_totals[route]:11.1%}"
        hit, miss = (statistics.median(answer.took_ms for answer in told if answer.is_hit == kind) for kind in (True, False))
        print(
            f"  {route:10} {QUESTIONS[route]:9,}  "
            + "".join(f"{rate:12.0%}" for rate in rates(hits))
            + f"{whole}{hit:9.1f} ms{miss:9.1f} ms"
        )
    print(f"  the upstream takes {UPSTREAM_MS} ms to begin; times are medians, client to last byte")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
