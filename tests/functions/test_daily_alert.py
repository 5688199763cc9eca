"""A stack has its daily alert within its first minute, and operators' budgets take its place."""

from decimal import Decimal

import pytest

from functions.settle_expired import handler as module
from signalbox.aws import boto_budgets, boto_daily_alert, boto_raises

NOW_MS = 1_795_230_000_000
USD = 10**9


@pytest.fixture
def keep(stage):
    return lambda usd: boto_daily_alert.keep(stage.control, stage.ledger, Decimal(usd), NOW_MS)


def told(stage):
    return [(budget.kind, budget.limit_nanousd, budget.hard, budget.by) for budget in boto_budgets.of_scope(stage.control, "global#*")]


def test_a_fresh_stack_has_it_and_lists_it(stage, keep):
    keep("100")
    assert told(stage) == [("day", 100 * USD, False, "default")]
    assert boto_budgets.page(stage.control, 10) == ["global#*"]


def test_what_is_so_already_is_not_written(stage, keep, monkeypatch):
    keep("100")
    monkeypatch.setattr(boto_budgets.boto_tables, "transacted", lambda *_: pytest.fail("it was written again"))
    keep("100")


def test_it_follows_the_parameter(stage, keep):
    keep("100")
    keep("0.5")
    assert told(stage) == [("day", USD // 2, False, "default")]
    keep("0")
    assert told(stage) == []
    keep("0")
    assert told(stage) == []


def test_an_operators_own_takes_its_place_and_leaves_it_again(stage, keep):
    keep("100")
    boto_budgets.change(stage.control, stage.ledger, "global#*", "day", 7 * USD, True, NOW_MS)
    for parameter in ("100", "200", "0"):
        keep(parameter)
        assert told(stage) == [("day", 7 * USD, True, "")]
    assert boto_budgets.remove(stage.control, "global#*", "day")
    keep("100")
    assert told(stage) == [("day", 100 * USD, False, "default")]


def test_nobody_removes_it_but_by_the_parameter(stage, keep):
    keep("100")
    with pytest.raises(boto_budgets.OfTheStack):
        boto_budgets.remove(stage.control, "global#*", "day")


def test_it_may_be_raised_and_then_follows_the_parameter_still(stage, keep):
    keep("100")
    boto_raises.begin(stage.control, stage.ledger, "global#*", "day", 50 * USD, NOW_MS + 1, NOW_MS)
    keep("80")
    [budget] = boto_budgets.of_scope(stage.control, "global#*")
    assert (budget.limit_nanousd, budget.limit_at(NOW_MS), budget.by) == (80 * USD, 130 * USD, "default")


def test_a_global_budget_of_another_period_is_none_of_its_business(stage, keep):
    boto_budgets.change(stage.control, stage.ledger, "global#*", "month", 7 * USD, True, NOW_MS)
    keep("100")
    assert [row[0] for row in told(stage)] == ["day", "month"]


def test_the_minutes_run_keeps_it_and_ends_raises(stage, monkeypatch):
    monkeypatch.setenv("SIGNALBOX_DAILY_ALERT_USD", "12.5")
    assert module.upkeep() == (0, {})
    assert told(stage) == [("day", 12_500_000_000, False, "default")]
    boto_raises.begin(stage.control, stage.ledger, "global#*", "day", USD, module.now_ms() - 1, module.now_ms() - 2)
    assert module.upkeep() == (1, {})


def test_a_failure_is_counted_and_holds_up_nothing(stage, monkeypatch, capsys):
    def down(*_):
        raise ConnectionError("down")

    module.metrics.flush_metrics()
    monkeypatch.setattr(boto_daily_alert, "keep", down)
    assert [*module.upkeep().failures] == ["the daily alert"]
    module.metrics.flush_metrics()
    assert '"BudgetUpkeepFailures":[1.0]' in capsys.readouterr().out
