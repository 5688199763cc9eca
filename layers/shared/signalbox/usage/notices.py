"""What the people who mind a budget are told of it: how far it is, how long it lasts, and what to type."""

import shlex
from datetime import UTC, datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from ..errors import whose
from ..money import NANOUSD_PER_USD
from .alerts import Alert, Budget, to_dollars
from .spenders import Spent


def to_message(alert: Alert, hard: bool, forecast: str = "", spent: Spent | None = None) -> tuple[str, str]:
    """Subject and body. `hard` is what the definition says now; one that is gone refuses nothing."""
    budget = alert.budget
    said = {"BudgetThresholdCrossed": f"{alert.percent}% of budget used", "BudgetExhausted": "budget exhausted"}[alert.name]
    if not hard:
        meaning = "No request is refused for it: this budget counts and warns, and does not hold."
    elif alert.percent < 100:
        meaning = "Requests go on until what remains does not cover one; that one is refused with 429 budget_exceeded."
    else:
        meaning = "Requests that do not fit into what remains are refused with 429 budget_exceeded."
    body = "\n".join(
        (
            f"Budget   {whose(budget.scope)}",
            f"Period   {_period(budget.period)}",
            f"Settled  {to_dollars(budget.settled_nanousd)} ({budget.percent}%)",
            f"Limit    {to_dollars(budget.limit_nanousd)}",
            *([f"Forecast {forecast}"] if forecast else []),
            *(_spenders(spent) if spent else ()),
            "",
            meaning,
            "",
            "What to do:",
            *(f"- {step}" for step in _steps(budget)),
        )
    )
    return f"Signalbox: {said}: {whose(budget.scope)}, {_period(budget.period)}", body


def _period(id: str) -> str:
    return id.replace("#", " ", 1).replace("@", " by ", 1)


def _spenders(spent: Spent) -> tuple[str, ...]:
    days = spent.first_day if spent.first_day == spent.last_day else f"{spent.first_day} to {spent.last_day}"
    names = [whose(row.scope) for row in spent.spenders]
    width = max(map(len, names))
    rows = (f"  {name:{width}}  {to_dollars(row.cost_nanousd)}" for name, row in zip(names, spent.spenders, strict=True))
    return ("", f"Spent the most so far ({days}, by UTC):", *rows)


def _steps(budget: Budget) -> tuple[str, ...]:
    """Where to look and what to change, as it is typed."""
    scope, _, id = budget.scope.partition("#")
    of = "global" if scope == "global" else f"{scope} {shlex.quote(id)}"  # agents may have spaces in their names
    kind = budget.period.partition("#")[0]
    spent = (
        "/admin/analytics?by=route, and GET /admin/usage?tenant=…"
        if scope in ("global", "provider")
        else f"/admin/usage?{scope}={quote(id, safe='/:')}"
    )
    return (
        f"what is left, and for how long: signalbox budgets list {of}",
        f"who spends: GET {spent}",
        f"more for two hours: signalbox budgets raise {of} --period {kind} --by {_two_digits(budget.limit_nanousd // 5)} --until 2h",
        f"another limit: signalbox budgets set {of} --period {kind} --limit …, or POST /admin/budgets; or wait for the next period",
    )


def _two_digits(nanousd: int) -> str:
    """Of dollars, as an example."""
    return f"{nanousd / NANOUSD_PER_USD:.2g}" if 0 < nanousd < 100 * NANOUSD_PER_USD else str(max(1, nanousd // NANOUSD_PER_USD))


def to_forecast(exhausted_ms: int | None, by_end_nanousd: int | None, renews_ms: int | None, now_ms: int, zone: str = "") -> str:
    """A budget's end in words, at the clock of its own calendar."""
    if exhausted_ms is not None and exhausted_ms > now_ms:
        return f"at this pace exhausted on {_moment(exhausted_ms, zone)}"
    if exhausted_ms is not None:
        return "nothing is left" + (f" before {_moment(renews_ms, zone)}" if renews_ms else "")
    if by_end_nanousd is None:
        return "at this pace it lasts for years"
    return f"at this pace {to_dollars(_rounded(by_end_nanousd))} when the period ends"


def _moment(at_ms: int, zone: str) -> str:
    where = ZoneInfo(zone) if zone else UTC
    return f"{datetime.fromtimestamp(at_ms / 1000, where):%Y-%m-%d %H:%M} {zone or 'UTC'}"


def _rounded(nanousd: int) -> int:
    """To cents, where it comes to any: more is not known of what is to come."""
    cent = NANOUSD_PER_USD // 100
    return nanousd if nanousd < cent else -(-nanousd // cent) * cent
