"""Azure is OpenAI at another address: the address is what is looked at here, and that nothing else differs."""

import json

import pytest

from signalbox.providers.azure import chat as azure
from signalbox.providers.azure import embeddings as azure_embeddings
from signalbox.providers.openai import chat as openai
from signalbox.providers.openai import embeddings as openai_embeddings
from signalbox.request import Message, Request, Text
from signalbox.routing.catalog import Provider, Target

AZURE = Provider("azure", "azure", "https://acme.openai.azure.com", "azure", "azure", "api-key")
TARGET = Target("azure/gpt", "azure", "gpt", 1000, 100, frozenset({"streaming"}), None, "azure")
REQUEST = Request("openai_chat", "chat", (Message("user", (Text("hi"),)),), temperature=0.0)


@pytest.mark.parametrize(
    ("options", "model", "url"),
    [
        ({}, "gpt", "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"),
        ({"api_version": "2025-04-01-preview"}, "gpt", "/openai/deployments/gpt/chat/completions?api-version=2025-04-01-preview"),
        ({"api_version": "1&a=b"}, "../a?b", "/openai/deployments/..%2Fa%3Fb/chat/completions?api-version=1%26a%3Db"),
    ],
)
def test_the_deployment_and_the_version_are_in_the_address(options, model, url):
    http = azure.to_http(REQUEST, TARGET._replace(model=model), AZURE._replace(options=options), None)
    assert http.url == f"https://acme.openai.azure.com{url}"


@pytest.mark.parametrize("capabilities", [frozenset(), frozenset({"streaming"})])
def test_all_but_the_address_is_openais(capabilities):
    target = TARGET._replace(capabilities=capabilities)
    assert azure.to_http(REQUEST, target, AZURE, 5)._replace(url="") == openai.to_http(REQUEST, target, AZURE, 5)._replace(url="")
    assert azure.WIRE._replace(to_http=openai.to_http) == openai.WIRE


def test_embeddings_are_asked_of_a_deployment_too():
    request = Request("openai_embeddings", "e", inputs=("a", (1, 2)), dimensions=8)
    http = azure_embeddings.WIRE.to_http(request, TARGET, AZURE, None)
    assert http.url == "https://acme.openai.azure.com/openai/deployments/gpt/embeddings?api-version=2024-10-21"
    assert json.loads(http.body) == {"model": "gpt", "input": ["a", [1, 2]], "dimensions": 8, "encoding_format": "float"}
    assert azure_embeddings.WIRE._replace(to_http=openai_embeddings.to_http) == openai_embeddings.WIRE
