"""What many clients ask for, mixed: each dialect, whole and streamed, models and routes of all providers; and what goes wrong at these."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

import yaml

from ops.local.settings import ROOT

DOCUMENT = yaml.safe_load((ROOT / "routing.yaml").read_text())
EMBEDDING = sorted(id for id, row in DOCUMENT["models"].items() if "embeddings" in row["capabilities"])
CHAT = sorted(set(DOCUMENT["models"]) - set(EMBEDDING))
REASONING = {id for id in CHAT if "reasoning" in DOCUMENT["models"][id]["capabilities"]}
ROUTES = sorted(DOCUMENT["routes"])
PROVIDERS = sorted(DOCUMENT["providers"])
LONG = "the box at the junction has a bell, a block and forty levers. " * 90  # enough for a provider to have it cached
CHUNKS = 8

# How often each is told a provider before a request, for one request of anybody's.
FAULTS: tuple[tuple[float, dict[str, Any]], ...] = (
    *((0.008, {"status": status}) for status in (400, 429, 500, 503)),
    *((0.008, {"cut_after_chunks": count}) for count in (0, 3)),
    (0.008, {"error_in_stream": True}),
    *((0.002, {"error_after_chunks": count}) for count in (1, 2, 3, 4)),  # from before any of the answer, but behind a first count
    (0.008, {"malformed": True}),
    (0.02, {"late_usage": True}),
    (0.01, {"chunk_ms": 3}),
    (0.006, {"latency_ms": 400}),
    (0.004, {"first_chunk_ms": 400}),
)
SLOW = {"chunk_ms": 20}  # who leaves in the middle leaves most providers before they have written all


class Asked(NamedTuple):
    """`ref` is in its prompt and its tag. It leaves after so many `pieces`, or after `leaves_s` before the head. `fault` is told first."""

    ref: str
    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    pieces: int | None
    leaves_s: float | None
    fault: tuple[str, Mapping[str, Any]] | None


def mixture(seed: int, count: int) -> Iterator[Asked]:
    for number in range(count):
        yield _drawn(Random(f"{seed}/{number}"), f"r{number}")


def _drawn(draw: Random, ref: str) -> Asked:
    embeds = draw.random() < 0.06
    model = draw.choice(EMBEDDING if embeds else ROUTES if draw.random() < 0.4 else CHAT)
    prompt = f"ref={ref} words={draw.randint(1, 60)}"
    if draw.random() < 0.08:
        prompt = LONG + prompt
    path, body = _embedding(model, ref, prompt) if embeds else _completion(draw, model, prompt)
    streamed = not embeds and draw.random() < 0.5
    headers = {"x-signalbox-tags": ref}
    if draw.random() < 0.03:
        headers["x-signalbox-timeout-ms"] = str(draw.choice((200, 300)))
    pieces = draw.randint(1, CHUNKS) if streamed and draw.random() < 0.15 else None
    return Asked(
        ref,
        path,
        body | ({"stream": True} if streamed else {}),
        headers,
        pieces=pieces,
        leaves_s=0.03 if draw.random() < 0.01 else None,
        fault=_fault(draw, model, SLOW if pieces else None),
    )


def _embedding(model: str, ref: str, prompt: str) -> tuple[str, dict[str, Any]]:
    """Two texts, of which some providers make two calls."""
    return "/v1/embeddings", {"model": model, "input": [prompt, f"ref={ref} two"]}


def _completion(draw: Random, model: str, prompt: str) -> tuple[str, dict[str, Any]]:
    most = draw.choice((20, 200, 700))
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": prompt}]
    match draw.choice(("chat", "chat", "responses", "messages", "completions")):
        case "chat":
            effort = {"reasoning_effort": "low"} if model in REASONING and draw.random() < 0.3 else {}
            many = {"n": 2} if model.startswith("openai/") and draw.random() < 0.1 else {}
            return "/v1/chat/completions", {"model": model, "messages": messages, "max_tokens": most} | effort | many
        case "responses":
            return "/v1/responses", {"model": model, "instructions": "be brief", "input": prompt, "max_output_tokens": most}
        case "messages":
            text: dict[str, Any] = {"type": "text", "text": prompt}
            if draw.random() < 0.3:
                text |= {"cache_control": {"type": "ephemeral"}}
            return "/v1/messages", {"model": model, "messages": [{"role": "user", "content": [text]}], "max_tokens": most}
        case _:
            return "/v1/completions", {"model": model, "prompt": prompt, "max_tokens": most}


def _fault(draw: Random, model: str, usual: Mapping[str, Any] | None) -> tuple[str, Mapping[str, Any]] | None:
    targets = DOCUMENT["routes"][model]["targets"] if model in DOCUMENT["routes"] else [model]
    drawn = draw.random()
    for often, fault in FAULTS:
        if 0 <= drawn < often:
            return draw.choice(targets).partition("/")[0], fault | {"times": 1}
        drawn -= often
    return (targets[0].partition("/")[0], {**usual, "times": 1}) if usual else None
