"""What a document leaves unsaid: of a provider, of a model, of prices; and what a `*` stands for."""

import json

import pytest

from signalbox.config.compiler import compile_text
from signalbox.config.overrides import from_environment
from signalbox.money import Prices
from signalbox.providers import registry
from signalbox.providers.rows import ROWS
from signalbox.routing.catalog import Provider, Snapshot, to_snapshot

OPTIONS = "resource: r, region: us-east-1, project: p, location: europe-west4"


def snapshot_of(providers: str, models: str = "  openai/gpt: {context_window: 9, max_output_tokens: 9}\n", rest: str = "") -> Snapshot:
    openai = "" if "  openai:" in providers else "  openai: {}\n"
    text = f"version: 1\nproviders:\n{openai}{providers}models:\n{models}{rest}"
    compiled = compile_text(text)
    return to_snapshot(json.loads(compiled.json), 1, compiled.digest)


def provider_of(line: str) -> Provider:
    return snapshot_of(f"  {line}\n").providers[line.partition(":")[0]]


def test_a_name_of_a_row_is_a_whole_provider() -> None:
    assert provider_of("groq: {}") == Provider(
        "groq", "openai", "https://api.groq.com/openai/v1", "groq", kind="groq", auth="bearer", on_leave="drain", options={}
    )
    anthropic = provider_of("anthropic: {}")
    assert (anthropic.wire, anthropic.auth, anthropic.secret) == ("anthropic", "x-api-key", "anthropic")


def test_an_address_is_a_whole_provider() -> None:
    assert provider_of("mine: {base_url: https://llm.example.com/v1/}") == Provider(
        "mine", "openai", "https://llm.example.com/v1", "mine", kind="", auth="bearer", on_leave="drain", options={}
    )


def test_a_kind_lends_its_row_to_another_name() -> None:
    second = provider_of("groq-eu: {kind: groq, base_url: https://eu.example.com/v1}")
    assert (second.kind, second.base_url, second.secret) == ("groq", "https://eu.example.com/v1", "groq-eu")


@pytest.mark.parametrize("kind", [kind for kind, row in ROWS.items() if row.base_url])
def test_every_row_with_an_address_stands_with_its_options_alone(kind: str) -> None:
    provider, row = provider_of(f"{kind}: {{options: {{{OPTIONS}}}}}"), ROWS[kind]
    assert "{" not in provider.base_url
    assert (provider.kind, provider.wire, provider.auth, provider.on_leave) == (kind, row.wire, row.auth, row.on_leave)
    assert provider.secret == (kind if row.keyed else None)


def test_options_fill_the_address_and_go_on_to_the_wire() -> None:
    vertex = provider_of("vertex: {options: {project: acme-1, location: europe-west4}}")
    assert vertex.base_url == "https://europe-west4-aiplatform.googleapis.com/v1/projects/acme-1/locations/europe-west4"
    assert vertex.options == {"project": "acme-1", "location": "europe-west4"}


def test_an_option_is_text_however_yaml_reads_it() -> None:
    azure = provider_of("azure: {options: {resource: r, api_version: 2024-10-21, tries: 3}}")
    assert azure.options == {"resource": "r", "api_version": "2024-10-21", "tries": "3"}


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("groq: {secret: shared}", "shared"),
        ("groq: {secret: null}", None),
        ("groq: {auth: none}", None),
        ("ollama: {}", None),
        ("ollama: {secret: gateway}", "gateway"),
        ("ollama: {auth: bearer}", "ollama"),  # one behind a gateway that asks for a key
        ("bedrock: {options: {region: eu-west-1}}", None),
        ("bedrock: {auth: bearer, options: {region: eu-west-1}}", "bedrock"),
        ("my.own: {base_url: https://example.com}", "my.own"),
    ],
)
def test_a_secret_is_named_after_its_provider_where_a_key_is_shown(line: str, secret: str | None) -> None:
    assert provider_of(line).secret == secret


def test_a_deployment_may_give_a_provider_what_its_row_has_not() -> None:
    overrides = from_environment({"SIGNALBOX_PROVIDERS__LITELLM__BASE_URL": "http://127.0.0.1:4444/v1"})
    text = "version: 1\nproviders:\n  litellm: {}\nmodels:\n  litellm/m: {context_window: 9, max_output_tokens: 9}\n"
    assert json.loads(compile_text(text, overrides).json)["providers"]["litellm"]["base_url"] == "http://127.0.0.1:4444/v1"


def test_a_model_speaks_as_its_provider_does_unless_it_says_otherwise() -> None:
    snapshot = snapshot_of(
        "  ollama: {}\n  mine: {base_url: https://example.com}\n",
        "  openai/a: {context_window: 9, max_output_tokens: 9}\n"
        "  openai/b: {wire: openai_responses, context_window: 9, max_output_tokens: 9}\n"
        "  ollama/c: {context_window: 9, max_output_tokens: 9}\n"
        "  openai/d: {context_window: 9, capabilities: [embeddings]}\n"
        "  ollama/e: {context_window: 9, capabilities: [embeddings]}\n"
        "  mine/f: {context_window: 9, capabilities: [embeddings]}\n"
        "  mine/g: {wire: bedrock_cohere, context_window: 9, capabilities: [embeddings]}\n",
    )
    assert {id.partition("/")[2]: target.wire for id, target in snapshot.targets.items()} == {
        "a": "openai",
        "b": "openai_responses",
        "c": "ollama",
        "d": "openai_embeddings",
        "e": "ollama_embeddings",
        "f": "openai_embeddings",
        "g": "bedrock_cohere",
    }


def test_a_wire_of_somebody_elses_is_known_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "grpc"

        def load(self) -> object:
            return object()

    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Point()] if group == registry.ENTRY_POINTS else [])
    registry.wire.cache_clear()
    assert provider_of("mine: {wire: grpc, base_url: https://example.com}").wire == "grpc"
    registry.wire.cache_clear()


def prices_of(prices: str, more: str = "max_output_tokens: 9, ") -> Prices | None:
    line = f"  openai/m: {{context_window: 9, {more}prices: {{{prices}, source: s, as_of: 2026-11-21}}}}\n"
    return snapshot_of("", line).targets["openai/m"].prices


def test_what_is_not_priced_apart_costs_what_input_and_output_cost() -> None:
    assert prices_of("input: 1, output: 2") == Prices(10**9, 2 * 10**9, 10**9, 10**9, 2 * 10**9, 10**9)


def test_a_cache_write_for_an_hour_costs_what_one_for_minutes_costs_unless_it_is_priced() -> None:
    prices = prices_of("input: 3, output: 15, cached: 0.3, cache_write: 3.75")
    assert prices is not None
    assert prices.cache_write_1h == 3_750_000_000
    prices = prices_of("input: 3, output: 15, cached: 0.3, cache_write: 3.75, cache_write_1h: 6")
    assert prices == Prices(3 * 10**9, 15 * 10**9, 3 * 10**8, 3_750_000_000, 15 * 10**9, 6 * 10**9)


def test_a_long_request_has_prices_of_its_own_and_a_batch_has_none_here() -> None:
    prices = prices_of(
        "input: 2, output: 12, cached: 0.2, long: {above_tokens: 200000, input: 4, output: 18, cached: 0.4}, batch: {input: 1, output: 6}"
    )
    assert prices is not None
    assert (prices.of(200_000).input, prices.of(200_001).input) == (2 * 10**9, 4 * 10**9)
    assert prices.long == Prices(4 * 10**9, 18 * 10**9, 4 * 10**8, 4 * 10**9, 18 * 10**9, 4 * 10**9)


def test_embeddings_have_no_output_and_cost_none() -> None:
    assert prices_of("input: 0.02", "capabilities: [embeddings], ") == Prices(20_000_000, 0, 20_000_000, 20_000_000, 0, 20_000_000)


def test_what_is_free_is_priced_and_not_unpriced() -> None:
    assert prices_of("input: 0, output: 0") == Prices(0, 0, 0, 0, 0, 0)


STARS = """\
  openai/*: {context_window: 1000, max_output_tokens: 100}
  openai/gpt-*:
    context_window: 9
    max_output_tokens: 9
    prices: {input: 1, output: 2, source: s, as_of: 2026-11-21}
    timeouts: {ttft_s: 60}
"""


def test_a_star_makes_a_model_of_whatever_is_asked_for_by_the_longest_that_fits() -> None:
    snapshot = snapshot_of("", STARS)
    route = snapshot.route("openai/gpt-9")
    assert route is not None
    assert (route.targets, snapshot.targets["openai/gpt-9"].timeouts.ttft_s) == (("openai/gpt-9",), 60)
    target = snapshot.targets["openai/gpt-9"]
    assert (target.model, target.context_window, target.prices is not None) == ("gpt-9", 9, True)
    assert snapshot.targets["openai/o9"].prices is None


def test_a_star_is_no_name() -> None:
    assert snapshot_of("", STARS).names == {}


def test_routes_and_aliases_may_name_what_a_star_stands_for() -> None:
    rest = "routes:\n  chat: {targets: [openai/gpt-9, openai/o9]}\naliases:\n  best: openai/gpt-9\n"
    snapshot = snapshot_of("", STARS, rest)
    assert snapshot.targets["openai/gpt-9"].timeouts.ttft_s == 60
    assert snapshot.routes[snapshot.names["best"]].targets == ("openai/gpt-9",)
    assert snapshot.targets[snapshot.routes["chat"].targets[1]].model == "o9"
