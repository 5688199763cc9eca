"""`idempotency-key`, as a caller meets it: run once, charged once, and the same answer for whoever asks again."""

import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from signalbox.aws import kept_claims
from signalbox.aws.client import Unavailable
from signalbox.completion.journey import Journey
from signalbox.completion.kept_once import Claim
from signalbox.runtime.invocation import Context

from .routes import MINI, SMALL, Routed, code
from .test_complete import SLICED
from .test_complete_cache import Said, cached, content, let_in, said
from .world import ROOT, sample

Json = Any


@pytest.fixture
def once(routed: Routed) -> Callable[..., Json]:
    def ask(key: str = "k-1", **body: Json) -> Json:
        headers = body.pop("headers", {})
        return routed.ask(headers={"idempotency-key": key} | headers, **body)

    return ask


def claims(routed: Routed) -> list[dict[str, Any]]:
    return [item for item in routed.world.table("cache").scan()["Items"] if item["pk"].startswith("once#")]


def age(routed: Routed, by_s: int) -> None:
    """As if the claims had been made so much earlier."""
    table = routed.world.table("cache")
    for item in claims(routed):
        times = {name: item[name] - by_s * 1000 for name in ("at_ms", "until_ms")} | {"expires_at": item["expires_at"] - by_s}
        table.put_item(Item=item | times)


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_request_is_answered_the_same_and_paid_once(routed, once, stream):
    first = once(stream=stream, **said("one two three"))
    paid = routed.usage[0]
    again = once(stream=stream, **said("one two three"))
    [usage] = routed.usage
    assert routed.calls == []
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    for name in ("x-signalbox-request-id", "x-signalbox-target", "x-signalbox-attempts", "x-signalbox-config-version", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert told(again) == told(first)
    if not stream:
        assert again.body == first.body
    assert (usage["cache"], usage["cost_nanousd"], usage["attempts"], usage["compared"]) == ("replay", 0, [], False)
    assert usage["id"] != paid["id"] == first.headers["x-signalbox-request-id"]


def told(response: Json) -> Json:
    """What it says, whether in one piece or in many."""
    if not response.headers["content-type"].startswith("text/event-stream"):
        return json.loads(response.body)["choices"]
    *events, end = response.body.decode().strip().split("\n\n")
    assert end == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    return {chunk["id"] for chunk in chunks}, text, chunks[-1]["choices"][0]["finish_reason"]


@pytest.mark.parametrize("change", [{"temperature": 0.5}, {"stream": True}, {"user": "ann"}, said("something else")])
def test_another_body_under_the_same_key_is_a_conflict(routed, once, change):
    once()
    response = once(**change)
    assert (response.status, code(response)) == (409, "idempotency_conflict")
    assert "Use one key for one request" in json.loads(response.body)["error"]["message"]
    assert response.headers["x-should-retry"] == "false"  # to OpenAI's and Anthropic's clients any other 409 is worth two more tries
    assert routed.calls == []
    assert routed.usage[0]["outcome"] == "idempotency_conflict"
    assert content(once()) == content(once())


def test_another_path_under_the_same_key_is_a_conflict(routed, once):
    once()
    event = sample("complete_messages")
    event["headers"]["idempotency-key"] = "k-1"
    response = routed.world.ask(event)
    assert (response.status, json.loads(response.body)["type"]) == (409, "error")


def test_how_a_body_is_written_makes_no_other_of_it(routed, once):
    event = sample("complete_chat")
    event["headers"]["idempotency-key"] = "k-1"
    body = json.loads(event["body"])
    routed.world.ask(event)
    event["body"] = json.dumps(dict(reversed(body.items())), indent=3)
    assert routed.world.ask(event).headers["idempotent-replayed"] == "true"


def test_each_key_of_a_caller_is_its_own_and_no_other_caller_shares_it(routed, once):
    let_in(routed, {"sk-two": ("two", "local"), "sk-other": ("other", "elsewhere"), "sk-same": ("local", "elsewhere")})
    once()
    for headers in ({"idempotency-key": "k-2"}, *({"authorization": f"Bearer {key}"} for key in ("sk-two", "sk-other", "sk-same"))):
        assert "idempotent-replayed" not in once(headers=headers).headers
        assert len(routed.calls) == 1
    assert len(claims(routed)) == 5


def test_without_a_key_nothing_is_claimed(routed):
    routed.ask()
    assert claims(routed) == []


@pytest.mark.parametrize("key", ["", "x" * 256, "ä", "a\x00b"])
def test_a_key_that_is_none_is_refused(routed, once, key):
    response = once(key)
    assert (response.status, code(response), json.loads(response.body)["error"]["param"]) == (400, "invalid_request", "idempotency-key")


@pytest.mark.parametrize("name", ["idempotency-key", "Idempotency-Key"])
def test_two_keys_in_one_request_are_refused(routed, name):
    event = sample("complete_chat")
    event["headers"] |= {name: "k-2"}
    event["multiValueHeaders"] |= {name: ["k-1", "k-2"]}
    response = routed.world.ask(event)
    assert (response.status, code(response), json.loads(response.body)["error"]["param"]) == (400, "invalid_request", "idempotency-key")
    assert "2 times" in json.loads(response.body)["error"]["message"]
    assert (routed.calls, claims(routed)) == ([], [])
    event["multiValueHeaders"][name] = ["k-2"]
    assert routed.world.ask(event).status == 200


def test_who_asks_meanwhile_is_told_to_wait(routed, once):
    event = sample("complete_chat_stream")
    event["headers"]["idempotency-key"] = "k-1"
    response = routed.world.module.handler(event, Context("r", int((time.time() + 30) * 1000)))
    stream = iter(response.body)
    next(stream)
    other = container(routed)
    with other:
        busy = other.ask(event)
        assert (busy.status, code(busy)) == (409, "request_in_progress")
        assert int(busy.headers["retry-after"]) >= 1
        assert "x-should-retry" not in busy.headers
        for _ in stream:
            pass
        response.after()
        assert other.ask(event).headers["idempotent-replayed"] == "true"


class Container:
    """Another one, of the same stage."""

    def __init__(self, routed: Routed) -> None:
        spec: Any = importlib.util.spec_from_file_location("another_complete_handler", ROOT / "functions" / "complete" / "handler.py")
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)

    def __enter__(self) -> "Container":
        return self

    def __exit__(self, *_: object) -> None:
        self.module.shutdown()
        self.module.completions.means.pool.close()
        self.module.aws.close()

    def ask(self, event: Json) -> Json:
        response = self.module.handler(event, Context("r", int((time.time() + 30) * 1000)))
        body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
        if response.after:
            response.after()
        return response._replace(body=body)


def container(routed: Routed) -> Container:
    return Container(routed)


@pytest.mark.parametrize("stream", [False, True])
def test_of_those_who_race_one_runs(routed, stream):
    event = sample("complete_chat_stream" if stream else "complete_chat")
    event["headers"]["idempotency-key"] = "raced"
    routed.fault("openai", chunk_ms=5)
    routed.world.upstreams.ledger.clear()
    with container(routed) as one, container(routed) as two, container(routed) as three, ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda other: other.ask(json.loads(json.dumps(event))), (one, two, three)))
    assert len(routed.calls) == 1
    assert {answer.status for answer in answers} <= {200, 409}
    assert sum("idempotent-replayed" not in answer.headers and answer.status == 200 for answer in answers) == 1
    assert all(code(answer) == "request_in_progress" for answer in answers if answer.status == 409)


def test_what_crashed_is_said_to_be_unknown_and_not_repeated(routed, once, monkeypatch):
    with monkeypatch.context() as crashing:  # before it could be kept, which is all that a claim hears of it
        crashing.setattr(Claim, "keep", lambda *_: None)
        assert once().status == 200
    [claim] = claims(routed)
    busy = once()
    assert code(busy) == "request_in_progress"
    age(routed, 600)
    response = once()
    assert (response.status, code(response)) == (409, "idempotency_conflict")
    message = json.loads(response.body)["error"]["message"]
    assert f"GET /v1/requests/{claim['request']} knows it within two minutes" in message
    assert "use a new key" in message
    assert routed.calls == []


def test_a_day_later_the_key_is_free(routed, once):
    once()
    age(routed, kept_claims.KEPT_S + 1)
    assert "idempotent-replayed" not in once(**said("something else")).headers
    assert len(routed.calls) == 1


def test_what_was_refused_before_it_was_sent_frees_its_key(routed, once):
    routed.permit(budgets={"total": {"limit_nanousd": 1, "hard": True, "version": 1}})
    assert code(once()) == "budget_exceeded"
    assert claims(routed) == []
    routed.permit()
    assert once().status == 200
    assert len(routed.calls) == 1


def test_a_key_that_was_revoked_is_replayed_nothing(routed, once):
    once()
    routed.permit(status="disabled")
    assert code(once()) == "invalid_key"
    routed.permit()
    assert once().headers["idempotent-replayed"] == "true"


def test_a_replay_needs_no_budget(routed, once):
    once()
    routed.permit(budgets={"total": {"limit_nanousd": 1, "hard": True, "version": 1}})
    assert once().headers["idempotent-replayed"] == "true"
    assert routed.ask().status == 429


def test_an_error_that_cost_nothing_may_be_tried_again_under_its_key(routed, once):
    for provider in ("openai", "mistral"):
        routed.fault(provider, status=503)
    assert once().status == 502
    assert claims(routed) == []
    routed.world.upstreams.faults.clear()
    response = once()
    assert (response.status, "idempotent-replayed" in response.headers) == (200, False)


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_that_may_have_cost_something_is_all_that_its_key_is_charged_for(routed, once, stream):
    routed.fault("openai", cut_after_chunks=3, times=1)
    body = {"model": MINI, "stream": stream} | said("one two three four five six")
    once(**body)
    assert routed.usage[0]["cost_nanousd"] > 0
    response = once(**body)
    assert (response.status, code(response)) == (502, "upstream_failed")
    assert response.headers["idempotent-replayed"] == "true"
    assert json.loads(response.body)["error"]["message"].endswith(
        "Another try needs a new idempotency-key: what it cost is charged, and for 24 hours this one is answered with it."
    )
    assert response.headers["x-should-retry"] == "false"  # which the official clients would do of themselves
    assert routed.calls == []
    assert (routed.usage[0]["cache"], routed.usage[0]["cost_nanousd"]) == ("replay", 0)


def test_an_error_whose_late_count_came_to_nothing_may_be_tried_again_under_its_key(routed, once, monkeypatch):
    routed.fault("openai", cut_after_chunks=3, times=1)
    body = {"model": MINI, "stream": True} | said("one two three four five six")
    with monkeypatch.context() as late:
        late.setattr(Journey, "drain", lambda journey: journey.flight._tally.forgiven())
        once(**body)
    assert (routed.usage[0]["outcome"], routed.usage[0]["cost_nanousd"]) == ("upstream_failed", 0)
    assert claims(routed) == []
    response = once(**body)
    assert (response.status, "idempotent-replayed" in response.headers) == (200, False)


def test_a_client_that_left_finds_the_whole_answer_when_it_comes_back(routed, once):
    event = sample("complete_chat_stream")
    event["headers"]["idempotency-key"] = "k-1"
    event["body"] = json.dumps({"model": "chat", "stream": True} | said("one two three four"))
    response = routed.world.module.handler(event, Context("r", int((time.time() + 30) * 1000)))
    stream = iter(response.body)
    next(stream)
    response.body.close()
    response.after()
    routed.world.upstreams.ledger.clear()
    again = routed.world.ask(event)
    assert told(again)[1:] == ("one two three four", "stop")
    assert routed.calls == []


def test_a_large_answer_is_kept_in_the_bucket(routed, once, monkeypatch):
    monkeypatch.setattr(kept_claims, "MOST_BYTES", 10)
    first, again = once(), once()
    assert again.body == first.body
    objects = routed.world.client("s3").list_objects_v2(Bucket="answers")["Contents"]
    [claim] = claims(routed)
    assert [row["Key"] for row in objects] == [f"once/{claim['pk'].removeprefix('once#')}"]
    assert "answer" not in claim


def test_a_large_answer_that_cannot_be_read_is_asked_for_again_later(routed, once, monkeypatch):
    monkeypatch.setattr(kept_claims, "MOST_BYTES", 10)
    once()
    key = routed.world.client("s3").list_objects_v2(Bucket="answers")["Contents"][0]["Key"]
    routed.world.client("s3").delete_object(Bucket="answers", Key=key)
    response = once()
    assert (response.status, code(response), response.headers["retry-after"]) == (503, "ledger_unavailable", "1")
    assert routed.calls == []


BUCKET = {"gone": (404, "no bucket of that name"), "without its key": (403, "its key is disabled"), "hanging": None}


@pytest.mark.parametrize("reply", BUCKET)
def test_a_large_answer_that_cannot_be_kept_is_told_and_charged_once(routed, once, monkeypatch, capsys, reply):
    monkeypatch.setattr(kept_claims, "MOST_BYTES", 10)
    send = routed.world.module.aws._pool.send

    def failing(request, timeout_s):
        return Said(BUCKET[reply], []) if "/answers/" in request.url else send(request, timeout_s)

    monkeypatch.setattr(routed.world.module.aws._pool, "send", failing)
    assert once().status == 200
    assert sum("KeepFailures" in json.loads(line) for line in capsys.readouterr().out.splitlines()) == 1
    assert code(once()) == "request_in_progress"
    age(routed, 600)
    assert (code(once()), routed.calls) == ("idempotency_conflict", [])


@pytest.fixture
def without_table(routed: Routed) -> Iterator[None]:
    dynamodb = routed.world.client("dynamodb")
    dynamodb.delete_table(TableName="cache")
    yield
    dynamodb.create_table(
        TableName="cache",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.mark.usefixtures("without_table")
def test_where_nothing_can_be_claimed_nothing_runs(routed, once):
    response = once()
    assert (response.status, code(response), response.headers["retry-after"]) == (503, "ledger_unavailable", "1")
    assert routed.calls == []
    assert routed.ask().status == 200


def test_a_claim_that_was_made_and_not_answered_for_is_given_back(routed, once, monkeypatch):
    wave = routed.world.module.aws.wave

    def losing(calls, **named):
        """The claim's answer, on its way back."""
        answers = wave(calls, **named)
        return [
            Unavailable("lost") if "once#" in str(call.payload.get("Item")) else answer for call, answer in zip(calls, answers, strict=True)
        ]

    with monkeypatch.context() as lossy:
        lossy.setattr(routed.world.module.aws, "wave", losing)
        assert code(once()) == "ledger_unavailable"
    assert (routed.calls, claims(routed)) == ([], [])
    assert once().status == 200


def test_a_claim_that_was_sent_twice_is_ours_all_the_same(routed, once, monkeypatch):
    wave = routed.world.module.aws.wave
    twice = lambda calls, **named: wave(calls, **named) and wave(calls, **named)  # noqa: E731  as a try that is repeated
    with monkeypatch.context() as repeated:
        repeated.setattr(routed.world.module.aws, "wave", lambda calls, **named: (twice if claiming(calls) else wave)(calls, **named))
        assert once().status == 200
    assert once().headers["idempotent-replayed"] == "true"


def claiming(calls: Any) -> bool:
    return any("once#" in str(call.payload.get("Item")) for call in calls)


def test_what_comes_from_the_cache_is_replayed_from_then_on(routed, once):
    routes = routed.document()["routes"]
    routes["chat"]["cache"] = {"ttl_s": 60}
    routed.publish(routes=routes)
    routed.ask(temperature=0)
    hit = once(temperature=0)
    assert cached(hit) == "hit"
    again = once(temperature=0)
    assert (cached(again), again.body) == ("replay", hit.body)
    assert again.headers["x-signalbox-request-id"] == hit.headers["x-signalbox-request-id"]


def test_a_guardrail_that_came_later_has_its_say_of_a_replay(routed, once):
    once(**said("write to ann@example.com"))
    guards = {"mail": {"use": "redact", "options": {"patterns": ["email"], "on": ["output"]}}}
    routed.publish(guardrails=guards)
    assert content(once(**said("write to ann@example.com"))) == "write to [email]"


def test_an_explanation_claims_nothing(routed, once):
    assert once(headers={"x-signalbox-explain": "true"}).status == 200
    assert claims(routed) == []


def test_a_claim_is_no_round_trip_of_its_own(routed, monkeypatch):
    """It goes along with the control items, which are read for each request in this world."""
    for _ in range(SLICED):
        routed.ask()
    waves = []
    aws = routed.world.module.aws
    wave = aws.wave
    monkeypatch.setattr(aws, "wave", lambda calls, **named: waves.append([call.action for call in calls]) or wave(calls, **named))
    event = sample("complete_chat")
    event["headers"]["idempotency-key"] = "k-1"
    routed.world.module.handler(event, Context("r", int((time.time() + 30) * 1000))).after()
    assert waves[0] == ["BatchGetItem", "PutItem"]
    before = [calls for calls in waves if calls == ["PutItem"]]
    assert before == []


def test_an_error_of_ours_before_anything_was_sent_leaves_the_key_free(routed, once, monkeypatch):
    """Wherever it is: in what is decided by, in what is made of the answer that was found, or on the way to the upstream."""
    for broken in ("signalbox.completion.admitted._held", "signalbox.completion.travel.to_intent"):
        with monkeypatch.context() as failing:
            failing.setattr(broken, failing_at_once)
            assert (once().status, claims(routed)) == (500, [])
            assert routed.usage[0]["outcome"] == "internal_error"
    assert once().status == 200


def failing_at_once(*_: Any, **__: Any) -> Any:
    raise LookupError("a fault of ours")


def test_a_body_that_is_too_deep_to_be_marked_is_its_callers_to_mend(routed, once):
    schema: Json = {}
    for _ in range(700):
        schema = {"a": schema}
    response = once(tools=[{"type": "function", "function": {"name": "look", "parameters": schema}}])
    assert (response.status, code(response), claims(routed)) == (400, "invalid_request", [])


def test_a_hit_that_cannot_be_told_is_not_kept_under_the_key(routed, once, monkeypatch):
    routes = routed.document()["routes"]
    routes["chat"]["cache"] = {"ttl_s": 60}
    routed.publish(routes=routes)
    routed.ask(temperature=0)
    with monkeypatch.context() as failing:
        failing.setattr("signalbox.completion.repeated.gather", failing_at_once)
        assert (once(temperature=0).status, claims(routed)) == (500, [])
    assert cached(once(temperature=0)) == "hit"


def test_what_a_container_told_before_it_ended_is_no_answer(routed, once):
    event = sample("complete_chat_stream")
    event["headers"]["idempotency-key"] = "k-1"
    event["body"] = json.dumps({"model": "chat", "stream": True} | said("one two three four"))
    response = routed.world.module.handler(event, Context("r", int((time.time() + 30) * 1000)))
    stream = iter(response.body)
    next(stream)
    with ending_soon(), pytest.raises(SystemExit):
        for _ in stream:
            pass
    response.after()
    [usage] = routed.world.usage()
    assert usage["outcome"] == "internal_error"
    again = routed.world.ask(event)
    assert (again.status, code(again)) == (500, "internal_error")


@contextmanager
def ending_soon() -> Iterator[None]:
    """SIGTERM's grace is over while an upstream is read."""

    def end(*_: object) -> None:
        raise SystemExit(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signalbox.completion.flight.Flight._note", end)
        yield


@pytest.mark.parametrize(
    ("actions", "refused"),
    [({"max_cost_usd": 0.000001}, "permission_denied"), ({"remove_targets": [MINI, SMALL]}, "no_route")],
    ids=["too dear by now", "nobody left"],
)
def test_what_nobody_would_serve_now_is_still_told_again(routed, once, actions, refused):
    first = once()
    routed.publish(policies={"closed": {"status": "active", "conditions": {}, "actions": actions}})
    again = once()
    assert code(once("another")) == refused
    assert len(claims(routed)) == 1  # and the other key is free
    assert (again.status, again.body, cached(again)) == (200, first.body, "replay")
    assert (once(temperature=0.5).status, code(once(temperature=0.5))) == (409, "idempotency_conflict")


def test_what_is_denied_by_now_is_not_told_again(routed, once):
    once()
    denied = {"status": "active", "conditions": {}, "actions": {"deny": "Not today."}}
    routed.publish(policies={"closed": denied})
    assert code(once()) == "permission_denied"
