"""How a provider is asked whether it is well."""

import pytest

from signalbox.providers.probes import outcome_of, probe_of
from signalbox.providers.rows import ROWS
from signalbox.routing.catalog import Provider


def provider(kind, base_url="https://example.com/v1"):
    row = ROWS[kind]
    return Provider(kind, row.wire, base_url, kind if row.keyed else None, kind, row.auth)


@pytest.mark.parametrize(
    ("kind", "url", "headers"),
    [
        ("openai", "/models", {"authorization": "Bearer k"}),
        ("groq", "/models", {"authorization": "Bearer k"}),
        ("anthropic", "/v1/models", {"anthropic-version": "2023-06-01", "x-api-key": "k"}),
        ("gemini", "/models", {"x-goog-api-key": "k"}),
        ("azure", "/openai/models?api-version=2024-10-21", {"api-key": "k"}),
        ("ollama", "/api/tags", {}),
    ],
)
def test_a_list_of_models_costs_nothing_and_needs_the_key(kind, url, headers):
    request = probe_of(provider(kind), None if kind == "ollama" else "k")
    assert (request.method, request.url, dict(request.headers)) == ("GET", f"https://example.com/v1{url}", headers)


@pytest.mark.parametrize("kind", ["bedrock", "vertex"])
def test_what_a_header_cannot_ask_is_left_to_requests(kind):
    assert probe_of(provider(kind), None) is None


@pytest.mark.parametrize(("status", "kind"), [(200, "ok"), (404, None), (401, "auth"), (503, "overloaded"), (500, "server")])
def test_the_status_tells_of_the_targets(status, kind):
    assert outcome_of(status) == kind
