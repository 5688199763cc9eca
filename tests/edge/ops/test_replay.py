"""`signalbox replay` against a stage of an account: what was recorded there is decided again, and nothing else is believed."""

import gzip
import json
from datetime import UTC, datetime

import pytest

from ops import cli
from tests.unit.routing import traffic

from .recorded import COMPILED, CONFIG, ROUTE


def test_traffic_is_decided_again_by_the_snapshot_of_its_time(stage, capsys):
    stage.asked(stage.published(COMPILED), "r1", "r2", "r3")
    stage.asked(stage.published(COMPILED | {"routes": {"chat": ROUTE | {"targets": ["a/y"]}}}), "r4")
    assert cli.main(["replay", "--stage", "dev"]) == 0
    assert capsys.readouterr().out == "4 requests decided again, each as it was recorded, bit for bit\n"


def test_what_was_not_decided_so_is_named_and_fails_the_command(stage, capsys):
    snapshot = stage.published(COMPILED)
    stage.asked(snapshot, "r1")
    stage.asked(snapshot, "r2", decided="something else", strategy="weighted")
    assert cli.main(["replay", "--from", "2", "--stage", "dev"]) == 1
    said = capsys.readouterr()
    assert said.out == "r2: strategy: was 'weighted', is 'round_robin'\n"
    assert said.err == "signalbox: 1 of 2 requests would be decided otherwise than was recorded\n"


@pytest.mark.parametrize("body", [None, b"{}"])
def test_a_snapshot_that_is_gone_or_was_changed_proves_nothing(stage, capsys, body):
    snapshot = stage.published(COMPILED)
    stage.asked(snapshot, "r1")
    key = f"snapshots/{snapshot.digest}.json.gz"
    stage.s3.delete_object(Bucket=CONFIG, Key=key)
    if body:
        stage.s3.put_object(Bucket=CONFIG, Key=key, Body=gzip.compress(body))
    assert cli.main(["replay", "--stage", "dev"]) == 1
    assert f"r1: its snapshot {snapshot.digest[:12]} is not there any more, or is damaged" in capsys.readouterr().out


def test_one_request_is_shown_with_its_decision(stage, capsys):
    stage.asked(stage.published(COMPILED), "r1", "r2")
    assert cli.main(["replay", "--request", "r2", "--stage", "dev"]) == 0
    said = capsys.readouterr().out
    assert json.loads(said[: said.rindex("}") + 1])["targets"] == ["a/y", "a/x"]
    assert "1 request decided again" in said
    assert cli.main(["replay", "--request", "r9", "--stage", "dev"]) == 1
    assert "r9: no such request is recorded" in capsys.readouterr().err


def test_a_day_is_a_day_of_utc(stage, capsys):
    stage.asked(stage.published(COMPILED), "r1")
    day = f"{datetime.fromtimestamp(stage.at_ms / 1000, UTC):%Y-%m-%d}"
    assert cli.main(["replay", "--date", day, "--stage", "dev"]) == 0
    assert cli.main(["replay", "--date", "2020-01-01", "--stage", "dev"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "no requests are recorded in that time, so that nothing was decided again"
    assert cli.main(["replay", "--date", "yesterday", "--stage", "dev"]) == 1


@pytest.mark.parametrize("days", ["0", "-3", "nan", "inf", "1e9", "a week"])
def test_a_time_that_is_none_is_told_so(stage, capsys, days):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["replay", f"--from={days}", "--stage", "dev"])
    assert stopped.value.code == 2
    assert "--from" in capsys.readouterr().err


def test_a_row_of_another_release_hides_none_of_the_others(stage, capsys, monkeypatch):
    snapshot = stage.published(COMPILED)
    stage.asked(snapshot, "r1")
    row_of = traffic.row_of
    monkeypatch.setattr(traffic, "row_of", lambda *row: row_of(*row) | {"inputs": '{"lacks": {}, "snapshot": "", "features": {"new": 1}}'})
    stage.asked(snapshot, "r2")
    assert cli.main(["replay", "--stage", "dev"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("r2: its inputs cannot be read by this release: ")
    assert "1 of 2 requests" in said.err
