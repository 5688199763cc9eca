import pytest

from signalbox.usage.alerts import Budget, crossed, exhausted, to_budget, to_detail, to_dollars
from signalbox.usage.events import EVENTS
from signalbox.usage.notices import to_forecast, to_message
from signalbox.usage.spenders import Spender, Spent


def budget(settled, limit=1000, version=1, scope="key#k1"):
    return Budget(scope, "month#2026-11", limit, settled, version)


@pytest.mark.parametrize(
    ("settled", "percents"),
    [(0, []), (499, []), (500, [50]), (799, [50]), (800, [50, 80]), (1000, [50, 80, 100]), (2500, [50, 80, 100])],
)
def test_a_threshold_is_crossed_when_it_is_reached(settled, percents):
    assert [alert.percent for alert in crossed(budget(settled))] == percents


def test_a_limit_of_nothing_has_no_thresholds():
    assert crossed(budget(0, limit=0)) == []
    assert exhausted(budget(0, limit=0)).budget.percent == 100


def test_another_limit_is_told_anew_and_one_that_comes_back_is_not():
    """As after a raise: what was said of the limit before it has been said."""
    first, raised, again = (crossed(budget(900, limit, version))[0].id for limit, version in ((1000, 1), (1500, 2), (1000, 3)))
    assert first == again != raised


def test_a_budget_may_name_its_own_thresholds():
    assert [alert.percent for alert in crossed(budget(950), (90, 95, 150))] == [90, 95]
    assert [alert.percent for alert in crossed(budget(1500), (90, 95, 150))] == [90, 95, 150]


def test_a_budget_is_the_sum_of_its_shards():
    shards = [{"limit": 600, "settled": 100, "budget_version": 1}, {"limit": 400, "settled": 450, "budget_version": 2}]
    assert to_budget("key#k1", "total", shards) == Budget("key#k1", "total", 1000, 550, 2)
    assert to_budget("key#k1", "total", []) is None


def test_headroom_that_moves_while_a_budget_is_read_makes_no_other_limit():
    """Seen in neither shard, or in both."""
    for second in (150, 650):
        shards = [{"limit": 600, "settled": 100, "budget_version": 1, "total": 1000, "shards": 2}]
        shards += [{"limit": second, "settled": 450, "budget_version": 1}]
        assert to_budget("key#k1", "total", shards) == Budget("key#k1", "total", 1000, 550, 1)


def test_every_alert_is_an_event_of_the_bus():
    for alert in (crossed(budget(900))[0], exhausted(budget(900))):
        assert EVENTS[alert.name].model_validate(to_detail(alert, 1)).id == alert.id


SPENT = Spent("2026-11-20", "2026-11-21", (Spender("team#acme/red", 410_000_000), Spender("key#k_1", 2_000_000)))


def test_an_alert_names_who_spent_the_most_and_of_which_days():
    alert = crossed(budget(900))[0]
    told = EVENTS[alert.name].model_validate(to_detail(alert, 1, SPENT))
    assert [tuple(row) for row in to_detail(alert, 1, SPENT)["spenders"]] == [("scope", "cost_nanousd")] * 2
    assert (told.spenders[0].scope, told.spenders_from, told.spenders_to) == ("team#acme/red", "2026-11-20", "2026-11-21")
    assert "spenders" not in to_detail(alert, 1)
    _, body = to_message(alert, hard=True, spent=SPENT)
    assert "Spent the most so far (2026-11-20 to 2026-11-21, by UTC):\n  team acme/red  $0.41\n  key k_1        $0.002\n" in body, body
    assert "(2026-11-21, by UTC)" in to_message(alert, hard=True, spent=SPENT._replace(first_day="2026-11-21"))[1]
    assert "Spent the most" not in to_message(alert, hard=True)[1]


def test_a_message_says_whose_how_much_of_what_and_what_to_do():
    subject, body = to_message(crossed(budget(412_345_678, limit=500_000_000))[1], hard=True)
    assert subject == "Signalbox: 80% of budget used: key k1, month 2026-11"
    for fact in ("key k1", "month 2026-11", "$0.412345678 (82%)", "$0.50", "/admin/budgets"):
        assert fact in body


def test_a_message_says_how_long_it_lasts_and_what_to_type():
    _, body = to_message(crossed(budget(600_000_000, limit=10**9, scope="team#acme/red"))[0], hard=True, forecast="at this pace …")
    assert "Forecast at this pace …" in body
    for step in (
        "signalbox budgets list team acme/red",
        "GET /admin/usage?team=acme/red",
        "signalbox budgets raise team acme/red --period month --by 0.2 --until 2h",
        "signalbox budgets set team acme/red --period month --limit …",
    ):
        assert step in body, body
    assert "Forecast" not in to_message(crossed(budget(600))[0], hard=True)[1]


def test_what_is_to_be_typed_can_be_typed_whatever_callers_have_called_their_agents():
    _, body = to_message(crossed(budget(600, scope="agent#acme/night & day"))[0], hard=True)
    assert "signalbox budgets list agent 'acme/night & day'\n" in body
    assert "GET /admin/usage?agent=acme/night%20%26%20day\n" in body
    assert "Budget   agent acme/night & day\n" in body


def test_a_global_budget_has_no_id_to_type():
    _, body = to_message(crossed(Budget("global#*", "day#2026-11-21", 100 * 10**9, 60 * 10**9, 1))[0], hard=False)
    assert "signalbox budgets raise global --period day --by 20 --until 2h" in body
    assert "/admin/analytics?by=route" in body


NOON_MS = 1_795_262_400_000  # 2026-11-21 12:00 UTC


@pytest.mark.parametrize(
    ("exhausted_ms", "by_end", "zone", "said"),
    [
        (NOON_MS + 90 * 60_000, 5, "", "at this pace exhausted on 2026-11-21 13:30 UTC"),
        (NOON_MS + 90 * 60_000, None, "Asia/Tokyo", "at this pace exhausted on 2026-11-21 22:30 Asia/Tokyo"),
        (NOON_MS, 5, "", "nothing is left before 2026-11-22 00:00 UTC"),
        (NOON_MS, 5, "Europe/Berlin", "nothing is left before 2026-11-22 01:00 Europe/Berlin"),
        (None, 12_341_000_000, "", "at this pace $12.35 when the period ends"),
        (None, 125_000, "", "at this pace $0.000125 when the period ends"),
        (None, None, "", "at this pace it lasts for years"),
    ],
)
def test_a_forecast_in_words(exhausted_ms, by_end, zone, said):
    assert to_forecast(exhausted_ms, by_end, NOON_MS + 12 * 3_600_000, NOON_MS, zone) == said


def test_what_never_renews_is_not_said_to():
    assert to_forecast(NOON_MS, None, None, NOON_MS) == "nothing is left"


@pytest.mark.parametrize("alert", [*crossed(budget(1000)), exhausted(budget(900))])
def test_a_soft_budget_is_never_said_to_refuse(alert):
    _, body = to_message(alert, hard=False)
    assert "No request is refused" in body
    assert "429" not in body


@pytest.mark.parametrize(
    ("alert", "meaning"),
    [(alert, "go on until what remains does not cover one") for alert in crossed(budget(900))]
    + [(alert, "that do not fit into what remains are refused") for alert in (crossed(budget(1200))[-1], exhausted(budget(900)))],
)
def test_a_hard_budget_is_said_to_refuse_what_does_not_fit(alert, meaning):
    _, body = to_message(alert, hard=True)
    assert meaning in body
    assert "429 budget_exceeded" in body


@pytest.mark.parametrize(
    ("nanousd", "dollars"),
    [(0, "$0.00"), (50_000_000, "$0.05"), (125_000, "$0.000125"), (12_000_000_001, "$12.000000001"), (-1_000_000_000, "-$1.00")],
)
def test_dollars_are_exact(nanousd, dollars):
    assert to_dollars(nanousd) == dollars
