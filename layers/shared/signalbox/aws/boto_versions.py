"""Versions of the configuration: bodies in S3 by digest, and one pointer in the control table that says which is live. Uses boto3.

The pointer and the version's own item are written by one transaction, on the condition that nobody moved the pointer meanwhile.
What is in S3 before that is content-addressed, and harmless where the transaction fails.
"""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ..config.compiler import Compiled, compile_text
from ..config.source import Problem

LIVE = {"pk": "config", "sk": "live"}


class PublishConflict(Exception):
    """Somebody else published first. Nothing was changed."""


class UnknownVersion(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Published:
    """`changed` is false where this very configuration was live already: then nothing was written."""

    version: int
    digest: str
    changed: bool
    warnings: tuple[Problem, ...] = ()


class Versions:
    """`table` is boto3's Table, `s3` its client; `announce` publishes one event, as (detail type, detail)."""

    def __init__(
        self,
        table: Any,
        s3: Any,
        bucket: str,
        announce: Callable[[str, dict[str, Any]], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._table = table
        self._s3 = s3
        self._bucket = bucket
        self._announce = announce
        self._now = now

    def live(self) -> dict[str, Any]:
        """The pointer, with what else hangs on it (`llm_disabled`, `overrides`); {} before the first publication."""
        return _without_keys(self._table.get_item(Key=LIVE, ConsistentRead=True).get("Item", {}))

    def publish(
        self, text: str, *, author: str, message: str, overrides: Mapping[str, str] | None = None, expected: int | None = None
    ) -> Published:
        """Without `overrides`, those of the live version stay. `expected` is the version that the author looked at.

        Raises InvalidDocument and PublishConflict; the live version stays then.
        """
        live = self.live()
        if expected is not None and expected != int(live.get("version", 0)):
            raise PublishConflict(_moved_on(live))
        overrides = dict(live.get("overrides", {}) if overrides is None else overrides)
        compiled = compile_text(text, overrides)
        if live.get("digest") == compiled.digest and live.get("overrides", {}) == overrides:
            return Published(int(live["version"]), compiled.digest, False, compiled.warnings)
        self._store(compiled, text)
        version = self._point(live, {"digest": compiled.digest, "author": author, "message": message, "overrides": overrides})
        return Published(version, compiled.digest, True, compiled.warnings)

    def roll_back(self, to: int, *, author: str, message: str) -> Published:
        """What was live as version `to` is live again, under a new number. Raises UnknownVersion and PublishConflict."""
        live, old = self.live(), self.version(to)
        if live.get("digest") == old["digest"]:
            return Published(int(live["version"]), old["digest"], False)
        row = {"digest": old["digest"], "author": author, "message": message, "overrides": old.get("overrides", {}), "restores": to}
        return Published(self._point(live, row), old["digest"], True)

    def versions(self, limit: int = 50, before: int = 100_000_000) -> list[dict[str, Any]]:
        """Newest first; `before` a version number, to page on."""
        answer = self._table.query(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": "config",
                ":first": _sk(0),
                ":last": _sk(max(before - 1, 0)),
            },
            ScanIndexForward=False,
            Limit=limit,
        )
        return [_without_keys(item) for item in answer["Items"]]

    def version(self, number: int) -> dict[str, Any]:
        item = self._table.get_item(Key={"pk": "config", "sk": _sk(number)}, ConsistentRead=True).get("Item")
        if item is None:
            raise UnknownVersion(f"There is no version {number}. GET /admin/config/versions lists them.")
        return _without_keys(item)

    def document(self, digest: str) -> str:
        """The document that was compiled to `digest`, as its author wrote it."""
        return self._s3.get_object(Bucket=self._bucket, Key=f"documents/{digest}.yaml")["Body"].read().decode()

    def _store(self, compiled: Compiled, text: str) -> None:
        snapshot = gzip.compress(compiled.json, mtime=0)
        self._s3.put_object(Bucket=self._bucket, Key=f"snapshots/{compiled.digest}.json.gz", Body=snapshot, ContentType="application/gzip")
        self._s3.put_object(
            Bucket=self._bucket, Key=f"documents/{compiled.digest}.yaml", Body=text.encode(), ContentType="application/yaml"
        )

    def _point(self, live: Mapping[str, Any], row: dict[str, Any]) -> int:
        """Writes the next version and points at it; whatever else hangs on the pointer stays."""
        version, now = int(live.get("version", 0)) + 1, self._now()
        row = {"restores": None, "version": version, "at": now.isoformat(timespec="seconds")} | row
        condition = "#version = :seen" if "version" in live else "attribute_not_exists(#version)"
        update = {
            "TableName": self._table.name,
            "Key": LIVE,
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in row),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in row},
            "ExpressionAttributeValues": {f":{name}": value for name, value in row.items()}
            | ({":seen": live["version"]} if "version" in live else {}),
        }
        put = {"TableName": self._table.name, "Item": {"pk": "config", "sk": _sk(version)} | row}
        try:
            self._table.meta.client.transact_write_items(TransactItems=[{"Update": update}, {"Put": put}])
        except ClientError as error:
            if error.response["Error"]["Code"] in ("TransactionCanceledException", "TransactionConflictException"):
                raise PublishConflict(_moved_on(self.live())) from error
            raise
        detail = {"version": 1, "id": f"config#{version}", "at_ms": int(now.timestamp() * 1000)}
        self._announce("ConfigPublished", detail | {"config_version": version, "digest": row["digest"], "author": row["author"]})
        return version


def _sk(version: int) -> str:
    return f"version#{version:08}"


def _without_keys(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in ("pk", "sk")}


def _moved_on(live: Mapping[str, Any]) -> str:
    if "version" not in live:
        return "Nothing is live yet, so that no version can be expected. Publish without one."
    return f"Version {live['version']} by {live['author']} came first and is live now. Look at it, then publish again."
