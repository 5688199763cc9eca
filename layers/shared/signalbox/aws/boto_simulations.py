"""Simulations: a draft over as much of the recorded traffic as the time allows, and what came of each, kept for a while. Uses boto3."""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from ..routing.catalog import Snapshot
from ..routing.simulation.simulation import EXAMPLES, Simulation
from . import boto_snapshots, boto_tables, boto_traffic

LIST = "simulations"  # a row for each: what lists tell; what was found is an item of its own
KEEP_S = 30 * 86_400
SNAPSHOTS = 16  # kept at once

Json = dict[str, Any]


class TooMuch(Exception):
    """The time was up before it was known what there is, so that no fair sample can be drawn of it."""


class Buckets:
    """Where traffic and snapshots lie. `s3` is boto3's client."""

    def __init__(self, s3: Any, traffic: str, config: str) -> None:
        self._s3, self._traffic = s3, traffic
        self._snapshot = lru_cache(SNAPSHOTS)(lambda digest: boto_snapshots.stored(s3, config, digest))

    def simulated(self, draft: Snapshot, from_ms: int, to_ms: int, *, time_up: Callable[[], bool], examples: int = EXAMPLES) -> Json:
        """What `Simulation` says, with `objects`: how many were `read`, `of` how many. A fair sample where the time did not do for all."""
        names = []
        for name in boto_traffic.names(self._s3, self._traffic, from_ms, to_ms):
            names.append(name)
            if time_up():
                raise TooMuch(f"{len(names)} objects of traffic and more were listed when the time was up")
        simulation, read = Simulation(draft, self._snapshot, examples=examples), 0
        for rows in boto_traffic.read(self._s3, self._traffic, boto_traffic.drawn(names), from_ms, to_ms):
            for row in rows:
                simulation.add(row)
            read += 1
            if time_up():
                break
        return simulation.result() | {"objects": {"read": read, "of": len(names)}}


def keep(control: Any, id: str, told: Mapping[str, Any], found: Mapping[str, Any], now_s: int) -> None:
    """`told` is for the list. The ids of later ones come later in the order of text."""
    item = {"pk": f"simulation#{id}", "sk": "simulation", "found": json.dumps(found, ensure_ascii=False), "expires_at": now_s + KEEP_S}
    control.put_item(Item=item)
    control.put_item(Item={"pk": LIST, "sk": id, "told": json.dumps(told, ensure_ascii=False), "expires_at": now_s + KEEP_S})


def newest(control: Any, limit: int, before: str = "") -> list[Json]:
    """What was told of each; `before` an id, to page on."""
    earlier = " AND sk < :before" if before else ""
    values = {":pk": LIST} | ({":before": before} if before else {})
    rows = control.query(KeyConditionExpression=f"pk = :pk{earlier}", ExpressionAttributeValues=values, ScanIndexForward=False, Limit=limit)
    return [json.loads(row["told"]) for row in rows["Items"]]


def found(control: Any, id: str) -> Json | None:
    item = boto_tables.get(control, f"simulation#{id}", "simulation")
    return json.loads(item["found"]) if item else None
