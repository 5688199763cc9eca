"""Routing through the whole stack: what the document says of routes, chains, policies and flags is what happens to requests."""

import concurrent.futures
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import openai
import pytest

from .published import Document, ask, followed, recorded, version_of
from .stack import ROOT
from .waiting import eventually

SIGNALBOX = Path(sys.executable).parent / "signalbox"
# Models of these tests alone, so that nobody else's failures open their circuits. Whatever begins with sim- is simulated everywhere.
PRICES = {"input": 1, "output": 2, "source": "https://example.com", "as_of": "2026-11-21"}
MODEL = {"context_window": 128_000, "max_output_tokens": 4_000, "capabilities": ["tools", "streaming"], "prices": PRICES}
FIRST, SECOND, LAST = "openai/sim-first", "mistral/sim-second", "groq/sim-last"
SMALL, LARGE = "openai/sim-small", "mistral/sim-large"
ONE, FEW = "openai/sim-one", "openai/sim-few"
DEAR = "openai/sim-dear"
CEILING_NANOUSD = 12_000_000


CHANGE = {
    "models": {
        FIRST: MODEL | {"chain": "e2e"},
        SECOND: MODEL,
        LAST: MODEL,
        SMALL: MODEL | {"context_window": 2_000, "max_output_tokens": 1_000, "chain": "e2e-larger"},
        LARGE: MODEL,
        ONE: MODEL | {"capacity": {"concurrency": 1}, "timeouts": {"between_chunks_s": 300, "total_s": 600}},
        FEW: MODEL | {"capacity": {"requests_per_minute": 2}},
        DEAR: MODEL | {"prices": PRICES | {"output": 100}},
    },
    "chains": {"e2e": {"generic": [SECOND], "terminal": LAST}, "e2e-larger": {"context_too_long": [LARGE]}},
    "routes": {
        "e2e-hedged": {"targets": [LARGE, SECOND], "hedge_after_s": 0.2},
        "e2e-one": {"targets": [ONE, SECOND]},
        "e2e-few": {"targets": [FEW, SECOND]},
        "e2e-capped": {"targets": [DEAR], "max_cost_a_day_usd": CEILING_NANOUSD / 1e9},
    },
}


@pytest.fixture(scope="module")
def document(stack):
    document = Document(stack)
    followed(stack, document.publish(CHANGE))
    yield document
    document.restore()


@pytest.fixture
def restored(stack):
    """What the test changes is as it was, once it is over."""
    before = stack.admin("GET", "/admin/config").json()["version"]
    yield
    followed(stack, stack.admin("POST", "/admin/config/rollback", {"version": before}).json()["version"])


@pytest.fixture
def signalbox(stack):
    """signalbox …: what it printed."""

    def run(*words):
        done = subprocess.run([SIGNALBOX, *words], cwd=ROOT, env=stack.environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def target(answer):
    return answer.headers["x-signalbox-target"]


def test_an_explanation_of_auto_tells_the_policy_the_order_and_the_costs_and_calls_nobody(stack, signalbox, upstream_ledger, tmp_path):
    body = {"model": "auto", "messages": [{"role": "user", "content": "What is the capital of Switzerland?"}]}
    headers = {"authorization": f"Bearer {stack.key}", "x-signalbox-explain": "true"}
    told = stack.http.post(f"{stack.url}/v1/chat/completions", json=body, headers=headers).raise_for_status().json()
    assert (told["asked"], told["route"], told["policy"], told["strategy"]) == ("auto", "economy", "auto-easy", "lowest_cost")
    # Who is no operator is told what becomes of the request, and that is a decision that can be read in a terminal too.
    (tmp_path / "request.json").write_text(json.dumps(body))
    text = signalbox("routes", "explain", str(tmp_path / "request.json"))
    assert "auto is route auto, and by policy economy: lowest_cost" in text
    assert "auto-easy applies" in text
    assert upstream_ledger() == []


def routed(stack, **more):
    answer = ask(stack, "auto", "What is the capital of Switzerland?", **more)
    return target(answer), answer.headers["x-signalbox-policy"]


def test_a_flag_that_is_switched_off_takes_its_policies_with_it_within_seconds(stack, restored):
    eventually(lambda: routed(stack), lambda seen: seen == ("openai/gpt-4o-mini", "auto-easy"))
    stack.admin("PUT", "/admin/flags/cost_optimization", {"enabled": False})
    eventually(lambda: routed(stack), lambda seen: seen == ("openai/gpt-5.2", "default"))


def test_a_draft_changes_nothing_until_it_is_activated(stack, restored):
    conditions = {"model": "auto", "tags": "e2e"}
    draft = {"id": "e2e", "priority": 1, "conditions": conditions, "actions": {"route": "mistral/mistral-large-latest"}}
    added = stack.admin("POST", "/admin/policies", draft).json()["version"]
    followed(stack, added)
    assert routed(stack, tags="e2e")[1] == "auto-easy"
    stack.admin("POST", "/admin/policies/e2e/activate")
    eventually(lambda: routed(stack, tags="e2e"), lambda seen: seen == ("mistral/mistral-large-latest", "e2e"))
    assert routed(stack)[1] == "auto-easy"


def test_the_terminal_target_of_a_chain_answers_once_all_others_have_failed(stack, document, faults, upstream_ledger):
    for provider in ("openai", "mistral"):
        faults(provider, status=500, times=1)
    answer = ask(stack, FIRST)
    assert (target(answer), answer.headers["x-signalbox-attempts"]) == (LAST, "3")
    called = [(f"{call['provider']}/{call['model']}", call["outcome"]) for call in upstream_ledger()]
    assert called == [(FIRST, "error"), (SECOND, "error"), (LAST, "served")]


def test_what_is_too_long_goes_to_the_larger_window_that_the_chain_names(stack, document):
    assert target(ask(stack, SMALL, max_tokens=20)) == SMALL
    answer = ask(stack, SMALL, "word " * 3_000, max_tokens=20)
    assert (target(answer), answer.headers["x-signalbox-attempts"]) == (LARGE, "1")


def test_a_rival_overtakes_a_target_that_is_slow_and_both_are_in_the_bill(stack, document, faults):
    faults("mistral", first_chunk_ms=60_000, times=1)
    answer = ask(stack, "e2e-hedged", "words=10")
    usage = recorded(stack, answer)
    assert target(answer) == SECOND
    assert [(attempt["target"], attempt["purpose"]) for attempt in usage["attempts"]] == [(LARGE, ""), (SECOND, "hedge")]
    assert usage["duration_ms"] < 60_000
    assert usage["cost_nanousd"] == sum(attempt["cost_nanousd"] for attempt in usage["attempts"])


def test_a_target_whose_places_are_taken_is_passed_over(stack, document, client, faults, told_nothing_more):
    def begun(_):
        create = client.chat.completions.with_raw_response.create
        answer = create(model="e2e-one", messages=[{"role": "user", "content": "say: hi"}], stream=True)
        chunks = answer.parse()
        next(chunks)
        return answer, chunks

    faults("openai", hold_after_chunks=2)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(begun, range(2)))
    assert Counter(target(answer) for answer, _ in answers) == {ONE: 1, SECOND: 1}
    assert [answer.headers["x-signalbox-attempts"] for answer, _ in answers] == ["1", "1"]
    told_nothing_more("openai")
    for _, chunks in answers:
        assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "stop"
    assert eventually(lambda: target(ask(stack, "e2e-one")), lambda served: served == ONE)


def test_a_target_that_has_had_its_minute_is_passed_over(stack, document):
    began_s = time.time()
    served = Counter(target(ask(stack, "e2e-few")) for _ in range(7))
    minutes = int(time.time() // 60 - began_s // 60) + 1
    assert 2 <= served[FEW] <= 2 * minutes
    assert served[FEW] + served[SECOND] == 7


def test_a_routes_daily_ceiling_binds(stack, document, upstream_ledger):
    def ask_once(_):
        try:
            ask(stack, "e2e-capped", "words=20", max_tokens=30)
        except openai.RateLimitError as error:
            return error
        return None

    days, asked = [], []
    while len(days) < 2 or days[-1] != days[-2]:  # until a day has not ended meanwhile
        days.append(datetime.now(UTC).date())
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            asked += pool.map(ask_once, range(10))
        days.append(datetime.now(UTC).date())
    assert {error.code for error in asked if error} == {"budget_exceeded"}
    assert None in asked
    assert 0 < sum(call["cost_nanousd"] for call in upstream_ledger()) <= CEILING_NANOUSD * len(set(days))
    budget = stack.admin("GET", "/admin/budgets?scope=route&id=e2e-capped").json()["budgets"]
    assert [(row["period"], row["hard"], row["limit_nanousd"]) for row in budget] == [("day", True, CEILING_NANOUSD)]


def test_a_publication_and_a_rollback_lose_no_request_and_every_container_follows(stack, document):
    over, seen, lost = threading.Event(), [], []

    def keep_asking():
        while not over.is_set():
            try:
                seen.append(version_of(stack))
            except openai.OpenAIError as error:
                lost.append(error)

    def all_say(version):
        """As many answers in a row as there are who ask, of all of them."""
        eventually(lambda: seen[-24:], lambda last: len(last) == 24 and set(last) == {version})

    before = stack.admin("GET", "/admin/config").json()["version"]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(keep_asking)
        try:
            all_say(before)
            published = document.publish({"timeouts": {"ttft_s": 7}})
            all_say(published)
            restored = stack.admin("POST", "/admin/config/rollback", {"version": before}).json()["version"]
            all_say(restored)
        finally:
            over.set()
    assert lost == []
    assert before < published < restored
    assert set(seen) == {before, published, restored}


def test_recorded_traffic_is_decided_again_bit_for_bit(stack, document, signalbox):
    answers = [ask(stack, model, tags="batch") for model in ("auto", "chat", "mixed", "e2e-one", FIRST)]
    for answer in answers:
        recorded(stack, answer)
    said = signalbox("replay", "--from", "1")
    assert "each as it was recorded, bit for bit" in said
    assert int(said.split()[0].replace(",", "")) >= len(answers)
