"""DynamoDB's calls as plain data, and plain Python ⇄ its typed values. Numbers are whole: money is never a float here.

In an expression every name is written `#name` and every value `:value`; a name stands for itself unless `names` says otherwise, so that
no reserved word can break an expression.
"""

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .client import Call, Cancelled, ConditionFailed

Item = dict[str, Any]


def to_value(plain: Any) -> dict[str, Any]:
    """Plain Python as an AttributeValue. TypeError for what the ledger must not hold, a float above all."""
    match plain:
        case bool():
            return {"BOOL": plain}
        case int():
            return {"N": str(plain)}
        case str():
            return {"S": plain}
        case bytes():
            return {"B": b2a_base64(plain, newline=False).decode()}
        case None:
            return {"NULL": True}
        case Mapping():
            return {"M": to_values(plain)}
        case list() | tuple():
            return {"L": [to_value(each) for each in plain]}
    raise TypeError(f"{type(plain).__name__} does not go into a table")


def to_plain(value: Mapping[str, Any]) -> Any:
    """An AttributeValue as plain Python; a number that others wrote with a fraction becomes a float."""
    [(kind, content)] = value.items()
    match kind:
        case "N":
            return int(content) if content.lstrip("-").isdigit() else float(content)
        case "M":
            return to_item(content)
        case "L":
            return [to_plain(each) for each in content]
        case "B":
            return a2b_base64(content)
        case "NULL":
            return None
    return content


def to_values(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_value(plain) for name, plain in item.items()}


def to_item(values: Mapping[str, Any]) -> Item:
    return {name: to_plain(value) for name, value in values.items()}


def old_item(error: ConditionFailed) -> Item | None:
    """What is stored where a condition failed; None where nothing is."""
    return to_item(error.item) if error.item else None


def reasons(error: Cancelled) -> list[str]:
    return [code for code, _ in error.reasons]


class Expression(NamedTuple):
    """An update, a condition or both, with what they name. `names` and `values` are written without `#` and `:`."""

    update: str = ""
    condition: str = ""
    names: Mapping[str, str] | None = None
    values: Mapping[str, Any] | None = None

    def to_payload(self) -> Item:
        text = f"{self.update} {self.condition}"
        used_values = set(re.findall(r":(\w+)", text))
        payload: Item = {
            "UpdateExpression": self.update,
            "ConditionExpression": self.condition,
            "ExpressionAttributeNames": {f"#{name}": (self.names or {}).get(name, name) for name in re.findall(r"#(\w+)", text)},
            "ExpressionAttributeValues": {
                f":{name}": to_value(value) for name, value in (self.values or {}).items() if name in used_values
            },
        }
        return {name: part for name, part in payload.items() if part}


def get(table: str, pk: str, sk: str) -> Call:
    """The item, read consistently, or None."""
    payload = {"TableName": table, "Key": to_values({"pk": pk, "sk": sk}), "ConsistentRead": True}
    return Call("dynamodb", "GetItem", payload, lambda answer: to_item(answer["Item"]) if answer.get("Item") else None)


def batch_get(table: str, keys: Iterable[tuple[str, str]]) -> Call:
    """The items that exist, and the keys that DynamoDB did not come to: ask for those again. At most 100 keys."""
    wanted = {table: {"Keys": [to_values({"pk": pk, "sk": sk}) for pk, sk in keys]}}

    def to_answer(answer: Any) -> tuple[list[Item], list[tuple[str, str]]]:
        left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        return [to_item(item) for item in answer["Responses"].get(table, [])], [(key["pk"]["S"], key["sk"]["S"]) for key in left]

    return Call("dynamodb", "BatchGetItem", {"RequestItems": wanted}, to_answer)


def query(table: str, pk: str, sk_begins: str = "", after: Mapping[str, Any] | None = None, limit: int = 0) -> Call:
    """A page of items, read consistently, and where the next page begins (None: this was the last)."""
    condition = "#pk = :pk AND begins_with(#sk, :sk)" if sk_begins else "#pk = :pk"
    expression = Expression(condition=condition, values={"pk": pk, "sk": sk_begins}).to_payload()
    expression["KeyConditionExpression"] = expression.pop("ConditionExpression")
    page = ({"ExclusiveStartKey": after} if after else {}) | ({"Limit": limit} if limit else {})
    payload = {"TableName": table, "ConsistentRead": True} | expression | page

    def to_answer(answer: Any) -> tuple[list[Item], Mapping[str, Any] | None]:
        return [to_item(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    return Call("dynamodb", "Query", payload, to_answer)


def put(table: str, item: Item, expression: Expression | None = None) -> Call:
    return Call("dynamodb", "PutItem", _conditional({"TableName": table, "Item": to_values(item)}, expression), lambda _: None)


def update(table: str, pk: str, sk: str, expression: Expression) -> Call:
    """The item as it is afterwards."""
    payload = {"TableName": table, "Key": to_values({"pk": pk, "sk": sk}), "ReturnValues": "ALL_NEW"}
    return Call("dynamodb", "UpdateItem", _conditional(payload, expression), lambda answer: to_item(answer["Attributes"]))


def delete(table: str, pk: str, sk: str, expression: Expression | None = None) -> Call:
    return Call(
        "dynamodb", "DeleteItem", _conditional({"TableName": table, "Key": to_values({"pk": pk, "sk": sk})}, expression), lambda _: None
    )


def check(table: str, pk: str, sk: str, expression: Expression) -> Call:
    """Only as a part of `transact`: nothing is written, the condition must hold."""
    return Call("dynamodb", "ConditionCheck", _conditional({"TableName": table, "Key": to_values({"pk": pk, "sk": sk})}, expression))


TRANSACTED = {"PutItem": "Put", "UpdateItem": "Update", "DeleteItem": "Delete", "ConditionCheck": "ConditionCheck"}


def transact(parts: Sequence[Call]) -> Call:
    """All of these writes or none."""
    return Call(
        "dynamodb",
        "TransactWriteItems",
        {
            "TransactItems": [
                {TRANSACTED[part.action]: {name: value for name, value in part.payload.items() if name != "ReturnValues"}} for part in parts
            ]
        },
        lambda _: None,
    )


def _conditional(payload: Item, expression: Expression | None) -> Item:
    if expression is None:
        return payload
    old = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if expression.condition else {}
    return payload | expression.to_payload() | old
