"""Budgets that cross a threshold or are spent: each is told once, to the bus and to people. And how much of each is used."""

import os
import time
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from signalbox.admission.budgets import Budget as Definition
from signalbox.aws import boto_alerts, boto_inbox, boto_used
from signalbox.aws.boto_inbox import UsageMessage
from signalbox.aws.boto_spenders import Spenders
from signalbox.aws.boto_tables import table
from signalbox.usage.alerts import Alert, Budget, crossed, exhausted
from signalbox.usage.spenders import Spent

logger = Logger()
tracer = Tracer()
metrics = Metrics()
told: set[str] = set()  # by this container or seen to be told: a spent budget is evaluated thousands of times
noted: dict[tuple[str, str], tuple[int, int]] = {}  # (version, percent) of budgets, as this container wrote or found them

MOST_KNOWN = 10_000  # of each


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    metrics.add_metric("UsageReceived", MetricUnit.Count, len(event["Records"]))
    evaluate_once = partial(evaluate, seen=set[tuple[str, ...]](), spenders=Spenders(table(os.environ["SIGNALBOX_USAGE_TABLE"])))
    answer = process_partial_response(event, evaluate_once, boto_inbox.processor(logger), context)
    metrics.add_metric("UsageUnevaluated", MetricUnit.Count, len(answer["batchItemFailures"]))
    return answer


def evaluate(record: UsageMessage, seen: set[tuple[str, ...]], spenders: Spenders) -> None:
    """`seen` holds the budgets that this batch has looked at: the ledger was settled before any of its events was sent."""
    usage = record.body.detail
    for scope, period in {(scope, period) for scope, periods in usage.period_by_scope.items() for period in periods} - seen:
        budget = boto_alerts.budget(table(os.environ["SIGNALBOX_LEDGER_TABLE"]), scope, period)
        if budget:
            defined = boto_alerts.definition(table(os.environ["SIGNALBOX_CONTROL_TABLE"]), scope, period)
            for alert in crossed(budget, defined.thresholds if defined else ()):
                tell(alert, defined, spenders)
            note(budget)
        seen.add((scope, period))
    refused_by = [usage.refused_by] if usage.refused_by and usage.outcome == "budget_exceeded" else []
    for spent in {("exhausted", *account) for account in (*refused_by, *usage.passed_over)} - seen:
        _, scope, period = spent
        budget = boto_alerts.budget(table(os.environ["SIGNALBOX_LEDGER_TABLE"]), scope, period)
        if budget and exhausted(budget).id not in told:
            tell(exhausted(budget), boto_alerts.definition(table(os.environ["SIGNALBOX_CONTROL_TABLE"]), scope, period), spenders)
        seen.add(spent)


def tell(alert: Alert, defined: Definition | None, spenders: Spenders) -> None:
    if alert.id in told:
        return
    control = table(os.environ["SIGNALBOX_CONTROL_TABLE"])
    bus, topic, now_ms = os.environ["SIGNALBOX_BUS"], os.environ["SIGNALBOX_ALERT_TOPIC"], int(time.time() * 1000)
    state = boto_alerts.announce(control, bus, topic, alert, now_ms, defined, lambda: spent_most(alert, spenders, now_ms))
    if state != "pending":
        if len(told) >= MOST_KNOWN:
            told.clear()
        told.add(alert.id)
    if state == "sent":
        metrics.add_metric(alert.name, MetricUnit.Count, 1)
        logger.info("a budget was announced", alert=alert.id)


def spent_most(alert: Alert, spenders: Spenders, now_ms: int) -> Spent | None:
    """An alert without it is better than none, or a late one."""
    try:
        return spenders.of(alert.budget.scope, alert.budget.period, now_ms)
    except Exception:
        logger.exception("an alert names nobody: who spent the most could not be read in time", alert=alert.id)
        metrics.add_metric("SpendersUnknown", MetricUnit.Count, 1)
        return None


def note(budget: Budget) -> None:
    """After the alerts, which a failure here must not make wait: the next request that settles writes it."""
    account, said = (budget.scope, budget.period), (budget.version, boto_used.percent_of(budget))
    if noted.get(account) == said:
        return
    try:
        if boto_used.write(table(os.environ["SIGNALBOX_CONTROL_TABLE"]), budget):
            metrics.add_metric("BudgetUseWritten", MetricUnit.Count, 1)
    except Exception:
        logger.exception("how much of a budget is used could not be written", scope=budget.scope)
        metrics.add_metric("BudgetUseUnwritten", MetricUnit.Count, 1)
        return
    if len(noted) >= MOST_KNOWN:
        noted.clear()
    noted[account] = said
