"""Secrets, snapshots and the control items, read through our own client."""

import gzip
import hashlib
import json

import pytest

from signalbox.aws import dynamodb, secrets, snapshots
from signalbox.aws.client import Rejected
from signalbox.aws.control import CIRCUITS, HEALTH, LIVE, Control
from signalbox.routing.health import Sample, folded
from signalbox.routing.inputs import Health


@pytest.fixture
def bucket(boto):
    s3 = boto("s3")
    s3.create_bucket(Bucket="config", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return lambda key, body: s3.put_object(Bucket="config", Key=key, Body=body)


def test_a_secret_is_read_by_name_and_by_arn(aws, boto):
    arn = boto("secretsmanager").create_secret(Name="signalbox/keys", SecretString='{"mac_key": "x"}')["ARN"]
    assert secrets.fetch(aws, "signalbox/keys") == secrets.fetch(aws, arn) == '{"mac_key": "x"}'
    with pytest.raises(Rejected, match="ResourceNotFoundException"):
        secrets.fetch(aws, "signalbox/other")


def test_a_snapshot_is_what_its_digest_says_or_is_refused(aws, bucket):
    body = json.dumps({"routes": {}}).encode()
    digest = hashlib.sha256(body).hexdigest()
    bucket(f"snapshots/{digest}.json.gz", gzip.compress(body))
    assert snapshots.fetch(aws, "config", digest) == {"routes": {}}
    for damaged in (gzip.compress(b"{}"), gzip.compress(body)[:-9], b"plain"):
        bucket(f"snapshots/{digest}.json.gz", damaged)
        with pytest.raises(Rejected, match="publish it again"):
            snapshots.fetch(aws, "config", digest)
    with pytest.raises(Rejected):
        snapshots.fetch(aws, "config", "0" * 64)


class Clocks:
    ticks_s = wall_s = 1_000.0

    def move(self, ticks_s, wall_s):
        self.ticks_s += ticks_s
        self.wall_s += wall_s


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def control(tables, clocks):
    return Control(tables.control, ticks=lambda: clocks.ticks_s, wall=lambda: clocks.wall_s)


def test_control_items_are_read_in_one_call_and_known_from_then_on(aws, tables, control):
    aws.call(dynamodb.put(tables.control, {"pk": "config", "sk": "live", "version": 3}))
    keys = control.unseen(["key#k"])
    assert keys == [LIVE, CIRCUITS, HEALTH, ("key#k", "scope")]
    assert control.learn(keys, aws.call(control.read(keys))) == []
    view = control.view(["key#k"])
    assert (view.live["version"], view.circuits, view.records) == (3, {}, {"key#k": {}})
    assert control.unseen(["key#k"]) == []


def test_how_targets_fare_comes_with_the_same_read_and_goes_with_it(aws, tables, control):
    assert control.view([]).health == {}
    sample = Sample("a/m", 1_795_230_000_000, True, duration_ms=900, ttft_ms=80)
    rows = folded({}, [sample], sample.ended_ms)
    aws.call(dynamodb.put(tables.control, {"pk": HEALTH[0], "sk": HEALTH[1], "version": 1, "targets": rows}))
    keys = control.unseen([])
    control.learn(keys, aws.call(control.read(keys)))
    assert control.view([]).health == {"a/m": Health(ttft_ms=80, duration_ms=900, success=1000, at_ms=sample.ended_ms)}
    control.learn([LIVE], ([], []))  # another item: this one stays as it was read
    assert "a/m" in control.view([]).health
    control.learn([HEALTH], ([], [HEALTH]))  # DynamoDB did not come to it
    assert "a/m" in control.view([]).health
    control.learn([HEALTH], ([], []))
    assert control.view([]).health == {}


@pytest.mark.parametrize(
    ("ticks_s", "wall_s", "is_stale"),
    [(4.9, 4.9, False), (5.1, 5.1, True), (0.1, 3_600, True), (5.1, 0, True), (1, -60, True)],
    ids=["young", "old", "thawed", "the clock stands", "the clock was set back"],
)
def test_both_clocks_tell_what_is_stale(control, clocks, ticks_s, wall_s, is_stale):
    control.learn([LIVE, CIRCUITS, HEALTH], ([], []))
    clocks.move(ticks_s, wall_s)
    assert control.older_than(5, []) == ([LIVE, CIRCUITS, HEALTH] if is_stale else [])


def test_keys_that_were_left_over_are_still_unseen(control):
    assert control.learn([LIVE, CIRCUITS, HEALTH], ([], [CIRCUITS])) == [CIRCUITS]
    assert control.unseen([]) == [CIRCUITS]


def test_the_cache_does_not_grow_for_ever(control):
    scopes = [f"key#{n}" for n in range(2_500)]
    control.learn([(scope, "scope") for scope in scopes], ([], []))
    assert len(control.unseen(scopes)) == 3 + 500
    assert control.unseen(scopes[-2:]) == [LIVE, CIRCUITS, HEALTH]
