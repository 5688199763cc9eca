"""The one draft of a stage: a document that somebody works on, before it is any version. Its text is in S3, by its content, and sealed."""

import hashlib
from datetime import datetime
from typing import Any

from . import boto_tables
from .boto_fields import Fields
from .boto_versions import SEALED_AS, opened

KEY = {"pk": "config", "sk": "draft"}


class Drafts:
    """`table` is boto3's Table, `s3` its client."""

    def __init__(self, table: Any, s3: Any, bucket: str, fields: Fields) -> None:
        self._table = table
        self._s3 = s3
        self._bucket = bucket
        self._fields = fields

    def read(self) -> dict[str, Any] | None:
        """Its author, time, message and `document`; None where there is none. Raises boto_fields.Unopened."""
        row = boto_tables.get(self._table, KEY["pk"], KEY["sk"])
        if row is None:
            return None
        stored = self._s3.get_object(Bucket=self._bucket, Key=_object(row["sha256"]))["Body"].read()
        return row | {"document": opened(self._fields, stored, row["sha256"])}

    def store(self, text: str, *, author: str, message: str, now: datetime) -> None:
        """Instead of the one before."""
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        body = self._fields.sealed(text, **SEALED_AS).encode()
        self._s3.put_object(Bucket=self._bucket, Key=_object(sha256), Body=body, ContentType="application/yaml")
        row = {"author": author, "message": message, "at": now.isoformat(timespec="seconds"), "sha256": sha256}
        self._table.put_item(Item=KEY | row)

    def delete(self, sha256: str = "") -> bool:
        """False where there is none, or where it is another by now than the one with this `sha256`."""
        other: dict[str, Any] = {"ConditionExpression": "attribute_exists(pk)"}
        if sha256:
            other = {"ConditionExpression": "sha256 = :sha256", "ExpressionAttributeValues": {":sha256": sha256}}
        return not boto_tables.refused(self._table.delete_item, Key=KEY, **other)


def _object(sha256: str) -> str:
    return f"documents/drafts/{sha256}.yaml"
