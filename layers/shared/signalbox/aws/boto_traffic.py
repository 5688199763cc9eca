"""The traffic log: what each request was decided by and what came of it, as JSON lines in S3, for replays and simulations. Uses boto3.

An object is named by the hour of its requests and by its content: writing it again changes nothing. A request may stand in several, since
a queue delivers at least once; whoever reads takes the first.
"""

import gzip
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from ..usage.events import UsageRecorded

# The inputs hold the features; the rest is no matter of routing.
LEFT_OUT = {"features", "lease", "period_by_scope", "refused_by", "passed_over"}

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

READERS = 16  # at once: the objects are small, and each costs a round trip


def write(s3: Any, bucket: str, events: Iterable[UsageRecorded]) -> int:
    """Of those that were decided at all; returns how many objects they went into."""
    by_hour: dict[str, dict[str, str]] = {}
    for event in events:
        if event.inputs:
            by_hour.setdefault(_hour(event.at_ms), {})[event.id] = event.model_dump_json(exclude_defaults=True, exclude=LEFT_OUT)
    for hour, lines in by_hour.items():
        body = "".join(f"{lines[id]}\n" for id in sorted(lines)).encode()
        key = f"{hour}{hashlib.sha256(body).hexdigest()}.jsonl.gz"
        s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress(body, mtime=0), ContentType="application/gzip")
    return len(by_hour)


def names(s3: Any, bucket: str, from_ms: int, to_ms: int) -> Iterator[str]:
    """Of the objects that hold the hours of that time, the oldest first."""
    for prefix in _prefixes(datetime.fromtimestamp(from_ms / 1000, UTC), datetime.fromtimestamp(to_ms / 1000, UTC)):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from (row["Key"] for row in page.get("Contents", ()))


def _prefixes(start: datetime, end: datetime) -> Iterator[str]:
    """Of whole days where they are whole, else of their hours: a month of little traffic is some lists, and not hundreds."""
    at = start.replace(minute=0, second=0, microsecond=0)
    while at < end:
        whole = at.hour == 0 and at + DAY <= end
        yield f"traffic/{at:%Y/%m/%d/}" if whole else f"traffic/{at:%Y/%m/%d/%H/}"
        at += DAY if whole else HOUR


def drawn(names: Iterable[str]) -> list[str]:
    """In the order of their digests, which has nothing to do with what they hold: a beginning of it is a fair sample of the whole."""
    return sorted(names, key=lambda name: name.rpartition("/")[2])


def read(s3: Any, bucket: str, names: Sequence[str], from_ms: int, to_ms: int) -> Iterator[list[dict[str, Any]]]:
    """What each object holds of that time, in the order asked for, each request once."""
    seen: defaultdict[str, set[str]] = defaultdict(set)  # by hour: all that is written of a request is in the folder of its own
    left = Counter(map(_folder, names))
    with ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(names), 4 * READERS):  # some ahead, and not all at once
            some = names[start : start + 4 * READERS]
            for folder, details in zip(map(_folder, some), pool.map(lambda name: _details(s3, bucket, name), some), strict=True):
                new = [detail for detail in details if from_ms <= detail["at_ms"] < to_ms and detail["id"] not in seen[folder]]
                seen[folder].update(detail["id"] for detail in new)
                left[folder] -= 1
                if not left[folder]:
                    del seen[folder]  # a month of traffic is not remembered by its ids
                yield new


def _details(s3: Any, bucket: str, name: str) -> list[dict[str, Any]]:
    body = gzip.decompress(s3.get_object(Bucket=bucket, Key=name)["Body"].read())
    return [json.loads(line) for line in body.splitlines()]


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _hour(at_ms: int) -> str:
    return f"traffic/{datetime.fromtimestamp(at_ms / 1000, UTC):%Y/%m/%d/%H}/"
