"""How long is waited: from the lines of the document to what an attempt is held to."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config.compiler import compile_text
from signalbox.config.source import InvalidDocument
from signalbox.routing.catalog import Snapshot, Timeouts, to_snapshot

DOCUMENT = """
version: 1
providers:
  a: {{base_url: https://a.test/v1{provider}}}
  b: {{base_url: https://b.test/v1}}
models:
  a/m: {{context_window: 9, max_output_tokens: 9, prices: {{input: 0, output: 0, source: s, as_of: 2026-11-21}}{model}}}
  b/m: {{context_window: 9, max_output_tokens: 9, prices: {{input: 0, output: 0, source: s, as_of: 2026-11-21}}{other}}}
  a/e: {{context_window: 9, capabilities: [embeddings], prices: {{input: 0, source: s, as_of: 2026-11-21}}{embedder}}}
  b/e: {{context_window: 9, capabilities: [embeddings], prices: {{input: 0, source: s, as_of: 2026-11-21}}}}
routes:
  r: {{targets: [a/m, b/m]{route}}}
timeouts: {{{defaults}}}
"""


def text(defaults: str = "", **rows: str) -> str:
    places = dict.fromkeys(("provider", "model", "other", "embedder", "route"), "")
    return DOCUMENT.format(**places | {name: f", timeouts: {{{row}}}" for name, row in rows.items()}, defaults=defaults)


def snapshot(defaults: str = "", **rows: str) -> Snapshot:
    compiled = compile_text(text(defaults, **rows))
    return to_snapshot(json.loads(compiled.json), 1, compiled.digest)


def held_to(target: str, name: str | None = None, **rows: str) -> Timeouts:
    """What an attempt at the target is held to, for a request of the route: as `completion` puts the two together."""
    found = snapshot(**rows)
    return found.routes[name or target].timeouts.over(found.targets[target].timeouts)


def said(problems) -> list[tuple[str, str]]:
    return [(problem.path, problem.message) for problem in problems]


def errors(defaults: str = "", **rows: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidDocument) as caught:
        compile_text(text(defaults, **rows))
    return said(caught.value.problems)


def warnings(defaults: str = "", **rows: str) -> list[tuple[str, str]]:
    return said(compile_text(text(defaults, **rows)).warnings)


def test_the_defaults_are_five_seconds_to_a_first_byte_three_for_an_embedding_and_two_for_a_health_check():
    assert held_to("a/m", "r") == held_to("a/m") == Timeouts(5, 10, 120)
    assert held_to("a/e") == Timeouts(3, 10, 120)
    assert snapshot().health_check_s == 2


def test_the_defaults_can_be_said_otherwise():
    defaults = "ttft_s: 7, between_chunks_s: 8, total_s: 9, embedding: {ttft_s: 2, total_s: 6}, health_check_s: 1.5"
    assert held_to("b/m", "r", defaults=defaults) == Timeouts(7, 8, 9)
    assert held_to("b/e", defaults=defaults) == Timeouts(2, 8, 6)
    assert snapshot(defaults).health_check_s == 1.5


def test_a_route_comes_before_a_model_and_a_model_before_its_provider():
    rows = {"provider": "ttft_s: 20, between_chunks_s: 21, total_s: 22", "model": "ttft_s: 10, between_chunks_s: 11"}
    assert held_to("a/m", "r", **rows, route="ttft_s: 1") == Timeouts(1, 11, 120)
    assert held_to("a/m", "r", **rows) == Timeouts(10, 11, 120)
    assert held_to("a/m", **rows) == Timeouts(10, 11, 22)
    assert held_to("a/e", **rows) == Timeouts(20, 21, 22)
    assert held_to("b/m", "r", **rows) == Timeouts(5, 10, 120)


def test_each_target_of_a_route_has_its_own_but_the_total_is_the_longest_of_them():
    rows = {"model": "ttft_s: 60, total_s: 600"}  # one that thinks
    assert (held_to("a/m", "r", **rows), held_to("b/m", "r", **rows)) == (Timeouts(60, 10, 600), Timeouts(5, 10, 600))
    assert held_to("b/m", "r", **rows, route="total_s: 30") == Timeouts(5, 10, 30)


@pytest.mark.parametrize("row", ["provider", "model", "route"])
def test_strict_holds_the_whole_operation_to_five_seconds(row):
    rows = {row: "profile: strict"} | ({"other": "total_s: 4"} if row != "route" else {})
    assert held_to("a/m", "r", **rows).total_s == 5
    assert held_to("a/m", "r", **{row: "profile: strict, total_s: 3"}, other="total_s: 1").total_s == 3
    assert held_to("a/m", "r", **{row: "profile: strict, total_s: 30"}, other="total_s: 1").total_s == 5


def test_a_strict_embedding_is_one_too():
    assert held_to("b/e", defaults="embedding: {profile: strict}") == Timeouts(5, 10, 5)


def test_a_time_that_could_never_pass_is_an_error_wherever_it_stands():
    never = "longer than total_s ({} s), so that it could never pass; raise total_s or lower this"
    assert errors("ttft_s: 121") == [("timeouts.ttft_s", never.format(120))]
    assert errors("embedding: {ttft_s: 9, total_s: 8}") == [("timeouts.embedding.ttft_s", never.format(8))]
    assert errors(provider="ttft_s: 130") == [("providers.a.timeouts.ttft_s", never.format(120))]
    assert errors(model="between_chunks_s: 31, total_s: 30") == [("models.a/m.timeouts.between_chunks_s", never.format(30))]
    assert errors(provider="total_s: 9", model="ttft_s: 10") == [("models.a/m.timeouts.ttft_s", never.format(9))]
    assert errors(route="ttft_s: 121") == [("routes.r.timeouts.ttft_s", never.format(120))]
    assert errors(route="profile: strict, total_s: 4, ttft_s: 4.5") == [("routes.r.timeouts.ttft_s", never.format(4))]


def test_what_a_longer_total_elsewhere_leaves_room_for_is_none():
    assert warnings(model="total_s: 600", route="ttft_s: 200") == []
    assert warnings(provider="ttft_s: 200", model="total_s: 600") == []


@pytest.mark.parametrize("row", ["provider", "model", "route"])
def test_what_strict_cuts_short_is_a_warning(row):
    paths = {"provider": "providers.a", "model": "models.a/m", "route": "routes.r"}
    why = "the profile strict ends the whole operation after 5 s, and so before this; lower it"
    rows = {row: "profile: strict, ttft_s: 6, between_chunks_s: 5"}
    assert warnings(**rows) == [(f"{paths[row]}.timeouts.ttft_s", why)]
    assert held_to("a/m", "r" if row == "route" else "a/m", **rows).total_s == 5


def test_a_strict_provider_cuts_its_models_short():
    assert [path for path, _ in warnings(provider="profile: strict", model="ttft_s: 60")] == ["models.a/m.timeouts.ttft_s"]
    assert warnings(provider="profile: strict", model="ttft_s: 60, total_s: 600") == []


def test_a_health_check_fits_into_its_minute():
    assert errors("health_check_s: 11")[0][0] == "timeouts.health_check_s"
    assert snapshot("health_check_s: 10").health_check_s == 10


def test_a_limit_of_reports_counts_where_it_is_said_and_else_changes_nothing():
    assert (snapshot().report_s, snapshot("report_s: 120").report_s, snapshot("report_s: 30").report_s) == (120, 120, 30)
    assert "report_s" not in json.loads(compile_text(text("report_s: 120")).json)


def test_a_version_from_before_there_was_a_health_check_has_two_seconds():
    compiled = json.loads(compile_text(text()).json)
    del compiled["health_check_s"]
    assert to_snapshot(compiled, 1, "d").health_check_s == 2


SECONDS = st.integers(1, 880)


@given(SECONDS, SECONDS, SECONDS, SECONDS, SECONDS)
def test_whatever_is_said_the_nearest_is_what_counts(default, provider, model, other, route):
    rows = {"defaults": f"total_s: {default}, ttft_s: 1, between_chunks_s: 1, embedding: {{ttft_s: 1}}"}
    assert held_to("b/m", **rows).total_s == default
    rows["provider"] = f"total_s: {provider}"
    assert held_to("a/m", **rows).total_s == held_to("a/e", **rows).total_s == provider
    rows["model"] = f"total_s: {model}"
    assert held_to("a/m", **rows).total_s == model
    rows["other"] = f"total_s: {other}"
    assert held_to("a/m", "r", **rows).total_s == max(model, other)
    rows["route"] = f"total_s: {route}"
    assert held_to("a/m", "r", **rows).total_s == held_to("b/m", "r", **rows).total_s == route
