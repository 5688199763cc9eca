"""Which upstream a provider has on this machine: the simulated one, or the real one where the environment says so."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ops.local.seed import SIMULATOR_KEY, Upstream, upstream_of
from ops.simulators.providers import PROVIDERS as SIMULATED
from signalbox.config.compiler import compile_text
from signalbox.config.defaults import resolved
from signalbox.config.document import parse
from signalbox.config.rows import Provider

SIM = "http://127.0.0.1:4010"
TEXT = Path(__file__, "../../../../routing.yaml").resolve().read_text()


def upstream(name, environment=None, **row):
    return upstream_of(resolved(name, Provider(**row)), environment or {}, SIM)


@pytest.mark.parametrize(
    ("name", "row", "path"),
    [
        ("openai", {}, "/openai/v1"),
        ("groq", {}, "/groq/openai/v1"),
        ("cohere", {}, "/cohere/compatibility/v1"),
        ("anthropic", {}, "/anthropic"),
        ("bedrock", {"options": {"region": "eu-west-1"}}, "/bedrock"),
        ("ollama", {}, "/ollama"),
        ("vllm", {}, "/vllm/v1"),
        ("openai", {"base_url": "https://gateway.example.com/llm/v1"}, "/openai/llm/v1"),
        ("groq-eu", {"kind": "groq"}, "/groq/openai/v1"),
    ],
)
def test_a_simulated_provider_keeps_the_path_of_its_own_address(name, row, path):
    assert upstream(name, **row) == Upstream({"BASE_URL": SIM + path}, SIMULATOR_KEY)


@pytest.mark.parametrize(
    ("name", "row", "shown"),
    [
        ("vertex", {"options": {"project": "p", "location": "l"}}, {"token_uri": f"{SIM}/google_token/token"}),
        ("azure", {"auth": "entra", "options": {"resource": "r"}}, {"authority": f"{SIM}/entra_token"}),
    ],
)
def test_who_gives_tokens_is_simulated_too(name, row, shown):
    assert shown.items() <= json.loads(upstream(name, **row).key).items()


def test_a_simulated_proxy_is_shown_a_key():
    found = upstream("litellm", base_url="http://127.0.0.1:4040/v1")
    assert found == Upstream({"BASE_URL": f"{SIM}/litellm/v1", "AUTH": "bearer", "SECRET": "litellm"}, SIMULATOR_KEY)


def test_what_nobody_simulates_stays_where_it_is():
    assert upstream("mine", base_url="https://llm.example.com/v1") == Upstream()


@pytest.mark.parametrize(
    ("name", "row", "environment", "expected"),
    [
        ("openai", {}, {"OPENAI_API_KEY": "sk"}, Upstream({}, "sk", "OPENAI_API_KEY")),
        # A key for a gateway goes to the gateway, and nowhere else.
        (
            "openai",
            {},
            {"OPENAI_API_KEY": "sk", "OPENAI_BASE_URL": "https://gw.example.com/v1"},
            Upstream({"BASE_URL": "https://gw.example.com/v1"}, "sk", "OPENAI_API_KEY"),
        ),
        ("my.own-2", {"base_url": "https://m.example"}, {"MY_OWN_2_API_KEY": "sk"}, Upstream({}, "sk", "MY_OWN_2_API_KEY")),
        (
            "ollama",
            {},
            {"OLLAMA_BASE_URL": "http://127.0.0.1:11434"},
            Upstream({"BASE_URL": "http://127.0.0.1:11434"}, None, "OLLAMA_BASE_URL"),
        ),
        (
            "bedrock",
            {"options": {"region": "us-east-1"}},
            {"BEDROCK_API_KEY": "bk"},
            Upstream({"AUTH": "bearer", "SECRET": "bedrock"}, "bk", "BEDROCK_API_KEY"),
        ),
        # Many a shell has one for other programs; without a key there is nothing to ask with.
        ("openai", {}, {"OPENAI_BASE_URL": "https://gw.example.com/v1"}, Upstream({"BASE_URL": f"{SIM}/openai/v1"}, SIMULATOR_KEY)),
        ("openai", {}, {"OPENAI_API_KEY": ""}, Upstream({"BASE_URL": f"{SIM}/openai/v1"}, SIMULATOR_KEY)),
    ],
)
def test_the_environment_leads_to_the_real_one(name, row, environment, expected):
    assert upstream(name, environment, **row) == expected


def test_the_shipped_document_holds_with_every_upstream_simulated():
    providers = [resolved(name, row) for name, row in parse(TEXT)[0].providers.items()]
    overrides = {}
    for provider in providers:
        found = upstream_of(provider, {}, SIM)
        overrides |= {f"SIGNALBOX_PROVIDERS__{provider.name.upper()}__{field}": value for field, value in found.overrides.items()}
    compiled = compile_text(TEXT, overrides)
    assert compiled.warnings == compile_text(TEXT).warnings
    for provider in providers:
        if provider.name in SIMULATED:
            url = f"{SIM}/{provider.name}{urlsplit(provider.base_url).path}"
            assert f'"base_url":"{url}"'.encode() in compiled.json
