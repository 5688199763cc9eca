"""Whoever has read an answer to its end, and asks again at once: by then it is there under its `idempotency-key`, for every container."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from signalbox.aws import kept_claims
from signalbox.completion.kept_once import Claim
from signalbox.runtime.invocation import Context

from .routes import MINI, Routed, code
from .test_complete_cache import EMBEDS, Said, cached, said
from .test_complete_once import Container, claims, container
from .world import PATIENCE_S, sample

Json = Any

# How each API ends a stream.
LAST = {
    "complete_chat": b"data: [DONE]",
    "complete_completions": b"data: [DONE]",
    "complete_messages": b"event: message_stop",
    "complete_responses": b"event: response.incomplete",  # the sample allows it few tokens
}
UNSTREAMED = (*LAST, "complete_embeddings")


@pytest.fixture
def other(routed: Routed) -> Iterator[Container]:
    with container(routed) as other:
        yield other


def asking(name: str = "complete_chat", **body: Json) -> Json:
    event = sample(name)
    event["headers"]["idempotency-key"] = "k-1"
    event["body"] = json.dumps(json.loads(event["body"]) | {"model": "chat"} | body)
    return event


def begun(routed: Routed, event: Json) -> Json:
    """Answered by the first container, where the work after the answer has yet to be done."""
    return routed.world.module.handler(json.loads(json.dumps(event)), Context("r", int((time.time() + 30) * 1000)))


def read(response: Json, last: bytes) -> bytes:
    """A stream as far as its last event, behind which nothing is asked for."""
    said = b""
    for event in response.body:
        said += event
        if last in event:
            return said
    raise AssertionError(f"it ended without {last!r}")


@pytest.mark.parametrize("large", [False, True], ids=["in the table", "in the bucket"])
@pytest.mark.parametrize("name", UNSTREAMED)
def test_an_answer_in_one_piece_is_there_when_it_is_told(routed, other, monkeypatch, name, large):
    monkeypatch.setattr(kept_claims, "MOST_BYTES", 10 if large else kept_claims.MOST_BYTES)
    event = asking(name)
    if name == "complete_embeddings":
        routed.publish(models=routed.document()["models"] | {EMBEDS: routed.shipped(EMBEDS)})
        event = asking(name, model=EMBEDS)
    first = begun(routed, event)
    again = other.ask(event)
    first.after()
    assert (first.status, again.status, again.body, cached(again)) == (200, 200, first.body, "replay")
    assert len(routed.calls) == 1


@pytest.mark.parametrize("large", [False, True], ids=["in the table", "in the bucket"])
@pytest.mark.parametrize("name", LAST)
def test_a_stream_is_there_when_its_last_event_is_told(routed, other, monkeypatch, name, large):
    monkeypatch.setattr(kept_claims, "MOST_BYTES", 10 if large else kept_claims.MOST_BYTES)
    event = asking(name, stream=True)
    first = begun(routed, event)
    read(first, LAST[name])
    again = other.ask(event)
    assert (again.status, again.headers.get("idempotent-replayed"), LAST[name] in again.body) == (200, "true", True)
    first.after()
    assert len(routed.calls) == 1


def test_a_stream_that_broke_is_there_when_its_error_is_told(routed, other):
    routed.fault("openai", cut_after_chunks=3, times=1)
    event = asking(model=MINI, stream=True, **said("one two three four five six"))
    first = begun(routed, event)
    read(first, b"upstream_failed")
    again = other.ask(event)
    first.after()
    assert (again.status, code(again), again.headers.get("idempotent-replayed")) == (502, "upstream_failed", "true")


def test_an_error_that_cost_something_is_there_when_it_is_told(routed, other):
    routed.fault("openai", cut_after_chunks=3, times=1)
    event = asking(model=MINI, **said("one two three four five six"))
    first = begun(routed, event)
    again = other.ask(event)
    first.after()
    assert (first.status, again.status, code(again)) == (502, 502, code(first))
    assert again.headers["idempotent-replayed"] == "true"


def test_a_key_is_free_when_an_error_that_cost_nothing_is_told(routed, other):
    for provider in ("openai", "mistral"):
        routed.fault(provider, status=503)
    event = asking()
    first = begun(routed, event)
    routed.world.upstreams.faults.clear()
    again = other.ask(event)
    first.after()
    assert (first.status, again.status, "idempotent-replayed" in again.headers) == (502, 200, False)
    assert other.ask(event).body == again.body


def test_a_key_is_free_when_its_request_is_refused(routed, other):
    routed.permit(budgets={"total": {"limit_nanousd": 1, "hard": True, "version": 1}})
    first = begun(routed, asking())
    assert (code(first), claims(routed)) == ("budget_exceeded", [])
    routed.permit()
    assert other.ask(asking()).status == 200
    first.after()
    assert other.ask(asking()).headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("stream", [False, True])
def test_a_hit_is_there_under_its_key_when_it_is_told(routed, other, stream):
    routes = routed.document()["routes"]
    routes["chat"]["cache"] = {"ttl_s": 60}
    routed.publish(routes=routes)
    routed.ask(temperature=0)
    event = asking(temperature=0, stream=stream)
    first = begun(routed, event)
    if stream:
        read(first, LAST["complete_chat"])
    again = other.ask(event)
    first.after()
    assert (cached(first), cached(again)) == ("hit", "replay")


def failing(routed: Routed, monkeypatch: pytest.MonkeyPatch, part: str, times: int) -> list[str]:
    """Whatever is sent from now on: where `part` is in it, it comes to nothing, so often."""
    pool, sent = routed.world.module.aws._pool, []
    send = pool.send

    def through(request: Any, timeout_s: float) -> Any:
        said = f"{request.headers.get('x-amz-target', '')} {request.url} {request.body.decode(errors='replace')}"
        sent.append(said)
        hit = sum(part in each for each in sent)
        return Said((500, {}), []) if part in said and hit <= times else send(request, timeout_s)

    monkeypatch.setattr(pool, "send", through)
    return sent


@pytest.mark.parametrize("large", [False, True], ids=["in the table", "in the bucket"])
def test_what_cannot_be_kept_at_once_is_told_and_kept_after_it_was_paid(routed, other, monkeypatch, capsys, large):
    monkeypatch.setattr(kept_claims, "MOST_BYTES", 10 if large else kept_claims.MOST_BYTES)
    keeping = "/answers/once" if large else "SET #answer"
    sent = failing(routed, monkeypatch, keeping, times=1)
    first = begun(routed, asking())
    assert (first.status, code(other.ask(asking()))) == (200, "request_in_progress")
    sent.clear()
    monkeypatch.undo()
    sent = failing(routed, monkeypatch, keeping, times=0)
    first.after()
    paid, kept = (next(place for place, each in enumerate(sent) if part in each) for part in ("PutEvents", keeping))
    assert paid < kept
    assert other.ask(asking()).body == first.body
    assert "KeepFailures" not in capsys.readouterr().out


@pytest.mark.parametrize("large", [False, True], ids=["in the table", "in the bucket"])
def test_a_store_that_hangs_is_waited_for_so_long_and_no_longer(routed, monkeypatch, large):
    monkeypatch.setattr(kept_claims, "MOST_BYTES", 10 if large else kept_claims.MOST_BYTES)
    pool, waited = routed.world.module.aws._pool, []
    send = pool.send

    def hanging(request: Any, timeout_s: float) -> Any:
        keeps = "/answers/once" in request.url or b"SET #answer" in request.body
        return Said(None, waited) if keeps else send(request, timeout_s)

    with monkeypatch.context() as hangs:
        hangs.setattr(pool, "send", hanging)
        first = begun(routed, asking())
    assert (first.status, len(waited)) == (200, 1)
    assert waited[0] <= PATIENCE_S < 30  # which is what this world has for any other call
    first.after()
    assert routed.world.ask(asking()).body == first.body


def test_the_money_waits_for_the_end_of_the_answer(routed, monkeypatch):
    sent = failing(routed, monkeypatch, "nothing of the kind", times=0)
    first = begun(routed, asking())
    assert any("SET #answer" in each for each in sent)
    assert not any("PutEvents" in each for each in sent)
    first.after()
    assert any("PutEvents" in each for each in sent)


def test_who_has_no_key_waits_for_nothing(routed, monkeypatch):
    monkeypatch.setattr(Claim, "soon", lambda *_: pytest.fail("it waits"))
    assert routed.ask().status == 200


def test_a_client_that_left_keeps_no_budget_waiting(routed, other, monkeypatch):
    event = asking(stream=True)
    monkeypatch.setattr(Claim, "soon", lambda *_: pytest.fail("nobody is there who would wait"))
    first = begun(routed, event)
    next(iter(first.body))
    first.body.close()
    first.after()
    monkeypatch.undo()
    assert other.ask(event).headers["idempotent-replayed"] == "true"
