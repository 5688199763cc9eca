import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.money import Tokens
from signalbox.reports import places
from signalbox.reports.report import reports, to_data
from signalbox.usage.record import Attempt
from signalbox.usage.rows import in_reports, to_reported

from .day import counted, event, mixed_day, report_of

NAMES = st.text(min_size=1, max_size=300) | st.sampled_from(["a/b", "%2F", "_all", ".", "..", "a%", "ä" * 120, "tenant-1", "A.b_c-d"])


def figures(rows):
    return {row.id: row.figures for row in rows}


def test_a_tenant_has_a_report_and_each_of_its_teams_that_has_a_name():
    made = reports("2026-11-20", "acme", counted(event("a"), event("b", team="support"), event("c", team="")), {}, finished=True)
    assert [(report.team, report.total.figures.requests) for report in made] == [(None, 3), ("search", 1), ("support", 1)]
    assert set(figures(made[0].rows["team"])) == {"search", "support", ""}
    assert "team" not in made[1].rows


def test_who_had_no_traffic_that_day_has_no_report():
    assert reports("2026-11-20", "acme", {}, counted(event("a")), finished=True) == []
    assert report_of("acme", "support", [event("a")], [event("b", team="support")]) is None


def test_every_request_is_parted_by_team_key_and_route_and_nothing_is_lost():
    whole = report_of("acme", None, mixed_day(1, 400))
    for by in ("team", "key", "route"):
        rows = [row.figures for row in whole.rows[by]]
        assert [sum(column) for column in zip(*rows, strict=True)] == list(whole.total.figures)
    assert sum(row.figures.cost_nanousd for row in whole.rows["model"]) == whole.total.figures.cost_nanousd
    teams = [report_of("acme", team, mixed_day(1, 400)).total for team in ("search", "support", "batch")]
    assert sorted(row.figures for row in teams) == sorted(row.figures for row in whole.rows["team"])


def test_errors_are_what_was_refused_and_what_failed():
    refused = event("r", outcome="budget_exceeded", attempts=(), target="", tokens=Tokens(), cost_nanousd=0)
    total = report_of("acme", None, [event("a"), refused, event("f", outcome="upstream_failed")]).total.figures
    assert (total.requests, total.errors, total.refused, total.failed) == (3, 2, 1, 1)


def test_a_model_has_what_was_tried_of_it_and_whoever_was_outrun_did_not_fail():
    tries = (Attempt("openai/gpt-4.1-mini", "outrun", 1, 900, cost_nanousd=7), Attempt("mistral/mistral-small-latest", "ok", 2, 300))
    late = (Attempt("openai/gpt-4.1-mini", "timeout", 1, 500), Attempt("mistral/mistral-small-latest", "ok", 2, 300))
    rows = report_of("acme", None, [event("a", attempts=tries), event("b", attempts=late)]).rows["model"]
    assert {row.id: (row.figures.requests, row.figures.failed, row.mean_ms) for row in rows} == {
        "openai/gpt-4.1-mini": (2, 1, 700.0),
        "mistral/mistral-small-latest": (2, 0, 300.0),
    }


def test_the_dearest_stand_first_and_what_was_there_the_day_before_alone_stands_last():
    today = [event("a", key="cheap", cost_nanousd=1), event("b", key="dear", cost_nanousd=9)]
    whole = report_of("acme", None, today, [event("c", key="gone", cost_nanousd=5)])
    assert [(row.id, row.figures.cost_nanousd, row.before.cost_nanousd) for row in whole.rows["key"]] == [
        ("dear", 9, 0),
        ("cheap", 1, 0),
        ("gone", 0, 5),
    ]
    assert (whole.total.before.requests, whole.total.before.cost_nanousd) == (1, 5)


def test_in_json_it_is_the_same_whenever_it_is_made():
    first, second = (to_data(report_of("acme", None, mixed_day(1, 50), mixed_day(2, 50))) for _ in range(2))
    assert first == second
    assert (first["team"], first["finished"], first["total"]["mean_ms"]) == (
        None,
        True,
        report_of("acme", None, mixed_day(1, 50)).total.mean_ms,
    )
    assert float(first["total"]["cost_usd"]) == first["total"]["cost_nanousd"] / 1e9


@given(NAMES, NAMES)
def test_whatever_they_are_called_two_teams_are_never_one(tenant, team):
    [of] = {(of.tenant, of.team) for of in counted(event("a", tenant=tenant, team=team))}
    if len(tenant.encode()) <= 60 and len(team.encode()) <= 60:
        assert of == (tenant, team)
    assert to_reported(f"{in_reports(tenant, team)}key/a/b#c").id == "a/b#c"


@given(NAMES, NAMES)
def test_a_key_is_of_one_report_alone_and_fits_an_event(tenant, team):
    keys = [places.key("2026-11-20", tenant, of, format) for of in (None, team) for format in places.FORMATS]
    assert len(set(keys)) == 6
    assert all(
        len(key) <= 400 and key.isascii() and key.count("/") == 3 and key.startswith(places.folder("2026-11-20", tenant)) for key in keys
    )
    assert not any(part.startswith(".") for key in keys for part in key.split("/"))
    if len(tenant.encode()) <= 40 and len(team.encode()) <= 40:
        assert {places.named(key) for key in keys} == {(tenant, None), (tenant, team)}


@pytest.mark.parametrize(("one", "other"), [("a/b", "a%2Fb"), ("x" * 200, "x" * 201), (".", "%2E"), ("_all", "%5Fall")])
def test_names_that_are_written_alike_are_kept_apart(one, other):
    assert places.key("2026-11-20", one, None, "csv") != places.key("2026-11-20", other, None, "csv")
    assert in_reports(one) != in_reports(other)
