"""Which providers a tenant brings its own keys for: a list of names that is changed whole, or not at all."""

import json
from typing import Any

import pytest

from .client import MODULES, SEED, Api, logged, refused

ACME = "/admin/tenants/acme/own_keys"


def record(stage: Any, tenant: str = "acme") -> dict[str, Any] | None:
    return stage.control.get_item(Key={"pk": f"tenant#{tenant}", "sk": "scope"}).get("Item")


def test_a_tenants_own_keys_are_set_shown_and_taken_back(api: Api, published: Any, stage: Any, caplog: Any) -> None:
    status, nothing = api("GET", ACME)
    assert (status, nothing["tenant"], nothing["own_keys"]) == (200, "acme", [])
    assert nothing["secrets"]["openai"] == "openai"
    assert "bedrock" not in nothing["secrets"]  # it is signed, and asks for no key

    set_to = nothing | {"own_keys": ["mistral", "openai"]}
    assert api("PUT", ACME, {"own_keys": ["openai", "mistral", "openai"]}) == (200, set_to)
    assert api("GET", ACME) == (200, set_to)
    assert record(stage) == {"pk": "tenant#acme", "sk": "scope", "own_keys": ["mistral", "openai"]}
    assert json.loads(logged(caplog)[-1])["changed"] == "tenant acme brings its own keys for: mistral, openai"

    assert api("PUT", ACME, {"own_keys": []}) == (200, nothing)
    assert "own_keys" not in (record(stage) or {})
    assert api("PUT", ACME, {"own_keys": []}) == (200, nothing)


def test_what_else_the_record_says_stays(api: Api, published: Any, stage: Any) -> None:
    api("POST", "/admin/budgets", {"scope": "tenant", "id": "acme", "period": "day", "limit_usd": 1})
    before = record(stage)
    api("PUT", ACME, {"own_keys": ["openai"]})
    assert record(stage) == (before or {}) | {"own_keys": ["openai"]}
    api("POST", "/admin/budgets", {"scope": "tenant", "id": "acme", "period": "day", "limit_usd": 2})
    assert api("GET", ACME)[1]["own_keys"] == ["openai"]
    assert record(stage, "rival") is None


def test_a_provider_that_is_unknown_or_asks_for_no_key_is_refused_by_its_name(api: Api, published: Any, stage: Any) -> None:
    for name in ("opnai", "bedrock", "ollama", ""):
        message = refused(api("PUT", ACME, {"own_keys": ["openai", name]}), "invalid_request")
        assert f"no provider {name!r} asks for a key here; those that do: anthropic, " in message
    assert record(stage) is None


def test_before_the_first_document_there_is_no_provider(api: Api) -> None:
    assert api("GET", ACME)[1] == {"tenant": "acme", "own_keys": [], "secrets": {}}
    assert "those that do: none" in refused(api("PUT", ACME, {"own_keys": ["openai"]}), "invalid_request")


def test_one_that_has_gone_from_the_document_stays_until_it_is_taken_out(api: Api, published: Any) -> None:
    """Should it come back, nobody is served with a shared key by the way."""
    document = SEED.replace("\nproviders:\n", "\nproviders:\n  mine: {base_url: https://llm.example.com/v1}\n")
    assert api("POST", "/admin/config/publish", {"document": document})[0] == 200
    api("PUT", ACME, {"own_keys": ["mine"]})
    assert api("POST", "/admin/config/publish", {"document": SEED})[0] == 200
    assert api("PUT", ACME, {"own_keys": ["mine", "openai"]})[1]["own_keys"] == ["mine", "openai"]
    api("PUT", ACME, {"own_keys": ["openai"]})
    refused(api("PUT", ACME, {"own_keys": ["mine", "openai"]}), "invalid_request")


def test_who_looked_at_something_else_changes_nothing(api: Api, published: Any, stage: Any) -> None:
    api("PUT", ACME, {"own_keys": ["openai"], "expected": []})
    assert "first" in refused(api("PUT", ACME, {"own_keys": ["mistral"], "expected": []}), "request_in_progress")
    assert api("PUT", ACME, {"own_keys": ["mistral", "openai"], "expected": ["openai"]})[0] == 200


@pytest.mark.parametrize("before", [[], ["groq"]])
def test_nobody_is_overwritten_who_came_between_the_reading_and_the_writing(
    api: Api, published: Any, monkeypatch: pytest.MonkeyPatch, before: list[str]
) -> None:
    edge = MODULES["tenants"].boto_tenants
    api("PUT", ACME, {"own_keys": before})
    real = edge.set_own_keys

    def overtaken(control: Any, tenant: str, providers: Any, seen: Any) -> bool:
        assert real(control, tenant, ["mistral"], seen)
        return real(control, tenant, providers, seen)

    monkeypatch.setattr(edge, "set_own_keys", overtaken)
    refused(api("PUT", ACME, {"own_keys": ["openai"]}), "request_in_progress")
    assert api("GET", ACME)[1]["own_keys"] == ["mistral"]


@pytest.mark.parametrize("tenant", ["a%23b", "-a", "a" * 65, "a@b", "a:b"])
def test_a_tenant_whose_name_leads_elsewhere_is_none(api: Api, tenant: str) -> None:
    assert "tenant: it must be up to 64 letters, digits" in refused(api("GET", f"/admin/tenants/{tenant}/own_keys"), "invalid_request")
    assert "tenant: it must be up to 64 letters, digits" in refused(
        api("PUT", f"/admin/tenants/{tenant}/own_keys", {"own_keys": []}), "invalid_request"
    )


@pytest.mark.parametrize("tenant", ["a/b", "..%2f..", ""])
def test_a_tenant_with_a_slash_is_a_path_that_leads_nowhere(api: Api, tenant: str) -> None:
    assert api("GET", f"/admin/tenants/{tenant}/own_keys")[0] in (400, 404)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "own_keys: it is missing"),
        ({"own_keys": "openai"}, "own_keys: it must be a list"),
        ({"own_keys": [1]}, "own_keys.0: it must be a text"),
        ({"own_keys": ["a"] * 101}, "own_keys: it must hold 100 at the most"),
        ({"own_keys": [], "keys": ["planted-key"]}, "keys: there is no such field here"),
        ({"own_keys": {"openai": "planted-key"}}, "own_keys: it must be a list"),
    ],
)
def test_what_is_no_list_of_providers_is_refused_without_a_word_of_it(api: Api, body: Any, said: str) -> None:
    message = refused(api("PUT", ACME, body), "invalid_request")
    assert said in message
    assert "planted" not in message
