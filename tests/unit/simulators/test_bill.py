"""Prices, caches that are written, and what an answer that ended early has cost."""

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.simulators.answer import to_answer
from ops.simulators.bill import cost_nanousd, generated, prices_of
from ops.simulators.embeddings import in_base64, vector
from ops.simulators.exchange import Ask, CacheMark, Stamp, Tokens
from ops.simulators.http import Request
from ops.simulators.prices import ANY, FREE, PRICES, SIM, usd
from ops.simulators.prompt_cache import PromptCache
from ops.simulators.providers import PROVIDERS
from ops.simulators.providers.compatible_rows import ROWS

STAMP = Stamp("seed", 1_790_000_000)
SONNET = PRICES["anthropic"]["claude-sonnet-4-5-20250929"]


def test_what_is_written_to_a_cache_has_its_own_price():
    tokens = Tokens(input=100, cached=20, output=10, cache_write=30, cache_write_1h=40)
    assert cost_nanousd(tokens, SONNET) == 10 * 3000 + 20 * 300 + 30 * 3750 + 40 * 6000 + 10 * 15_000
    assert cost_nanousd(tokens, usd(1, 0, 0.5)) == 80 * 1000 + 20 * 500


def test_above_200k_all_of_a_call_costs_more():
    assert cost_nanousd(Tokens(200_000), SONNET) == 200_000 * 3000
    assert cost_nanousd(Tokens(200_001, output=1), SONNET) == 200_001 * 6000 + 22_500
    assert cost_nanousd(Tokens(200_001), PRICES["gemini"]["gemini-2.5-flash"]) == 200_001 * 300


def test_a_request_may_cost_by_itself():
    assert cost_nanousd(Tokens(1, output=1), PRICES["perplexity"]["sonar"]) == 5_000_000 + 2000


def test_who_serves_what():
    assert prices_of("openai", "sim-x") == SIM
    assert prices_of("vllm", "whatever") == FREE
    assert prices_of("openai", "whatever") is None
    assert PRICES.keys() == PROVIDERS.keys()


CHATS = [
    (operation, name, model)
    for name in (*(row.name for row in ROWS), "openai", "mistral", "azure", "perplexity", "ollama", "ollama_cloud")
    for operation in PROVIDERS[name].operations
    if operation.name == "chat"
    for model in PRICES[name]
    if model != ANY and "embed" not in model
]


@pytest.mark.parametrize(("operation", "name", "model"), CHATS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_priced_model_is_served(operation, name, model):
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
    headers = {"authorization": "Bearer sk-x", "api-key": "k"}
    ask = operation.read(Request("POST", "/", {"api-version": "2024-10-21"}, headers, body, named={"deployment": model}))
    assert (ask.model, PROVIDERS[name].prices(ask)) == (model, PRICES[name][model])


def test_marks_are_written_once_and_then_read():
    cache, tokens = PromptCache(), [str(number) for number in range(3000)]
    marks = [CacheMark(1100, an_hour=True), CacheMark(2000)]
    assert cache.marked("m", tokens, marks) == Tokens(cache_write_1h=1100, cache_write=900)
    assert cache.marked("m", tokens, marks) == Tokens(cached=2000)
    assert cache.marked("m", tokens, [*marks, CacheMark(2500)]) == Tokens(cached=2000, cache_write=500)
    assert cache.marked("m", [*tokens[:1500], "new", *tokens[1501:]], marks) == Tokens(cached=1100, cache_write=900)
    assert cache.marked("m", tokens, [CacheMark(1000)]) == Tokens()
    assert cache.marked("other", tokens, []) == Tokens()


@given(st.text(min_size=1), st.integers(1, 40))
def test_vectors_have_length_one_and_are_always_the_same(text, dimensions):
    numbers = vector("m", text, dimensions)
    assert (numbers, len(numbers)) == (vector("m", text, dimensions), dimensions)
    assert sum(number * number for number in numbers) == pytest.approx(1, abs=1e-4)
    packed = base64.b64decode(in_base64(numbers))
    assert list(struct.unpack(f"<{dimensions}f", packed)) == pytest.approx(numbers, abs=1e-6)


def responded(**more):
    body = json.dumps({"model": "gpt-5-mini", "input": "hello"} | more).encode()
    operation = next(operation for operation in PROVIDERS["openai"].operations if operation.name == "responses")
    ask = operation.read(Request("POST", "/", {}, {"authorization": "Bearer sk-x"}, body))
    answer = to_answer(ask)
    frames = operation.frames(ask, answer, STAMP)
    return answer, frames, json.loads(operation.whole(ask, answer, STAMP))


FUNCTION = {"type": "function", "name": "clock", "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}}}


@given(
    prompt=st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1) | st.sampled_from(["call clock", "please refuse"]),
    limit=st.none() | st.integers(16, 200),
    effort=st.sampled_from(["none", "minimal", "low"]),
)
def test_a_responses_last_event_is_what_it_says_whole(prompt, limit, effort):
    more = {"input": prompt, "tools": [FUNCTION], "reasoning": {"effort": effort, "summary": "auto"}} | (
        {"max_output_tokens": limit} if limit else {}
    )
    answer, frames, whole = responded(**more)
    events = [json.loads(frame.data.split(b"data: ", 1)[1]) for frame in frames]
    assert events[-1]["response"] == whole
    assert [event["item"] for event in events if event["type"] == "response.output_item.done"] == whole["output"]
    deltas = "".join(event["delta"] for event in events if event["type"].endswith((".output_text.delta", ".refusal.delta")))
    said = [item["content"][0] for item in whole["output"] if item["type"] == "message"]
    assert deltas == "".join(part.get("text") or part.get("refusal") or "" for part in said)
    bills = [generated(answer, frames[:count]) for count in range(len(frames) + 1)]
    assert bills == sorted(bills)
    assert bills[-1] == answer.tokens
    assert whole["usage"]["output_tokens"] == answer.tokens.output


def test_a_budget_of_reasoning_is_spent_in_part():
    asked = [Ask("sim-x", "hi", ("hi",), reasoning_budget=budget) for budget in (0, 1024, 100_000)]
    assert [to_answer(ask).tokens.reasoning for ask in asked] == [0, 128, 512]
    choice = to_answer(asked[1]).choices[0]
    assert sum(piece.tokens for piece in choice.thought) == 128


def test_who_refuses_and_who_was_stopped():
    assert to_answer(Ask("sim-x", "please refuse", ())).choices[0].refused
    assert not to_answer(Ask("sim-x", "say: I refuse", ())).choices[0].refused
    stopped = [to_answer(Ask("sim-x", "say: one two", (), stop=stop)).choices[0].stopped_by for stop in (("two", "one"), ("x",))]
    assert stopped == ["one", None]
