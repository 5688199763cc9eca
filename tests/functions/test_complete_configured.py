"""What routing.yaml may say beside routes, as a caller meets it: guardrails, wildcards, providers without a row, others' formats."""

import json
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from signalbox.aws import records
from signalbox.providers import registry

from .world import ROOT, sample

MAIL = "ann@example.com"


def publish(world, *changes, monkeypatch):
    """The shipped document with its texts replaced, live at once."""
    document = (ROOT / "routing.yaml").read_text()
    for old, new in changes:
        assert old in document
        document = document.replace(old, new, 1)
    world.versions.publish(document, author="test", message="changed", overrides=world.versions.live().get("overrides", {}))
    monkeypatch.setattr(records, "FRESH_S", -1)


def said(prompt):
    return {"messages": [{"role": "user", "content": f"say: {prompt}"}]}


def guard(row):
    return ("routes:\n", f"guardrails:\n  mail: {{use: redact, {row}}}\nroutes:\n")


def streamed(world, **body):
    event = sample("complete_chat")
    event["body"] = json.dumps(json.loads(event["body"]) | body | {"stream": True})
    lines = [line for line in world.ask(event).body.decode().split("\n\n") if line.startswith("data: {")]
    return "".join(json.loads(line[6:])["choices"][0]["delta"].get("content") or "" for line in lines)


def test_what_must_not_leave_does_not_reach_the_provider(world, monkeypatch):
    publish(world, guard("options: {patterns: [email], on: [input]}"), monkeypatch=monkeypatch)
    answer = json.loads(world.ask(**said(f"write to {MAIL} now")).body)
    assert answer["choices"][0]["message"]["content"] == "write to [email] now"
    assert all(MAIL not in json.dumps(record) for record in world.usage())


@pytest.mark.parametrize("ask", [streamed, lambda world, **body: json.loads(world.ask(**body).body)["choices"][0]["message"]["content"]])
def test_what_must_not_come_back_does_not_streamed_or_whole(world, monkeypatch, ask):
    publish(world, guard("options: {patterns: [email], on: [output]}"), monkeypatch=monkeypatch)
    assert ask(world, **said(f"write to {MAIL} now")) == "write to [email] now"


def test_a_guardrail_keeps_to_its_routes(world, monkeypatch):
    publish(world, guard("routes: [smart], options: {patterns: [email]}"), monkeypatch=monkeypatch)
    assert json.loads(world.ask(**said(MAIL)).body)["choices"][0]["message"]["content"] == MAIL
    assert json.loads(world.ask(model="smart", **said(MAIL)).body)["choices"][0]["message"]["content"] == "[email]"


def test_a_guardrail_may_refuse_before_anything_is_held_or_called(world, monkeypatch):
    from signalbox.errors import Refusal

    class Wall:
        def __init__(self, options):
            pass

        def before(self, request):
            raise Refusal("content_refused", "Not through here.")

        def after(self, chunks):
            return chunks

    point = EntryPoint("wall", "nowhere:Wall", "signalbox.guardrails")
    monkeypatch.setattr(EntryPoint, "load", lambda self: Wall)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point] if group == "signalbox.guardrails" else [])
    publish(world, ("routes:\n", "guardrails:\n  wall: {use: wall}\nroutes:\n"), monkeypatch=monkeypatch)
    response = world.ask()
    assert (response.status, json.loads(response.body)["error"]["code"]) == (400, "content_refused")
    assert world.upstreams.ledger.to_json()["calls"] == []
    assert [record["outcome"] for record in world.usage()] == ["content_refused"]


ANY = """  openai/*:
    context_window: 128000
    max_output_tokens: 16384
    capabilities: [tools, vision, json_schema, streaming]
"""


def test_a_wildcard_serves_whatever_the_provider_has(world, monkeypatch):
    publish(world, ("  openai/gpt-5.2:\n", f"{ANY}  openai/gpt-5.2:\n"), monkeypatch=monkeypatch)
    response = world.ask(model="openai/sim-anything")
    assert (response.status, response.headers["x-signalbox-target"]) == (200, "openai/sim-anything")
    assert json.loads(response.body)["model"] == "sim-anything"
    assert world.ask(model="openai/gpt-5.2").headers["x-signalbox-target"] == "openai/gpt-5.2"
    unknown = world.ask(model="openai/no-such-model")
    assert (unknown.status, json.loads(unknown.body)["error"]["code"]) == (404, "model_not_found")
    assert world.ask(model="openai/*").status == 404
    assert world.ask(model=f"openai/{'x' * 194}").status == 404  # longer than any event takes: not asked
    told = [(record["route"], *record["unlisted"], attempt["outcome"]) for record in world.usage() for attempt in record["attempts"]]
    assert told == [
        ("openai/*", "openai/sim-anything", "ok"),
        ("openai/gpt-5.2", "ok"),
        ("openai/*", "openai/no-such-model", "unknown_model"),
    ]


def test_whatever_names_callers_make_up_the_metrics_have_one_route(world, monkeypatch, capsys):
    publish(world, ("  openai/gpt-5.2:\n", f"{ANY}  openai/gpt-5.2:\n"), monkeypatch=monkeypatch)
    for number in range(3):
        world.ask(model=f"openai/sim-{number}")
        world.ask(model=f"openai/no-such-{number}")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    assert {line["Route"] for line in lines if "Route" in line} == {"openai/*"}


def test_a_provider_of_ones_own_is_an_address(world, monkeypatch):
    own = f"  mine:\n    base_url: {world.upstreams.url}/openai/v1\n    secret: openai\n"
    model = "  mine/gpt-4o-mini:\n    context_window: 128000\n    max_output_tokens: 16384\n    capabilities: [streaming]\n"
    publish(world, ("providers:\n", f"providers:\n{own}"), ("models:\n", f"models:\n{model}"), monkeypatch=monkeypatch)
    response = world.ask(model="mine/gpt-4o-mini", **said("mine"))
    assert (response.status, response.headers["x-signalbox-target"]) == (200, "mine/gpt-4o-mini")


def test_a_format_of_somebody_elses_is_an_entry_point(world, monkeypatch):
    """A provider that speaks OpenAI's format under another path, by a wire that is not ours."""
    ours = registry.wire("openai")

    def to_http(request, target, provider, max_tokens):
        http = ours.to_http(request, target, provider, max_tokens)
        return http._replace(url=http.url.replace("/elsewhere/", "/openai/"))

    theirs = SimpleNamespace(name="theirs", load=lambda: ours._replace(to_http=to_http))
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [theirs] if group == "signalbox.wires" else [])
    registry.wire.cache_clear()
    own = f"  mine:\n    wire: theirs\n    base_url: {world.upstreams.url}/elsewhere/v1\n    secret: openai\n"
    model = "  mine/gpt-4o-mini:\n    context_window: 128000\n    max_output_tokens: 16384\n    capabilities: [streaming]\n"
    publish(world, ("providers:\n", f"providers:\n{own}"), ("models:\n", f"models:\n{model}"), monkeypatch=monkeypatch)
    assert json.loads(world.ask(model="mine/gpt-4o-mini", **said("theirs")).body)["choices"][0]["message"]["content"] == "theirs"
    registry.wire.cache_clear()


def test_a_model_is_told_by_itself_and_in_the_list(world):
    event = sample("complete_models")
    listed = {row["id"]: row for row in json.loads(world.ask(event).body)["data"]}
    for name in ("gpt-5.2", "Claude-Sonnet-4.5", "llama3.1:latest", "text-embedding-3-small", "chat"):
        event["path"] = f"/v1/models/{name}"
        assert json.loads(world.ask(event).body) == listed[name]
    event["path"] = "/v1/models/fireworks%2Faccounts%2Ffireworks%2Fmodels%2Fqwen3p7-plus"
    assert json.loads(world.ask(event).body)["owned_by"] == "fireworks"
    event["path"] = "/v1/models/nothing"
    assert json.loads(world.ask(event).body)["error"]["code"] == "model_not_found"
