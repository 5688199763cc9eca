"""`signalbox budgets`, in front of the control API itself."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops import budgets
from ops.trouble import Trouble

from .client import MODULES, Api
from .test_budgets import spend

Run = Callable[..., tuple[int, str]]
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TEAM = ("team", "acme/red", "--period", "day")


@pytest.fixture
def run(command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(MODULES["stage"], "now", lambda: NOON)

    def run(*words: str) -> tuple[int, str]:
        code, told, trouble = command("budgets", *words)
        return code, told + trouble

    return run


def test_budgets_are_set_listed_and_removed(run: Run, stage: Any) -> None:
    assert run("list") == (0, "no budget holds: anybody may spend anything")
    assert run("set", *TEAM, "--limit", "2", "--thresholds", "60,90%", "--zone", "UTC")[0] == 0
    spend(stage, "team#acme/red", "day#2026-11-21", 2 * 10**9, settled=1_500_000_000, held=100_000_000)
    run("set", "global", "--period", "month", "--limit", "1000", "--soft", "--zone", "Asia/Tokyo")
    assert run("list")[1].splitlines() == [
        "budget         period               limit  spent   held      left  used  forecast",
        "team acme/red  day                  $2.00  $1.50  $0.10     $0.40  75 %  at this pace exhausted on 2026-11-21 16:00 UTC",
        "global (soft)  month Asia/Tokyo  $1000.00  $0.00  $0.00  $1000.00   0 %",
    ]
    assert run("list", "team", "acme/red")[1].splitlines()[1:] == [
        "team acme/red  day     $2.00  $1.50  $0.10  $0.40  75 %  at this pace exhausted on 2026-11-21 16:00 UTC"
    ]
    assert run("remove", *TEAM) == (0, "team acme/red has no budget per day any more")
    assert run("list", "team", "acme/red") == (0, "no budget holds team acme/red")
    assert run("remove", *TEAM)[0] == 1


def test_what_is_not_said_stays_as_it_is(run: Run) -> None:
    run("set", *TEAM, "--limit", "2", "--soft", "--zone", "Europe/Berlin", "--thresholds", "75")
    row = json.loads(run("set", *TEAM, "--limit", "3", "--json")[1])
    assert (row["limit_usd"], row["hard"], row["time_zone"], row["thresholds"]) == ("3.00", False, "Europe/Berlin", [75])
    assert json.loads(run("set", *TEAM, "--limit", "3", "--hard", "--json")[1])["hard"] is True


def test_another_zone_is_warned_of(run: Run) -> None:
    run("set", *TEAM, "--limit", "2")
    assert run("set", *TEAM, "--limit", "2", "--zone", "Asia/Tokyo")[1].splitlines()[-1].startswith("By the time zone of Asia/Tokyo")


def test_a_raise_is_begun_shown_and_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("set", *TEAM, "--limit", "2")
    monkeypatch.setattr(budgets, "until", lambda text, now: (NOON + timedelta(hours=2)).isoformat())
    said = run("raise", *TEAM, "--by", "0.5", "--until", "2h")[1].splitlines()
    assert said[1:] == [
        "team acme/red (raised)  day     $2.50  $0.00  $0.00  $2.50   0 %",
        "raise 2: $0.50 more until 2026-11-21T14:00:00Z",
    ]
    listed = run("list")[1].splitlines()
    assert "team acme/red (raised)" in listed[1]
    assert listed[2:] == ["team acme/red day: raise 2: $0.50 more until 2026-11-21T14:00:00Z"]  # by which --end knows it
    assert run("raise", *TEAM, "--end", "7")[0] == 1
    assert json.loads(run("raise", *TEAM, "--end", "2", "--json")[1])["raises"] == []
    run("raise", *TEAM, "--by", "0.5", "--until", "2h")
    assert "raised" not in run("raise", *TEAM, "--end")[1]


def test_what_is_missing_is_said(run: Run) -> None:
    assert run("raise", *TEAM, "--by", "1") == (1, "signalbox: say --by how much and --until when, as in --by 20 --until 2h; or --end")
    assert run("raise", *TEAM, "--by", "1", "--end")[1] == "signalbox: --end takes back what was raised: leave out --by and --until"
    assert run("raise", *TEAM, "--by", "1", "--until", "2h")[1] == (
        "signalbox: team acme/red has no budget per day to raise. GET /admin/budgets lists them."
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", "2026-11-21T12:30:00+00:00"),
        ("2h", "2026-11-21T14:00:00+00:00"),
        ("3d", "2026-11-24T12:00:00+00:00"),
        ("2026-11-21T18:00+01:00", "2026-11-21T18:00:00+01:00"),
        ("2026-11-21T18:00:00Z", "2026-11-21T18:00:00+00:00"),
    ],
)
def test_a_moment_may_be_told_by_how_long_it_is_to_it(text: str, moment: str) -> None:
    assert budgets.until(text, NOON) == moment


@pytest.mark.parametrize(("text", "said"), [("soon", "no moment"), ("2h30", "no moment"), ("2026-11-21T18:00", "whose clock?")])
def test_a_moment_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(Trouble, match=said.replace("?", r"\?")):
        budgets.until(text, NOON)


def test_all_pages_are_listed(run: Run, api: Api) -> None:
    for number in range(101):
        MODULES["budgets"].boto_budgets.change(
            MODULES["stage"].control(), MODULES["stage"].ledger(), f"tenant#t{number:03}", "day", 10**9, True, 0
        )
    assert len(json.loads(run("list", "--json")[1])) == 101
