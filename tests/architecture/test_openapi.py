"""The OpenAPI document is what the code says, and is one by its own standard."""

import inspect
import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from ops.openapi import DOCUMENT, generate
from signalbox.dialects import openai_chat
from signalbox.errors import STATUS
from signalbox.money import Tokens
from signalbox.reply import Choice
from signalbox.request import ToolCall


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(DOCUMENT.read_text())


def test_the_tracked_document_is_the_generated_one() -> None:
    assert DOCUMENT.read_text() == generate(), "docs/openapi.json is not what the routes say: run python -m ops.openapi"


def test_it_is_a_valid_document(document: Any) -> None:
    validate(document)


def test_every_operation_says_who_may_call_it_and_how_it_fails(document: Any) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if path == "/health":
                continue
            expected: list[dict[str, list[str]]] = [{"admin_key": []}] if path.startswith("/admin/") else [{"data_key": []}]
            assert operation["security"] == expected, (method, path)
            assert {"4XX", "5XX"} <= set(operation["responses"]), (method, path)
            assert "422" not in operation["responses"], (method, path)


def test_the_error_names_every_code(document: Any) -> None:
    error = document["components"]["schemas"]["Error"]["properties"]["error"]
    assert set(error["properties"]["code"]["enum"]) == set(STATUS)
    answered = json.loads(openai_chat.to_error(openai_chat.Refusal("not_found", "x")))
    assert set(error["required"]) == set(answered["error"])


def test_the_request_names_each_parameter_that_the_dialect_reads(document: Any) -> None:
    """By the dialect's own text: it has no list of them, and none is needed but here."""
    read = set(re.findall(r'(?:taken|pop)\((?:given, )?"(\w+)"', inspect.getsource(openai_chat.to_request)))
    assert read >= {"model", "messages", "stop", "n"}
    assert set(document["components"]["schemas"]["ChatCompletionRequest"]["properties"]) == read


def test_a_completion_as_we_write_it_has_the_form_that_is_told(document: Any) -> None:
    choices = [Choice(text="hi", finish="stop"), Choice(tool_calls=(ToolCall("c1", "f", "{}"),), finish="tool_calls")]
    body = json.loads(openai_chat.to_body("chatcmpl-1", 1, "gpt", choices, Tokens(input=1, output=2)))
    schema = document | {"$ref": "#/components/schemas/ChatCompletion"}
    Draft202012Validator(schema).validate(body)
