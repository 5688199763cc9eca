"""The document and the snapshot that routing reads from it say the same."""

import json
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from signalbox.circuits.machine import DEFAULTS, Settings, to_settings
from signalbox.config.compiler import compile_text
from signalbox.config.document import parse
from signalbox.config.overrides import from_environment
from signalbox.config.plain import to_data, to_json
from signalbox.money import Prices
from signalbox.routing.catalog import Guard, Route, Snapshot, Timeouts, to_snapshot

SEED = Path(__file__, "../../../../routing.yaml").resolve().read_text()


def snapshot_of(text: str, overrides: dict[str, str] | None = None) -> Snapshot:
    compiled = compile_text(text, overrides)
    return to_snapshot(json.loads(compiled.json), 7, compiled.digest)


def test_the_seed_compiles_with_a_warning_that_is_meant_and_reads_back_as_a_snapshot() -> None:
    [warning] = compile_text(SEED).warnings
    assert str(warning).endswith("targets.1: lacks reasoning, which openai/gpt-5.2 has: requests that need it pass this one over")
    snapshot = snapshot_of(SEED)
    assert snapshot.routes["chat"] == Route(
        "chat", ("openai/gpt-4.1-mini", "mistral/mistral-small-latest"), "sequential", Timeouts(total_s=120), 3
    )
    assert snapshot.targets["openai/gpt-5.2"].prices == Prices(
        input=1_750_000_000,
        output=14_000_000_000,
        cached=175_000_000,
        cache_write=1_750_000_000,
        reasoning=14_000_000_000,
        cache_write_1h=1_750_000_000,
    )
    assert snapshot.targets["openai/gpt-5.2"].model == "gpt-5.2"
    assert snapshot.providers["openai"].base_url == "https://api.openai.com/v1"


def test_a_model_that_thinks_is_waited_for_as_long_as_it_asks_and_the_others_of_its_route_are_not() -> None:
    snapshot = snapshot_of(SEED)
    route = snapshot.routes["smart"]
    waits = [route.timeouts.over(snapshot.targets[id].timeouts) for id in route.targets]
    assert waits == [Timeouts(60, 60, 600), Timeouts(5, 10, 600)]


def test_a_routes_own_timeout_comes_first() -> None:
    text = SEED.replace("  smart:\n", "  smart:\n    timeouts: {ttft_s: 2}\n")
    assert snapshot_of(text).routes["smart"].timeouts == Timeouts(2, None, 600)


def test_every_name_a_client_may_say_leads_to_a_route_of_known_targets() -> None:
    snapshot = snapshot_of(SEED)
    assert set(snapshot.names.values()) <= set(snapshot.routes)
    assert {target for route in snapshot.routes.values() for target in route.targets} <= set(snapshot.targets)
    assert snapshot.routes[snapshot.names["gpt-5.2"]].targets == ("openai/gpt-5.2",)
    assert snapshot.routes["openai/gpt-5.2"].max_attempts == 3  # another key, or the same again after a wait


def test_an_alias_of_an_alias_leads_to_the_end() -> None:
    assert snapshot_of(SEED.replace("aliases:\n", "aliases:\n  best: good\n  good: smart\n")).names["best"] == "smart"


def settings_of(text: str, overrides: dict[str, str] | None = None) -> Settings:
    return to_settings(json.loads(compile_text(text, overrides).json))


def test_circuits_are_set_by_the_document_and_stay_as_they_are_without_it() -> None:
    assert settings_of(SEED) == settings_of(SEED[: SEED.index("circuits:")]) == DEFAULTS
    circuits = (
        "{consecutive_failures: 3, failed_percent: 20, minimum_attempts: 5, window_s: 30, open_s: 9, open_max_s: 99, calm_s: 7, probes: 4}"
    )
    assert settings_of(SEED[: SEED.index("circuits:")] + f"circuits: {circuits}\n") == Settings(
        consecutive=3, ratio_percent=20, minimum=5, slot_ms=5_000, open_ms=9_000, open_max_ms=99_000, calm_ms=7_000, successes=4
    )
    assert settings_of(SEED, {"SIGNALBOX_CIRCUITS__OPEN_S": "2"}).open_ms == 2_000


def test_guardrails_are_kept_in_their_order_with_their_options() -> None:
    rest = (
        "guardrails:\n"
        "  shown: {use: redact, options: {patterns: [iban], on: [output]}, routes: [chat, openai/gpt-5.2]}\n"
        "  redact: {options: {custom: {number: '[0-9]{1,40}'}}}\n"
    )
    assert snapshot_of(SEED + rest).guards == (
        Guard("shown", "redact", {"patterns": ["iban"], "on": ["output"]}, frozenset({"chat", "openai/gpt-5.2"})),
        Guard("redact", "redact", {"custom": {"number": "[0-9]{1,40}"}}, None),
    )
    assert snapshot_of(SEED).guards == ()


def test_a_guardrail_of_somebody_elses_has_options_as_json_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "strict"

        def load(self) -> object:
            return lambda options: options

    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Point()] if group == "signalbox.guardrails" else [])
    rest = "guardrails:\n  strict: {options: {at: 0.5, most: 3, since: 2026-11-21, deep: [{yes: true}]}}\n"
    [guard] = snapshot_of(SEED + rest).guards
    assert guard.options == {"at": 0.5, "most": 3, "since": "2026-11-21", "deep": [{"yes": True}]}


def test_a_model_without_prices_is_unpriced_and_said_so() -> None:
    text = SEED.replace("models:\n", "models:\n  openai/new: {context_window: 9, max_output_tokens: 9, id: new-2026}\n")
    warning, *_ = compile_text(text).warnings
    assert warning.line == text.splitlines().index("models:") + 2
    assert warning.path == "models.openai/new"
    assert warning.message == "has no prices: it is counted as free, and refused to whoever has a hard budget"
    target = snapshot_of(text).targets["openai/new"]
    assert (target.prices, target.model) == (None, "new-2026")


def test_the_digest_follows_the_meaning_and_not_the_writing() -> None:
    assert compile_text(SEED + "\n# a remark\n").digest == compile_text(SEED).digest
    assert compile_text(SEED.replace("input: 1.75", "input: '1.750'")).digest == compile_text(SEED).digest
    assert compile_text(SEED.replace("input: 1.75", "input: 1.76")).digest != compile_text(SEED).digest


def test_what_is_left_at_its_default_is_the_same_when_it_is_written_out() -> None:
    document = parse(SEED)[0]
    for whole in (False, True):
        again = yaml.safe_dump(to_json(to_data(document, whole=whole)), sort_keys=False)
        assert compile_text(again).digest == compile_text(SEED).digest
    tiny = "version: 1\nproviders: {openai: {}}\nmodels: {openai/m: {context_window: 9, max_output_tokens: 9}}\n"
    assert compile_text(tiny + "timeouts: {ttft_s: 5, health_check_s: 2}\n").digest == compile_text(tiny).digest


def test_thousands_of_models_and_routes_are_checked_in_seconds() -> None:
    """The control API has 28 s, of a third of a processor."""
    models = "".join(f"  openai/m{n}: {{context_window: 9, max_output_tokens: 9}}\n" for n in range(3_000))
    routes = "".join(f"  r{n}: {{targets: [openai/m{n}, openai/m{n // 2}, openai/m{n // 3}]}}\n" for n in range(1_500, 3_000))
    begun_s = time.process_time()
    compile_text(f"version: 1\nproviders: {{openai: {{}}}}\nmodels:\n{models}routes:\n{routes}")
    assert time.process_time() - begun_s < 10


def test_a_deployment_may_say_otherwise() -> None:
    overrides = from_environment(
        {
            "SIGNALBOX_PROVIDERS__OPENAI__BASE_URL": "http://127.0.0.1:4010/openai/v1/",
            "SIGNALBOX_MODELS__OPENAI_GPT_4_1_MINI__MAX_OUTPUT_TOKENS": "5",
            "SIGNALBOX_ROUTES__CHAT__MAX_ATTEMPTS": "1",
            "SIGNALBOX_CONTROL_TABLE": "not an override",
            "PATH": "neither",
        }
    )
    assert len(overrides) == 3
    snapshot = snapshot_of(SEED, overrides)
    assert snapshot.providers["openai"].base_url == "http://127.0.0.1:4010/openai/v1"
    assert snapshot.targets["openai/gpt-4.1-mini"].max_output_tokens == 5
    assert snapshot.routes["chat"].max_attempts == 1


@given(st.integers(0, 100_000 * 10**9))
def test_a_price_is_exact_to_the_nano_dollar(nanousd: int) -> None:
    price = f"{nanousd // 10**9}.{nanousd % 10**9:09}"
    snapshot = snapshot_of(SEED.replace("input: 1.75", f"input: {price}"))
    prices = snapshot.targets["openai/gpt-5.2"].prices
    assert prices is not None
    assert prices.input == nanousd
