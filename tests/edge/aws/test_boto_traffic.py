"""Where the objects of a time are looked for: each hour of it once, whole days at once, nothing beside."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from signalbox.aws import boto_traffic

HOUR_MS = 3_600_000
BEGIN_MS = int(datetime(2026, 2, 26, tzinfo=UTC).timestamp() * 1000)


class Bucket:
    """One object in every hour of ten days; it counts what it is asked."""

    def __init__(self):
        hours = [datetime.fromtimestamp((BEGIN_MS + hour * HOUR_MS) / 1000, UTC) for hour in range(-72, 240)]
        self.keys = [f"traffic/{hour:%Y/%m/%d/%H}/x.jsonl.gz" for hour in hours]
        self.lists = 0

    def get_paginator(self, name):
        assert name == "list_objects_v2"
        return self

    def paginate(self, Bucket, Prefix):
        self.lists += 1
        return [{"Contents": [{"Key": key} for key in self.keys if key.startswith(Prefix)]}]


@given(st.integers(0, 100 * HOUR_MS), st.integers(0, 100 * HOUR_MS))
def test_each_hour_of_the_time_is_found_once_and_no_other(start_ms, length_ms):
    bucket = Bucket()
    found = list(boto_traffic.names(bucket, "traffic", BEGIN_MS + start_ms, BEGIN_MS + start_ms + length_ms))
    touched = range(start_ms // HOUR_MS, -(-(start_ms + length_ms) // HOUR_MS)) if length_ms or start_ms % HOUR_MS else range(0)
    assert found == [bucket.keys[72 + hour] for hour in touched]


def test_whole_days_are_asked_for_at_once():
    bucket = Bucket()
    list(boto_traffic.names(bucket, "traffic", BEGIN_MS + 5 * HOUR_MS, BEGIN_MS + 5 * HOUR_MS + 96 * HOUR_MS))
    assert bucket.lists == 19 + 3 + 5
