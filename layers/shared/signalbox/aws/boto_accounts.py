"""What the ledger holds of one account, seen and moved by those who set budgets. Uses boto3."""

from typing import Any

from ..admission.budgets import Budget
from ..admission.leases import Account, Sight, to_sight
from . import accounts, boto_tables


def sight(ledger: Any, account: Account) -> Sight | None:
    """None where nobody has spent in that period yet."""
    item = boto_tables.get(ledger, *accounts.key(account))
    return to_sight(item) if item else None


def moved(ledger: Any, account: Account, sight: Sight | None, budget: Budget, now_ms: int) -> list[dict[str, Any]]:
    """The parts of a transaction by which an account, as it was seen, comes to the budget's limit; what remains moves by the difference.

    One that is not there must not come to be meanwhile with the old limit.
    """
    pk, sk = accounts.key(account)
    where = {"TableName": ledger.name, "Key": {"pk": pk, "sk": sk}}
    if sight is None:
        return [{"ConditionCheck": where | {"ConditionExpression": "attribute_not_exists(pk)"}}]
    limit = budget.limit_at(now_ms)
    return [
        {
            "Update": where
            | {
                "UpdateExpression": "SET #limit = :limit, #remaining = #remaining + :delta, #version = :version",
                "ConditionExpression": "#version = :seen",  # the limit never changes without it
                "ExpressionAttributeNames": {"#limit": "limit", "#remaining": "remaining", "#version": "budget_version"},
                "ExpressionAttributeValues": {
                    ":limit": limit,
                    ":delta": limit - sight.limit,
                    ":version": budget.version,
                    ":seen": sight.version,
                },
            }
        }
    ]
