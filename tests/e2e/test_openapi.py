"""What the local stack answers is what docs/openapi.json says: whole and streamed, in each dialect, for each wire format behind it."""

import json

import pytest
from jsonschema import Draft202012Validator

from ..architecture.test_openapi import closed, events
from .stack import ROOT

SAMPLES = [path.stem for path in sorted((ROOT / "events").glob("complete_*.json"))]
MODELS = {
    "openai": "openai/gpt-4.1-mini",
    "anthropic": "anthropic/claude-sonnet-4-5-20250929",
    "bedrock": "bedrock/anthropic.claude-sonnet-4-5-20250929",
    "gemini": "gemini/gemini-2.5-flash",
    "ollama": "ollama/llama3.1:latest",
    "perplexity": "perplexity/sonar",
    "mistral": "mistral/mistral-large-latest",
}
REASONS = [MODELS[name] for name in ("anthropic", "bedrock", "gemini")] + ["openai/gpt-5.2"]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
MOST = 2_000
CALL = [{"role": "user", "content": 'call weather {"city": "Bern"} call weather {"city": "Bonn"}'}]
THINK = [{"role": "user", "content": "say: the line is open"}]

# By path: how a tool is offered and called, and how much is to be thought.
TOOLS = {
    "/v1/chat/completions": {
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}],
        "messages": CALL,
        "max_tokens": MOST,
    },
    "/v1/responses": {
        "tools": [{"type": "function", "name": "weather", "parameters": WEATHER}],
        "input": CALL,
        "max_output_tokens": MOST,
    },
    "/v1/messages": {"tools": [{"name": "weather", "input_schema": WEATHER}], "messages": CALL, "max_tokens": MOST},
}
THOUGHTS = {
    "/v1/chat/completions": {"reasoning_effort": "high", "max_tokens": None, "max_completion_tokens": 9_000, "messages": THINK},
    "/v1/responses": {"reasoning": {"effort": "high", "summary": "auto"}, "max_output_tokens": 9_000, "input": THINK},
    "/v1/messages": {"thinking": {"type": "enabled", "budget_tokens": 4_000}, "max_tokens": 9_000, "messages": THINK},
}


def sample(name):
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


CHAT = [name for name in SAMPLES if sample(name)["path"] in TOOLS]


def ask(stack, event, **more):
    """The answer to the event, its body held against the document."""
    headers = {name: value for name, value in event["headers"].items() if name != "host"}
    body = None if event["body"] is None else json.dumps(json.loads(event["body"]) | more)
    response = stack.http.request(event["httpMethod"], stack.url + event["path"], headers=headers, content=body, timeout=60)
    fits(event["path"], event["httpMethod"].lower(), response)
    return response


def fits(path, method, response):
    document = closed()
    place = path if path in document["paths"] else "/v1/models/{model}"
    answers = document["paths"][place][method]["responses"]
    told = answers["200"] if response.is_success else answers[f"{response.status_code // 100}XX"]
    while "$ref" in told:
        told = document["components"]["responses"][told["$ref"].rpartition("/")[2]]
    assert {
        name for name in response.headers if name.startswith("x-signalbox") or "ratelimit" in name or name.endswith("request-id")
    } <= set(told.get("headers", ()))
    kind = response.headers["content-type"].partition(";")[0]
    form = told["content"][kind]
    if kind == "application/json":
        Draft202012Validator(document | form["schema"]).validate(response.json())
        return
    validator, data = Draft202012Validator(document | form["x-itemSchema"]), events(response.content)
    assert data
    for event in data:
        validator.validate(event)


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_is_answered_as_is_told(stack, name):
    assert ask(stack, sample(name)).status_code == 200


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in ("complete_models", "complete_embeddings")])
def test_every_wire_format_is_answered_in_the_form_of_every_dialect(stack, name, model):
    answer = ask(stack, sample(name), model=model)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-signalbox-target"] == model


@pytest.mark.parametrize("name", CHAT)
@pytest.mark.parametrize("model", [model for name, model in MODELS.items() if name != "perplexity"])
def test_calls_are_answered_as_is_told(stack, name, model):
    event = sample(name)
    answer = ask(stack, event, model=model, **TOOLS[event["path"]])
    assert answer.status_code == 200, answer.text
    assert "weather" in answer.text


@pytest.mark.parametrize("name", CHAT)
@pytest.mark.parametrize("model", REASONS)
def test_reasoning_is_answered_as_is_told(stack, name, model):
    event = sample(name)
    answer = ask(stack, event, model=model, **THOUGHTS[event["path"]])
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("model", ["text-embedding-3-small", "bedrock/cohere.embed-english-v3", "gemini-embedding-001", "nomic-embed-text"])
@pytest.mark.parametrize("form", ["float", "base64"])
def test_embeddings_are_answered_as_is_told(stack, model, form):
    assert ask(stack, sample("complete_embeddings"), model=model, encoding_format=form).status_code == 200


@pytest.mark.parametrize("name", [name for name in SAMPLES if sample(name)["body"]])
@pytest.mark.parametrize(("more", "code"), [({"model": "nowhere"}, "model_not_found"), ({"user": 1, "metadata": 1}, "invalid_request")])
def test_a_refusal_is_the_dialects_own(stack, name, more, code):
    answer = ask(stack, sample(name), **more)
    assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.endswith("_stream")])
def test_a_stream_that_breaks_ends_as_is_told(stack, faults, name):
    faults("mistral", cut_after_chunks=3)
    answer = ask(stack, sample(name), model=MODELS["mistral"])
    assert "upstream_failed" in json.dumps(events(answer.content)[-1])


def test_a_model_is_found_by_its_name(stack):
    event = sample("complete_models")
    listed = ask(stack, event).json()["data"]
    assert ask(stack, event | {"path": "/v1/models/openai/gpt-5.2"}).json() in listed
