"""Compiled snapshots in S3, found by digest."""

import gzip
import hashlib
import json
import zlib
from typing import Any

from .client import Aws, Call, Rejected

TIMEOUT_S = 3.0


def fetch(aws: Aws, bucket: str, digest: str) -> dict[str, Any]:
    """The compiled form behind `digest`, for `routing.catalog.to_snapshot`; AwsError where it is missing or is not what it says."""
    return aws.call(Call("s3", "GetObject", {"Bucket": bucket, "Key": f"snapshots/{digest}.json.gz"}, _opener(digest)), timeout_s=TIMEOUT_S)


def _opener(digest: str) -> Any:
    def to_answer(packed: bytes) -> Any:
        try:
            body = gzip.decompress(packed)
        except (OSError, EOFError, zlib.error) as error:
            raise Rejected("DamagedSnapshot", f"snapshots/{digest}.json.gz is not gzip: publish it again") from error
        if hashlib.sha256(body).hexdigest() != digest:
            raise Rejected("DamagedSnapshot", f"snapshots/{digest}.json.gz has another digest: publish it again")
        return json.loads(body)

    return to_answer
