"""Whatever somebody writes: it is refused with a line, or whatever may be asked for is decided by it, and it reads back as it was meant."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalbox.circuits.machine import to_settings
from signalbox.config.compiler import Compiled, compile_text
from signalbox.config.diff import compare, summary
from signalbox.config.document import parse
from signalbox.config.plain import to_data, to_json
from signalbox.config.source import InvalidDocument, Problem
from signalbox.routing.analysis.report import analyse
from signalbox.routing.catalog import to_snapshot
from signalbox.routing.decide import decide
from signalbox.routing.inputs import Features, Inputs

RICH: dict[str, Any] = yaml.safe_load("""
version: 1
providers:
  openai: {region: us-east-1, availability: 99.9}
  anthropic: {timeouts: {total_s: 60}}
  mine: {base_url: "https://llm.example.com/v1", secret: null}
models:
  openai/a:
    context_window: 1000
    max_output_tokens: 100
    capabilities: [tools, streaming]
    prices: {input: 1, output: 2, source: s, as_of: "2026-11-21", long: {above_tokens: 500, input: 2, output: 4}}
    chain: short
    quality: 5
    capacity: {requests_per_minute: 5, concurrency: 2}
  openai/b: {context_window: 2000, max_output_tokens: 100, capabilities: [tools, streaming]}
  anthropic/c: {context_window: 4000, max_output_tokens: 100, capabilities: [tools, streaming], chain: long, timeouts: {profile: strict}}
  mine/*: {context_window: 8000, max_output_tokens: 100}
  openai/e: {context_window: 8000, capabilities: [embeddings]}
routes:
  auto:
    targets: [openai/a, openai/b, mine/x]
    strategy: weighted
    weights: {openai/a: 3}
    retries: {timeout: 1}
    max_cost_usd: 1
    shares: {mine: 60}
  vectors: {targets: [openai/e]}
  fast: {targets: [anthropic/c, openai/b], strategy: fastest_first, timeouts: {total_s: 30}}
aliases: {gpt: auto, gpt4: gpt, m: mine/y}
chains:
  short: {generic: [openai/b], context_too_long: [anthropic/c], terminal: mine/z}
  long: {generic: [mine/q], content_filtered: [openai/b]}
policies:
  p1:
    status: active
    priority: 1
    conditions: {tenant: t, any: [{tags: [a]}, {not: {headers: {x-a: b}}}]}
    actions: {route: fast}
    continue: true
  p2:
    status: active
    conditions: {time: {from: "22:00", to: "06:00", zone: Europe/Berlin}, circuits: {openai/a: open}}
    actions: {deny: "no"}
  p3: {status: active, flag: beta, actions: {add_targets: [mine/n], remove_targets: [openai/a], mirror: {target: openai/b, percent: 10}}}
flags: {beta: {percent: 50, segments: [ent], by: tenant}}
segments: {ent: [t, u]}
""")
NAMES = ("openai/a", "openai/b", "mine/*", "mine/x", "auto", "gpt", "short", "p1", "active", "sequential", "ent", "tenant", "not", "all")
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        1,
        -1,
        10**30,
        1e308,
        float("inf"),
        0.5,
        "",
        "*",
        "é" * 9,
        "x" * 300,
        [],
        {},
        [[]],
        [None],
        {"": 1},
        "12:30",
        "<<",
        "=",
        *NAMES,
    ]
)
KEYS = st.sampled_from(["", "*", "x", "1", "time", "headers", "circuits", "chain", "terminal", "targets", "timeouts", *NAMES])


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


@st.composite
def mutated(draw: st.DrawFn) -> str:
    data = copy.deepcopy(RICH)
    for _ in range(draw(st.integers(1, 3))):
        places = list(paths(data))
        *above, key = draw(st.sampled_from(places))
        around = at(data, tuple(above))
        match draw(st.sampled_from(["replaced", "gone", "renamed", "from elsewhere"])):
            case "replaced":
                around[key] = copy.deepcopy(draw(JUNK))
            case "gone":
                del around[key]
            case "renamed" if isinstance(around, dict):
                around[draw(KEYS)] = around.pop(key)
            case _:
                around[key] = copy.deepcopy(at(data, draw(st.sampled_from(places))))
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


def outcome(text: str) -> tuple[Compiled | None, list[Problem]]:
    try:
        return compile_text(text), []
    except InvalidDocument as error:
        return None, error.problems


def asked_for(model: str, turn: int) -> Inputs:
    features = Features(f"r{turn}", "t", "team", "key", model, tags=("a",), headers={"x-a": "b"}, input_tokens=200, input_bound=300)
    return Inputs(features, draw=0.3, turn=turn, now_ms=1_795_280_000_000 + turn * 3_600_000, deadline_ms=1_895_280_060_000)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_what_is_not_refused_can_be_routed_by(text: str) -> None:
    compiled, problems = outcome(text)
    assert all(1 <= problem.line <= len(text.splitlines()) and problem.message for problem in problems)
    if compiled is None:
        assert problems
        return
    row = json.loads(compiled.json)
    snapshot = to_snapshot(row, 1, compiled.digest)
    to_settings(row)
    for turn, name in enumerate([*snapshot.names, "mine/whatever"]):
        route = snapshot.route(name)
        assert route is not None or name not in snapshot.names
        if route:
            decide(asked_for(name, turn), snapshot, route, lambda target: None)
    assert len(analyse(snapshot).routes) >= len(parse(text)[0].routes)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_what_is_meant_can_be_written_again_and_compared(text: str) -> None:
    compiled, _ = outcome(text)
    if compiled is None:
        return
    document = parse(text)[0]
    again = yaml.safe_dump(to_json(to_data(document)), allow_unicode=True, sort_keys=False)
    assert compile_text(again).digest == compiled.digest
    assert compare(document, parse(again)[0]) == ()
    changes = compare(parse(yaml.safe_dump(RICH))[0], document)
    assert summary(changes)
    assert all(str(change) for change in changes)
    assert (compare(document, parse(yaml.safe_dump(RICH))[0]) == ()) == (changes == ())
