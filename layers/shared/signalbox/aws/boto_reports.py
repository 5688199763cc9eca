"""Daily reports: what the totals hold for them, and the bucket that keeps them. Uses boto3."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from botocore.exceptions import ClientError

from ..reports import places, report
from ..reports.csv_text import to_csv
from ..reports.page import to_html
from ..reports.report import Report
from ..usage.rows import REPORT, Reported, in_reports, to_reported
from ..usage.totals import Hourly, Total
from . import boto_sums, boto_usage

AFTER = "\U0010ffff"  # all that begins so comes before it
TYPES = {"json": "application/json", "csv": "text/csv; charset=utf-8", "html": "text/html; charset=utf-8"}
GONE = {"NoSuchKey", "404"}


class Totals:
    """Of the usage table. The log of sums is read once and first: what is recorded before is in each answer, and once."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self._log = boto_sums.unfolded(table)

    def tenants(self, day: date) -> Iterator[str]:
        """Who has anything of that day, in their order: a small read for each of them, and not one of all there is."""
        return (names.tenant for names in self._named(day, 1, "", ""))

    def teams(self, day: date, tenant: str | None = None, after: tuple[str, str | None] | None = None) -> Iterator[tuple[str, str]]:
        """Each tenant with each of its teams, likewise; `after` a team, or with None after the tenant itself."""
        passed = "" if after is None else in_reports(after[0]) if after[1] is None else in_reports(after[0], after[1]) + AFTER
        return ((names.tenant, names.team) for names in self._named(day, 2, in_reports(tenant) if tenant is not None else "", passed))

    def reports(self, day: date, tenant: str, *, finished: bool) -> list[Report]:
        counted, before = (self._counted(each, in_reports(tenant)) for each in (day, day - timedelta(days=1)))
        return report.reports(str(day), tenant, counted, before, finished=finished)

    def report(self, day: date, tenant: str, team: str | None, *, finished: bool) -> Report | None:
        prefix = in_reports(tenant) if team is None else in_reports(tenant, team)
        counted, before = (self._counted(each, prefix) for each in (day, day - timedelta(days=1)))
        return report.report(str(day), tenant, team, counted, before, finished=finished)

    def _counted(self, day: date, prefix: str) -> dict[Reported, Counter[str]]:
        pk, period = _partition(day), f"day#{day}"
        items = [(item["sk"].rpartition("#")[0], item) for item in boto_usage.items_of(self._table, pk, prefix, prefix, ends=AFTER)]
        folded = {(Total(REPORT, id, period), boto_usage.shard_of(item)): item.get("folded", 0) for id, item in items}
        found: dict[Reported, Counter[str]] = {}
        for id, item in items:
            found.setdefault(to_reported(id), Counter()).update(boto_usage.counters_of(item))
        for total, counters in boto_usage.left_in(self._log, folded, _of(day, prefix)):
            found.setdefault(to_reported(total.id), Counter()).update(counters)
        return found

    def _named(self, day: date, parts: int, within: str, after: str) -> Iterator[Reported]:
        """One for each that begins otherwise in its first parts."""
        unfolded = {_beginning(total.id, parts): total.id for total, _ in boto_usage.left_in(self._log, {}, _of(day, within))}
        last = max(within, after)
        while id := self._next(day, last, within):
            begins = _beginning(id, parts)
            yield from self._waiting(unfolded, last, begins)
            yield to_reported(id)
            last = begins + AFTER
        yield from self._waiting(unfolded, last, AFTER)

    def _waiting(self, unfolded: dict[str, str], after: str, before: str) -> Iterator[Reported]:
        """Those that the log alone has."""
        return (to_reported(unfolded[begins]) for begins in sorted(unfolded) if after < begins < before)

    def _next(self, day: date, after: str, within: str) -> str:
        """The first id that comes after, and is of what is asked for; none: nothing."""
        found = self._table.query(
            KeyConditionExpression="pk = :pk AND sk > :after",
            ExpressionAttributeValues={":pk": _partition(day), ":after": after or " "},
            ProjectionExpression="sk",
            ConsistentRead=True,
            Limit=1,
        )["Items"]
        id: str = found[0]["sk"].rpartition("#")[0] if found else ""
        return id if id.startswith(within) else ""


class Kept:
    """The bucket of the reports. `s3` is boto3's client."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def put(self, made: Report, at_ms: int) -> dict[str, Any]:
        """The detail of its `ReportPublished`, once all of it is there. The same report is the same event, however often it is made."""
        bodies = {format: text(made, format).encode() for format in places.FORMATS}
        keys = {format: places.key(made.day, made.tenant, made.team, format) for format in places.FORMATS}
        for format, body in bodies.items():
            self._s3.put_object(Bucket=self._bucket, Key=keys[format], Body=body, ContentType=TYPES[format])
        return {
            "version": 1,
            "id": f"report_{sha256(bodies['json']).hexdigest()}",
            "at_ms": at_ms,
            "day": made.day,
            "tenant": made.tenant,
            "team": made.team or "",
            "bucket": self._bucket,
            "keys": list(keys.values()),
            "requests": made.total.figures.requests,
            "cost_nanousd": made.total.figures.cost_nanousd,
        }

    def get(self, day: date, tenant: str, team: str | None, format: str) -> str | None:
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=places.key(str(day), tenant, team, format))
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return None
            raise
        body: bytes = found["Body"].read()
        return body.decode()

    def names(self, day: date, tenant: str | None, after: str, most: int) -> list[str]:
        """The keys of that day's, each in JSON; `after` a key, to page on."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=places.folder(str(day), tenant), **({"StartAfter": after} if after else {})
        )
        found: list[str] = []
        for page in pages:
            found += [row["Key"] for row in page.get("Contents", ()) if row["Key"].endswith(".json")]
            if len(found) >= most:
                break
        return found[:most]


def text(made: Report, format: str) -> str:
    if format == "json":
        return json.dumps(report.to_data(made), ensure_ascii=False, separators=(",", ":"))
    return {"csv": to_csv, "html": to_html}[format](made)


def _of(day: date, prefix: str) -> Callable[[Hourly], bool]:
    return lambda of: of.dimension == REPORT and of.hour.startswith(str(day)) and of.id.startswith(prefix)


def _partition(day: date) -> str:
    return f"report#day#{day}"


def _beginning(id: str, parts: int) -> str:
    return "/".join([*id.split("/")[:parts], ""])
