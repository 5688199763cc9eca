"""What the local stack says against a document that is published while it runs: nobody real is asked who was not asked before."""

import pytest

from ops.local import published, settings
from signalbox.config.compiler import compile_text
from signalbox.config.document import parse
from signalbox.config.source import InvalidDocument

SIM = "http://127.0.0.1:4010"
OPENAI, GROQ = "SIGNALBOX_PROVIDERS__OPENAI__BASE_URL", "SIGNALBOX_PROVIDERS__GROQ__BASE_URL"
ATTEMPTS = "SIGNALBOX_ROUTES__CHAT__MAX_ATTEMPTS"
DOCUMENT = """\
version: 1
providers: {openai: {}, groq: {}}
models:
  openai/gpt: {context_window: 9, max_output_tokens: 9}
routes:
  chat: {targets: [openai/gpt]}
"""
LIVE = {"document": DOCUMENT, "overrides": {OPENAI: f"{SIM}/openai/v1", GROQ: f"{SIM}/groq/openai/v1", ATTEMPTS: "2"}}
WITHOUT_GROQ = DOCUMENT.replace(", groq: {}", "")
WITH_AZURE = DOCUMENT.replace("groq: {}", "azure: {options: {resource: acme-eu}}")


@pytest.fixture
def stored(monkeypatch, tmp_path):
    """The local stack runs, and keeps these keys."""
    (tmp_path / "running.json").write_text(f'{{"pid": 1, "simulators": "{SIM}"}}')
    monkeypatch.setattr(settings, "from_environment", lambda: settings.Settings(tmp_path, {}))
    monkeypatch.setattr(published.stages, "outputs", lambda stage: {"ProviderSecrets": "providers/"})
    monkeypatch.setattr(published.stages, "client", lambda stage, service: None)
    found = {}
    monkeypatch.setattr(published, "put_provider_keys", lambda client, keys: found.update(keys))
    return found


def test_what_was_said_stays_where_nothing_is(stored):
    assert published.overrides(DOCUMENT, LIVE, None) == LIVE["overrides"]
    assert stored == {}


def test_a_provider_that_is_gone_takes_its_address_with_it(stored):
    found = published.overrides(WITHOUT_GROQ, LIVE, None)
    assert found == {OPENAI: f"{SIM}/openai/v1", ATTEMPTS: "2"}
    assert compile_text(WITHOUT_GROQ, found).document.providers.keys() == {"openai"}


def test_a_provider_that_is_new_is_simulated_and_has_a_key(stored):
    found = published.overrides(WITH_AZURE, LIVE, None)
    assert parse(WITH_AZURE, found)[0].providers["azure"].base_url.startswith(f"{SIM}/azure")
    assert stored == {"providers/azure": ["sk-simulated"]}


def test_a_provider_that_is_asked_for_real_stays_so(stored):
    live = LIVE | {"overrides": {GROQ: f"{SIM}/groq/openai/v1"}}  # `make run` saw a key of OpenAI's
    assert published.overrides(DOCUMENT, live, None) == live["overrides"]


@pytest.mark.parametrize("said", [{}, {"FLAGS__FALLBACK__ENABLED": "false"}])
def test_what_is_said_anew_takes_the_place_of_all_but_the_addresses(stored, said):
    assert published.overrides(DOCUMENT, LIVE, said) == {OPENAI: f"{SIM}/openai/v1", GROQ: f"{SIM}/groq/openai/v1"} | said


def test_an_address_of_ones_own_takes_the_place_of_the_simulated_one(stored):
    said = {"PROVIDERS__OPENAI__BASE_URL": "https://eu.example.com/v1"}
    found = published.overrides(DOCUMENT, LIVE, said)
    assert parse(DOCUMENT, found)[0].providers["openai"].base_url == "https://eu.example.com/v1"
    live = LIVE | {"overrides": found}
    assert published.overrides(DOCUMENT, live, None) == found
    without = published.overrides(DOCUMENT, live, {})
    assert parse(DOCUMENT, without)[0].providers["openai"].base_url == f"{SIM}/openai/v1"


def test_an_address_may_be_said_as_an_environment_would(stored):
    said = {OPENAI: "https://eu.example.com/v1"}
    found = published.overrides(DOCUMENT, LIVE, said)
    assert parse(DOCUMENT, found)[0].providers["openai"].base_url == "https://eu.example.com/v1"
    assert OPENAI in published.overrides(DOCUMENT, LIVE | {"overrides": found}, {})


def test_a_document_that_cannot_be_read_is_left_to_whoever_says_why(stored):
    assert published.overrides("version: [", LIVE, None) == LIVE["overrides"]


@pytest.mark.parametrize("wrong", ["version: 1", "providers: {openai: {bas_url: x}}", "- a"])
def test_an_address_does_not_hide_what_else_is_wrong(stored, wrong):
    with pytest.raises(InvalidDocument) as refused:
        compile_text(wrong, published.overrides(wrong, LIVE | {"overrides": {OPENAI: f"{SIM}/openai/v1"}}, None))
    assert "leads nowhere" not in str(refused.value)
