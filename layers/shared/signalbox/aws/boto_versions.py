"""Versions of the configuration: bodies in S3 by digest, and one pointer in the control table that says which is live. Uses boto3.

The pointer and the version's own item are written by one transaction, on the condition that nobody moved the pointer meanwhile.
What is in S3 before that is content-addressed, and harmless where the transaction fails. The ceilings of the routes follow the pointer.
Texts, which hold the policies as their authors wrote them, are sealed; the snapshots, which `complete` reads, are not.
"""

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ..config import announcement
from ..config.compiler import Compiled, compile_text
from ..config.diff import Change, compare
from ..config.document import Document, parse
from ..config.history import further_back
from ..config.source import InvalidDocument, Problem
from . import boto_ceilings
from .boto_fields import Fields, Unopened

SEALED_AS = {"what": "configuration"}  # drafts, too
LIVE = {"pk": "config", "sk": "live"}


class PublishConflict(Exception):
    """Somebody else published first. Nothing was changed."""


class UnknownVersion(Exception):
    pass


class CeilingsNotKept(Exception):
    """The version is live; the day budgets of its routes are not all as it says. Publishing or rolling back once more mends them."""


@dataclass(frozen=True, slots=True)
class Published:
    """`changed` is false where this very configuration was live already: then nothing was written. `restores` is what came back."""

    version: int
    digest: str
    changed: bool
    warnings: tuple[Problem, ...] = ()
    changes: tuple[Change, ...] = ()
    restores: int | None = None


class Versions:
    """`table` is boto3's Table, `s3` its client; `announce` publishes one event, as (detail type, detail).

    `ledger` is the table of the budgets that hold the routes' daily ceilings; without it they are left alone. `fields` seals the texts.
    """

    def __init__(
        self,
        table: Any,
        s3: Any,
        bucket: str,
        announce: Callable[[str, dict[str, Any]], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        ledger: Any = None,
        *,
        fields: Fields,
    ) -> None:
        self._table = table
        self._s3 = s3
        self._bucket = bucket
        self._announce = announce
        self._now = now
        self._ledger = ledger
        self._fields = fields

    def live(self) -> dict[str, Any]:
        """The pointer, with what else hangs on it (`llm_disabled`, `overrides`); {} before the first publication."""
        return _without_keys(self._table.get_item(Key=LIVE, ConsistentRead=True).get("Item", {}))

    def publish(
        self, text: str, *, author: str, message: str, overrides: Mapping[str, str] | None = None, expected: int | None = None
    ) -> Published:
        """Without `overrides`, those of the live version stay. `expected` is the version that the author looked at.

        Raises InvalidDocument, PublishConflict and CeilingConflict; the live version stays then.
        """
        live = self.live()
        if expected is not None and expected != int(live.get("version", 0)):
            raise PublishConflict(_moved_on(live))
        overrides = dict(live.get("overrides", {}) if overrides is None else overrides)
        compiled = compile_text(text, overrides)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        said = {"digest": compiled.digest, "text": sha256, "overrides": overrides}
        if _says(live, said):
            self._keep_ceilings()
            return Published(int(live["version"]), compiled.digest, False, compiled.warnings)
        self._check_ceilings(json.loads(compiled.json))
        self._store(compiled, sha256, text)
        changes = self._changes(live, compiled.document)
        row = said | {"author": author, "message": message}
        version = self._point(live, row, changes)
        self._keep_ceilings()
        return Published(version, compiled.digest, True, compiled.warnings, changes)

    def roll_back(self, to: int, *, author: str, message: str) -> Published:
        """What was live as version `to` is live again, under a new number. Raises UnknownVersion, PublishConflict and CeilingConflict."""
        live, old = self.live(), self.version(to)
        said = {"digest": old["digest"], "text": old.get("text", old["digest"]), "overrides": old.get("overrides", {})}
        if _says(live, said):
            self._keep_ceilings()
            return Published(int(live["version"]), old["digest"], False)
        self._check_ceilings(self._snapshot(old["digest"]))
        changes = self._changes_back(live, old)
        row = said | {"author": author, "message": message, "restores": to}
        version = self._point(live, row, changes)
        self._keep_ceilings()
        return Published(version, old["digest"], True, (), changes, to)

    def further_back(self) -> int:
        """What was live before what is live now was published. Raises UnknownVersion where there is nothing."""
        live = self.live()
        number = further_back(live, self._before(int(live["version"]))) if live else None
        if number is None:
            told = "There is no earlier version that says anything else"
            raise UnknownVersion(f"{told}. To go to a later one, name it: GET /admin/config/versions lists them.")
        return number

    def _before(self, version: int) -> Iterator[dict[str, Any]]:
        """Newest first."""
        while rows := self.versions(before=version):
            yield from rows
            version = int(rows[-1]["version"])

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

    def document(self, row: Mapping[str, Any]) -> str:
        """That of a version, or of the pointer, as its author wrote it.

        It is stored by its own content: two texts that mean the same, by an override or but for their comments, are two. Old versions have
        it by what it was compiled to. Raises boto_fields.Unopened.
        """
        named = row.get("text", row["digest"])
        body = self._s3.get_object(Bucket=self._bucket, Key=f"documents/{named}.yaml")["Body"].read()
        return opened(self._fields, body, None if named == row["digest"] else named)

    def compared(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
        """What version `new` says differently from `old`, each with its overrides. Raises InvalidDocument."""
        return compare(self._parsed(old), self._parsed(new))

    def _changes(self, live: Mapping[str, Any], document: Document) -> tuple[Change, ...]:
        """None are known where this release would not take the live document, or does not open it: no reason not to replace it."""
        try:
            return compare(self._parsed(live) if "version" in live else None, document)
        except (InvalidDocument, Unopened):
            return ()

    def _changes_back(self, live: Mapping[str, Any], old: Mapping[str, Any]) -> tuple[Change, ...]:
        try:
            return self._changes(live, self._parsed(old))
        except (InvalidDocument, Unopened):
            return ()

    def _parsed(self, row: Mapping[str, Any]) -> Document:
        return parse(self.document(row), row.get("overrides"))[0]

    def _snapshot(self, digest: str) -> dict[str, Any]:
        body = self._s3.get_object(Bucket=self._bucket, Key=f"snapshots/{digest}.json.gz")["Body"].read()
        snapshot: dict[str, Any] = json.loads(gzip.decompress(body))
        return snapshot

    def _check_ceilings(self, snapshot: Mapping[str, Any]) -> None:
        if self._ledger is not None:
            boto_ceilings.check(self._table, boto_ceilings.to_ceilings(snapshot))

    def _keep_ceilings(self) -> None:
        """Of whatever is live by now: who publishes at the same time does the same, and the last to look sees the last version."""
        if self._ledger is None:
            return
        kept = None
        try:
            while (live := self.live())["version"] != kept:
                ceilings = boto_ceilings.to_ceilings(self._snapshot(live["digest"]))
                boto_ceilings.keep(self._table, self._ledger, ceilings, int(self._now().timestamp() * 1000))
                kept = live["version"]
        except (ClientError, boto_ceilings.boto_budgets.Contended) as error:
            message = f"Version {self.live()['version']} is live, but the daily ceilings of its routes are not all set: {error}"
            raise CeilingsNotKept(f"{message}. Publish it once more.") from error

    def _store(self, compiled: Compiled, sha256: str, text: str) -> None:
        snapshot = gzip.compress(compiled.json, mtime=0)
        self._s3.put_object(Bucket=self._bucket, Key=f"snapshots/{compiled.digest}.json.gz", Body=snapshot, ContentType="application/gzip")
        body = self._fields.sealed(text, **SEALED_AS).encode()
        self._s3.put_object(Bucket=self._bucket, Key=f"documents/{sha256}.yaml", Body=body, ContentType="application/yaml")

    def _point(self, live: Mapping[str, Any], row: dict[str, Any], changes: tuple[Change, ...]) -> int:
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
        self._announce(announcement.NAME, announcement.to_detail(row, changes, int(now.timestamp() * 1000)))
        return version


def opened(fields: Fields, stored: bytes, sha256: str | None) -> str:
    """A text that is known by its content. The seal is the stage's, and does not say which: one may stand in another's place."""
    text = fields.opened(stored.decode(), **SEALED_AS)
    if sha256 is not None and hashlib.sha256(text.encode()).hexdigest() != sha256:
        raise Unopened("Its text is another than the one that was stored.")
    return text


def _sk(version: int) -> str:
    return f"version#{version:08}"


def _says(live: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    """Whether the pointer says it already, word for word. Texts were once stored by the digest of what they mean."""
    known: dict[str, Any] = {"text": live.get("digest"), "overrides": {}} | dict(live)
    return all(known.get(name) == value for name, value in said.items())


def _without_keys(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in ("pk", "sk")}


def _moved_on(live: Mapping[str, Any]) -> str:
    if "version" not in live:
        return "Nothing is live yet, so that no version can be expected. Publish without one."
    return f"Version {live['version']} by {live['author']} came first and is live now. Look at it, then publish again."
