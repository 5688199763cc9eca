"""What ships in routing.yaml: which models, by which names, at which providers."""

import json
import re
from pathlib import Path

import pytest

from ops.simulators.bill import prices_of
from signalbox.config.compiler import compile_text
from signalbox.config.document import parse
from signalbox.providers.rows import ROWS
from signalbox.routing.catalog import CAPABILITIES, to_snapshot

TEXT = Path(__file__, "../../../../routing.yaml").resolve().read_text()
COMPILED = compile_text(TEXT)
SNAPSHOT = to_snapshot(json.loads(COMPILED.json), 1, COMPILED.digest)
DOCUMENT, SOURCE = parse(TEXT)

SHIPPED = {
    "Claude-Sonnet-4.5": ("bedrock", "anthropic.claude-sonnet-4-5-20250929"),
    "Claude-Opus-4.5": ("bedrock", "anthropic.claude-opus-4-5-20250514"),
    "Cohere-Command-R-Plus": ("bedrock", "cohere.command-r-plus-v1:0"),
    "Google-Gemini-3": ("gemini", "gemini-3-pro"),
    "Meta-Llama-4": ("bedrock", "meta.llama4-maverick-instruct-v1:0"),
    "Perplexity-Sonar": ("perplexity", "sonar"),
    "ChatGPT-5.2": ("openai", "gpt-5.2"),
    "Kimi-K2-Thinking": ("bedrock", "kimi.k2-thinking-v1:0"),
    "DeepSeek-R1": ("bedrock", "deepseek.r1-v1:0"),
    "Mistral-Large": ("bedrock", "mistral.mistral-large-2407-v1:0"),
    "Qwen3": ("bedrock", "qwen.qwen3-instruct-v1:0"),
    "llama3.1:latest": ("ollama", "llama3.1:latest"),
    "qwen2.5-coder:7b": ("ollama", "qwen2.5-coder:7b"),
    "mythomax-l2-13b-q5_k_m": ("ollama", "mythomax-l2-13b-q5_k_m"),
    "qwen-coder-vllm": ("vllm", "qwen-coder-vllm"),
    "llama-cpp-default": ("llama_cpp", "llama-cpp-default"),
    "llama-cpp-native": ("llama_cpp_python", "llama-cpp-native"),
    "gpt-oss:20b-cloud": ("ollama_cloud", "gpt-oss:20b-cloud"),
    "text-embedding-3-small": ("openai", "text-embedding-3-small"),
    "text-embedding-3-large": ("openai", "text-embedding-3-large"),
    "gemini-embedding-001": ("gemini", "gemini-embedding-001"),
    "amazon.titan-embed-text-v2:0": ("bedrock", "amazon.titan-embed-text-v2:0"),
    "nomic-embed-text": ("ollama", "nomic-embed-text"),
    "claude-haiku-4-5": ("anthropic", "claude-haiku-4-5-20251001"),
    "claude-opus-4-5-20251101": ("anthropic", "claude-opus-4-5-20251101"),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_name_leads_to_its_model_as_it_is_spelt_in_lower_case_and_by_the_providers_own_id(name: str) -> None:
    for spelt in (name, name.lower(), SHIPPED[name][1]):
        route = SNAPSHOT.route(spelt)
        assert route is not None, spelt
        target = SNAPSHOT.targets[route.targets[0]]
        assert (target.provider, target.model) == SHIPPED[name]


def test_one_name_may_have_several_providers() -> None:
    assert [SNAPSHOT.targets[id].provider for id in SNAPSHOT.routes["claude-sonnet-4-5"].targets] == ["anthropic", "bedrock"]
    assert [SNAPSHOT.targets[id].provider for id in SNAPSHOT.routes["gpt-oss-120b"].targets] == ["groq", "together"]


def test_every_known_provider_stands_there_or_as_an_example_that_holds() -> None:
    examples = re.sub(r"^  #(\w+: {)", r"  \1", TEXT, flags=re.MULTILINE)
    assert set(SNAPSHOT.providers) == set(ROWS) - {"azure", "vertex", "litellm"}
    assert set(json.loads(compile_text(examples).json)["providers"]) == set(ROWS)


def test_the_example_of_a_star_holds() -> None:
    [line] = re.findall(r"^#   (openai/\*: .*)$", TEXT, flags=re.MULTILINE)
    text = TEXT.replace("\nmodels:\n", f"\nmodels:\n  {line}\n")
    assert to_snapshot(json.loads(compile_text(text).json), 1, "").route("openai/gpt-9") is not None


def test_the_example_of_a_guardrail_holds() -> None:
    [example] = re.findall(r"^#(guardrails:)\n#(  redact: .*)$", TEXT, flags=re.MULTILINE)
    snapshot = to_snapshot(json.loads(compile_text(TEXT + "\n".join(example)).json), 1, "")
    assert [(guard.use, guard.routes) for guard in snapshot.guards] == [("redact", frozenset({"chat"}))]


def test_every_provider_has_a_model() -> None:
    assert {target.provider for target in SNAPSHOT.targets.values()} == set(SNAPSHOT.providers)


@pytest.mark.parametrize("id", DOCUMENT.models)
def test_a_model_is_priced_says_what_it_can_do_and_waits_for_thought(id: str) -> None:
    model = DOCUMENT.models[id]
    assert model.prices is not None
    assert model.prices.source.startswith("https://")
    assert model.capabilities <= set(CAPABILITIES)
    assert model.embeds or "streaming" in model.capabilities
    if "reasoning" in model.capabilities:
        assert (model.timeouts.ttft_s or 0) >= 60
    cached = model.prices.cached
    assert cached is None or cached <= model.prices.input


def test_only_what_runs_on_ones_own_machine_or_by_subscription_is_free() -> None:
    free = {target.provider for target in SNAPSHOT.targets.values() if target.prices and not target.prices.dearest_input}
    assert free == {"ollama", "vllm", "llama_cpp", "llama_cpp_python", "ollama_cloud"}


def test_embeddings_are_asked_for_in_formats_of_their_own() -> None:
    wires = {id: target.wire for id, target in SNAPSHOT.targets.items() if "embeddings" in target.capabilities}
    assert set(wires.values()) == {"openai_embeddings", "gemini_embeddings", "bedrock_titan", "bedrock_cohere", "ollama_embeddings"}
    assert wires["bedrock/cohere.embed-english-v3"] == "bedrock_cohere"


@pytest.mark.parametrize("id", SNAPSHOT.targets)
def test_a_model_costs_here_what_its_simulated_provider_bills(id: str) -> None:
    target = SNAPSHOT.targets[id]
    ours, theirs = target.prices, prices_of(target.provider, target.model)
    assert ours is not None
    assert theirs is not None, "its provider does not simulate it"
    written, written_1h = (theirs.input if price is None else price for price in (theirs.cache_write, theirs.cache_write_1h))
    assert (ours.input, ours.output, ours.reasoning, ours.cached) == (theirs.input, theirs.output, theirs.output, theirs.cached)
    assert (ours.cache_write, ours.cache_write_1h) == (written, written_1h)
    if ours.long:
        above = theirs.above_200k
        assert above is not None
        assert (ours.long_above, ours.long.input, ours.long.output, ours.long.cached) == (200_000, above.input, above.output, above.cached)
