"""complete, fed from events/: the handler as it is deployed, an embedded AWS over HTTP, and the simulated upstreams."""

import json
import time

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ops.simulators.faults import to_fault
from signalbox.aws import records
from signalbox.completion import flight
from signalbox.data_api import DIALECTS, REQUEST_IDS
from signalbox.runtime.invocation import Context

from .world import KEY, PATIENCE_S, ROOT, sample


def billed(world) -> int:
    return sum(call["cost_nanousd"] for call in world.upstreams.ledger.to_json()["calls"])


def fault(world, told: dict) -> None:
    world.upstreams.faults.tell("openai", to_fault(told))


def budget(world, limit_nanousd: int) -> None:
    row = {"limit_nanousd": limit_nanousd, "hard": True, "version": 1}
    world.table("control").put_item(Item={"pk": "key#local", "sk": "scope", "status": "active", "budgets": {"total": row}})


def test_an_answer_and_its_usage(world):
    response = world.ask()
    answer = ChatCompletion.model_validate_json(response.body)
    assert response.status == 200
    assert response.headers["x-signalbox-target"] == "openai/gpt-4.1-mini"
    (usage,) = world.usage()
    assert usage["id"] == response.headers["x-signalbox-request-id"]
    assert usage["tokens"]["output"] == answer.usage.completion_tokens
    assert usage["cost_nanousd"] == billed(world) > 0
    assert (usage["tenant"], usage["key"], usage["outcome"], usage["estimated"]) == ("local", "local", "ok", False)
    assert world.pending() == []
    assert "Say hello" not in json.dumps(usage)


@pytest.mark.parametrize("path", [*DIALECTS, "/v1/models/none", "/v1/none"])
@pytest.mark.parametrize("given", [{"headers": {}}, {"body": "{"}, {"httpMethod": "PATCH"}, {"body": '{"model": "none"}'}])
def test_whatever_is_refused_has_an_id(world, path, given):
    response = world.ask(sample("complete_chat") | {"path": path} | given)
    assert response.status >= 400
    (id,) = {response.headers[name] for name in REQUEST_IDS}
    assert id.startswith("req_")
    assert json.loads(response.body).get("request_id", id) == id


def test_a_path_with_nothing_is_told_as_it_was_asked_beside_all_that_there_are(world):
    response = world.ask(sample("complete_chat") | {"path": "/v1/usage/"})
    message = json.loads(response.body)["error"]["message"]
    assert message.startswith("There is nothing at /v1/usage/. The paths are /admin/*, ")
    assert {"/v1/chat/completions", "/v1/requests/*", "/v1/usage."} <= {*message.replace(",", "").split()}


def test_a_stream_and_its_usage(world):
    response = world.ask(sample("complete_chat_stream"))
    *chunks, end = response.body.decode().strip().split("\n\n")
    assert [ChatCompletionChunk.model_validate_json(chunk.removeprefix("data: ")) for chunk in chunks]
    assert end == "data: [DONE]"
    assert world.usage()[0]["cost_nanousd"] == billed(world) > 0


def test_a_client_that_leaves_is_charged_what_the_upstream_bills(world):
    response = world.module.handler(sample("complete_chat_stream"), Context("r", int((time.time() + 30) * 1000)))
    stream = iter(response.body)
    next(stream)
    response.body.close()
    response.after()
    (usage,) = world.usage()
    assert usage["cost_nanousd"] == billed(world) > 0
    assert not usage["estimated"]


def test_the_upstreams_connection_is_used_again(world, monkeypatch):
    monkeypatch.setattr(flight, "LANDING_S", PATIENCE_S)
    idle, origin = world.module.completions.means.pool._idle, ("http", world.upstreams.url[7:])
    seen = {world.ask() and id(idle[origin][-1][0]) for _ in range(2)}
    assert len(seen) == 1


def test_the_models_are_listed(world):
    names = [row["id"] for row in json.loads(world.ask(sample("complete_models")).body)["data"]]
    assert {"chat", "smart", "gpt-5.2", "openai/gpt-5.2"} <= set(names)


NEVER = {"latency_ms": 3_600_000}
SLICED = 3  # requests after which a container has a slice of its key's limits in hand


def test_a_request_takes_no_round_trip_to_aws_when_a_lease_is_in_hand(world, monkeypatch):
    """A warm request's calls before its upstream call: the intent alone, which nobody waits for."""
    budget(world, 10**12)
    for _ in range(SLICED):
        world.ask()
    order = []
    pool, aws_pool = world.module.completions.means.pool, world.module.aws._pool
    for mine, name in ((pool, "upstream"), (aws_pool, "aws")):

        def send(request, timeout_s, mine=mine, name=name, send=mine.send):
            order.append((name, request.headers.get("x-amz-target", "").partition(".")[2]))
            return send(request, timeout_s)

        monkeypatch.setattr(mine, "send", send)
    world.ask()
    before = [call for name, call in order[: order.index(("upstream", ""))]]
    assert before == ["PutItem"]


def test_a_budget_refuses_what_it_does_not_cover_and_the_refusal_is_an_event(world):
    budget(world, 1_000)
    response = world.ask()
    error = json.loads(response.body)["error"]
    assert (response.status, error["code"]) == (429, "budget_exceeded")
    (usage,) = world.usage()
    assert usage["outcome"] == "budget_exceeded"
    assert usage["refused_by"] == ["key#local", "total"]
    assert billed(world) == 0


def test_a_budget_is_kept_to_the_nanodollar(world):
    budget(world, 300_000)
    answers = [world.ask(max_tokens=64) for _ in range(12)]
    item = world.table("ledger").get_item(Key={"pk": "key#local", "sk": "total#00"})["Item"]
    held = sum(lease["held"] for lease in item["leases"].values())
    assert {answer.status for answer in answers} == {200, 429}
    assert item["settled"] == billed(world) <= 300_000
    assert item["settled"] + held + item["remaining"] == 300_000


def test_an_answer_is_clamped_where_the_budget_is_short_and_says_so(world):
    budget(world, 5_000_000)
    response = world.ask(model="gpt-5.2", max_tokens=None, max_completion_tokens=None)
    assert response.headers["x-signalbox-clamped"] == "max_tokens"
    assert response.status == 200


def test_what_has_no_bound_is_refused_under_a_hard_budget(world):
    budget(world, 10**12)
    sound = [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}]
    response = world.ask(messages=sound)
    assert json.loads(response.body)["error"]["code"] == "unsupported_parameter"
    assert billed(world) == 0


def test_a_switched_off_service_says_so(world):
    world.table("control").update_item(
        Key={"pk": "config", "sk": "live"},
        UpdateExpression="SET llm_disabled = :why",
        ExpressionAttributeValues={":why": {"reason": "drill", "at": "now", "rollback_id": "r1"}},
    )
    response = world.ask()
    assert (response.status, json.loads(response.body)["error"]["code"]) == (503, "llm_disabled")
    assert billed(world) == 0


def test_without_a_configuration_there_is_no_route(world):
    world.table("control").delete_item(Key={"pk": "config", "sk": "live"})
    response = world.ask()
    assert (response.status, json.loads(response.body)["error"]["code"]) == (503, "no_route")


def test_failures_lead_to_the_second_target_and_are_all_recorded(world):
    fault(world, {"status": 503, "times": 1})
    response = world.ask()
    assert response.headers["x-signalbox-target"] == "mistral/mistral-small-latest"
    (usage,) = world.usage()
    assert [(attempt["target"], attempt["outcome"]) for attempt in usage["attempts"]] == [
        ("openai/gpt-4.1-mini", "overloaded"),
        ("mistral/mistral-small-latest", "ok"),
    ]
    assert usage["cost_nanousd"] == billed(world)


def test_a_cut_stream_ends_in_an_error_event_and_is_charged_by_what_is_known(world):
    budget(world, 10**12)
    fault(world, {"cut_after_chunks": 4, "times": 1})
    response = world.ask(sample("complete_chat_stream"))
    *_, error, end = response.body.decode().strip().split("\n\n")
    assert json.loads(error.removeprefix("data: "))["error"]["code"] == "upstream_failed"
    assert end == "data: [DONE]"
    (usage,) = world.usage()
    assert usage["estimated"]
    assert usage["cost_nanousd"] >= billed(world) > 0


@pytest.mark.parametrize("timeout_ms", ["0", "", "000", "-5", "soon", "1.5", "²", "0²"])
def test_a_timeout_that_means_nothing_is_refused(world, timeout_ms):
    event = sample("complete_chat")
    event["headers"]["x-signalbox-timeout-ms"] = timeout_ms
    assert json.loads(world.ask(event).body)["error"]["code"] == "invalid_request"


def test_a_deadline_is_kept(world, monkeypatch):
    """By a clock that goes once the upstream is asked: whatever a busy machine takes before that is none of the test's."""
    fault(world, NEVER)
    completions = world.module.completions
    pool, asked_s = completions.means.pool, []
    send = pool.send
    monkeypatch.setattr(pool, "send", lambda request, timeout_s: asked_s.append(time.monotonic()) or send(request, timeout_s))
    clock = completions.means.clock._replace(monotonic=lambda: time.monotonic() - asked_s[0] if asked_s else 0.0)
    completions.means = completions.means._replace(clock=clock)
    event = sample("complete_chat")
    event["headers"]["x-signalbox-timeout-ms"] = "100"
    response = world.ask(event)
    assert (response.status, json.loads(response.body)["error"]["code"]) == (504, "deadline_exceeded")
    [attempt] = world.usage()[0]["attempts"]
    assert (attempt["outcome"], attempt["duration_ms"] >= 95) == ("deadline", True)


def test_a_deadline_that_is_too_short_for_anything_is_a_504(world):
    fault(world, NEVER)
    event = sample("complete_chat")
    event["headers"]["x-signalbox-timeout-ms"] = "1"
    codes = {json.loads(world.ask(event).body)["error"]["code"] for _ in range(5)}
    assert codes == {"deadline_exceeded"}


def publish_route(world, name: str) -> None:
    document = (ROOT / "routing.yaml").read_text().replace("routes:\n", f"routes:\n  {name}:\n    targets: [openai/gpt-4o-mini]\n")
    world.versions.publish(document, author="test", message="another route")


def test_a_route_that_was_just_published_is_found_by_who_was_refused_it_before(world, monkeypatch):
    assert json.loads(world.ask(model="new").body)["error"]["code"] == "model_not_found"
    publish_route(world, "new")
    monkeypatch.setattr(records, "FRESH_S", -1)  # five seconds later
    assert world.ask(model="new").status == 200
    assert "new" in [row["id"] for row in json.loads(world.ask(sample("complete_models")).body)["data"]]


def test_a_snapshot_that_cannot_be_fetched_leaves_the_last_one_serving(world, monkeypatch):
    world.ask()
    publish_route(world, "new")
    for row in world.client("s3").list_objects_v2(Bucket="config", Prefix="snapshots/")["Contents"]:
        world.client("s3").delete_object(Bucket="config", Key=row["Key"])
    monkeypatch.setattr(records, "FRESH_S", -1)
    assert [world.ask().status for _ in range(2)] == [200, 200]


def test_a_revoked_key_lists_no_models(world, monkeypatch):
    world.table("control").put_item(Item={"pk": "key#local", "sk": "scope", "status": "disabled"})
    assert world.ask(sample("complete_models")).status == 401


@pytest.mark.parametrize("timeout_ms", ["9" * 10, "9" * 20, "9" * 5000, "0" * 30 + "60000"])
def test_a_timeout_of_many_digits_is_as_long_as_lambda_allows(world, timeout_ms):
    event = sample("complete_chat")
    event["headers"]["x-signalbox-timeout-ms"] = timeout_ms
    assert world.ask(event).status == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("cut", [0, 1, 5])
def test_a_broken_reasoning_answer_is_never_charged_less_than_it_is_billed(world, stream, n, cut):
    fault(world, {"cut_after_chunks": cut, "times": 1})
    world.ask(model="openai/gpt-5.2", stream=stream, n=n, reasoning_effort="high", max_tokens=None, max_completion_tokens=4000)
    (usage,) = world.usage()
    assert usage["cost_nanousd"] >= billed(world) > 0
    assert usage["estimated"]


def test_no_key_reaches_a_log_or_an_event(world, capsys):
    fault(world, {"status": 401, "times": 1})
    world.ask(messages=[{"role": "user", "content": "say: hunter2"}])
    written = capsys.readouterr()
    said = written.out + written.err + json.dumps(world.usage())
    assert "an attempt failed" in said
    assert not [secret for secret in (KEY, "sk-sim", "hunter2", "x" * 32) if secret in said]
