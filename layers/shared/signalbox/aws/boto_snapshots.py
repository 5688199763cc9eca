"""Snapshots, for whoever may take their time: which is live stands in the control table, what each holds in S3."""

import gzip
import hashlib
import json
from functools import lru_cache
from typing import Any

from ..circuits.machine import DEFAULTS, Settings, to_settings
from ..routing.catalog import Snapshot, to_snapshot
from . import boto_tables
from .boto_bus import client


def live(control: Any, bucket: str) -> Snapshot | None:
    """None where nothing has been published yet."""
    pointer = boto_tables.get(control, "config", "live")
    return to_snapshot(_body(bucket, pointer["digest"]), pointer["version"], pointer["digest"]) if pointer else None


def circuit_settings(control: Any, bucket: str) -> Settings:
    """Of the live version; the defaults before the first one."""
    pointer = boto_tables.get(control, "config", "live")
    return to_settings(_body(bucket, pointer["digest"])) if pointer else DEFAULTS


def stored(s3: Any, bucket: str, digest: str) -> Snapshot | None:
    """Of whatever version, live or long gone; None where it is missing, or is not what its name says."""
    try:
        body = gzip.decompress(s3.get_object(Bucket=bucket, Key=f"snapshots/{digest}.json.gz")["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None
    return to_snapshot(json.loads(body), 0, digest) if hashlib.sha256(body).hexdigest() == digest else None


@lru_cache(maxsize=2)
def _body(bucket: str, digest: str) -> dict[str, Any]:
    """By content: what was read once is never another."""
    answer = client("s3").get_object(Bucket=bucket, Key=f"snapshots/{digest}.json.gz")
    return json.loads(gzip.decompress(answer["Body"].read()))
