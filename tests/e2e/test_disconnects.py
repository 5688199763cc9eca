"""Clients that leave in the middle of an answer, over HTTP: what they are charged is what the provider bills.

Nobody interrupts a Lambda whose client has gone, so that every answer is read to its end here. What becomes of a stream whose reader is
gone is for tests/functions/test_complete_usage.py.
"""

import concurrent.futures
import contextlib
import json

import httpx
import pytest

from .waiting import eventually

PROMPT = "words=60"
PATHS = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 500},
    "/v1/completions": {"prompt": PROMPT, "max_tokens": 500},
    "/v1/responses": {"input": PROMPT, "max_output_tokens": 500},
    "/v1/messages": {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 500},
}
CHAT = "/v1/chat/completions"
# Of each format one, and of each way to count.
MODELS = (
    "openai/gpt-4.1-mini",
    "anthropic/claude-haiku-4-5-20251001",
    "bedrock/qwen.qwen3-instruct-v1:0",
    "gemini/gemini-2.5-flash",
    "mistral/mistral-small-latest",
    "perplexity/sonar",
    "openrouter/openai/gpt-5-mini",
    "ollama/llama3.1:latest",
    "vllm/qwen-coder-vllm",
    "llama_cpp/llama-cpp-default",
)


@pytest.fixture
def key(new_key):
    return new_key(tenant="leavers")


def leave(stack, key, model, path=CHAT, pieces=2, timeout_s=60.0):
    """Reads so many pieces of the answer, and hangs up."""
    headers = {"authorization": f"Bearer {key['secret']}"}
    body = PATHS[path] | {"model": model, "stream": True}
    with stack.http.stream("POST", stack.url + path, json=body, headers=headers, timeout=timeout_s) as answer:
        assert answer.status_code == 200, answer.read()
        for _, _ in zip(range(pieces), answer.iter_raw(), strict=False):
            pass


def charged(stack, key):
    used = stack.used(key=key["id"])
    return {name: used[name] for name in ("requests", "input", "output", "cost_nanousd")}


def billed(calls):
    tokens = {name: sum(call[f"{name}_tokens"] for call in calls) for name in ("input", "output")}
    return {"requests": len(calls), **tokens, "cost_nanousd": sum(call["cost_nanousd"] for call in calls)}


@pytest.mark.parametrize("path", PATHS)
def test_who_leaves_is_charged_what_is_billed(stack, key, faults, upstream_ledger, path):
    for model in MODELS:
        faults(model.partition("/")[0], chunk_ms=8)
        leave(stack, key, model, path)
    calls = eventually(upstream_ledger, lambda calls: len(calls) == len(MODELS))
    assert {call["outcome"] for call in calls} == {"served"}
    eventually(lambda: charged(stack, key), lambda seen: seen == billed(calls))


def test_many_that_leave_at_once_and_some_that_stay(stack, key, faults, upstream_ledger):
    faults("openai", chunk_ms=5)

    def ask(number):
        leave(stack, key, "openai/gpt-4o-mini", pieces=1 + number % 4 if number % 3 else 10_000)

    with concurrent.futures.ThreadPoolExecutor(8) as many:
        list(many.map(ask, range(24)))
    calls = eventually(upstream_ledger, lambda calls: len(calls) == 24)
    eventually(lambda: charged(stack, key), lambda seen: seen == billed(calls))


def test_who_hangs_up_before_the_first_byte_is_charged_what_is_billed(stack, key, faults, upstream_ledger):
    faults("openai", latency_ms=700)
    with contextlib.suppress(httpx.TimeoutException):
        leave(stack, key, "openai/gpt-4.1-mini", timeout_s=0.3)
    calls = eventually(upstream_ledger, lambda calls: len(calls) == 1)
    seen = eventually(lambda: charged(stack, key), lambda seen: seen["requests"] == 1)
    assert seen["cost_nanousd"] >= billed(calls)["cost_nanousd"] > 0


def test_who_leaves_takes_nobody_elses_answer(stack, key, client, faults):
    """The same container answers the next one whole."""
    faults("anthropic", chunk_ms=8)
    for _ in range(4):
        leave(stack, key, "anthropic/claude-haiku-4-5-20251001", "/v1/messages", pieces=1)
        answer = client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "say: all of it"}])
        assert answer.choices[0].message.content == "all of it"


def test_a_stream_that_breaks_is_no_silent_end(stack, key, faults, upstream_ledger):
    """The last thing that is read is the dialect's error, through the front door too."""
    ends = {}
    for path in PATHS:
        faults("anthropic", error_after_chunks=20)
        body = PATHS[path] | {"model": "anthropic/claude-haiku-4-5-20251001", "stream": True}
        answer = stack.http.post(stack.url + path, json=body, headers={"authorization": f"Bearer {key['secret']}"}, timeout=60)
        events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
        ends[path] = [json.loads(event) if event != "[DONE]" else event for event in events[-2:]]
    for path in ("/v1/chat/completions", "/v1/completions"):
        assert ends[path][0]["error"]["code"] == "upstream_failed", ends[path]
        assert ends[path][1] == "[DONE]"
    assert [event["type"] for event in ends["/v1/responses"]] == ["error", "response.failed"]
    assert ends["/v1/messages"][-1]["type"] == "error"
    calls = eventually(lambda: [call for call in upstream_ledger() if call["outcome"] == "error"], lambda calls: len(calls) == len(PATHS))
    seen = eventually(lambda: charged(stack, key), lambda seen: seen["requests"] == len(PATHS))
    assert seen["cost_nanousd"] >= billed(calls)["cost_nanousd"] > 0
