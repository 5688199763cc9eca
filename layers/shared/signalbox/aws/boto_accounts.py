"""What the ledger holds of one account, over all its shards, seen and moved by those who set budgets. Uses boto3."""

from typing import Any

from ..admission.budgets import Budget
from ..admission.shards import Account, Sight, levelled, open_until_ms, to_sight, to_whole
from ..errors import whose
from . import accounts, boto_tables, dynamodb, shards

TRIES = 8


class Torn(Exception):
    """The shards were changed together, by others, at every look. Nothing was changed here."""


def sight(ledger: Any, account: Account) -> Sight | None:
    """Its shards' sum, and themselves as `parts`. None where nobody has spent in that period yet."""
    scope, period = account
    for attempt in range(TRIES):
        items = boto_tables.query(ledger, scope, f"{period}#", consistent=True)
        if not items:
            return None
        whole = to_whole(map(to_sight, items))
        if whole and not whole.is_torn:
            return whole
        boto_tables.pause(attempt)
    raise Torn(f"the shards of the budget of {whose(scope)} for {period} changed at each of {TRIES} looks: try again")


def moved(ledger: Any, account: Account, sight: Sight | None, budget: Budget, now_ms: int) -> list[dict[str, Any]]:
    """The parts of a transaction by which an account, as it was seen, comes to the budget's limit; what remains moves by the difference.

    One that is not there must not come to be meanwhile with the old limit. The definition, with its version, changes in that same one.
    """
    if sight is None:
        pk, sk = accounts.key(account)
        absent = {"TableName": ledger.name, "Key": {"pk": pk, "sk": sk}, "ConditionExpression": "attribute_not_exists(pk)"}
        return [{"ConditionCheck": absent}]
    change = levelled(sight, budget.limit_at(now_ms), open_until_ms(budget, now_ms), hard=budget.hard)
    return [
        _to_boto(part) for part in dynamodb.transact(shards.level(ledger.name, account, change, budget.version)).payload["TransactItems"]
    ]


def _to_boto(part: dict[str, Any]) -> dict[str, Any]:
    """boto3's tables take plain values."""
    [(kind, fields)] = part.items()
    typed = {"Key", "Item", "ExpressionAttributeValues"}
    return {kind: {name: dynamodb.to_item(value) if name in typed else value for name, value in fields.items()}}
