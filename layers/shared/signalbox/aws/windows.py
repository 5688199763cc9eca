"""The writes on the item that counts what is taken of a target's capacity: of one minute's requests and tokens, and of its places.

    {pk: capacity#<target>, sk: window, minute, requests, tokens, slots: {id: expires_ms}}

Each is one conditional expression, so that what is counted stays within its limit, whoever else writes. DynamoDB compares an attribute with
a literal and does no arithmetic in a condition; none is asked of it here.
"""

from collections.abc import Mapping
from typing import Any

from ..admission.windows import COUNTED, Ask, Place
from . import dynamodb
from .client import Call
from .dynamodb import Expression

SK = "window"


def key(target: str) -> tuple[str, str]:
    return f"capacity#{target}", SK


def take(table: str, target: str, minute: int, asks: Mapping[str, Ask], place: Place | None) -> Call:
    """Out of the window that is stored, if it is of this minute."""
    counted = Expression(
        ", ".join(f"#{name} = #{name} + :{name}" for name in asks),
        " AND ".join(["#minute = :minute", *(f"#{name} < :{name}_end" for name in asks)]) if asks else "",
        values={"minute": minute} | _amounts(asks) | {f"{name}_end": ask.limit - ask.more + 1 for name, ask in asks.items()},
    )
    return dynamodb.update(table, *key(target), _placed(counted, place))


def turn(table: str, target: str, minute: int, asks: Mapping[str, Ask], place: Place | None, wrong: int | None) -> Call:
    """Begins this minute's window where an older one is stored; or that `wrong` one."""
    amounts = dict.fromkeys(COUNTED, 0) | _amounts(asks)
    counted = Expression(
        ", ".join(["#minute = :minute", *(f"#{name} = :{name}" for name in amounts)]),
        "#minute < :minute" if wrong is None else "#minute = :wrong",
        values={"minute": minute, "wrong": wrong} | amounts,
    )
    return dynamodb.update(table, *key(target), _placed(counted, place))


def create(table: str, target: str, minute: int, asks: Mapping[str, Ask], place: Place | None) -> Call:
    pk, sk = key(target)
    slots = {place.id: place.expires_ms} if place else {}
    item = {"pk": pk, "sk": sk, "minute": minute} | dict.fromkeys(COUNTED, 0) | _amounts(asks) | {"slots": slots}
    return dynamodb.put(table, item, Expression(condition="attribute_not_exists(#pk)"))


def free(table: str, target: str, id: str) -> Call:
    """The place of one that is over. Once it has expired, another may have done it."""
    return dynamodb.update(table, *key(target), Expression("REMOVE #slots.#id", "attribute_exists(#slots.#id)", {"id": id}))


def owe(table: str, target: str, minute: int, tokens: int) -> Call:
    """What was used beyond what was taken, unless the minute is over."""
    owed = Expression("SET #tokens = #tokens + :tokens", "#minute = :minute", values={"minute": minute, "tokens": tokens})
    return dynamodb.update(table, *key(target), owed)


def _placed(counted: Expression, place: Place | None) -> Expression:
    """With a place, where the target has any. The size is compared as it is before the expired ones go."""
    if place is None:
        return Expression(f"SET {counted.update}", counted.condition, values=counted.values)
    gone = {f"gone{number}": id for number, id in enumerate(place.gone)}
    sets = ", ".join(filter(None, (counted.update, "#slots.#id = :expires_ms")))
    removes = " REMOVE " + ", ".join(f"#slots.#{name}" for name in gone) if gone else ""
    free = [
        "attribute_exists(#slots)",
        "size(#slots) < :places",
        "attribute_not_exists(#slots.#id)",
        *(f"#slots.#{name} = :{name}" for name in gone),
    ]
    values: dict[str, Any] = {"expires_ms": place.expires_ms, "places": place.most + len(gone)}
    return Expression(
        f"SET {sets}{removes}",
        " AND ".join(filter(None, (counted.condition, *free))),
        {"id": place.id} | gone,
        dict(counted.values or {}) | values | {name: place.gone[id] for name, id in gone.items()},
    )


def _amounts(asks: Mapping[str, Ask]) -> dict[str, int]:
    return {name: ask.more for name, ask in asks.items()}
