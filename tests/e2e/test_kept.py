"""Kept answers through the front door and the official clients: from the cache, and under an idempotency key."""

import json
import random
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
MEANT, VECTORS = "kept-by-meaning", "kept-vectors"
EMBEDS, NEXT = "openai/text-embedding-3-small", "mistral/mistral-embed"
ROUTES = {
    MODEL: {"targets": ["openai/gpt-4.1-mini", "mistral/mistral-small-latest"], "cache": {"ttl_s": 600}},
    VECTORS: {"targets": [EMBEDS, NEXT], "cache": {"ttl_s": 600, "max_kb": 350}},
    MEANT: {"targets": ["mistral/mistral-small-latest"], "cache": {"ttl_s": 600, "semantic": {"route": VECTORS, "threshold": 0.9}}},
}
MOST_BYTES = 350 * 1024  # of an item of the table; what is larger goes to the bucket


@pytest.fixture(scope="module", autouse=True)
def kept_route(stack):
    document = Document(stack)
    followed(stack, document.publish({"routes": ROUTES}))
    yield
    followed(stack, document.restore())


@pytest.fixture
def claude(stack):
    with anthropic.Anthropic(base_url=stack.url, api_key=stack.key, max_retries=0) as client:
        yield client


def once():
    return {"idempotency-key": str(uuid.uuid4())}


def chat(client, prompt, headers=None, stream=False, model=MODEL, **more):
    """(text, response) by the official client, whole or streamed."""
    create = client.chat.completions.with_raw_response.create
    raw = create(model=model, messages=[{"role": "user", "content": prompt}], stream=stream, extra_headers=headers or {}, **more)
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
        with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=stack.key, max_retries=60, http_client=httpx.Client(verify=PLAIN)) as client:
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


def in_the_bucket(stack):
    """The sizes of what is there."""
    return [item["Size"] for item in stack.aws("s3").list_objects_v2(Bucket=stack.outputs["AnswerBucketName"]).get("Contents", ())]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_too_large_for_the_table_is_replayed_from_the_bucket(stack, client, upstream_ledger, stream):
    """As many signs as an answer may have, of which none says anything of the next: no packing makes them small."""
    said, headers, before = "say: " + "".join(chr(random.randrange(0x20000, 0x2A000)) for _ in range(118_000)), once(), in_the_bucket(stack)
    first, raw = chat(client, said, headers, stream)
    again, replayed = eventually(lambda: replay(lambda: chat(client, said, headers, stream)), lambda found: found is not None)
    assert first == again == said.removeprefix("say: ")
    assert told(replayed) == "replay"
    assert replayed.headers["x-signalbox-request-id"] == raw.headers["x-signalbox-request-id"]
    assert len(upstream_ledger()) == 1
    assert len(in_the_bucket(stack)) == len(before) + 1
    assert max(in_the_bucket(stack)) > MOST_BYTES


def vectors(client, texts, headers=None):
    raw = client.embeddings.with_raw_response.create(model=VECTORS, input=texts, extra_headers=headers or {})
    return [row.embedding for row in raw.parse().data], raw


def test_the_cache_keeps_as_much_as_its_bound_and_leaves_the_rest_to_keys(stack, client, upstream_ledger):
    """Forty vectors, and a hundred and fifty: 2 MB as they are told, and more than the bound however they are packed."""
    few, many = ([f"{uuid.uuid4().hex}" for _ in range(count)] for count in (40, 150))
    first, _ = vectors(client, few)
    again, _ = eventually(lambda: vectors(client, few), lambda found: told(found[1]) == "hit")
    assert again == first
    headers, asked = once(), len(upstream_ledger())
    large, raw = vectors(client, many, headers)
    replayed, second = eventually(lambda: replay(lambda: vectors(client, many, headers)), lambda found: found is not None)
    assert (replayed == large, told(raw), told(second)) == (True, "miss", "replay")
    assert max(in_the_bucket(stack)) > MOST_BYTES
    assert told(vectors(client, many)[1]) == "miss"
    assert len(upstream_ledger()) == asked + 2


def test_what_means_the_same_is_found_and_where_the_first_cannot_embed_the_next_does(stack, client, faults):
    """An outage of the embeddings' provider is one of the look-up alone, and is over as soon as another has seen such a question."""
    train, tram = (f"which platform does the {what} to {uuid.uuid4().hex} leave from today" for what in ("train", "tram"))
    _, first = meant(client, train)
    text, found = like(client, train)
    assert (told(first), text.startswith(train)) == ("miss", True)
    assert 0.9 <= float(found.headers["x-signalbox-cache-similarity"]) < 1
    assert embedded(stack, found) == [(EMBEDS, "ok")]
    faults("openai", status=500)
    _, missed = meant(client, tram)
    text, found = like(client, tram)
    assert (told(missed), text.startswith(tram)) == ("miss", True)
    assert embedded(stack, found)[-1] == (NEXT, "ok")


def like(client, said):
    """Asked in words of its own each time, since what missed is kept too."""
    return eventually(lambda: meant(client, f"{said} {uuid.uuid4().hex[:4]}"), lambda found: told(found[1]) == "hit")


def meant(client, said):
    return chat(client, f"say: {said}", model=MEANT, temperature=0)


def embedded(stack, raw):
    """Who was asked for the vector of it, and how that ended; and all that a hit costs is that."""
    used = recorded(stack, raw)
    mine = [attempt for attempt in used["attempts"] if attempt["purpose"] == "cache"]
    if told(raw) == "hit":
        assert len(mine) == len(used["attempts"])
        assert used["cost_nanousd"] == sum(attempt["cost_nanousd"] for attempt in mine) > 0
    return [(attempt["target"], attempt["outcome"]) for attempt in mine]
