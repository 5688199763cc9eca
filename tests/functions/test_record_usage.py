"""Each event is in the usage table once, and in the totals once, whatever SQS does."""

import decimal
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.record_usage.handler import handler
from signalbox.aws import boto_calls, boto_sums, boto_tables, boto_usage
from signalbox.usage.events import UsageRecorded

from .messages import batch, details, failed, poison

MONTH = "month#2026-11"


@pytest.fixture
def event(sample):
    return sample("record_usage_sqs")


def recorded(stage, id) -> Any:
    return boto_usage.request(stage.usage, id)


def spent(stage, dimension="key", id="local"):
    return boto_usage.totals(stage.usage, dimension, id, [MONTH])[MONTH]


def test_the_sample_is_recorded_and_summed(stage, context, event):
    assert handler(event, context) == {"batchItemFailures": []}
    first, second, _ = details(event)
    assert recorded(stage, first["id"])["cost_nanousd"] == first["cost_nanousd"]
    assert recorded(stage, second["id"])["attempts"][0]["outcome"] == "server"
    month = spent(stage)
    assert (month["requests"], month["refused"], month["attempts"]) == (3, 1, 3)
    assert month["cost_nanousd"] == first["cost_nanousd"] + second["cost_nanousd"]
    assert spent(stage, "model", "openai/gpt-4.1-mini")["failed"] == 1
    assert spent(stage, "provider", "mistral")["requests"] == 1


def test_a_recorded_request_reads_as_it_was_sent(stage, context, event):
    handler(event, context)
    sent = details(event)[0]
    found = recorded(stage, sent["id"])
    kept = {name: sent["features"][name] for name in found["features"]}  # what nothing else tells; the rest, and the inputs, is in the log
    assert {"complexity", "input_tokens"} <= kept.keys()
    assert UsageRecorded.model_validate(found) == UsageRecorded.model_validate(sent | {"features": kept, "inputs": ""})
    assert recorded(stage, "req_unknown") is None


def test_a_second_delivery_changes_nothing(stage, context, event):
    handler(event, context)
    before = spent(stage)
    assert handler(event, context) == {"batchItemFailures": []}
    assert spent(stage) == before


def test_an_event_that_is_in_the_batch_twice_counts_once(stage, context, event):
    one = details(event)[0]
    handler(batch(event, one, one, one), context)
    assert spent(stage)["requests"] == 1


def test_a_batch_that_mixes_known_and_new_counts_the_new(stage, context, event):
    first, second, third = details(event)
    handler(batch(event, second), context)
    assert handler(batch(event, first, second, third), context) == {"batchItemFailures": []}
    assert spent(stage)["requests"] == 3


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "[]",
        "{}",
        '{"source": "signalbox", "detail-type": "UsageRecorded", "detail": {"version": 1, "id": "x"}}',
        '{"source": "signalbox", "detail-type": "UsageRecorded", "detail": {"version": 1, "id": "\\ud800"}}',
    ],
)
def test_a_poison_message_fails_alone(stage, context, event, body):
    good = batch(event, *details(event))
    good["Records"].insert(1, poison(event, "poison", body))
    assert failed(handler(good, context)) == ["poison"]
    assert spent(stage)["requests"] == 3


def test_good_ones_beside_a_poisoned_one_are_counted_once_however_often_and_in_whatever_order_they_come(stage, context, event):
    many = [details(event)[0] | {"id": f"r{n}"} for n in range(10)]
    for turn in range(5):
        context.log_stream_name = f"container {turn}"
        again = batch(event, *many[turn:], *reversed(many[: turn + 1]))
        again["Records"].insert(turn, poison(event, "poison", "?"))
        assert failed(handler(again, context)) == ["poison"]
    handler({}, context)
    month = spent(stage)
    assert (month["requests"], month["cost_nanousd"]) == (10, sum(detail["cost_nanousd"] for detail in many))


def test_a_batch_of_nothing_but_poison_is_answered_message_by_message(stage, context, event):
    assert failed(handler({"Records": [poison(event, "a", "?"), poison(event, "b", "!")]}, context)) == ["a", "b"]


def test_what_is_logged_of_a_poison_message_is_not_its_text(stage, context, event, caplog):
    body = {"source": "signalbox", "detail-type": "UsageRecorded", "detail": {"version": 1, "id": "x", "tenant": ["my prompt"]}}
    handler({"Records": [poison(event, "a", json.dumps(body)), poison(event, "b", "my prompt")]}, context)
    assert "detail.tenant" in caplog.text
    assert "my prompt" not in caplog.text


def test_more_totals_than_one_transaction_takes_are_written_in_several(stage, context, event):
    many = [details(event)[0] | {"id": f"r{n}", "key": f"k{n}", "tenant": f"t{n}", "team": ""} for n in range(20)]
    assert handler(batch(event, *many), context) == {"batchItemFailures": []}
    assert spent(stage, "route", "chat")["requests"] == 20
    assert all(spent(stage, "key", f"k{n}")["requests"] == 1 for n in range(20))


def test_two_writers_meet_in_no_counter_and_are_read_as_one(stage, context, event):
    first, second, _ = details(event)
    handler(batch(event, first), context)
    context.log_stream_name = "another container"
    handler(batch(event, second), context)
    assert spent(stage)["requests"] == 2
    handler({}, context)
    assert len(boto_tables.query(stage.usage, "total#key#local", MONTH)) == 2
    assert spent(stage)["requests"] == 2


def test_what_is_recorded_is_read_before_it_is_folded_and_the_same_after_it(stage, context, event, sample):
    handler(event, context)
    before = [spent(stage), spent(stage, "model", "openai/gpt-4.1-mini"), spent(stage, "all", "all")]
    assert boto_tables.query(stage.usage, "total#key#local", MONTH) == []
    assert handler(sample("record_usage_schedule"), context) is None
    assert boto_sums.unfolded(stage.usage) == []
    assert len(boto_tables.query(stage.usage, "total#key#local", MONTH)) == 1
    assert [spent(stage), spent(stage, "model", "openai/gpt-4.1-mini"), spent(stage, "all", "all")] == before


def test_a_writer_folds_what_has_gathered(stage, context, event, monkeypatch):
    monkeypatch.setattr(boto_sums, "DUE_ENTRIES", 3)
    for n in range(4):
        assert handler(batch(event, details(event)[0] | {"id": f"r{n}"}), context) == {"batchItemFailures": []}
    assert (len(boto_sums.unfolded(stage.usage)), spent(stage)["requests"]) == (1, 4)


def test_what_is_recorded_stays_so_where_folding_fails(stage, context, event, monkeypatch):
    monkeypatch.setattr(boto_sums, "DUE_ENTRIES", 1)
    monkeypatch.setattr(boto_sums, "_adding", lambda *given: {})
    assert handler(event, context) == {"batchItemFailures": []}
    assert spent(stage)["requests"] == 3


def test_one_shard_that_cannot_be_folded_holds_no_other_up_and_is_told_of(stage, context, event, monkeypatch):
    first, second, third = details(event)
    for name, detail in (("a", first), ("b", second), ("c", third)):
        context.log_stream_name = name
        handler(batch(event, detail), context)
    broken = boto_sums.unfolded(stage.usage)[0].shard
    fold = boto_sums.fold

    def folding(table, shard):
        if shard == broken:
            raise ValueError("?")
        return fold(table, shard)

    monkeypatch.setattr(boto_sums, "fold", folding)
    with pytest.raises(RuntimeError, match=f"\\[{broken}\\]"):
        handler({}, context)
    assert {entry.shard for entry in boto_sums.unfolded(stage.usage)} == {broken}
    assert spent(stage)["requests"] == 3


def test_nothing_is_folded_in_the_last_seconds_which_a_fold_may_take(stage, context, event, monkeypatch):
    monkeypatch.setattr(boto_sums, "DUE_ENTRIES", 1)
    monkeypatch.setattr(context, "get_remaining_time_in_millis", lambda: 11_999)
    assert handler(event, context) == {"batchItemFailures": []}
    assert handler({}, context) is None
    assert (len(boto_sums.unfolded(stage.usage)), spent(stage)["requests"]) == (1, 3)


def test_a_fold_takes_no_more_totals_than_it_has_time_for(stage, context, event, monkeypatch):
    monkeypatch.setattr(boto_sums, "MOST_TOTALS", 10)
    for n in range(2):
        handler(batch(event, details(event)[0] | {"id": f"r{n}", "user": f"u{n}", "tags": [f"{n}a", f"{n}b"]}), context)
    [shard] = {entry.shard for entry in boto_sums.unfolded(stage.usage)}
    assert [boto_sums.fold(stage.usage, shard) for _ in range(3)] == [1, 1, 0]
    assert spent(stage)["requests"] == 2


@pytest.mark.parametrize("names", [{"tenant": "字" * 400, "team": "字" * 400}, {"tenant": "字" * 400, "user": "字" * 400}])
def test_names_that_no_total_can_have_fail_alone_and_stand_in_no_folds_way(stage, context, event, names):
    good, bad = details(event)[0], details(event)[0] | {"id": "bad"} | names
    assert failed(handler(batch(event, good, bad), context)) == ["m1"]
    assert handler({}, context) is None
    assert (boto_sums.unfolded(stage.usage), spent(stage)["requests"]) == ([], 1)


def test_a_batch_that_one_item_of_the_list_does_not_take_stands_in_several(stage, context, event, monkeypatch):
    monkeypatch.setattr(boto_calls, "MOST_BYTES", 300)
    many = [details(event)[0] | {"id": f"r{n}", "model": f"m{n * 7919}"} for n in range(20)]
    assert handler(batch(event, *many), context) == {"batchItemFailures": []}
    tenant, at_ms = many[0]["tenant"], many[0]["at_ms"]
    listed = [line for lines in boto_calls.newest_first(stage.usage, tenant, at_ms, at_ms + 1) for line in lines]
    assert sorted((line.id, line.model) for line in listed) == sorted((detail["id"], detail["model"]) for detail in many)
    assert len(boto_tables.query(stage.usage, f"calls#{tenant}#2026-11-21T03", "0")) > 1


class Conflicts:
    """DynamoDB's own answer to two transactions at once, a number of times."""

    def __init__(self, write, times):
        self.write, self.times, self.calls = write, times, 0

    def __call__(self, **arguments):
        self.calls += 1
        if self.calls > self.times:
            return self.write(**arguments)
        reasons = [{"Code": "TransactionConflict"}] + [{"Code": "None"}] * (len(arguments["TransactItems"]) - 1)
        answer = {"Error": {"Code": "TransactionCanceledException", "Message": "cancelled"}, "CancellationReasons": reasons}
        raise ClientError(answer, "TransactWriteItems")


@pytest.fixture
def conflicts(stage, monkeypatch):
    def install(times):
        client = boto_tables.table("usage").meta.client
        conflicts = Conflicts(client.transact_write_items, times)
        monkeypatch.setattr(client, "transact_write_items", conflicts)
        return conflicts

    return install


@pytest.fixture
def refusing(stage, monkeypatch):
    """A usage table that takes nothing together with what these events hold, for the reason that is given."""

    def install(error, *ids):
        client = boto_tables.table("usage").meta.client
        write = client.transact_write_items

        def refuse(**arguments):
            if {row["Put"]["Item"]["pk"] for row in arguments["TransactItems"] if "Put" in row} & {f"request#{id}" for id in ids}:
                raise error
            return write(**arguments)

        monkeypatch.setattr(client, "transact_write_items", refuse)

    return install


def cancelled(code):
    answer = {"Error": {"Code": "TransactionCanceledException", "Message": "?"}, "CancellationReasons": [{"Code": "None"}, {"Code": code}]}
    return ClientError(answer, "TransactWriteItems")


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ValidationException", "Message": "Item size has exceeded the maximum"}}, "TransactWriteItems"),
        cancelled("ValidationError"),
        decimal.Rounded([decimal.Rounded]),
    ],
)
def test_an_event_that_the_table_does_not_take_fails_alone(stage, context, event, refusing, error):
    refusing(error, "r3")
    many = [details(event)[0] | {"id": f"r{n}"} for n in range(12)]
    assert failed(handler(batch(event, *many), context)) == ["m3"]
    assert spent(stage)["requests"] == 11
    assert recorded(stage, "r3") is None


def test_every_message_of_such_an_event_is_reported(stage, context, event, refusing):
    refusing(cancelled("ValidationError"), "r0", "r2")
    messages = [details(event)[0] | {"id": id} for id in ("r0", "r1", "r2", "r0")]
    assert failed(handler(batch(event, *messages), context)) == ["m0", "m2", "m3"]


def test_what_passes_by_itself_is_no_events_fault(stage, context, event, refusing):
    refusing(ClientError({"Error": {"Code": "AccessDeniedException", "Message": "?"}}, "TransactWriteItems"), "r0")
    with pytest.raises(ClientError):
        handler(batch(event, *[details(event)[0] | {"id": f"r{n}"} for n in range(4)]), context)
    assert spent(stage) == {}


def test_a_conflict_is_tried_again(stage, context, event, conflicts):
    counted = conflicts(3)
    assert handler(event, context) == {"batchItemFailures": []}
    assert (counted.calls, spent(stage)["requests"]) == (4, 3)


def test_a_conflict_that_does_not_end_leaves_the_batch_in_the_queue(stage, context, event, conflicts):
    conflicts(10**6)
    with pytest.raises(ClientError):
        handler(event, context)
    assert spent(stage) == {}
