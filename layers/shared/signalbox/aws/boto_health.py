"""How every target fares: one item, which every request reads, written on the condition that nobody was faster. Uses boto3."""

from collections.abc import Sequence
from typing import Any

from ..routing.health import Sample, folded
from . import boto_tables
from .control import HEALTH

TRIES = 4


class Contended(Exception):
    """Others wrote the item at every try. These attempts are in no average; the next ones will be."""


def fold(control: Any, samples: Sequence[Sample], now_ms: int) -> bool:
    """Folds the attempts in with one write; False where they say nothing, and nothing is written."""
    pk, sk = HEALTH
    for attempt in range(TRIES):
        item = boto_tables.get(control, pk, sk) if samples else None
        stored = item or {"version": 0, "targets": {}}
        targets = folded(stored["targets"], samples, now_ms)
        if targets is None:
            return False
        written = not boto_tables.refused(
            control.put_item,
            Item={"pk": pk, "sk": sk, "version": stored["version"] + 1, "targets": targets},
            ConditionExpression="attribute_not_exists(pk) OR #version = :version",
            ExpressionAttributeNames={"#version": "version"},
            ExpressionAttributeValues={":version": stored["version"]},
        )
        if written:
            return True
        boto_tables.pause(attempt)
    raise Contended(f"the health of targets was written by others {TRIES} times in a row")
