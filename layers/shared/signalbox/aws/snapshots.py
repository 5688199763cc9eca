"""Compiled snapshots in S3, found by digest."""

from typing import Any

from .client import Aws


def fetch(aws: Aws, bucket: str, digest: str) -> dict[str, Any]:
    """The compiled form behind `digest`, for `routing.catalog.to_snapshot`; AwsError where it is missing or is not what it says."""
    raise NotImplementedError
