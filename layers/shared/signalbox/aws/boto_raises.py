"""Budgets that are higher for a while. Whoever comes first after the end takes a raise back: the sweeper, each minute, or a change."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..admission.budgets import CONFIG, Budget, Raise
from ..errors import whose
from . import boto_budgets, boto_definitions, boto_tables

MOST = 10  # at once, of one budget


class NoSuchBudget(Exception):
    """There is nothing to raise, or no such raise to end. Nothing was changed."""


class TooManyRaises(Exception):
    """Nothing was changed."""


class Ended(NamedTuple):
    """How many budgets came down, and which could not, with why."""

    lowered: int
    failures: dict[str, Exception]


def begin(control: Any, ledger: Any, scope: str, kind: str, by_nanousd: int, until_ms: int, now_ms: int) -> Budget:
    """From now on, and at once in the ledger. The new raise is the last of the budget's."""

    def raised(record: dict[str, Any], was: Budget | None) -> Budget:
        if was is None:
            raise NoSuchBudget(f"{whose(scope)} has no budget per {kind} to raise")
        _refuse_of_the_document(was)
        lasting = [row for row in was.raises if now_ms < row.until_ms]
        if len(lasting) >= MOST:
            raise TooManyRaises(f"the {kind} budget of {whose(scope)} is raised {MOST} times already: end one, or set another limit")
        id = str(1 + max([was.version, *(int(row.id) for row in was.raises)]))
        return was._replace(raises=(*was.raises, Raise(id, by_nanousd, until_ms)))

    changed = boto_budgets.revise(control, ledger, scope, kind, now_ms, raised)
    assert changed
    return changed


def end(control: Any, ledger: Any, scope: str, kind: str, id: str, now_ms: int) -> Budget:
    """Before its time: one of them, or all where `id` is empty."""

    def lowered(record: dict[str, Any], was: Budget | None) -> Budget:
        left = [row for row in was.raises if id and row.id != id] if was else []
        if was is None or len(left) == len(was.raises):
            raise NoSuchBudget(f"{whose(scope)} has no raise{f' {id}' if id else ''} of its budget per {kind}")
        _refuse_of_the_document(was)
        return was._replace(raises=tuple(left))

    changed = boto_budgets.revise(control, ledger, scope, kind, now_ms, lowered)
    assert changed
    return changed


def end_due(control: Any, ledger: Any, now_ms: int) -> Ended:
    """Takes back every raise whose time is over. Safe to run anywhere, at any time and twice; what fails is found by the next run."""
    lowered, failures = 0, {}
    for row in list(_due(control, now_ms)):
        try:
            lowered += _settled(control, ledger, row, now_ms)
        except Exception as error:  # whatever it is: the list is in the order of time, and the ill one would stay the first
            failures[_named(row)] = error
    return Ended(lowered, failures)


def _named(row: dict[str, Any]) -> str:
    """As it is told of, the ill one too."""
    scope, kind = row.get("scope"), row.get("kind")
    if isinstance(scope, str) and isinstance(kind, str):
        return f"the {kind} budget of {whose(scope)}"
    return f"the raise that the control table lists as {row['sk']}"


def _settled(control: Any, ledger: Any, row: dict[str, Any], now_ms: int) -> bool:
    def without(record: dict[str, Any], was: Budget | None) -> Budget | None:
        """`revise` leaves out what is over."""
        return was if was and any(raised.until_ms <= now_ms for raised in was.raises) else None

    changed = boto_budgets.revise(control, ledger, row["scope"], row["kind"], now_ms, without)
    if changed is None:  # it came down before, or went with its budget or key
        control.delete_item(Key={"pk": boto_definitions.RAISES, "sk": row["sk"]})
    return changed is not None


def _due(control: Any, now_ms: int) -> Iterator[dict[str, Any]]:
    wanted = {
        "KeyConditionExpression": "pk = :pk AND sk < :now",
        "ExpressionAttributeValues": {":pk": boto_definitions.RAISES, ":now": boto_definitions.ends(now_ms + 1)},
    }
    while True:
        page = control.query(**wanted)
        yield from boto_tables.to_plain(page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        wanted["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _refuse_of_the_document(was: Budget) -> None:
    if was.by == CONFIG:
        raise boto_budgets.OfTheDocument(was.scope)
