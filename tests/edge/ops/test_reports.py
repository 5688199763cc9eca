"""`signalbox usage report`: what it asks for, prints, writes and has made anew."""

import argparse
import io
import json
from datetime import datetime

import pytest

from ops import analytics, cli, control_api, reports, stages
from signalbox.reports.report import to_data
from tests.unit.reports.day import mixed_day, report_of

DAY = ["usage", "report", "--day", "2026-11-20"]
WHOLE = to_data(report_of("acme", None, mixed_day(1, 200), mixed_day(2, 150)))


class Stage:
    """Its API and its function: what each was asked."""

    def __init__(self):
        self.asked, self.made, self.error = [], [], None

    def call(self, stage, method, path):
        self.asked.append(path)
        rows = [{"tenant": "acme", "team": team, "stored": team is None} for team in (None, "search")]
        return {"day": "2026-11-20", "reports": rows, "next": None}

    def text(self, stage, path):
        self.asked.append(path)
        return json.dumps(WHOLE) if "format=json" in path else "day,tenant\r\n2026-11-20,acme\r\n"

    def invoke(self, **given):
        self.made.append((given["FunctionName"], given["InvocationType"], json.loads(given["Payload"])))
        payload = io.BytesIO(json.dumps({"errorMessage": self.error}).encode())
        return {"Payload": payload} | ({"FunctionError": "Unhandled"} if self.error else {})


@pytest.fixture
def stage(monkeypatch):
    stage = Stage()
    monkeypatch.setattr(control_api, "call", stage.call)
    monkeypatch.setattr(control_api, "text", stage.text)
    monkeypatch.setattr(stages, "client", lambda name, service: stage)
    monkeypatch.setattr(stages, "outputs", lambda name: {"ReportFunctionName": "report"})
    return stage


def test_without_a_tenant_those_of_the_day_are_listed(stage, capsys):
    assert cli.main(DAY) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["acme", "stored"],
        ["acme", "search", "not", "made", "yet"],
    ]
    assert stage.asked == ["/admin/reports?day=2026-11-20&limit=1000"]


def test_a_file_that_cannot_be_written_is_said_in_a_line(stage, capsys, tmp_path):
    for out in (tmp_path / "nosuch" / "r.html", tmp_path):
        assert cli.main([*DAY, "--tenant", "acme", "--format", "html", "--out", str(out)]) == 1
        said = capsys.readouterr().err
        assert f"signalbox: {out} cannot be written: " in said
        assert said.count("\n") == 1


def test_a_tenants_is_a_table(stage, capsys):
    assert cli.main([*DAY, "--tenant", "acme"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "acme: 2026-11-20"
    assert lines[2].split()[0] == "200"
    assert {line.split()[0] for line in lines if line} >= {"team", "model", "key", "route", "search", "openai/gpt-4.1-mini", "auto"}


def test_a_format_is_printed_as_it_is_and_written_by_the_name_of_its_file(stage, capsys, tmp_path):
    assert cli.main([*DAY, "--tenant", "a b", "--team", "x", "--format", "csv"]) == 0
    assert capsys.readouterr().out == "day,tenant\r\n2026-11-20,acme\n"
    assert stage.asked == ["/admin/reports/2026-11-20?tenant=a+b&format=csv&team=x"]
    out = tmp_path / "of.csv"
    assert cli.main([*DAY, "--tenant", "acme", "--out", str(out)]) == 0
    assert out.read_bytes() == b"day,tenant\r\n2026-11-20,acme\r\n"


@pytest.mark.parametrize(("words", "kind", "asked"), [(["--tenant", "acme"], "RequestResponse", {"tenant": "acme"}), ([], "Event", {})])
def test_anew_it_is_made_before_it_is_asked_for(stage, words, kind, asked):
    assert cli.main([*DAY, *words, "--anew"]) == 0
    assert stage.made == [("report", kind, {"day": "2026-11-20"} | asked)]
    assert len(stage.asked) == 1


def test_what_could_not_be_made_is_said(stage, capsys):
    stage.error = "2026-11-20 is not over: its reports are made the night after"
    assert cli.main([*DAY, "--tenant", "acme", "--anew"]) == 1
    assert "is not over" in capsys.readouterr().err
    assert stage.asked == []


@pytest.mark.parametrize(
    ("words", "said"), [(["--format", "csv"], "--tenant"), (["--team", "x"], "--tenant"), (["--tenant", "a", "--out", "x.pdf"], "--format")]
)
def test_what_is_missing_is_said(stage, words, said, capsys):
    assert cli.main([*DAY, *words]) == 1
    assert said in capsys.readouterr().err


def test_a_day_of_nothing_and_a_long_list_say_so():
    assert list(reports.listed({"day": "2026-11-20", "reports": [], "next": None})) == ["nothing is recorded of 2026-11-20"]
    row = {"tenant": "a", "team": None, "stored": True}
    assert "GET /admin/reports?day=2026-11-20" in list(reports.listed({"day": "2026-11-20", "reports": [row], "next": "x"}))[-1]


def test_a_day_of_which_nothing_is_recorded_tells_of_today(stage, capsys, monkeypatch):
    def nothing(_, path):
        raise control_api.Missing("Nothing is recorded of acme.")

    monkeypatch.setattr(control_api, "text", nothing)
    for more in ((), ("--out", "acme.html"), ("--day", "yesterday"), ("--day", "2026-11-20")):
        assert cli.main(["usage", "report", "--tenant", "acme", *more]) == 1
        assert "`--day today` is for today so far" in capsys.readouterr().err
    assert cli.main(["usage", "report", "--tenant", "acme", "--day", "today"]) == 1
    said = capsys.readouterr().err
    assert "lists those there are" in said
    assert "--day today` is" not in said


def test_a_day_is_said_as_people_say_it(monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, zone):
            return datetime(2026, 12, 1, tzinfo=zone)

    monkeypatch.setattr(analytics, "datetime", Clock)
    assert [analytics.day(text) for text in ("today", "yesterday", "2026-11-20")] == ["2026-12-01", "2026-11-30", "2026-11-20"]
    with pytest.raises(argparse.ArgumentTypeError, match="or today, or yesterday"):
        analytics.day("tomorrow")
