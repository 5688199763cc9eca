"""Kept answers through the front door and the official clients: from the cache, and under an idempotency key."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import anthropic
import httpx
import openai
import pytest

from .published import Document, followed, recorded
from .stack import PLAIN
from .waiting import eventually

MODEL = "kept"
ROUTE = {MODEL: {"targets": ["openai/gpt-4.1-mini", "mistral/mistral-small-latest"], "cache": {"ttl_s": 600}}}


@pytest.fixture(scope="module", autouse=True)
def kept_route(stack):
    document = Document(stack)
    followed(stack, document.publish({"routes": ROUTE}))
    yield
    followed(stack, document.restore())


@pytest.fixture
def claude(stack):
    with anthropic.Anthropic(base_url=stack.url, api_key=stack.key, max_retries=0) as client:
        yield client


def once():
    return {"idempotency-key": str(uuid.uuid4())}


def chat(client, prompt, headers=None, stream=False, **more):
    """(text, response) by the official client, whole or streamed."""
    create = client.chat.completions.with_raw_response.create
    raw = create(model=MODEL, messages=[{"role": "user", "content": prompt}], stream=stream, extra_headers=headers or {}, **more)
    parsed = raw.parse()
    if not stream:
        return parsed.choices[0].message.content, raw
    return "".join(chunk.choices[0].delta.content or "" for chunk in parsed if chunk.choices), raw


def answers(client, prompt, headers=None, stream=False):
    """The same by the API of responses."""
    create = client.responses.with_raw_response.create
    raw = create(model=MODEL, input=prompt, temperature=0, stream=stream, extra_headers=headers or {})
    parsed = raw.parse()
    if not stream:
        return parsed.output_text, raw
    return "".join(event.delta for event in parsed if event.type == "response.output_text.delta"), raw


def messages(client, prompt, headers=None, stream=False):
    asked = {"model": MODEL, "max_tokens": 99, "messages": [{"role": "user", "content": prompt}]}
    raw = client.messages.with_raw_response.create(**asked, stream=stream, extra_headers=headers or {})
    parsed = raw.parse()
    if not stream:
        return parsed.content[0].text, raw
    return "".join(event.delta.text for event in parsed if event.type == "content_block_delta"), raw


def told(raw):
    return raw.headers["x-signalbox-cache"]


def prompt():
    """Asked by no other test."""
    return f"say: the line is open to {uuid.uuid4().hex}"


@pytest.mark.parametrize("ask", [chat, answers, messages])
@pytest.mark.parametrize("stream", [False, True])
def test_a_replay_reads_as_the_answer_did_in_each_api(client, claude, upstream_ledger, ask, stream):
    speaker, said, headers = claude if ask is messages else client, prompt(), once()
    first, raw = ask(speaker, said, headers, stream)
    again, replayed = eventually(lambda: replay(lambda: ask(speaker, said, headers, stream)), lambda found: found is not None)
    assert first == again == said.removeprefix("say: ")
    assert told(replayed) == "replay"
    assert replayed.headers["x-signalbox-request-id"] == raw.headers["x-signalbox-request-id"]
    assert len(upstream_ledger()) == 1


def replay(ask):
    """None while the first is still being put away, as a client that tries again would be told."""
    try:
        return ask()
    except (openai.ConflictError, anthropic.ConflictError):
        return None


@pytest.mark.parametrize("stream", [False, True])
def test_a_hit_reads_as_the_answer_did_and_costs_nothing(stack, client, upstream_ledger, stream):
    said = prompt()
    first, _ = chat(client, said, temperature=0)
    found = eventually(lambda: chat(client, said, stream=stream, temperature=0), lambda found: told(found[1]) == "hit")
    assert found[0] == first
    used = recorded(stack, found[1])
    assert (used["cost_nanousd"], used["attempts"]) == (0, [])
    assert upstream_ledger()


def test_of_many_at_once_one_runs_and_the_official_client_waits_for_it(stack, upstream_ledger, faults):
    """It tries again by itself where it is told 409, and 409 is what it is told while the first is under way."""
    faults("openai", first_chunk_ms=300)
    headers, said = once(), prompt()

    def ask(_):
        with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=stack.key, max_retries=8, http_client=httpx.Client(verify=PLAIN)) as client:
            return chat(client, said, headers)[0]

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(4))) == {said.removeprefix("say: ")}
    assert len(upstream_ledger()) == 1


def test_another_body_is_a_conflict_in_each_apis_own_words(client, claude):
    headers = once()
    chat(client, prompt(), headers)
    with pytest.raises(openai.ConflictError) as conflict:
        chat(client, prompt(), headers)
    assert conflict.value.code == "idempotency_conflict"
    with pytest.raises(anthropic.ConflictError) as other:
        messages(claude, prompt(), headers)
    assert "idempotency-key" in json.dumps(other.value.body)


def test_no_other_tenant_is_given_what_is_kept(stack, client, new_key):
    said, headers = prompt(), once()
    chat(client, said, headers, temperature=0)
    eventually(lambda: chat(client, said, temperature=0), lambda found: told(found[1]) == "hit")
    stranger = stack.client(new_key(tenant="strangers")["secret"])
    text, raw = chat(stranger, said, headers, temperature=0)
    assert (text, told(raw)) == (said.removeprefix("say: "), "miss")
