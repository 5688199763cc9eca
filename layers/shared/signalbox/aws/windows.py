"""The writes on the items that count what is taken of a target's capacity, or by a caller: of a minute, of its hour, and of places at once.

    {pk: capacity#<target>, sk: window, minute, requests, tokens, slots: {id: expires_ms}}
    {pk: rates#<scope>, sk: window, minute, requests, tokens, hourly, slots}    `hourly`: the requests of the hour that the minute lies in

Each is one conditional expression, so that what is counted stays within its limit, whoever else writes. DynamoDB compares an attribute with
a literal and does no arithmetic in a condition; none is asked of it here.
"""

from collections.abc import Mapping
from typing import Any

from ..admission.windows import COUNTED, HOUR, Ask, Place, Window, Write
from . import dynamodb
from .client import Call
from .dynamodb import Expression

CAPACITY, RATES = "capacity", "rates"  # whose item it is
SK = "window"


def key(of: str, id: str) -> tuple[str, str]:
    return f"{of}#{id}", SK


def to_call(table: str, of: str, id: str, write: Write, counted: tuple[str, ...] = COUNTED) -> Call:
    pk, sk = key(of, id)
    if write.is_first:
        slots = {write.place.id: write.place.expires_ms} if write.place else {}
        item = {"pk": pk, "sk": sk, "minute": write.minute} | dict.fromkeys(counted, 0) | _amounts(write.asks) | {"slots": slots}
        return dynamodb.put(table, item, Expression(condition="attribute_not_exists(#pk)"))
    return dynamodb.update(table, pk, sk, _placed(_counted(write), write.place))


def free(table: str, of: str, id: str, place: str) -> Call:
    """The place of one that is over. Once it has expired, another may have done it."""
    return dynamodb.update(table, *key(of, id), Expression("REMOVE #slots.#id", "attribute_exists(#slots.#id)", {"id": place}))


def owe(table: str, of: str, id: str, minute: int, tokens: int) -> Call:
    """What was used beyond what was taken, or where it is negative less than that; unless the minute is over."""
    owed = Expression("SET #tokens = #tokens + :tokens", "#minute = :minute", values={"minute": minute, "tokens": tokens})
    return dynamodb.update(table, *key(of, id), owed)


def hand_back(table: str, id: str, window: Window) -> Call | None:
    """What a container that ends has left of the hour, for others to take. None where that is nothing."""
    left, hour = window.left["hourly"], window.minute - window.minute % HOUR
    values = {"left": left, "since": hour, "before": hour + HOUR}
    back = Expression("SET #hourly = #hourly - :left", "#minute >= :since AND #minute < :before", values=values)
    return dynamodb.update(table, *key(RATES, id), back) if left > 0 else None


def _counted(write: Write) -> Expression:
    """Nothing where nothing is counted but places."""
    if not write.asks:
        return Expression()
    begun = {name: write.asks[name].more if name in write.asks else 0 for name in write.begins}
    on = {name: ask for name, ask in write.asks.items() if name not in begun}
    sets = [*(["#minute = :minute"] if begun else []), *(f"#{name} = :{name}" for name in begun)]
    if write.before == write.since + 1:
        window = ["#minute = :since"]
    else:
        window = ["#minute < :before", *(["#minute >= :since"] if write.since else [])]
    return Expression(
        ", ".join([*sets, *(f"#{name} = #{name} + :{name}" for name in on)]),
        " AND ".join([*window, *(f"#{name} < :{name}_end" for name in on)]),
        values={"minute": write.minute, "since": write.since, "before": write.before}
        | begun
        | _amounts(on)
        | {f"{name}_end": ask.limit - ask.more + 1 for name, ask in on.items()},
    )


def _placed(counted: Expression, place: Place | None) -> Expression:
    """With a place, where there are any. The size is compared as it is before those that are gone go."""
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
