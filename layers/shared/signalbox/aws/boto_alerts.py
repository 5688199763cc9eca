"""An alert goes out once, and never less than once.

It is marked as pending before it is told and as sent after. Who finds a pending mark that is old tells it again, with the same event id:
the one before died between the two. So a crash may double an alert, which `id` shows, and cannot lose one.
"""

from collections.abc import Callable
from typing import Any

from ..admission import budgets
from ..admission.forecasts import forecast, pace_of
from ..admission.periods import kind_of
from ..usage.alerts import Alert, Budget, to_budget, to_detail
from ..usage.notices import to_forecast, to_message
from ..usage.spenders import Spent
from . import boto_budgets, boto_bus, boto_tables

CLAIM_MS = 60_000  # more than a function may run (30 s), less than a message stays hidden (190 s): its second delivery finds the mark old
KEEP_S = 400 * 86_400


def budget(ledger: Any, scope: str, period: str) -> Budget | None:
    return to_budget(scope, period, boto_tables.query(ledger, scope, f"{period}#", consistent=True))


def definition(control: Any, scope: str, period: str) -> budgets.Budget | None:
    """None where the budget is gone."""
    return next((budget for budget in boto_budgets.of_scope(control, scope) if budget.kind == kind_of(period)), None)


def announce(
    control: Any, bus: str, topic: str, alert: Alert, now_ms: int, defined: budgets.Budget | None, spenders: Callable[[], Spent | None]
) -> str:
    """Tells the bus and the topic. `sent`: done here; `known`: done before; `pending`: somebody else is at it.

    `spenders` is asked for what is told, and no more; it does not raise.
    """
    key = {"pk": f"alert#{alert.budget.scope}", "sk": alert.id}
    taken = _taken(control, key, now_ms)
    if taken:
        return taken
    try:
        spent, is_hard = spenders(), bool(defined and defined.hard)
        boto_bus.publish(bus, [(alert.name, to_detail(alert, now_ms, spent))])
        boto_bus.notify(topic, *to_message(alert, is_hard, _forecast(alert, defined, now_ms), spent), event=alert.name)
    except Exception:
        _mark(control, key, "pending", claimed_ms=0)  # the next delivery need not wait for the claim to lapse
        raise
    _mark(control, key, "sent", claimed_ms=now_ms)
    return "sent"


def _forecast(alert: Alert, defined: budgets.Budget | None, now_ms: int) -> str:
    """Of the running period. Empty where too little is known."""
    settled = alert.budget.settled_nanousd
    if defined is None or defined.period(now_ms) != alert.budget.period:
        return ""
    seen = forecast(defined, settled, pace_of(defined, settled, now_ms), now_ms)
    return to_forecast(seen.exhausted_ms, seen.by_end_nanousd, seen.renews_ms, now_ms, defined.zone) if seen else ""


def _taken(control: Any, key: dict[str, str], now_ms: int) -> str | None:
    """Marks it as pending, or says why that is not ours to do."""
    try:
        control.update_item(
            Key=key,
            UpdateExpression="SET #state = :pending, claimed_ms = :now, expires_at = :expires",
            ConditionExpression="attribute_not_exists(pk) OR (#state = :pending AND claimed_ms <= :lapsed)",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={
                ":pending": "pending",
                ":now": now_ms,
                ":lapsed": now_ms - CLAIM_MS,
                ":expires": now_ms // 1000 + KEEP_S,
            },
        )
    except control.meta.client.exceptions.ConditionalCheckFailedException:
        mark = boto_tables.get(control, key["pk"], key["sk"])
        return "known" if mark and mark["state"] == "sent" else "pending"
    return None


def _mark(control: Any, key: dict[str, str], state: str, claimed_ms: int) -> None:
    control.update_item(
        Key=key,
        UpdateExpression="SET #state = :state, claimed_ms = :claimed",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": state, ":claimed": claimed_ms},
    )
