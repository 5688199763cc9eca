"""track_circuits also keeps how each target fares: one item, one write a batch, which nothing waits for."""

import time

import pytest

from functions.track_circuits.handler import handler
from signalbox.aws import boto_circuits, boto_health, boto_tables
from signalbox.aws.control import HEALTH
from signalbox.routing.health import KEPT_MS, Sample, to_health
from signalbox.routing.inputs import Health

from .messages import batch, details, poison

pytestmark = pytest.mark.usefixtures("still")

TARGET = "openai/gpt-4.1-mini"


def now_ms():
    return int(time.time() * 1000)


def attempt(**changes):
    tokens = dict.fromkeys(("input", "cached", "cache_write", "output", "reasoning"), 0)
    plain = {"target": TARGET, "outcome": "ok", "duration_ms": 900, "ttft_ms": 80, "status": 200, "generation": 0, "tokens": tokens}
    return plain | {"cost_nanousd": 0, "estimated": False, "at_ms": now_ms() - 1_000} | changes


@pytest.fixture
def used(sample):
    """A batch of one event for each list of attempts."""
    event = sample("track_circuits_sqs")
    detail = details(event)[0]
    return lambda *lists: batch(event, *(detail | {"id": f"r{number}", "attempts": rows} for number, rows in enumerate(lists)))


def stored(stage):
    return boto_tables.get(stage.control, *HEALTH) or {"version": 0, "targets": {}}


def sample_of(target=TARGET, ended_ms=None):
    return Sample(target, ended_ms or now_ms(), True, 900, 80)


def test_a_batch_of_attempts_is_one_write(stage, context, used):
    row = attempt()
    handler(used([attempt(outcome="server", ttft_ms=None), attempt(target="b/m")], [row], [attempt(outcome="bad_request")]), context)
    item = stored(stage)
    assert set(item) == {"pk", "sk", "version", "targets"}
    assert item["version"] == 1
    found = to_health(item["targets"])
    assert sorted(found) == ["b/m", TARGET]
    assert found[TARGET][:3] == (80, 900, 500)


def test_the_next_batch_goes_into_the_same_averages(stage, context, used):
    handler(used([attempt()]), context)
    handler(used([attempt(outcome="timeout")]), context)
    assert stored(stage)["version"] == 2
    assert to_health(stored(stage)["targets"])[TARGET].success == 500


def test_requests_that_were_never_sent_write_nothing(stage, context, used):
    handler(used([], [attempt(outcome="unaffordable")], [attempt(at_ms=now_ms() - KEPT_MS - 10_000)]), context)
    assert stored(stage)["version"] == 0


def test_a_poison_message_takes_nothing_from_the_others(stage, context, used):
    event = used([attempt()])
    event["Records"].append(poison(event, "poison", "{"))
    assert handler(event, context) == {"batchItemFailures": [{"itemIdentifier": "poison"}]}
    assert TARGET in stored(stage)["targets"]


def test_averages_that_cannot_be_written_hold_up_no_circuit(stage, context, used, monkeypatch, caplog, capsys):
    def down(*_):
        raise ConnectionError("down")

    monkeypatch.setattr(boto_health, "fold", down)
    assert handler(used(*([attempt(outcome="server")] for _ in range(5))), context) == {"batchItemFailures": []}
    assert boto_circuits.read(stage.control)["targets"][TARGET]["state"] == "open"
    assert "the health of targets could not be written" in caplog.text
    assert '"HealthUnwritten":[1.0]' in capsys.readouterr().out


def overtaken(monkeypatch, times, stage):
    """Somebody else writes first, a number of times."""
    refused, left = boto_tables.refused, [*range(times)]

    def second(write, **arguments):
        if left:
            left.pop()
            item = stored(stage)
            stage.control.put_item(Item=item | dict(zip(("pk", "sk"), HEALTH, strict=True)) | {"version": item["version"] + 1})
        return refused(write, **arguments)

    monkeypatch.setattr(boto_tables, "refused", second)
    monkeypatch.setattr(boto_tables, "pause", lambda attempt: None)


def test_a_writer_that_comes_second_folds_into_what_the_first_wrote(stage, monkeypatch):
    boto_health.fold(stage.control, [sample_of("b/m")], now_ms())
    overtaken(monkeypatch, 2, stage)
    assert boto_health.fold(stage.control, [sample_of()], now_ms())
    assert (stored(stage)["version"], sorted(stored(stage)["targets"])) == (4, ["b/m", TARGET])


def test_a_writer_that_always_comes_second_gives_up(stage, monkeypatch):
    overtaken(monkeypatch, 100, stage)
    with pytest.raises(boto_health.Contended):
        boto_health.fold(stage.control, [sample_of()], now_ms())


def test_what_is_stored_is_what_every_request_can_read(stage):
    at_ms = now_ms()
    boto_health.fold(stage.control, [sample_of(ended_ms=at_ms)], at_ms)
    assert to_health(stored(stage)["targets"]) == {TARGET: Health(80, 900, 1000, at_ms)}
