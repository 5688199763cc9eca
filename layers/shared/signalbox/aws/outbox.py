"""The pending item of a request: its intent while the upstream call is under way, then its usage event until that is published.

    intent ──settled──▶ settled ──every account has its cost──▶ charged ──event published──▶ deleted

Who moves it from intent to settled decides the cost: the container after the answer, or the sweeper once the deadline is 60 s past, at the
whole amount held. From then on anyone may carry on, and twice: an account takes a part's number once, and where its lease is gone the
charge is one transaction with this item. Hence the rule that makes it exact: no lease is returned that an item not yet charged names.
"""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..admission.leases import GRACE_MS, Part
from ..usage.record import CRASHED
from ..usage.shares import cost_in
from . import dynamodb
from .client import Call
from .dynamodb import Expression

PARTITIONS = tuple(f"pending#{digit}" for digit in "0123456789abcdef")
INTENT, SETTLED = "intent", "settled"
NOTHING_LESS: Mapping[str, int] = MappingProxyType({})

# What is stored of it, by type: an item that is otherwise was not written here, and nobody knows what it names.
FIELDS = {"request": str, "bound": int, "cost": int, "deadline_ms": int, "settled_ms": int, "holds": Mapping, "detail": str}
PART_FIELDS = {"scope": str, "period": str, "lease": str, "number": int, "shard": int, "cost": int}


class Malformed(ValueError):
    pass


class Pending(NamedTuple):
    """`holds` are the parts that may yet have to be charged, by slot. `cost` counts once it is settled; until then `bound` may be spent.

    `costs` are the parts' own, where they are not the whole `cost`: a provider's budget takes what its own attempts cost, and of an intent
    what they may cost.
    """

    pk: str
    sk: str
    request: str
    state: str
    bound: int
    cost: int
    deadline_ms: int
    settled_ms: int
    charged: bool
    estimated: bool
    holds: Mapping[str, Part]
    costs: Mapping[str, int]
    detail: str

    def cost_of(self, slot: str) -> int:
        return self.costs.get(slot, self.cost)

    def is_due(self, now_ms: int) -> bool:
        """The time for others to finish it has come."""
        return (self.deadline_ms if self.state == INTENT else self.settled_ms) + GRACE_MS < now_ms


def partition(container: str) -> str:
    """A container's items lie together; containers are spread by their random id."""
    return f"pending#{container[0]}"


def to_pending(item: Mapping[str, Any]) -> Pending:
    """Malformed where it is not as it is written here."""
    _check(item, FIELDS)
    for row in item["holds"].values():
        _check({"shard": 0, "cost": 0, **row} if isinstance(row, Mapping) else {}, PART_FIELDS)
    if item.get("state") not in (INTENT, SETTLED):
        raise Malformed("its state is neither intent nor settled")
    return Pending(
        pk=item["pk"],
        sk=item["sk"],
        request=item["request"],
        state=item["state"],
        bound=item["bound"],
        cost=item["cost"],
        deadline_ms=item["deadline_ms"],
        settled_ms=item["settled_ms"],
        charged=item.get("charged", False),
        estimated=item.get("estimated", False),
        holds={slot: _part(row) for slot, row in item["holds"].items()},
        costs={slot: row["cost"] for slot, row in item["holds"].items() if "cost" in row},
        detail=item["detail"],
    )


def _check(row: Mapping[str, Any], fields: Mapping[str, type]) -> None:
    for name, kind in fields.items():
        if not isinstance(row.get(name), kind):
            raise Malformed(f"{name} is missing or of another type")


def to_item(
    container: str,
    number: int,
    *,
    request: str,
    target: str,
    bound: int,
    deadline_ms: int,
    parts: Iterable[Part],
    detail: Mapping[str, Any],
    settled: tuple[int, int] | None = None,
    charged: bool = False,
    less: Mapping[str, int] = NOTHING_LESS,
) -> dict[str, Any]:
    """An intent; or, with `settled` (the cost and when), what replaces it. `less` says of which scopes it may not take all of the bound."""
    cost, settled_ms = settled or (0, 0)
    return {
        "pk": partition(container),
        "sk": f"{container}#{number:08}",
        "request": request,
        "target": target,
        "state": SETTLED if settled else INTENT,
        "bound": bound,
        "cost": cost,
        "deadline_ms": deadline_ms,
        "settled_ms": settled_ms,
        "holds": {str(slot): _row(part) | _own(part.account[0], less, settled, detail) for slot, part in enumerate(parts)},
        "detail": json.dumps(detail, separators=(",", ":")),
    } | ({"charged": True} if charged else {})


def _row(part: Part) -> dict[str, Any]:
    scope, period = part.account
    row = {"scope": scope, "period": period, "lease": part.lease, "number": part.number}
    return row | ({"shard": part.shard} if part.shard else {})


def _own(scope: str, less: Mapping[str, int], settled: tuple[int, int] | None, detail: Mapping[str, Any]) -> dict[str, int]:
    """What it takes of the cost, or may take of the bound, where that is not the whole."""
    if settled is None:
        return {"cost": less[scope]} if scope in less else {}
    cost = cost_in(scope, settled[0], detail)
    return {} if cost == settled[0] else {"cost": cost}


def _part(row: Mapping[str, Any]) -> Part:
    return Part((row["scope"], row["period"]), row["lease"], row["number"], row.get("shard", 0))


def open(table: str, item: Mapping[str, Any]) -> Call:
    return dynamodb.put(table, dict(item), Expression(condition="attribute_not_exists(#pk)"))


def settle(table: str, item: Mapping[str, Any], *, certain: bool) -> Call:
    """By the owner. `certain`: the intent is known to be stored, so that its absence means others have finished it."""
    condition = "#state = :intent" if certain else "attribute_not_exists(#pk) OR #state = :intent"
    return dynamodb.put(table, dict(item), Expression(condition=condition, values={"intent": INTENT}))


def estimate(table: str, pending: Pending, now_ms: int) -> Call:
    """By others, when it is due: the whole bound counts as spent."""
    return dynamodb.update(
        table,
        pending.pk,
        pending.sk,
        Expression(
            "SET #state = :settled, #cost = #bound, #settled_ms = :now_ms, #estimated = :true",
            "#state = :intent",
            values={"settled": SETTLED, "now_ms": now_ms, "true": True, "intent": INTENT},
        ),
    )


def charged(table: str, pk: str, sk: str) -> Call:
    """Every account has its cost."""
    return dynamodb.update(table, pk, sk, Expression("SET #charged = :true", "attribute_exists(#pk)", values={"true": True}))


def struck(table: str, pending: Pending, slot: str) -> Call:
    """This part is being charged, in the same transaction, and by nobody else."""
    return dynamodb.update(
        table,
        pending.pk,
        pending.sk,
        Expression(
            "REMOVE #holds.#slot",
            "attribute_not_exists(#charged) AND attribute_exists(#holds.#slot)",
            {"slot": slot},
        ),
    )


def clear(table: str, pk: str, sk: str) -> Call:
    return dynamodb.delete(table, pk, sk)


def published_detail(pending: Pending) -> dict[str, Any]:
    """The usage event as its owner wrote it; of a crashed one what was known, at the whole bound."""
    detail: dict[str, Any] = json.loads(pending.detail)
    if not isinstance(detail, dict):
        raise Malformed("its detail is no object")
    if not pending.estimated:
        return detail
    return detail | {"outcome": CRASHED, "estimated": True, "cost_nanousd": pending.cost}


def names(pending: Pending, lease: str) -> bool:
    return any(part.lease == lease for part in pending.holds.values())
