"""`signalbox analytics` and `signalbox savings`: what is asked of the API, and how its answer reads."""

import json

import pytest

from ops import analytics, cli, control_api

TIMES = {"measured": 3, "mean_ms": 415.2, "p50_ms": 410.1, "p95_ms": 1234.5, "p99_ms": 30_000.0}
UNTIMED = {"measured": 0, "mean_ms": None, "p50_ms": None, "p95_ms": None, "p99_ms": None}
FIGURES = {
    "requests": 1234,
    "cost_nanousd": 28_700_000,
    "success_rate": 0.9995,
    "latency": TIMES,
    "ttft": UNTIMED,
    "fallback_rate": 0.034,
    "cache_hit_rate": 0.81,
    "triggers": {"server": 3, "timeout": 1},
}
SHARES = [
    {"provider": "llama_cpp", "answered": 750, "share": 0.75, "declared": 0.4, "difference_points": 35.0},
    {"provider": "openai", "answered": 250, "share": 0.25, "declared": None, "difference_points": None},
]
ROW = FIGURES | {"id": "chat", "providers": SHARES, "series": []}
ANALYTICS = {"by": "route", "from": "2026-11-20", "to": "2026-11-21", "rows": [ROW]}
SAVED = {
    "requests": 10,
    "compared": 8,
    "cost_nanousd": 4_000_000,
    "compared_cost_nanousd": 3_000_000,
    "baseline_cost_nanousd": 10_000_000,
    "saved_nanousd": 7_000_000,
    "percent": 70.0,
}
LOST = SAVED | {"baseline_cost_nanousd": 0, "saved_nanousd": -3_000_000, "percent": None}
SAVINGS = {"by": "day", "from": "x", "to": "y", "rows": [SAVED | {"id": "2026-11-20"}, LOST | {"id": "2026-11-21"}], "total": SAVED}
ADOPTION = {
    "requests": 5,
    "callers": 2,
    "keys_left_out": True,
    "flags": [{"flag": "beta", "requests": 3, "request_share": 0.6, "callers": 0, "caller_share": None}],
}


@pytest.fixture
def api(monkeypatch):
    """Answers whatever is asked by its path, and keeps what was asked."""
    asked = []
    answers = {"/admin/analytics": ANALYTICS, "/admin/savings": SAVINGS, "/admin/analytics/flags": ADOPTION}

    def call(stage, method, path, body=None):
        asked.append((stage, method, path))
        return answers[path.partition("?")[0]]

    monkeypatch.setattr(control_api, "call", call)
    return asked


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["analytics"], "/admin/analytics?by=route"),
        (
            ["analytics", "--by", "target", "--id", "openai/gpt", "--each", "day", "--from", "2026-11-20", "--to", "2026-11-21"],
            "/admin/analytics?by=target&id=openai%2Fgpt&each=day&from=2026-11-20&to=2026-11-21",
        ),
        (["analytics", "--by", "flag", "--from", "2026-11-20"], "/admin/analytics/flags?from=2026-11-20"),
        (["savings"], "/admin/savings?by=day"),
        (["savings", "--by", "policy", "--to", "2026-11-21"], "/admin/savings?by=policy&to=2026-11-21"),
    ],
)
def test_what_is_asked_is_what_the_words_say(api, capsys, words, path):
    assert cli.main([*words, "--json"]) == 0
    assert api == [("local", "GET", path)]
    assert json.loads(capsys.readouterr().out)


def test_analytics_are_a_table_with_a_line_for_each(api, capsys):
    assert cli.main(["analytics"]) == 0
    heading, row, _, title, *_ = capsys.readouterr().out.splitlines()
    assert heading.split()[:4] == ["route", "requests", "cost", "success"]
    assert " ".join(row.split()) == "chat 1,234 $0.0287 99.95 % 415 ms 410 ms 1.2 s 30 s - - - 3.4 % 81 % server 3, timeout 1"
    assert title == "chat: its answers by provider, beside what it declares"


def test_shares_stand_beside_what_is_declared():
    lines = [line.split() for line in analytics.overview(ANALYTICS)][-3:]
    assert lines == [
        ["provider", "answers", "share", "declared", "points"],
        ["llama_cpp", "750", "75", "%", "40", "%", "+35.0"],
        ["openai", "250", "25", "%", "-", "-"],
    ]


def test_a_series_stands_below_its_row():
    row = ROW | {"series": [FIGURES | {"period": "2026-11-20"}], "providers": []}
    lines = list(analytics.overview(ANALYTICS | {"rows": [row]}))
    assert [line.split()[0] for line in lines] == ["route", "chat", "2026-11-20"]
    assert lines[2].startswith("  2026-11-20")


def test_nothing_is_said_to_be_nothing():
    said = list(analytics.overview(ANALYTICS | {"rows": []}))
    assert said[0] == "no request from 2026-11-20 to 2026-11-21"
    assert said[1].startswith("a request counts for the route that served it")  # which is why `auto` may have none
    assert list(analytics.overview(ANALYTICS | {"by": "all", "rows": []})) == said[:1]


def test_savings_are_a_table_with_its_sum():
    heading, saved, lost, total, legend = analytics.savings(SAVINGS)
    assert heading.split()[0] == "day"
    assert saved.split() == ["2026-11-20", "10", "8", "$0.004", "$0.003", "$0.01", "$0.007", "70.0", "%"]
    assert lost.split()[-2:] == ["-$0.003", "-"]
    assert total.split()[0] == "all"
    assert "default target" in legend


def test_adoption_is_a_table_that_says_what_it_left_out(api, capsys):
    assert cli.main(["analytics", "--by", "flag"]) == 0
    heading, row, *rest = capsys.readouterr().out.splitlines()
    assert heading.split() == ["flag", "requests", "share", "callers", "share"]
    assert row.split() == ["beta", "3", "60", "%", "0", "-"]
    assert rest == [
        "of 5 requests that were decided, by 2 keys",
        "there are more keys than are looked at: the callers are those of the oldest",
    ]


@pytest.mark.parametrize("words", [["--id", "beta"], ["--each", "day"]])
def test_flags_have_no_series(api, capsys, words):
    assert cli.main(["analytics", "--by", "flag", *words]) == 1
    assert "leave out --id and --each" in capsys.readouterr().err
    assert api == []


def test_a_day_that_is_none_is_refused(api, capsys):
    with pytest.raises(SystemExit):
        cli.main(["savings", "--from", "tomorrow"])
    assert "is no day: write it as 2026-11-21" in capsys.readouterr().err
