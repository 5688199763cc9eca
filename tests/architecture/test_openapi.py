"""The OpenAPI document is what the code says, and is one by its own standard."""

import importlib
import inspect
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from ops.openapi import DOCUMENT, generate
from signalbox.admission.operators import PERMISSIONS
from signalbox.completion.asked import FALLBACKS
from signalbox.data_api import DIALECTS, dialect_of
from signalbox.dialects.contract import Answer
from signalbox.errors import STATUS, Refusal
from signalbox.money import Tokens
from signalbox.reply import (
    Chunk,
    Citation,
    Embedding,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
    gather,
)
from signalbox.request import Signature

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
PATH_OF = {name: path for path, name in DIALECTS.items()}
COMPLETIONS = [path for path in DIALECTS if path != "/v1/embeddings"]


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(DOCUMENT.read_text())


@cache
def closed() -> Any:
    """The document with nothing allowed in an answer that it does not name."""
    document = json.loads(DOCUMENT.read_text())
    close(document["components"]["schemas"])
    return document


def close(schema: Any) -> None:
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            close(part)
    elif isinstance(schema, list):
        for part in schema:
            close(part)


def content(path: str, kind: str = "application/json") -> Any:
    return closed()["paths"][path]["post"]["responses"]["200"]["content"][kind]


def fits(schema: Any, value: Any) -> None:
    Draft202012Validator(closed() | schema).validate(value)


def request_fits(path: str, body: Any) -> bool:
    document = json.loads(DOCUMENT.read_text())
    schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return Draft202012Validator(document | schema).is_valid(body)


def test_the_tracked_document_is_the_generated_one() -> None:
    assert DOCUMENT.read_text() == generate(), "docs/openapi.json is not what the routes say: run python -m ops.openapi"


def test_it_is_a_valid_document(document: Any) -> None:
    validate(document)


def test_every_schema_is_one_and_is_used(document: Any) -> None:
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert f'"#/components/schemas/{name}"' in DOCUMENT.read_text(), f"nothing refers to {name}"


def test_every_operation_says_who_may_call_it(document: Any) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if path == "/health":
                continue
            if path.startswith("/admin/"):
                ((permission,),) = {tuple(*way.values()) for way in operation["security"]}
                assert operation["security"] == [{"admin_key": [permission]}, {"token": [permission]}], (method, path)
                assert permission in PERMISSIONS, (method, path)
                assert f"Needs the permission `{permission}`." in operation["description"], (method, path)
                continue
            assert {"data_key": []} in operation["security"], (method, path)
            assert {"token": []} in operation["security"], (method, path)
            assert ({"data_key_as_anthropics_clients_send_it": []} in operation["security"]) == (path in served()), (method, path)


def test_every_operation_says_how_it_fails(document: Any) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert path == "/health" or {"4XX", "5XX"} <= set(operation["responses"]), (method, path)
            assert "422" not in operation["responses"], (method, path)


def served() -> set[str]:
    """What `complete` answers, which takes a key in either of two headers."""
    return {*DIALECTS, "/v1/models", "/v1/models/{model}"}


def test_every_path_that_speaks_a_dialect_is_there(document: Any) -> None:
    assert served() <= set(document["paths"])
    for path in COMPLETIONS:
        assert set(document["paths"][path]["post"]["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}


def test_the_error_names_every_code(document: Any) -> None:
    assert set(document["components"]["schemas"]["ErrorCode"]["enum"]) == set(STATUS)


@pytest.mark.parametrize("path", DIALECTS)
@pytest.mark.parametrize("code", STATUS)
def test_every_error_has_the_form_that_is_told_of_its_path(path: str, code: str) -> None:
    refused = closed()["paths"][path]["post"]["responses"]["4XX"]["$ref"].rpartition("/")[2]
    schema = closed()["components"]["responses"][refused]["content"]["application/json"]["schema"]
    fits(schema, json.loads(dialect_of(path).to_error(Refusal(code, "x", param="messages"))))


READS = r'(?:taken\((?:given|rest|sent), |(?:given|rest|sent)\.pop\()"(\w+)"'


def parameters_of(name: str) -> set[str]:
    """By the dialect's own text and tables: it has no list of them, and none is needed but here."""
    module = importlib.import_module(f"signalbox.dialects.{name}")
    read = set(re.findall(READS, inspect.getsource(module)))
    if name == "openai_responses":
        return (read | set(module.PASSED_ON) | {"store", "stream_options"}) - set(module.NOT_SERVED)
    if name == "openai_completions":
        return read | set(module.NOT_SERVED)
    return read | {module.FORM} if name == "openai_embeddings" else read


@pytest.mark.parametrize("path", DIALECTS)
def test_the_request_names_each_parameter_that_the_dialect_reads(document: Any, path: str) -> None:
    schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    read = parameters_of(DIALECTS[path])
    assert read >= {"model", "user"} or path == "/v1/messages"
    assert set(document["components"]["schemas"][schema]["properties"]) == read | {FALLBACKS}  # which is taken out of any dialect's body


def asked() -> Iterator[tuple[str, Any]]:
    for file in sorted(FIXTURES.glob("*/*/request.json")):
        body = json.loads(file.read_text())
        if "dialect" in body:
            yield PATH_OF[body["dialect"]], body["body"]
        elif "messages" in body:  # those of embeddings are written in words of our own
            yield PATH_OF["openai_chat"], body


def test_what_the_fixtures_ask_is_a_request() -> None:
    bodies = list(asked())
    assert {path for path, _ in bodies} >= {"/v1/chat/completions", "/v1/responses", "/v1/messages"}
    assert [body for path, body in bodies if not request_fits(path, body)] == []


HELLO = [{"role": "user", "content": "hello"}]
CHAT: dict[str, Any] = {"model": "chat", "messages": HELLO}
MESSAGE: dict[str, Any] = CHAT | {"max_tokens": 9}
PROMPT: dict[str, Any] = {"model": "chat", "prompt": "hello"}
INPUT: dict[str, Any] = {"model": "chat", "input": "hello"}
BLOCK = {"type": "tool_use", "id": "t", "name": "f"}

WRONG = [
    ("/v1/chat/completions", {"messages": HELLO}),
    ("/v1/chat/completions", CHAT | {"messages": []}),
    ("/v1/chat/completions", CHAT | {"messages": [{"role": "robot", "content": "x"}]}),
    ("/v1/chat/completions", CHAT | {"messages": [{"role": "user"}]}),
    ("/v1/chat/completions", CHAT | {"messages": [{"role": "tool", "content": "x"}]}),
    ("/v1/chat/completions", CHAT | {"messages": [{"role": "user", "content": [{"type": "picture"}]}]}),
    ("/v1/chat/completions", CHAT | {"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
    ("/v1/chat/completions", CHAT | {"temperature": 2.1}),
    ("/v1/chat/completions", CHAT | {"stop": ["a"] * 5}),
    ("/v1/chat/completions", CHAT | {"n": 0}),
    ("/v1/chat/completions", CHAT | {"tools": [{"type": "function"}]}),
    ("/v1/chat/completions", CHAT | {"tool_choice": "weather"}),
    ("/v1/chat/completions", CHAT | {"response_format": {"type": "json_schema"}}),
    ("/v1/chat/completions", CHAT | {"reasoning_effort": "some"}),
    ("/v1/completions", {"model": "chat"}),
    ("/v1/completions", PROMPT | {"prompt": [[1, 2]]}),
    ("/v1/completions", PROMPT | {"prompt": ["a", "b"]}),
    ("/v1/completions", PROMPT | {"echo": True}),
    ("/v1/completions", PROMPT | {"best_of": 2}),
    ("/v1/completions", PROMPT | {"logprobs": 6}),
    ("/v1/responses", {"model": "chat"}),
    ("/v1/responses", INPUT | {"input": []}),
    ("/v1/responses", INPUT | {"input": [{"type": "item_reference", "id": "x"}]}),
    ("/v1/responses", INPUT | {"input": [{"role": "user"}]}),
    ("/v1/responses", INPUT | {"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}),
    ("/v1/responses", INPUT | {"input": [{"role": "user", "content": [{"type": "image"}]}]}),
    ("/v1/responses", INPUT | {"reasoning": {"effort": "some"}}),
    ("/v1/responses", INPUT | {"text": {"format": {"type": "json_schema", "name": "x"}}}),
    ("/v1/responses", INPUT | {"metadata": {"a": 1}}),
    ("/v1/embeddings", {"model": "chat"}),
    ("/v1/embeddings", INPUT | {"input": []}),
    ("/v1/embeddings", INPUT | {"input": ["a", ""]}),
    ("/v1/embeddings", INPUT | {"input": ["a", 1]}),
    ("/v1/embeddings", INPUT | {"encoding_format": "hex"}),
    ("/v1/embeddings", INPUT | {"dimensions": 0}),
    ("/v1/messages", CHAT),
    ("/v1/messages", MESSAGE | {"messages": [{"role": "tool", "content": "x"}]}),
    ("/v1/messages", MESSAGE | {"messages": [{"role": "user", "content": ""}]}),
    ("/v1/messages", MESSAGE | {"messages": [{"role": "assistant", "content": [BLOCK]}]}),
    ("/v1/messages", MESSAGE | {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64"}}]}]}),
    ("/v1/messages", MESSAGE | {"temperature": 1.5}),
    ("/v1/messages", MESSAGE | {"thinking": {"type": "enabled", "budget_tokens": 1000}}),
    ("/v1/messages", MESSAGE | {"tool_choice": {"type": "tool"}}),
    ("/v1/messages", MESSAGE | {"tools": [{"name": "f"}]}),
    ("/v1/messages", MESSAGE | {"system": [{"type": "text", "text": "x", "cache_control": {"type": "forever"}}]}),
]


@pytest.mark.parametrize(("path", "body"), WRONG)
def test_what_the_dialect_refuses_is_no_request(path: str, body: Any) -> None:
    with pytest.raises(Refusal):
        dialect_of(path).to_request(json.dumps(body).encode(), {})
    assert not request_fits(path, body)


ALTERNATIVE = {"token": "hi", "logprob": -0.5, "bytes": [104, 105]}
COUNTED = Usage(Tokens(input=20, cached=5, cache_write=4, output=9, reasoning=3, cache_write_1h=1))
EVERYTHING: list[Chunk] = [
    *(ReasoningDelta(f"of {family}", signature=Signature(family, f"{family}-s")) for family in ("anthropic", "google", "openai")),
    ReasoningDelta("", signature=Signature("anthropic", "sealed"), redacted=True),
    ReasoningDelta("unsigned"),
    TextDelta("hi", logprobs=({**ALTERNATIVE, "top_logprobs": [ALTERNATIVE]},)),
    TextDelta(" there"),
    Citation("https://example.com/", "A title", "quoted", 0, 2),
    Citation("https://example.com/nowhere"),
    ToolCallDelta(0, "", "call_1", "weather", signature=Signature("google", "of-the-call")),
    ToolCallDelta(0, '{"city":'),
    ToolCallDelta(1, '{"city":"Bern"}', "call_2", "weather"),
    ToolCallDelta(0, '"Bonn"}'),
    Finish("tool_calls"),
    COUNTED,
]
REFUSED: list[Chunk] = [RefusalDelta("I can"), RefusalDelta("not."), Finish("stop"), COUNTED]
ANSWERS: list[list[Chunk]] = [
    EVERYTHING,
    REFUSED,
    [Finish("stop"), COUNTED],
    [TextDelta("cut"), Finish("length"), COUNTED],
    [TextDelta("cut"), Finish("content_filter"), COUNTED],
    [TextDelta("until"), Finish("stop", stop_sequence="END"), COUNTED],
]
BODIES = {
    "/v1/chat/completions": CHAT | {"stream_options": {"include_usage": True}},
    "/v1/completions": PROMPT | {"stream_options": {"include_usage": True}},
    "/v1/responses": INPUT
    | {
        "instructions": "be brief",
        "tools": [{"type": "function", "name": "weather"}, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "weather"},
        "text": {"format": {"type": "json_schema", "name": "x", "schema": {}}},
        "reasoning": {"effort": "low", "context": "all"},
        "metadata": {"a": "b"},
    },
    "/v1/messages": MESSAGE,
}


def answer(path: str, **more: Any) -> Answer:
    body = json.dumps(BODIES[path] | more).encode()
    return Answer("req_0123abcd", 1_790_000_000, "gpt-5.2", dialect_of(path).to_request(body, {}))


def events(written: bytes) -> list[Any]:
    """The data of each event."""
    data = [line.removeprefix("data: ") for line in written.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in data if line != "[DONE]"]


@pytest.mark.parametrize("chunks", ANSWERS)
@pytest.mark.parametrize("path", COMPLETIONS)
def test_an_answer_as_we_write_it_has_the_form_that_is_told(path: str, chunks: list[Chunk]) -> None:
    choices, tokens = gather(chunks)
    fits(content(path)["schema"], json.loads(dialect_of(path).to_body(answer(path), choices, tokens or Tokens())))


@pytest.mark.parametrize("more", [{}, {"stream_options": None}])
@pytest.mark.parametrize("chunks", ANSWERS)
@pytest.mark.parametrize("path", COMPLETIONS)
def test_each_event_of_a_stream_has_the_form_that_is_told(path: str, chunks: list[Chunk], more: Any) -> None:
    told = events(b"".join(dialect_of(path).to_events(answer(path, stream=True, **more), iter(chunks))))
    assert told
    for event in told:
        fits(content(path, "text/event-stream")["x-itemSchema"], event)


@pytest.mark.parametrize("path", COMPLETIONS)
def test_a_stream_that_breaks_ends_as_is_told(path: str) -> None:
    def broken() -> Iterator[Chunk]:
        yield TextDelta("hi")
        raise Refusal("upstream_failed", "No target answered.")

    told = events(b"".join(dialect_of(path).to_events(answer(path, stream=True), broken())))
    assert "upstream_failed" in json.dumps(told[-1])
    for event in told:
        fits(content(path, "text/event-stream")["x-itemSchema"], event)


@pytest.mark.parametrize("form", ["float", "base64"])
def test_an_embedding_as_we_write_it_has_the_form_that_is_told(form: str) -> None:
    path = "/v1/embeddings"
    request = dialect_of(path).to_request(json.dumps(INPUT | {"encoding_format": form}).encode(), {})
    choices, _ = gather([Embedding((0.5, -0.25), 0), Embedding((1.0, 0.0), 1)])
    body = dialect_of(path).to_body(Answer("req_1", 1, "embedder", request), choices, Tokens(input=3))
    fits(content(path)["schema"], json.loads(body))
