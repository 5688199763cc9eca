"""Totals of ranges of periods as DynamoDB gives them back, and the largest writes that it is asked for."""

import json
from datetime import UTC, date, datetime

import pytest
from moto import mock_aws

from signalbox.aws import boto_sums, boto_tables, boto_usage
from signalbox.money import Tokens
from signalbox.usage.events import MOST_ATTEMPTS, UsageRecorded
from signalbox.usage.record import Attempt, UsageRecord
from signalbox.usage.spans import spans
from signalbox.usage.totals import by_model

from ...properties.fake_table import FakeTable, Serial

BUSY = Tokens(10**6, 10**5, 10**5, 10**6, 10**5, 10**4)


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def event(id, at_ms, *, attempts=(), **over):
    named = {"tenant": "t", "team": "team", "key": "k", "agent": "a", "route": "chat", "policy": "default"} | over
    record = UsageRecord(
        id=id, at_ms=at_ms, model="m", outcome="ok", status=200, stream=False, prompt_chars=1, duration_ms=7, attempts=attempts, **named
    )
    return UsageRecorded.model_validate_json(json.dumps(record.to_detail()))


@pytest.fixture
def table(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    boto_tables.table.cache_clear()
    with mock_aws():
        table = boto_tables.table("usage")
        table.meta.client.create_table(
            TableName="usage",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield table
    boto_tables.table.cache_clear()


def requests(found):
    return {of: {period: counters["requests"] for period, counters in periods.items()} for of, periods in found.items()}


def test_a_range_is_read_over_all_writers_and_nothing_beside_it(table):
    days = ["2026-10-31T23:59", "2026-11-01T00:00", "2026-11-01T00:10", "2026-11-30T23:59", "2026-12-01T00:00"]
    for number, day in enumerate(days):
        assert boto_usage.record(table, [event(f"r{number}", at(day))], shard=number % boto_usage.SHARDS) == (1, {})
    wanted = [("route", "chat"), ("route", "chat2"), ("key", "k")]
    november = boto_usage.ranges(table, wanted, spans(date(2026, 11, 1), date(2026, 11, 30)))
    assert requests(november) == {("route", "chat"): {"month#2026-11": 3}, ("route", "chat2"): {}, ("key", "k"): {"month#2026-11": 3}}
    by_day = boto_usage.ranges(table, [("route", "chat")], spans(date(2026, 10, 31), date(2026, 11, 30), "day"))
    assert requests(by_day) == {("route", "chat"): {"day#2026-10-31": 1, "day#2026-11-01": 2, "day#2026-11-30": 1}}
    by_hour = boto_usage.ranges(table, [("route", "chat")], spans(date(2026, 11, 1), date(2026, 11, 1), "hour"))
    assert requests(by_hour) == {("route", "chat"): {"hour#2026-11-01T00": 2}}
    around = boto_usage.ranges(table, [("all", "all")], spans(date(2026, 10, 31), date(2026, 12, 1)))
    assert sum(requests(around)[("all", "all")].values()) == 5


def test_more_ids_than_readers_are_all_read(table):
    many = [event(f"r{number}", at("2026-11-21T03:00"), route=f"route{number}") for number in range(3 * boto_usage.READERS)]
    assert boto_usage.record(table, many, shard=0) == (len(many), {})
    wanted = [("route", f"route{number}") for number in range(len(many))]
    read = requests(boto_usage.ranges(table, wanted, spans(date(2026, 11, 21), date(2026, 11, 21))))
    assert read == {of: {"day#2026-11-21": 1} for of in wanted}


def largest(id, at_ms):
    """The most attempts, each at another provider, of the longest names, with more flags than are counted."""
    targets = [f"{number}{'p' * 60}/{'m' * 130}" for number in range(MOST_ATTEMPTS)]
    attempts = tuple(Attempt(target, "server", at_ms, 10**6, 10**6, 500, tokens=BUSY, cost_nanousd=10**12) for target in targets)
    last = attempts[-1]._replace(outcome="ok")
    names = {name: name[0] * 400 for name in ("tenant", "team", "key", "agent", "route", "policy")}
    flags = tuple(f"{number:03d}{'f' * 61}" for number in range(200))
    told = {"target": last.target, "provider": last.target.partition("/")[0], "flags": flags}
    return event(id, at_ms, attempts=(*attempts[:-1], last), **names, **told)


@pytest.fixture
def limits(monkeypatch):
    """moto reads so long an expression by too deep a recursion."""
    monkeypatch.setattr(boto_sums, "ThreadPoolExecutor", Serial)
    return FakeTable()


def test_a_batch_of_the_largest_events_keeps_to_what_dynamodb_takes(limits):
    many = [largest(f"r{number}", at("2026-11-21T03:00")) for number in range(20)]
    assert boto_usage.record(limits, many, shard=0) == (20, {})
    assert boto_sums.fold_all(limits, 0) > 0
    assert limits.items["total#all#all", "day#2026-11-21#00"]["requests"] == 20
    [key] = [item for (pk, sk), item in limits.items.items() if pk.startswith("total#key#") and sk.startswith("month")]
    assert key["requests"] == 20
    assert 240 < len(key) <= 300


def test_a_batch_in_which_no_two_events_have_a_flag_in_common_is_parted(limits):
    flags = [tuple(f"f{number}-{flag}" for flag in range(100)) for number in range(20)]
    many = [event(f"r{number}", at("2026-11-21T03:00"), flags=flags[number]) for number in range(20)]
    assert boto_usage.record(limits, many, shard=0) == (20, {})
    boto_sums.fold_all(limits, 0)
    everyone = limits.items["total#all#all", "day#2026-11-21#00"]
    assert sum(name.startswith("flag:") for name in everyone) == 2_000


def test_a_key_whose_item_is_full_is_counted_without_telling_its_models_apart(limits):
    place = ("total#key#k", "month#2026-11#00")
    full = dict(zip(("pk", "sk"), place, strict=True)) | {f"model:llama_cpp/{number:0>190}:requests": 1 for number in range(1_885)}
    limits.items[place] = full
    events = [
        event(f"r{n}", at("2026-11-21T03:00"), key=key, attempts=(Attempt(f"llama_cpp/{'x' * 180}{n}", "ok", 0, 1),))
        for n, key in enumerate("kkj")
    ]
    assert boto_usage.record(limits, events, shard=0) == (3, {})
    boto_sums.fold_all(limits, 0)
    of_k, of_j, everyone = (limits.items[f"total#{of}", "month#2026-11#00"] for of in ("key#k", "key#j", "all#all"))
    assert (of_k["requests"], of_j["requests"], everyone["requests"]) == (2, 1, 3)
    assert by_model(of_k) == by_model(full)
    assert list(by_model(of_j)) == [f"llama_cpp/{'x' * 180}2"]


def test_totals_of_before_there_was_a_log_are_added_to(table):
    table.put_item(Item={"pk": "total#key#k", "sk": "month#2026-11#00", "requests": 5, "model:a/b:requests": 5})
    assert boto_usage.record(table, [event("r1", at("2026-11-21T03:00"))], shard=0) == (1, {})
    for _ in range(2):
        assert boto_usage.totals(table, "key", "k", ["month#2026-11"])["month#2026-11"]["requests"] == 6
        boto_sums.fold_all(table, 0)
